//! Quantiles: of numbers, and of the buckets of a classic histogram.

/// Two counts that differ by less than this, relatively, differ by rounding alone.
const SMALL_DELTA_TOLERANCE: f64 = 1e-12;

/// The φ-quantile of `values`, which are sorted by it (NaN first); between two, weighted by nearness.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let places = places(q, values.len());
    if values.len() < SELECT_MIN {
        values.sort_unstable_by(order);
        return between(q, values.len(), |place| values[place]);
    }
    // Only two places of the order are looked at.
    let (_, &mut lower, above) = values.select_nth_unstable_by(places.0, order);
    let upper = match places.1 == places.0 {
        true => lower,
        false => above.iter().copied().min_by(order).unwrap_or(lower),
    };
    between(
        q,
        values.len(),
        |place| if place == places.0 { lower } else { upper },
    )
}

/// From so many values on selecting is quicker than sorting.
const SELECT_MIN: usize = 24;

/// The order of values: NaN first.
pub(crate) fn order(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    }
}

/// The places, in the order of `count` values, that the φ-quantile lies between.
fn places(q: f64, count: usize) -> (usize, usize) {
    let n = count as f64;
    let lower = (q * (n - 1.0)).floor().max(0.0);
    (lower as usize, (lower + 1.0).min(n - 1.0) as usize)
}

/// The φ-quantile of `count` values, `q` between 0 and 1, of which `value` tells the one in each place.
pub(crate) fn between(q: f64, count: usize, value: impl Fn(usize) -> f64) -> f64 {
    let (lower, upper) = places(q, count);
    let rank = q * (count as f64 - 1.0);
    let weight = rank - rank.floor();
    value(lower) * (1.0 - weight) + value(upper) * weight
}

/// A bucket of a classic histogram: how many observations were at most `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Where counts fell from a bucket to the next and had to be raised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forced {
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
}

/// The φ-quantile of a classic histogram, linear within a bucket. `buckets` need not be sorted.
///
/// Undefined without a bucket up to infinity, with fewer than two buckets, or without observations.
pub(crate) fn bucket_quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Forced>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let forced = ensure_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, forced);
    }
    let mut rank = q * observations;
    // With a NaN count nothing is at least `rank`, and the last bucket is taken.
    let at = buckets[..last].partition_point(|b| {
        let reached = b.count >= rank;
        !reached
    });
    let value = if at == last {
        buckets[last - 1].upper
    } else if at == 0 && buckets[0].upper <= 0.0 {
        buckets[0].upper
    } else {
        let (mut from, mut count) = (0.0, buckets[at].count);
        if at > 0 {
            from = buckets[at - 1].upper;
            count -= buckets[at - 1].count;
            rank -= buckets[at - 1].count;
        }
        from + (buckets[at].upper - from) * (rank / count)
    };
    (value, forced)
}

/// The share of observations between `lower` and `upper`, linear within a bucket.
pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (mut lower_rank, mut upper_rank) = (None, None);
    let mut rank = 0.0;
    let mut from = if buckets[0].upper <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    for (i, bucket) in buckets.iter().enumerate() {
        if i > 0 {
            from = buckets[i - 1].upper;
        }
        // A bucket without a lower end has no place to interpolate from.
        let within = |v: f64| {
            if from == f64::NEG_INFINITY {
                return bucket.count;
            }
            rank + (bucket.count - rank) * (v - from) / (bucket.upper - from)
        };
        for (edge, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && from >= edge {
                *found = Some(rank);
            }
            if found.is_none() && from < edge && bucket.upper > edge {
                *found = Some(within(edge));
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank = bucket.count;
    }
    let capped = |found: Option<f64>| match found {
        Some(rank) if rank > count => count,
        Some(rank) => rank,
        None => count,
    };
    (capped(upper_rank) - capped(lower_rank)) / count
}

/// Sorts buckets and makes those of equal bounds one; whether the last goes up to infinity.
fn prepare(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.partial_cmp(&b.upper).unwrap_or(std::cmp::Ordering::Equal));
    buckets.dedup_by(|now, kept| {
        let same = now.upper == kept.upper;
        if same {
            kept.count += now.count;
        }
        same
    });
    buckets.last().is_some_and(|b| b.upper == f64::INFINITY)
}

/// Levels differences that are mere rounding, silently, and raises counts that fall, which is told.
fn ensure_monotonic(buckets: &mut [Bucket]) -> Option<Forced> {
    let mut forced: Option<Forced> = None;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == previous {
            continue;
        }
        if almost_equal(previous, count, SMALL_DELTA_TOLERANCE) {
            bucket.count = previous;
        } else if count < previous {
            bucket.count = previous;
            let seen = forced.get_or_insert(Forced {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
            });
            seen.min_bucket = seen.min_bucket.min(bucket.upper);
            seen.max_bucket = seen.max_bucket.max(bucket.upper);
            seen.max_diff = seen.max_diff.max(previous - count);
        } else {
            previous = count;
        }
    }
    forced
}

/// Whether two numbers differ by at most `tolerance` of their sum; any NaN equals any other.
pub(crate) fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if tsdb::model::is_stale(a) || tsdb::model::is_stale(b) {
        return tsdb::model::is_stale(a) && tsdb::model::is_stale(b);
    }
    if a.is_nan() && b.is_nan() {
        return true;
    }
    if a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(of: &[(f64, f64)]) -> Vec<Bucket> {
        of.iter().map(|&(upper, count)| Bucket { upper, count }).collect()
    }

    #[test]
    fn a_quantile_between_two_values_is_weighted() {
        assert_eq!(quantile(0.75, &mut [3.0, 1.0, 2.0]), 2.5);
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn the_top_bucket_answers_with_the_bound_below_it() {
        let all = buckets(&[(1.0, 1.0), (f64::INFINITY, 10.0), (2.0, 5.0)]);
        assert_eq!(bucket_quantile(0.99, &mut all.clone()).0, 2.0);
        assert_eq!(bucket_quantile(0.3, &mut all.clone()).0, 1.5);
        assert!(
            bucket_quantile(0.3, &mut buckets(&[(1.0, 1.0), (2.0, 2.0)]))
                .0
                .is_nan()
        );
    }

    #[test]
    fn counts_that_fall_are_raised_and_told() {
        let mut all = buckets(&[(1.0, 4.0), (2.0, 3.0), (f64::INFINITY, 8.0)]);
        let (value, forced) = bucket_quantile(0.25, &mut all);
        assert_eq!(value, 0.5);
        let expected = Forced {
            min_bucket: 2.0,
            max_bucket: 2.0,
            max_diff: 1.0,
        };
        assert_eq!(forced, Some(expected));
    }

    #[test]
    fn a_fraction_counts_what_lies_between() {
        let mut all = buckets(&[(1.0, 2.0), (2.0, 6.0), (f64::INFINITY, 8.0)]);
        assert_eq!(bucket_fraction(0.5, 1.5, &mut all), 3.0 / 8.0);
    }
}
