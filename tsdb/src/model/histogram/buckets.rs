//! Buckets with their bounds, and integer histograms as float ones: what is shown and computed with.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, IntHistogram, Span, resolution};

/// One bucket that holds something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Its lower bound.
    pub lower: f64,
    /// Its upper bound.
    pub upper: f64,
    /// Which side it is on: -1, 0 for the zero bucket, 1. A side's bucket holds its bound that is farther from
    /// zero and not the other, the zero bucket both.
    pub side: i8,
    /// Observations.
    pub count: f64,
}

impl FloatHistogram {
    /// All buckets that hold something, ascending.
    pub fn buckets_ascending(&self) -> Vec<Bucket> {
        let mut all = Vec::new();
        for (index, count) in numbered(&self.negative_spans, &self.negative_buckets) {
            let (near, far) = (self.bound(index - 1), self.bound(index));
            all.push(Bucket {
                lower: -far,
                upper: -near,
                side: -1,
                count,
            });
        }
        all.reverse();
        if self.schema != CUSTOM_BUCKETS_SCHEMA {
            all.push(Bucket {
                lower: -self.zero_threshold,
                upper: self.zero_threshold,
                side: 0,
                count: self.zero_count,
            });
        }
        for (index, count) in numbered(&self.positive_spans, &self.positive_buckets) {
            all.push(Bucket {
                lower: self.bound(index - 1),
                upper: self.bound(index),
                side: 1,
                count,
            });
        }
        all.retain(|bucket| bucket.count != 0.0);
        all
    }

    /// The upper bound of bucket `index`, on the positive side.
    fn bound(&self, index: i64) -> f64 {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            return match usize::try_from(index) {
                Err(_) => f64::NEG_INFINITY,
                Ok(at) => self.custom_bounds.get(at).copied().unwrap_or(f64::INFINITY),
            };
        }
        // 2^(index / 2^schema)
        (index as f64 * (-f64::from(self.schema)).exp2()).exp2()
    }
}

/// (bucket index, count) of all buckets in the spans.
fn numbered<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indexes = spans.iter().flat_map(move |span| {
        let from = next + i64::from(span.offset);
        next = from + i64::from(span.length);
        from..next
    });
    indexes.zip(counts.iter().copied())
}

impl Histogram {
    /// The same with float counts.
    pub fn to_float(&self) -> FloatHistogram {
        match self {
            Self::Integer(histogram) => histogram.to_float(),
            Self::Float(histogram) => histogram.clone(),
        }
    }
}

impl IntHistogram {
    /// The same with float counts.
    pub fn to_float(&self) -> FloatHistogram {
        let counts = |deltas: &[i64]| resolution::absolute(deltas).map(|count| count as f64).collect();
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: counts(&self.positive_deltas),
            negative_buckets: counts(&self.negative_deltas),
            custom_bounds: self.custom_bounds.clone(),
        }
    }
}
