//! The vocabulary of the whole project: labels, matchers, samples, histograms, exemplars, metadata.
//!
//! Nothing here knows files, chunks or queries; this module uses nothing else of its crate.
//! Times are `i64` milliseconds since the Unix epoch and every name that holds one ends in `_ms`.

pub mod columns;
pub mod exemplar;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod metadata;
pub mod regex;
pub mod sample;

pub use columns::Columns;
pub use exemplar::Exemplar;
pub use histogram::{FloatHistogram, Histogram, HistogramError, IntHistogram, ResetHint, Span};
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchKind, Matcher};
pub use metadata::{Metadata, MetricKind};
pub use regex::{Regex, RegexError};
pub use sample::{NORMAL_NAN_BITS, STALE_NAN_BITS, is_stale, stale_marker};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
