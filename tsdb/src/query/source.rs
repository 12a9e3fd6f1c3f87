//! The one trait of places that hold series: the live head, out-of-order data, a block.
//!
//! A query opens over several sources at once. Each answers a [`Selection`] with a [`Selected`]: which of
//! its series match, their labels in the query's vocabulary, and a reader of their samples. Merging them
//! into one [`super::Read`] is the caller's; nothing here knows other sources.
//!
//! ```text
//! Selection ──▶ Source::select ──▶ Selected { roster, order, reader }
//!                                      │               └ read(series, range) ──▶ appended to Columns
//!                                      └ labels as symbols
//! ```

use std::fmt;
use std::sync::Arc;

use super::{Budget, Cancel, Columns, QueryError, Roster, Selection, Vocabulary};
use crate::model::Matcher;

/// A place that holds series, as of one instant: a block is always the same, the head gives out one of
/// these a query.
pub trait Source: Send + Sync + fmt::Debug {
    /// The times of the earliest and the latest sample that may be found here, both themselves included.
    fn time_range_ms(&self) -> (i64, i64);

    /// The series that match and may have samples in the range of `want`; of chunks only their time
    /// ranges count, so that a series found here may turn out to have no sample in the range.
    ///
    /// # Errors
    /// When the place cannot be read, the budget does not suffice, or the query was cancelled.
    fn select(
        self: Arc<Self>,
        want: &Selection,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Selected, QueryError>;

    /// Names of all labels, sorted; of the series that match all of `matchers`, if there are any.
    ///
    /// # Errors
    /// When the place cannot be read or the query was cancelled.
    fn label_names(&self, matchers: &[Matcher], cancel: &Cancel) -> Result<Vec<String>, QueryError>;

    /// Values of the label `name`, sorted; of the series that match all of `matchers`, if there are any.
    ///
    /// # Errors
    /// As [`Source::label_names`].
    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError>;
}

/// In which order a roster's series stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By labels, as [`crate::model::Labels`] compare. Always so when [`Selection::sorted`] asked for it.
    Labels,
    /// The source's own.
    Source,
}

/// What one source found for one selection.
#[derive(Debug)]
pub struct Selected {
    /// The series.
    pub roster: Roster,
    /// Their order.
    pub order: Order,
    /// Reads their samples; series are known by their position in `roster`.
    pub reader: Box<dyn SeriesReader>,
}

/// Reads samples of the series that one source selected. Keeps alive what they lie in.
pub trait SeriesReader: Send + Sync + fmt::Debug {
    /// Appends to `into` the samples of series `series` whose times lie in `from_ms ..= through_ms`: ascending,
    /// no time twice, deleted ones left out. Rows that are there already stay as they are.
    ///
    /// # Errors
    /// When the bytes below are damaged, unknown or unreadable; `into` may then hold some of the rows.
    fn read(
        &self,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError>;
}
