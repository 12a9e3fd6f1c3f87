//! Compaction: decide, then do.
//!
//! [`plan()`] looks at what blocks there are and chooses some, [`execute`] writes one block of them,
//! [`retention`] says which have outlived their time, [`tiers`] which of their series have. [`plan()`] and
//! [`retention`] are pure: metas in, ids out.
//! Who runs them when, and removes what was replaced, is the database's.
//!
//! ```text
//! 2h 2h 2h │ 2h 2h 2h │ 2h 2h     the newest block is left alone
//!    6h    │    6h    │ 2h 2h     blocks that fill an aligned range become one
//! ```

mod execute;
mod lengthen;
mod merge_chunks;
mod plan;
pub mod retention;
pub mod tiers;

pub use execute::{CompactError, Order, Outcome, UnwantedSeries, compact};
pub use plan::{Choice, Reason, block_ranges_ms, plan};

#[cfg(test)]
mod tests;
