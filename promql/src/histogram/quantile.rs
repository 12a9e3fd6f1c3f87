//! Quantiles, fractions and variance of native histograms.
//!
//! Within an exponential bucket observations are thought to lie along the logarithm; around zero and in
//! listed buckets evenly. Observations that are no numbers are counted, but are in no bucket.

use tsdb::model::FloatHistogram;
use tsdb::model::histogram::Bucket;

use super::fraction_below;
use crate::go_math;
use crate::kahan;

/// What is to be said about a quantile or a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// The quantile lies among observations that are no numbers.
    ResultIsNan,
    /// Observations that are no numbers count as the highest.
    SkewedByNan,
    /// Observations that are no numbers are left out.
    NanLeftOut,
}

impl Remark {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::ResultIsNan => "input to histogram_quantile has NaN observations, result is NaN",
            Self::SkewedByNan => "input to histogram_quantile has NaN observations, result is skewed higher",
            Self::NanLeftOut => {
                "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            }
        }
    }
}

/// The φ-quantile.
pub(crate) fn quantile(q: f64, h: &FloatHistogram) -> (f64, Option<Remark>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if h.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    // From the nearer end; with observations that are no numbers only the lower end is known.
    let from_below = h.sum.is_nan() || q < 0.5;
    let (buckets, mut rank): (Box<dyn Iterator<Item = Bucket>>, f64) = if from_below {
        (Box::new(h.ascending()), q * h.count)
    } else {
        (Box::new(h.descending()), (1.0 - q) * h.count)
    };
    let mut buckets = buckets;
    let mut bucket = Bucket::default();
    let mut count = 0.0;
    for next in buckets.by_ref() {
        bucket = next;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    if h.uses_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, None);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        end_at_zero(h, &mut bucket);
    }
    count = if count > h.count { h.count } else { count };
    if count < rank {
        return if h.sum.is_nan() {
            (f64::NAN, Some(Remark::ResultIsNan))
        } else {
            (bucket.upper, None)
        };
    }
    if from_below {
        rank -= count - bucket.count;
    } else {
        rank = count - rank;
    }
    let mut remark = None;
    if h.sum.is_nan() {
        // Prometheus goes on with the last bucket it has looked at, which is the highest.
        for next in buckets {
            bucket = next;
            count += bucket.count;
        }
        remark = (count < h.count).then_some(Remark::SkewedByNan);
    }
    let fraction = rank / bucket.count;
    if h.uses_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return (bucket.lower + (bucket.upper - bucket.lower) * fraction, remark);
    }
    let [lower, upper] = [bucket.lower, bucket.upper].map(|v| go_math::log2(v.abs()));
    let value = if bucket.lower > 0.0 {
        go_math::exp2(lower + (upper - lower) * fraction)
    } else {
        -go_math::exp2(upper + (lower - upper) * (1.0 - fraction))
    };
    (value, remark)
}

/// The zero bucket of a histogram that has buckets on one side only ends at zero on the other.
fn end_at_zero(h: &FloatHistogram, bucket: &mut Bucket) {
    match (h.negative_buckets.is_empty(), h.positive_buckets.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// The share of observations between `lower` and `upper`.
pub(crate) fn fraction(lower: f64, upper: f64, h: &FloatHistogram) -> (f64, Option<Remark>) {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, None);
    }
    if lower >= upper {
        return (0.0, None);
    }
    let (mut lower_rank, mut upper_rank) = (None, None);
    let (mut count, mut rank) = (0.0, 0.0);
    let mut buckets = h.ascending();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if is_zero {
            end_at_zero(h, &mut bucket);
        }
        let is_linear = h.uses_custom_buckets() || is_zero;
        let within = |v: f64| {
            // A bucket without a lower end has no place to interpolate from.
            if is_linear && bucket.lower == f64::NEG_INFINITY {
                bucket.count
            } else {
                rank + bucket.count * fraction_below(&bucket, v, is_linear)
            }
        };
        for (edge, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower >= edge {
                *found = Some(rank);
            }
        }
        for (edge, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower < edge && bucket.upper > edge {
                *found = Some(within(edge));
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += bucket.count;
    }
    let mut remark = None;
    if h.sum.is_nan() {
        count = buckets.fold(count, |count, bucket| count + bucket.count);
        remark = (count < h.count).then_some(Remark::NanLeftOut);
    } else {
        count = h.count;
    }
    let capped = |found: Option<f64>| match found {
        Some(rank) if rank > count => count,
        Some(rank) => rank,
        None => count,
    };
    ((capped(upper_rank) - capped(lower_rank)) / h.count, remark)
}

/// The mean of the squared distances from the mean, each bucket's observations being in its middle.
pub(crate) fn variance(h: &FloatHistogram) -> f64 {
    let mean = h.sum / h.count;
    let (mut sum, mut lost) = (0.0, 0.0);
    for bucket in h.ascending().filter(|bucket| bucket.count != 0.0) {
        let middle = if h.uses_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let mean = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -mean } else { mean }
        };
        let delta = middle - mean;
        (sum, lost) = kahan::add(bucket.count * delta * delta, sum, lost);
    }
    (sum + lost) / h.count
}
