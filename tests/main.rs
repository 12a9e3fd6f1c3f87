//! The server seen from outside, and the shape of the tree.

mod alerts;
mod binary;
mod compatibility;
<<<<<<< HEAD
mod stacks;
=======
mod promtool;
>>>>>>> wt-promtool
mod support;
mod tidy;
