//! Native histograms: the sample kind whose value is a whole distribution.
//!
//! Two forms carry the same meaning: integer histograms hold bucket counts as differences to the bucket
//! before, float histograms hold them as absolute numbers. PromQL computes in floats.
//!
//! Whether one can be stored says `check`, whether two are one sample says `same`.

mod bounds;
mod buckets;
mod change;
mod check;
mod float;
mod reset;
mod resolution;
mod same;
mod sum;

use std::ops::RangeInclusive;

use super::{is_stale, stale_marker};

pub use bounds::{exponential_bound, upper_bound};
pub use buckets::{Bucket, unpack};
pub use check::HistogramError;
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

/// Schemas of histograms whose bucket bounds grow exponentially.
pub const EXPONENTIAL_SCHEMAS: RangeInclusive<i32> = -4..=8;

/// Schemas that may be met in files: those of finer resolution are reduced to the finest that is known.
pub const READABLE_SCHEMAS: RangeInclusive<i32> = -9..=52;

/// How many buckets spans stand for.
pub fn bucket_count(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::from(span.length)).sum()
}

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

impl FloatHistogram {
    /// Bytes held, spans and buckets included.
    pub fn held_bytes(&self) -> usize {
        let spans = self.positive_spans.capacity() + self.negative_spans.capacity();
        let buckets = self.positive_buckets.capacity()
            + self.negative_buckets.capacity()
            + self.custom_bounds.capacity();
        size_of::<Self>() + spans * size_of::<Span>() + buckets * size_of::<f64>()
    }
}

impl Histogram {
    /// Bytes held, spans and buckets included.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Integer(h) => {
                let spans = h.positive_spans.capacity() + h.negative_spans.capacity();
                let buckets =
                    h.positive_deltas.capacity() + h.negative_deltas.capacity() + h.custom_bounds.capacity();
                size_of::<Self>() + spans * size_of::<Span>() + buckets * size_of::<i64>()
            }
            Self::Float(h) => size_of::<Self>() - size_of::<FloatHistogram>() + h.held_bytes(),
        }
    }

    /// The staleness marker in the form of an integer histogram.
    pub fn stale_integer() -> Self {
        Self::Integer(IntHistogram {
            sum: stale_marker(),
            ..IntHistogram::default()
        })
    }

    /// The staleness marker in the form of a float histogram.
    pub fn stale_float() -> Self {
        Self::Float(FloatHistogram {
            sum: stale_marker(),
            ..FloatHistogram::default()
        })
    }

    /// Sum of all observations.
    pub fn sum(&self) -> f64 {
        match self {
            Self::Integer(histogram) => histogram.sum,
            Self::Float(histogram) => histogram.sum,
        }
    }

    /// Whether it says that the series ended here.
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum())
    }

    /// What is known about a reset before this one.
    pub fn reset_hint(&self) -> ResetHint {
        match self {
            Self::Integer(histogram) => histogram.reset_hint,
            Self::Float(histogram) => histogram.reset_hint,
        }
    }

    /// Changes what is known about a reset before this one.
    pub fn set_reset_hint(&mut self, hint: ResetHint) {
        match self {
            Self::Integer(histogram) => histogram.reset_hint = hint,
            Self::Float(histogram) => histogram.reset_hint = hint,
        }
    }

    /// The schema.
    pub fn schema(&self) -> i32 {
        match self {
            Self::Integer(histogram) => histogram.schema,
            Self::Float(histogram) => histogram.schema,
        }
    }

    /// Whether spans and buckets are as many.
    pub fn is_well_formed(&self) -> bool {
        let fits = |spans: &[Span], buckets: usize| bucket_count(spans) == buckets as u64;
        match self {
            Self::Integer(h) => {
                fits(&h.positive_spans, h.positive_deltas.len())
                    && fits(&h.negative_spans, h.negative_deltas.len())
            }
            Self::Float(h) => {
                fits(&h.positive_spans, h.positive_buckets.len())
                    && fits(&h.negative_spans, h.negative_buckets.len())
            }
        }
    }

    /// Merges buckets until the resolution is one that is known; a schema that nobody reads stays as it is.
    pub fn limit_resolution(&mut self) {
        if !READABLE_SCHEMAS.contains(&self.schema()) {
            return;
        }
        let finest = *EXPONENTIAL_SCHEMAS.end();
        let by = match u32::try_from(self.schema() - finest) {
            Ok(by) if by > 0 => by,
            _ => return,
        };
        match self {
            Self::Integer(h) => {
                for (spans, deltas) in [
                    (&mut h.positive_spans, &mut h.positive_deltas),
                    (&mut h.negative_spans, &mut h.negative_deltas),
                ] {
                    let (merged, counts) = resolution::reduce(spans, resolution::absolute(deltas), by);
                    (*spans, *deltas) = (merged, resolution::differences(counts));
                }
                h.schema = finest;
            }
            Self::Float(h) => {
                for (spans, buckets) in [
                    (&mut h.positive_spans, &mut h.positive_buckets),
                    (&mut h.negative_spans, &mut h.negative_buckets),
                ] {
                    (*spans, *buckets) = resolution::reduce(spans, buckets.iter().copied(), by);
                }
                h.schema = finest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_of_resolution_merge_four_buckets_into_one() {
        let mut fine = Histogram::Integer(IntHistogram {
            schema: 10,
            count: 15,
            positive_spans: vec![Span { offset: 1, length: 4 }, Span { offset: 4, length: 1 }],
            positive_deltas: vec![1, 1, 1, 1, 1],
            ..IntHistogram::default()
        });
        fine.limit_resolution();
        let Histogram::Integer(coarse) = fine else {
            unreachable!("the form stays")
        };
        // Buckets 1 to 4 become 1, bucket 9 becomes 3.
        assert_eq!((coarse.schema, coarse.positive_deltas), (8, vec![10, -5]));
        let spans = vec![Span { offset: 1, length: 1 }, Span { offset: 1, length: 1 }];
        assert_eq!(coarse.positive_spans, spans);
    }
}
