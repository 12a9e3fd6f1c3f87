//! What PromQL asks of native histograms: quantiles, fractions, variance, parts of them, their text.
//!
//! Sums and comparisons are with the model, in [`tsdb::model::histogram`].

mod quantile;
mod text;
mod trim;

pub(crate) use quantile::{fraction, quantile, variance};
pub use text::text;
pub(crate) use trim::{Keep, trim};

use tsdb::model::FloatHistogram;
use tsdb::model::histogram::Bucket;

use crate::go_math;

/// How many samples a histogram counts for, as Prometheus counts: its size over that of a float sample.
pub(crate) fn size_in_samples(h: &FloatHistogram) -> u64 {
    // 168 bytes of fixed fields in Prometheus' memory, 8 a span or bucket, and 16 bytes a float sample.
    let spans = h.positive_spans.len() + h.negative_spans.len();
    let buckets = h.positive_buckets.len() + h.negative_buckets.len() + h.custom_bounds.len();
    ((168 + 8 * (spans + buckets) + 8) / 16) as u64
}

/// Which share of the bucket lies below `v`, which is within: evenly spread, or along the logarithm.
fn fraction_below(bucket: &Bucket, v: f64, is_linear: bool) -> f64 {
    if is_linear {
        return (v - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let [lower, upper, at] = [bucket.lower, bucket.upper, v].map(|v| go_math::log2(v.abs()));
    if v > 0.0 {
        (at - lower) / (upper - lower)
    } else {
        1.0 - (at - upper) / (lower - upper)
    }
}
