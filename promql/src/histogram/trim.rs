//! Cutting observations off: all above a value (`</` in PromQL), or all below (`>/`).
//!
//! A bucket that the value lies in is split as quantiles are found: by the logarithm in exponential buckets,
//! evenly in listed ones and around zero. A bucket that reaches to infinity cannot be split; it stays or goes
//! as a whole. Once anything was cut off, the sum is estimated anew from the middle of each bucket.

use tsdb::model::FloatHistogram;
use tsdb::model::histogram::Bucket;

use super::fraction_below;

/// Which observations stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those below the value.
    Below,
    /// Those above it.
    Above,
}

/// How a bucket's observations are thought to be spread.
#[derive(Clone, Copy)]
struct Spread {
    is_linear: bool,
    is_positive: bool,
}

/// What stays of all buckets.
#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    has_changed: bool,
}

impl Total {
    fn take(&mut self, count: f64, middle: f64) {
        self.count += count;
        self.sum += middle * count;
    }
}

/// Cuts off the observations of `h` on one side of `at`.
pub(crate) fn trim(h: &mut FloatHistogram, at: f64, keep: Keep) {
    let is_linear = h.uses_custom_buckets();
    let mut total = Total::default();
    let positive: Vec<Bucket> = h.positive().collect();
    let negative: Vec<Bucket> = h.negative().collect();
    for (is_positive, buckets, counts) in [
        (true, &positive, &mut h.positive_buckets),
        (false, &negative, &mut h.negative_buckets),
    ] {
        let spread = Spread {
            is_linear,
            is_positive,
        };
        for (bucket, count) in buckets.iter().zip(counts).filter(|(b, _)| b.count != 0.0) {
            trim_bucket(bucket, at, keep, spread, count, &mut total);
        }
    }
    if h.zero_count > 0.0 {
        let holds_any = |side: &[Bucket]| side.iter().any(|b| b.count != 0.0);
        let mut zero = h.zero_bucket();
        match (holds_any(&negative), holds_any(&positive)) {
            (true, false) => zero.upper = 0.0,
            (false, true) => zero.lower = 0.0,
            _ => {}
        }
        let (count, middle) = of_zero_bucket(&zero, at, keep);
        total.has_changed |= h.zero_count != count;
        h.zero_count = count;
        total.take(count, middle);
    }
    if total.has_changed {
        (h.count, h.sum) = (total.count, total.sum);
        h.compact();
    }
}

fn trim_bucket(bucket: &Bucket, at: f64, keep: Keep, spread: Spread, count: &mut f64, total: &mut Total) {
    let (stays, is_cut) = match keep {
        Keep::Below => (bucket.upper <= at, bucket.lower < at),
        Keep::Above => (bucket.lower >= at, bucket.upper > at),
    };
    if stays {
        total.take(bucket.count, middle(bucket.lower, bucket.upper, spread));
    } else if is_cut {
        let (kept, middle) = of_cut_bucket(bucket, at, keep, spread);
        total.take(kept, middle);
        total.has_changed |= *count != kept;
        *count = kept;
    } else {
        *count = 0.0;
        total.has_changed = true;
    }
}

/// What stays of a bucket that the value lies in, and the middle of it.
fn of_cut_bucket(bucket: &Bucket, at: f64, keep: Keep, spread: Spread) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        return of_endless_bucket(bucket, at, keep);
    }
    let below = if at <= bucket.lower {
        0.0
    } else if at >= bucket.upper {
        bucket.count
    } else {
        bucket.count * fraction_below(bucket, at, spread.is_linear)
    };
    match keep {
        Keep::Below => (below, middle(bucket.lower, at, spread)),
        Keep::Above => (bucket.count - below, middle(at, bucket.upper, spread)),
    }
}

/// As [`of_cut_bucket`], for one without a lower or an upper end.
fn of_endless_bucket(bucket: &Bucket, at: f64, keep: Keep) -> (f64, f64) {
    let (count, upper) = (bucket.count, bucket.upper);
    let finite_or_zero = |v: f64| if v.is_infinite() { 0.0 } else { v };
    if bucket.lower != f64::NEG_INFINITY {
        return match keep {
            Keep::Above if at >= bucket.lower => (count, at),
            _ => (0.0, finite_or_zero(bucket.lower)),
        };
    }
    // A lowest bucket that ends above zero is thought to begin there.
    let begins_at_zero = upper > at && upper.is_finite();
    match keep {
        Keep::Below if at >= upper => (count, 0.0),
        Keep::Below if at > 0.0 && upper > 0.0 && upper.is_finite() => (count * at / upper, at / 2.0),
        Keep::Below if upper <= 0.0 => (count, at),
        Keep::Above if at <= bucket.lower => (count, 0.0),
        Keep::Above if at >= 0.0 && begins_at_zero => (count * (1.0 - at / upper), (at + upper) / 2.0),
        _ => (0.0, finite_or_zero(upper)),
    }
}

fn of_zero_bucket(zero: &Bucket, at: f64, keep: Keep) -> (f64, f64) {
    let Bucket {
        lower, upper, count, ..
    } = *zero;
    let whole = (count, (lower + upper) / 2.0);
    let nothing = (0.0, 0.0);
    match keep {
        Keep::Below if at <= lower => nothing,
        Keep::Below if at >= upper => whole,
        Keep::Below => (count * ((at - lower) / (upper - lower)), (lower + at) / 2.0),
        Keep::Above if at <= lower => whole,
        Keep::Above if at >= upper => nothing,
        Keep::Above => (count * ((upper - at) / (upper - lower)), (at + upper) / 2.0),
    }
}

/// Where the observations between two values lie on average.
fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if spread.is_linear => (lower + upper) / 2.0,
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if spread.is_positive { mean } else { -mean }
        }
    }
}
