//! Threads that a query may borrow.

use std::fmt::Debug;

/// Threads lent to queries while nothing else needs them. The engine starts none of its own.
///
/// A lent thread evaluates series ahead of the query's own thread, which goes on alone where none is lent:
/// the answer is the same, digit by digit.
pub trait Workers: Send + Sync + Debug {
    /// Runs `job` at once on an idle thread, if there is one; says whether there was.
    fn lend(&self, job: Box<dyn FnOnce() + Send>) -> bool;

    /// From how many samples on a query should ask: waking a thread has its price.
    fn samples_min(&self) -> usize {
        40_000
    }

    /// Whether other work waits for a thread, so that those lent are to be given back soon.
    fn are_wanted(&self) -> bool;
}
