//! Integer histograms as float ones, which queries compute with.

use super::{FloatHistogram, Histogram, IntHistogram, resolution};

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
