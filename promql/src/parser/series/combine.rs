//! Sums and differences of histograms, for series that grow by a histogram.
//!
//! Both are brought to the lower resolution and the wider zero bucket, then added bucket by bucket.

use std::collections::BTreeMap;

use tsdb::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use tsdb::model::{FloatHistogram, ResetHint};

/// Whether the step is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Plus => a + b,
            Self::Minus => a - b,
        }
    }
}

/// Counts by bucket index.
type Sparse = BTreeMap<i32, f64>;

/// `base` plus or minus `step`.
pub(super) fn combine(
    base: &FloatHistogram,
    step: &FloatHistogram,
    sign: Sign,
) -> Result<FloatHistogram, String> {
    if base.schema > step.schema {
        return Err(format!(
            "error combining histograms: cannot merge from schema {} to {}",
            step.schema, base.schema
        ));
    }
    let is_custom = base.schema == CUSTOM_BUCKETS_SCHEMA;
    if is_custom != (step.schema == CUSTOM_BUCKETS_SCHEMA) {
        return Err(
            "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
                .to_owned(),
        );
    }
    let mut sum = base.clone();
    let mut step = step.clone();
    sum.reset_hint = hint_of(base.reset_hint, step.reset_hint);
    if is_custom {
        share_bounds(&mut sum, &mut step);
    } else {
        reduce(&mut step, sum.schema);
        share_zero_bucket(&mut sum, &mut step);
    }
    sum.zero_count = sign.apply(sum.zero_count, step.zero_count);
    sum.count = sign.apply(sum.count, step.count);
    sum.sum = sign.apply(sum.sum, step.sum);
    (sum.positive_spans, sum.positive_buckets) = pack(merge(
        sparse(&sum.positive_spans, &sum.positive_buckets),
        sparse(&step.positive_spans, &step.positive_buckets),
        sign,
    ));
    (sum.negative_spans, sum.negative_buckets) = pack(merge(
        sparse(&sum.negative_spans, &sum.negative_buckets),
        sparse(&step.negative_spans, &step.negative_buckets),
        sign,
    ));
    Ok(sum)
}

/// A gauge makes a gauge; otherwise two hints agree or nothing is known.
fn hint_of(a: ResetHint, b: ResetHint) -> ResetHint {
    match (a, b) {
        (a, b) if a == b => a,
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

fn sparse(spans: &[Span], buckets: &[f64]) -> Sparse {
    let mut counts = buckets.iter();
    let mut index = 0_i32;
    let mut found = Sparse::new();
    for span in spans {
        index = index.saturating_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            found.insert(index, *count);
            index = index.saturating_add(1);
        }
    }
    found
}

fn merge(mut into: Sparse, other: Sparse, sign: Sign) -> Sparse {
    for (index, count) in other {
        let known = into.entry(index).or_insert(0.0);
        *known = sign.apply(*known, count);
    }
    into
}

fn pack(counts: Sparse) -> (Vec<Span>, Vec<f64>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0_i32;
    for index in counts.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(Span {
                offset: index.saturating_sub(next),
                length: 1,
            }),
        }
        next = index.saturating_add(1);
    }
    (spans, counts.into_values().collect())
}

/// Brings exponential buckets to a lower resolution: 2^n neighbours become one.
fn reduce(histogram: &mut FloatHistogram, schema: i32) {
    let halvings = u32::try_from(histogram.schema.saturating_sub(schema))
        .unwrap_or(0)
        .min(30);
    if halvings == 0 {
        return;
    }
    let coarser = |counts: Sparse| {
        let mut found = Sparse::new();
        for (index, count) in counts {
            // Upper bounds stay upper bounds: bucket i ends where bucket (i-1 >> n) + 1 ends.
            *found
                .entry(((index.saturating_sub(1)) >> halvings) + 1)
                .or_insert(0.0) += count;
        }
        pack(found)
    };
    let positive = sparse(&histogram.positive_spans, &histogram.positive_buckets);
    let negative = sparse(&histogram.negative_spans, &histogram.negative_buckets);
    (histogram.positive_spans, histogram.positive_buckets) = coarser(positive);
    (histogram.negative_spans, histogram.negative_buckets) = coarser(negative);
    histogram.schema = schema;
}

/// Widens the narrower zero bucket until both are equal; what it swallows leaves the buckets.
fn share_zero_bucket(a: &mut FloatHistogram, b: &mut FloatHistogram) {
    if a.zero_threshold.is_nan() || b.zero_threshold.is_nan() {
        return;
    }
    while a.zero_threshold != b.zero_threshold {
        let (narrow, wide) = if a.zero_threshold < b.zero_threshold {
            (&mut *a, b.zero_threshold)
        } else {
            (&mut *b, a.zero_threshold)
        };
        widen_zero_bucket(narrow, wide);
    }
}

/// Takes all buckets that begin below `threshold` into the zero bucket, and widens it to the end of the
/// last that holds something.
fn widen_zero_bucket(histogram: &mut FloatHistogram, threshold: f64) {
    let (schema, mut zero_count, mut reached) = (histogram.schema, histogram.zero_count, threshold);
    let mut swallow = |spans: &mut Vec<Span>, buckets: &mut Vec<f64>| {
        let mut counts = sparse(spans, buckets);
        counts.retain(|index, count| {
            if bound(schema, index.saturating_sub(1)) >= threshold {
                return true;
            }
            zero_count += *count;
            if *count != 0.0 {
                reached = reached.max(bound(schema, *index));
            }
            false
        });
        (*spans, *buckets) = pack(counts);
    };
    swallow(&mut histogram.negative_spans, &mut histogram.negative_buckets);
    swallow(&mut histogram.positive_spans, &mut histogram.positive_buckets);
    histogram.zero_count = zero_count;
    histogram.zero_threshold = reached;
}

/// The upper bound of a bucket: 2^(index × 2^-schema).
fn bound(schema: i32, index: i32) -> f64 {
    (f64::from(index) * f64::from(-schema).exp2()).exp2()
}

/// Keeps the bounds that both have; buckets between them are joined.
fn share_bounds(a: &mut FloatHistogram, b: &mut FloatHistogram) {
    if a.custom_bounds == b.custom_bounds {
        return;
    }
    let shared: Vec<f64> = a
        .custom_bounds
        .iter()
        .copied()
        .filter(|bound| b.custom_bounds.contains(bound))
        .collect();
    for histogram in [a, b] {
        let mut counts = Sparse::new();
        for (index, count) in sparse(&histogram.positive_spans, &histogram.positive_buckets) {
            let upper = usize::try_from(index)
                .ok()
                .and_then(|i| histogram.custom_bounds.get(i));
            let at = upper.map_or(shared.len(), |upper| {
                shared.partition_point(|bound| bound < upper)
            });
            *counts.entry(i32::try_from(at).unwrap_or(i32::MAX)).or_insert(0.0) += count;
        }
        (histogram.positive_spans, histogram.positive_buckets) = pack(counts);
        histogram.custom_bounds.clone_from(&shared);
    }
}
