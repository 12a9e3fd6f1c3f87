//! A native histogram as text: `{count:10, sum:3.5, [-2,-1):4, (1,2]:6}`.

use std::fmt::Write;

use promql::format::general;
use tsdb::model::FloatHistogram;
use tsdb::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};

/// All buckets that hold something, from the lowest up.
pub(crate) fn text(histogram: &FloatHistogram) -> String {
    let mut out = format!(
        "{{count:{}, sum:{}",
        general(histogram.count),
        general(histogram.sum)
    );
    let negative = buckets(&histogram.negative_spans, &histogram.negative_buckets);
    for (index, count) in negative.into_iter().rev() {
        let (upper, lower) = (bound(histogram, index), bound(histogram, index - 1));
        push(&mut out, '[', -upper, -lower, ')', count);
    }
    if histogram.zero_count != 0.0 {
        let edge = histogram.zero_threshold;
        push(&mut out, '[', -edge, edge, ']', histogram.zero_count);
    }
    for (index, count) in buckets(&histogram.positive_spans, &histogram.positive_buckets) {
        let opening = if histogram.schema == CUSTOM_BUCKETS_SCHEMA && index == 0 {
            '['
        } else {
            '('
        };
        let (lower, upper) = (bound(histogram, index - 1), bound(histogram, index));
        push(&mut out, opening, lower, upper, ']', count);
    }
    out.push('}');
    out
}

fn push(out: &mut String, opening: char, lower: f64, upper: f64, closing: char, count: f64) {
    let (lower, upper, count) = (general(lower), general(upper), general(count));
    let written = write!(out, ", {opening}{lower},{upper}{closing}:{count}");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// (index, count) of the buckets that are not empty.
fn buckets(spans: &[Span], counts: &[f64]) -> Vec<(i32, f64)> {
    let mut index = 0i32;
    let mut all = Vec::with_capacity(counts.len());
    let mut counts = counts.iter();
    for span in spans {
        index = index.wrapping_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            if *count != 0.0 {
                all.push((index, *count));
            }
            index = index.wrapping_add(1);
        }
    }
    all
}

/// The upper bound of bucket `index`.
fn bound(histogram: &FloatHistogram, index: i32) -> f64 {
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        let bounds = &histogram.custom_bounds;
        return match usize::try_from(index) {
            Ok(at) => bounds.get(at).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    let exponent = f64::from(index) * (-f64::from(histogram.schema)).exp2();
    if exponent == 1024.0 {
        f64::MAX
    } else {
        exponent.exp2()
    }
}
