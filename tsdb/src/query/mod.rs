//! The reading door: all that queries see of stored samples.
//!
//! A query names all its selections at once and opens them at one instant ([`Queryable::open`]). The
//! [`Read`] that comes back knows which series there are and their labels as symbols of one
//! [`Vocabulary`]; samples come through cursors, one a worker, a series at a time into [`Columns`].
//! What lies below (head, blocks, tombstones, out-of-order data, duplicates) is merged before it gets here.
//!
//! Start with [`Queryable`]; [`memory::MemoryStore`] is its simplest implementation.

pub mod block;
pub mod budget;
pub mod memory;
pub(crate) mod merge;
pub mod roster;
mod selection;
pub mod source;
pub mod vocabulary;

use std::fmt;

use crate::model::{Labels, Matcher};

pub use crate::model::Columns;
pub use budget::{Budget, Cancel, CancelReason, Charge, Heaviest, OverBudget};
pub use roster::{Roster, RosterBuilder};
pub use selection::Selection;
pub use source::{Order, Selected, SeriesReader, Source};
pub use vocabulary::{Sym, Vocabulary};

/// What can be queried.
pub trait Queryable: Send + Sync + fmt::Debug {
    /// Resolves all selections at one instant. Rosters come in the order of `want`.
    ///
    /// # Errors
    /// When a source cannot be read, the budget does not suffice, or the query was cancelled.
    fn open(&self, want: &[Selection], budget: &Budget, cancel: &Cancel) -> Result<Read, QueryError>;

    /// Names of all labels in the range, sorted; of the series that match any of `matchers`, if there are any.
    ///
    /// # Errors
    /// As [`Queryable::open`].
    fn label_names(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError>;

    /// Values of the label `name` in the range, sorted; of the series that match any of `matchers`, if any.
    ///
    /// # Errors
    /// As [`Queryable::open`].
    fn label_values(
        &self,
        name: &str,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError>;
}

/// A query's view of storage, fixed at the instant of its opening.
#[derive(Debug)]
pub struct Read {
    /// One roster a selection, in the order asked.
    pub rosters: Vec<Roster>,
    /// The words of all labels in the rosters.
    pub vocabulary: Vocabulary,
    source: Box<dyn ReadSource>,
}

impl Read {
    /// Puts a view together; for implementations of [`Queryable`].
    pub fn new(rosters: Vec<Roster>, vocabulary: Vocabulary, source: Box<dyn ReadSource>) -> Self {
        Self {
            rosters,
            vocabulary,
            source,
        }
    }

    /// A reader of samples. Each worker takes its own.
    pub fn cursor(&self) -> Box<dyn Cursor + '_> {
        self.source.cursor()
    }

    /// One more selection at the same instant (`info()` finds out late what it needs); returns its roster's index.
    ///
    /// # Errors
    /// As [`Queryable::open`].
    pub fn more(&mut self, want: &Selection, budget: &Budget, cancel: &Cancel) -> Result<usize, QueryError> {
        let roster = self
            .source
            .more(want, self.rosters.len(), &mut self.vocabulary, budget, cancel)?;
        self.rosters.push(roster);
        Ok(self.rosters.len() - 1)
    }

    /// The labels of one series as text.
    pub fn labels(&self, roster: usize, series: usize) -> Labels {
        self.vocabulary.labels(self.rosters[roster].labels(series))
    }
}

/// What a [`Read`] stands on: implemented by stores, not used by queries.
pub trait ReadSource: Send + Sync + fmt::Debug {
    /// See [`Read::cursor`].
    fn cursor(&self) -> Box<dyn Cursor + '_>;

    /// See [`Read::more`]; `index` is the number that the new roster gets.
    ///
    /// # Errors
    /// As [`Queryable::open`].
    fn more(
        &mut self,
        want: &Selection,
        index: usize,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Roster, QueryError>;
}

/// Reads samples, one series at a time.
pub trait Cursor: Send {
    /// Replaces the contents of `into` with the samples of series `series` of roster `roster` whose times lie
    /// in `from_ms ..= through_ms`, ascending, no time twice. Staleness markers are samples like others.
    ///
    /// # Errors
    /// When the bytes below are damaged or cannot be read.
    fn read(
        &mut self,
        roster: usize,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError>;
}

/// A read that failed.
#[derive(Debug)]
pub struct QueryError {
    kind: QueryErrorKind,
}

#[derive(Debug)]
enum QueryErrorKind {
    Storage(Box<dyn std::error::Error + Send + Sync>),
    OverBudget(OverBudget),
    Cancelled(CancelReason),
}

impl QueryError {
    /// Storage is damaged or unreadable.
    pub fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            kind: QueryErrorKind::Storage(error.into()),
        }
    }

    /// Why the query was cancelled, if that is what happened.
    pub fn cancelled(&self) -> Option<CancelReason> {
        match self.kind {
            QueryErrorKind::Cancelled(reason) => Some(reason),
            _ => None,
        }
    }

    /// The same error; one about a budget names `selection`, unless it names one already.
    pub(crate) fn about(self, selection: &Selection) -> Self {
        match self.kind {
            QueryErrorKind::OverBudget(over) => {
                over.with_heaviest(|| Some(selection.as_heaviest(0, 0))).into()
            }
            _ => self,
        }
    }

    /// Which budget did not suffice, if that is what happened.
    pub fn over_budget(&self) -> Option<&OverBudget> {
        match &self.kind {
            QueryErrorKind::OverBudget(over) => Some(over),
            _ => None,
        }
    }
}

impl From<OverBudget> for QueryError {
    fn from(over: OverBudget) -> Self {
        Self {
            kind: QueryErrorKind::OverBudget(over),
        }
    }
}

impl From<CancelReason> for QueryError {
    fn from(reason: CancelReason) -> Self {
        Self {
            kind: QueryErrorKind::Cancelled(reason),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            QueryErrorKind::Storage(error) => error.fmt(f),
            QueryErrorKind::OverBudget(over) => over.fmt(f),
            QueryErrorKind::Cancelled(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for QueryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            QueryErrorKind::Storage(error) => error.source(),
            _ => None,
        }
    }
}
