//! The writing door: everything that stores samples fills a [`Batch`] and commits it whole.
//!
//! ```text
//! let mut batch = Batch::at(now_ms);
//! let series = db.resolve(labels, &mut batch)?;    // once a series; the ref is good for later batches
//! batch.push(series, value.to_bits());
//! let receipt = db.append(&mut batch, &options)?;  // judge → WAL → memory; verdicts stay in the batch
//! ```
//!
//! One batch is one scrape, one rule evaluation or one remote-write request. There is no call per sample
//! into the database: rows are columns here, judged together under one lock, logged with one write.

pub(crate) mod apply;
mod beside;
pub(crate) mod judge;
pub(crate) mod log;
pub(crate) mod resolve;

use crate::model::{Exemplar, Histogram, Labels, Metadata};

/// A series' number in the head: below 2^40, never 0, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef(pub u64);

/// When the rows of a batch were sampled.
#[derive(Clone, Debug)]
pub enum At {
    /// All at one time, as in a scrape without timestamps of its own.
    One(i64),
    /// One time a row.
    Each(Vec<i64>),
}

/// What became of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Not judged yet.
    #[default]
    Pending,
    /// Stored.
    Accepted,
    /// The series already holds this very sample: accepted and not stored again.
    Repeated,
    /// It was fit to be taken, had not an earlier row of its own batch been in the way: dropped. Prometheus
    /// settles that at the commit, so that whoever appends never hears of it.
    Overtaken,
    /// The series holds another value at this time.
    Duplicate,
    /// Older than the series' last sample.
    OutOfOrder,
    /// Older than anything that the head still takes.
    OutOfBounds,
    /// Older than the out-of-order window.
    TooOld,
    /// The series has left the head since its ref was given out: resolve it again and push the row anew.
    UnknownSeries,
}

/// Rows to be stored together. Row *i* is `refs[i]` at `at.row(i)` with `bits[i]`.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose row it is.
    pub refs: Vec<SeriesRef>,
    /// When.
    pub at: At,
    /// Float values as bits; meaningless for rows listed in `histograms`.
    pub bits: Vec<u64>,
    /// Rows that are histograms, ascending by row.
    pub histograms: Vec<(u32, Histogram)>,
    /// Exemplars, each of one series; one without a time gets the batch's one time, or its latest.
    pub exemplars: Vec<(SeriesRef, Exemplar)>,
    /// What targets say of metrics, where the WAL is to keep it.
    pub metadata: Vec<(SeriesRef, Metadata)>,
    /// Since when each row's counter counts, where known: 0 for "unknown".
    pub start_ms: Option<Vec<i64>>,
    /// Filled by the append, one a row.
    pub verdict: Vec<Verdict>,
    /// Whether series are made for it though there are as many as may be: for the few that tell how things are.
    pub beyond_limits: bool,
    /// Series made for this batch, whose records its commit writes to the WAL, also when no row is stored.
    pub(crate) created: Vec<SeriesRef>,
}

impl Batch {
    /// An empty batch whose rows all carry one time.
    pub fn at(at_ms: i64) -> Self {
        Self::with_times(At::One(at_ms))
    }

    /// An empty batch with a time a row.
    pub fn timed() -> Self {
        Self::with_times(At::Each(Vec::new()))
    }

    fn with_times(at: At) -> Self {
        Self {
            refs: Vec::new(),
            at,
            bits: Vec::new(),
            histograms: Vec::new(),
            exemplars: Vec::new(),
            metadata: Vec::new(),
            start_ms: None,
            verdict: Vec::new(),
            beyond_limits: false,
            created: Vec::new(),
        }
    }

    /// Adds a float row at the batch's one time.
    ///
    /// # Panics
    /// When the batch keeps a time a row: those go through [`Batch::push_at`].
    pub fn push(&mut self, series: SeriesRef, bits: u64) {
        assert!(matches!(self.at, At::One(_)), "a timed batch takes push_at");
        self.refs.push(series);
        self.bits.push(bits);
    }

    /// Adds a float row with a time of its own; turns the batch into one with a time a row if need be.
    pub fn push_at(&mut self, series: SeriesRef, at_ms: i64, bits: u64) {
        match &mut self.at {
            At::Each(times) => times.push(at_ms),
            At::One(one) if *one == at_ms => {}
            At::One(one) => {
                let mut times = vec![*one; self.refs.len()];
                times.push(at_ms);
                self.at = At::Each(times);
            }
        }
        self.refs.push(series);
        self.bits.push(bits);
    }

    /// Adds a histogram row with a time of its own. [`Histogram::validate`] comes before: a batch with a
    /// histogram whose spans and buckets are not as many is refused as a whole.
    pub fn push_histogram_at(&mut self, series: SeriesRef, at_ms: i64, histogram: Histogram) {
        let row = u32::try_from(self.refs.len()).expect("a batch has fewer than 2^32 rows");
        self.push_at(series, at_ms, 0);
        self.histograms.push((row, histogram));
    }

    /// The histograms among `rows`.
    pub(crate) fn histograms_of(&self, rows: &std::ops::Range<usize>) -> &[(u32, Histogram)] {
        let before = |end: usize| self.histograms.partition_point(|(row, _)| (*row as usize) < end);
        &self.histograms[before(rows.start)..before(rows.end)]
    }

    /// The time of exemplars that have none.
    fn latest_ms(&self) -> i64 {
        match &self.at {
            At::One(at_ms) => *at_ms,
            At::Each(times) => times.iter().copied().max().unwrap_or(0),
        }
    }

    /// Turns rows into histograms; those that are histograms already stay.
    pub(crate) fn take_over(&mut self, rows: &mut Vec<(u32, Histogram)>) {
        if !rows.is_empty() {
            self.histograms.append(rows);
            self.histograms.sort_by_key(|(row, _)| *row);
        }
    }

    /// The time of row `row`.
    pub fn row_at_ms(&self, row: usize) -> i64 {
        match &self.at {
            At::One(at_ms) => *at_ms,
            At::Each(times) => times[row],
        }
    }

    /// How many series were made for this batch so far.
    pub fn series_made(&self) -> usize {
        self.created.len()
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// Forgets all rows, exemplars and metadata and starts anew at `at_ms`, keeping the memory.
    /// Series made for the batch stay noted, since they exist in memory.
    pub fn clear(&mut self, at_ms: i64) {
        self.refs.clear();
        self.at = At::One(at_ms);
        self.bits.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata.clear();
        self.start_ms = None;
        self.verdict.clear();
    }
}

/// How a batch is to be judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppendOptions {
    /// Refuse out-of-order rows even where a window would take them (rules do).
    pub reject_out_of_order: bool,
}

/// How many rows met which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Stored, or already there with the same value, or overtaken.
    pub accepted: usize,
    /// [`Verdict::Duplicate`]
    pub duplicate: usize,
    /// [`Verdict::OutOfOrder`]
    pub out_of_order: usize,
    /// [`Verdict::OutOfBounds`]
    pub out_of_bounds: usize,
    /// [`Verdict::TooOld`]
    pub too_old: usize,
    /// [`Verdict::UnknownSeries`]
    pub unknown_series: usize,
    /// Exemplars that are stored, or were already.
    pub exemplars: usize,
    /// Exemplars whose series has a later one.
    pub exemplars_out_of_order: usize,
    /// Exemplars whose labels have more than 128 characters.
    pub exemplars_too_long: usize,
}

/// A batch that was not stored at all, or a label set that cannot be a series.
#[derive(Debug)]
pub struct AppendError {
    kind: AppendErrorKind,
}

#[derive(Debug)]
enum AppendErrorKind {
    InvalidLabels(String),
    Log(std::io::Error),
    Closed,
    Limit(String),
    NoRoom(String),
    SeriesLimit(u64),
}

impl AppendError {
    /// The labels break a rule: `reason` says which.
    pub fn invalid_labels(reason: impl Into<String>) -> Self {
        Self {
            kind: AppendErrorKind::InvalidLabels(reason.into()),
        }
    }

    /// The write-ahead log could not be written; nothing of the batch is in memory.
    pub fn log(error: std::io::Error) -> Self {
        Self {
            kind: AppendErrorKind::Log(error),
        }
    }

    /// Nothing can be stored now, or ever before a restart: `reason` says why.
    pub fn no_room(reason: impl Into<String>) -> Self {
        Self {
            kind: AppendErrorKind::NoRoom(reason.into()),
        }
    }

    /// The database is shut.
    pub fn closed() -> Self {
        Self {
            kind: AppendErrorKind::Closed,
        }
    }

    /// The histogram of row `row` was not validated and contradicts itself.
    pub(crate) fn invalid_histogram(row: u32) -> Self {
        Self {
            kind: AppendErrorKind::Limit(format!(
                "histogram of row {row} has other numbers of buckets than its spans"
            )),
        }
    }

    /// A limit of the operator's is reached: `reason` names it.
    pub fn limit(reason: impl Into<String>) -> Self {
        Self {
            kind: AppendErrorKind::Limit(reason.into()),
        }
    }

    /// There are as many series as may be.
    pub fn series_limit(series_max: u64) -> Self {
        Self {
            kind: AppendErrorKind::SeriesLimit(series_max),
        }
    }

    /// Whether only new series are refused: those that there are take samples as before.
    pub fn is_series_limit(&self) -> bool {
        matches!(self.kind, AppendErrorKind::SeriesLimit(_))
    }

    /// Whether the sender's labels are at fault, so that sending again cannot help.
    pub fn is_invalid_labels(&self) -> bool {
        matches!(self.kind, AppendErrorKind::InvalidLabels(_))
    }

    /// Whether it is the disk that refuses: what is sent again later may be stored.
    pub fn is_no_room(&self) -> bool {
        match &self.kind {
            AppendErrorKind::NoRoom(_) => true,
            AppendErrorKind::Log(error) => crate::fs::space::is_no_room(error),
            _ => false,
        }
    }
}

impl std::fmt::Display for AppendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            AppendErrorKind::InvalidLabels(reason)
            | AppendErrorKind::Limit(reason)
            | AppendErrorKind::NoRoom(reason) => f.write_str(reason),
            AppendErrorKind::SeriesLimit(series_max) => write!(
                f,
                "series limit of {series_max} reached (--storage.tsdb.max-series), new series are refused"
            ),
            // Many who print this print one line only, and then this is what they need to know.
            AppendErrorKind::Log(error) => write!(f, "log samples: {error}"),
            AppendErrorKind::Closed => f.write_str("the database is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// What takes batches: the database, or something that stands for it in a test.
pub trait Appendable: Send + Sync + std::fmt::Debug {
    /// The ref of the series with these labels, made if it does not exist yet.
    ///
    /// Empty values are dropped. A new series is noted in `batch`, whose commit logs it.
    ///
    /// # Errors
    /// When the set is empty or a limit forbids new series.
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError>;

    /// Judges all rows under one lock, logs the accepted ones, applies them to memory.
    ///
    /// Each row's fate is in `batch.verdict` afterwards. A batch may be appended again after
    /// [`Batch::clear`].
    ///
    /// # Errors
    /// When nothing was stored: the log failed or the database is shut. Only where the log of samples that come out
    /// of order fails is the batch stored all the same, but those samples may be lost by a kill: sending it again
    /// does no harm.
    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError>;

    /// Judges each row by what is stored now, not by the rows before it, and stores nothing.
    ///
    /// Fills `batch.verdict`; what cannot tell without storing leaves it empty.
    fn judge(&self, batch: &mut Batch) {
        batch.verdict.clear();
    }
}
