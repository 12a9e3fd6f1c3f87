//! The buckets of a float histogram one by one, with bounds.
//!
//! ```text
//! ascending    negative, furthest from zero first │ zero │ positive, nearest first
//! descending   the other way round
//! ```

use super::bounds::upper_bound;
use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Span};

/// A bucket, its ends and how many observations it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// The lower end belongs to the bucket.
    pub lower_inclusive: bool,
    /// The upper end belongs to the bucket.
    pub upper_inclusive: bool,
    /// Observations.
    pub count: f64,
}

impl FloatHistogram {
    /// Whether its bounds are listed one by one.
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// The positive buckets, nearest to zero first.
    pub fn positive(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        unpack(&self.positive_spans, &self.positive_buckets)
            .into_iter()
            .map(|(index, count)| self.positive_bucket(index, count))
    }

    /// The negative buckets, nearest to zero first.
    pub fn negative(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        unpack(&self.negative_spans, &self.negative_buckets)
            .into_iter()
            .map(|(index, count)| self.negative_bucket(index, count))
    }

    /// All buckets, lowest first; those that reach into the zero bucket end where it does.
    pub fn ascending(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.negative()
            .rev()
            .chain(self.filled_zero_bucket())
            .chain(self.positive())
            .map(|bucket| self.outside_zero(bucket))
    }

    /// All buckets, highest first; those that reach into the zero bucket end where it does.
    pub fn descending(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.positive()
            .rev()
            .chain(self.filled_zero_bucket())
            .chain(self.negative())
            .map(|bucket| self.outside_zero(bucket))
    }

    /// The bucket around zero.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    fn filled_zero_bucket(&self) -> Option<Bucket> {
        (self.zero_count > 0.0).then(|| self.zero_bucket())
    }

    fn outside_zero(&self, mut bucket: Bucket) -> Bucket {
        let edge = self.zero_threshold;
        if bucket.upper < 0.0 && bucket.upper > -edge {
            bucket.upper = -edge;
        } else if bucket.lower > 0.0 && bucket.lower < edge {
            bucket.lower = edge;
        }
        bucket
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let bound = |index| upper_bound(index, self.schema, &self.custom_bounds);
        let (lower, upper) = (bound(index.wrapping_sub(1)), bound(index));
        let is_custom = self.uses_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if is_custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: is_custom || upper > 0.0,
            count,
        }
    }

    fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let bound = |index| -upper_bound(index, self.schema, &[]);
        let (lower, upper) = (bound(index), bound(index.wrapping_sub(1)));
        Bucket {
            lower,
            upper,
            lower_inclusive: lower < 0.0,
            upper_inclusive: upper > 0.0,
            count,
        }
    }
}

/// Index and count of each bucket that the spans have a place for, ascending by index.
pub fn unpack(spans: &[Span], buckets: &[f64]) -> Vec<(i32, f64)> {
    let mut index = 0_i32;
    let mut counts = buckets.iter();
    let mut found = Vec::with_capacity(buckets.len());
    for span in spans {
        index = index.wrapping_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            found.push((index, *count));
            index = index.wrapping_add(1);
        }
    }
    found
}

/// The spans that hold buckets of these indices, which ascend.
pub(super) fn spans_of(indices: impl Iterator<Item = i32>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0_i32;
    for index in indices {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(Span {
                offset: index.wrapping_sub(next),
                length: 1,
            }),
        }
        next = index.wrapping_add(1);
    }
    spans
}
