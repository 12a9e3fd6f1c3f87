//! The server seen from outside, and the shape of the tree.

mod alerts;
mod binary;
mod compatibility;
mod promtool;
mod crash;
mod exchange;
mod stacks;
mod scraping;
mod support;
mod tidy;
