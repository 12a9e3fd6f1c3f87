//! Native histograms: the sample kind whose value is a whole distribution.
//!
//! Two forms carry the same meaning: integer histograms hold bucket counts as differences to the bucket
//! before, float histograms hold them as absolute numbers. PromQL computes in floats.

mod bounds;
mod buckets;
mod change;
mod reset;
mod sum;

pub use bounds::{EXPONENTIAL_SCHEMAS, exponential_bound, upper_bound};
pub use buckets::{Bucket, unpack};
pub use sum::{HistogramSum, IncompatibleBuckets, Met};

/// What is known about a counter reset between this histogram and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ResetHint {
    /// Nothing known: compare the two to find out.
    #[default]
    Unknown = 0,
    /// The counter was reset before this histogram.
    Reset = 1,
    /// The counter was not reset before this histogram.
    NotReset = 2,
    /// A gauge histogram, for which resets mean nothing.
    Gauge = 3,
}

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Buckets skipped since the end of the span before; for the first span, the index of its first bucket.
    pub offset: i32,
    /// How many buckets the span holds.
    pub length: u32,
}

/// The schema of histograms whose bucket bounds are listed one by one.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// A histogram whose counts are whole numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntHistogram {
    /// What is known about a reset before this one.
    pub reset_hint: ResetHint,
    /// Resolution: bucket bounds grow by 2^(2^-schema); [`CUSTOM_BUCKETS_SCHEMA`] for listed bounds.
    pub schema: i32,
    /// Observations closer to zero than this are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of all observations; the staleness marker makes the whole sample one.
    pub sum: f64,
    /// Where the positive buckets are.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets are.
    pub negative_spans: Vec<Span>,
    /// Each bucket's count as its difference to the bucket before.
    pub positive_deltas: Vec<i64>,
    /// Likewise on the negative side.
    pub negative_deltas: Vec<i64>,
    /// Upper bounds for [`CUSTOM_BUCKETS_SCHEMA`], else empty.
    pub custom_bounds: Vec<f64>,
}

/// A histogram whose counts are floats, absolute in each bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatHistogram {
    /// What is known about a reset before this one.
    pub reset_hint: ResetHint,
    /// As in [`IntHistogram::schema`].
    pub schema: i32,
    /// As in [`IntHistogram::zero_threshold`].
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Where the positive buckets are.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets are.
    pub negative_spans: Vec<Span>,
    /// Each bucket's count.
    pub positive_buckets: Vec<f64>,
    /// Likewise on the negative side.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds for [`CUSTOM_BUCKETS_SCHEMA`], else empty.
    pub custom_bounds: Vec<f64>,
}

/// A histogram sample in the form in which it arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Histogram {
    /// Whole counts.
    Integer(IntHistogram),
    /// Float counts.
    Float(FloatHistogram),
}
