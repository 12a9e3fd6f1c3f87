//! The server seen from outside, and the shape of the tree.

mod alerts;
mod compatibility;
mod stacks;
mod support;
mod tidy;
