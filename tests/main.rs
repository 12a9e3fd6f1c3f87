//! The server seen from outside, and the shape of the tree.

mod support;
mod tidy;
