//! The server seen from outside, and the shape of the tree.

mod alerts;
mod binary;
mod compatibility;
mod crash;
mod exchange;
mod promtool;
mod remote_write;
mod scraping;
mod stacks;
mod support;
mod tidy;
