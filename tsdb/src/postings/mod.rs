//! Sets of series, as ascending refs without repetition: the algebra that matchers are made of.
//!
//! [`matching()`] turns matchers into a set, for anything that is a [`LabelIndex`]: a block's index or the
//! head's. The set operations work in place and on any ordered number.

mod algebra;
mod matching;
mod shape;

pub(crate) use algebra::advance;
pub use algebra::{intersect, union, without};
pub use matching::{LabelIndex, Wanted, matching};
