//! The server seen from outside, and the shape of the tree.

mod alerts;
mod binary;
mod compatibility;
mod stacks;
mod support;
mod tidy;
