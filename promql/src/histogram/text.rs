//! A native histogram as text: `{count:10, sum:3.5, [-2,-1):4, (1,2]:6}`.

use std::fmt::Write;

use tsdb::model::FloatHistogram;
use tsdb::model::histogram::Bucket;

use crate::format::general;

/// Count, sum and all buckets that hold something, from the lowest up.
pub fn text(histogram: &FloatHistogram) -> String {
    let mut out = format!(
        "{{count:{}, sum:{}",
        general(histogram.count),
        general(histogram.sum)
    );
    for bucket in histogram.negative().rev() {
        push(&mut out, &bucket);
    }
    if !histogram.uses_custom_buckets() {
        push(&mut out, &histogram.zero_bucket());
    }
    for bucket in histogram.positive() {
        push(&mut out, &bucket);
    }
    out.push('}');
    out
}

fn push(out: &mut String, bucket: &Bucket) {
    if bucket.count == 0.0 {
        return;
    }
    let opening = if bucket.lower_inclusive { '[' } else { '(' };
    let closing = if bucket.upper_inclusive { ']' } else { ')' };
    let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(general);
    let written = write!(out, ", {opening}{lower},{upper}{closing}:{count}");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}
