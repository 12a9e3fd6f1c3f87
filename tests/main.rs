//! The server seen from outside, and the shape of the tree.

mod alerts;
mod compatibility;
mod crash;
mod exchange;
mod support;
mod tidy;
