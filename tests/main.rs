//! The server seen from outside, and the shape of the tree.

mod alerts;
mod compatibility;
mod promtool;
mod support;
mod tidy;
