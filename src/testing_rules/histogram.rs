//! A native histogram in the notation of tests: `{{schema:1 count:3 sum:5 buckets:[1 2]}}`.

use promql::format::general;
use tsdb::model::FloatHistogram;
use tsdb::model::histogram::{ResetHint, Span};

/// The notation; what is zero is left out.
pub(super) fn notation(histogram: &FloatHistogram) -> String {
    let mut parts = Vec::new();
    if histogram.schema != 0 {
        parts.push(format!("schema:{}", histogram.schema));
    }
    for (name, value) in [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ] {
        let is_unused = name.starts_with('z') && histogram.uses_custom_buckets();
        if value != 0.0 && !is_unused {
            parts.push(format!("{name}:{}", general(value)));
        }
    }
    if histogram.uses_custom_buckets() {
        parts.push(format!("custom_values:[{}]", joined(&histogram.custom_bounds)));
    }
    match histogram.reset_hint {
        ResetHint::Unknown => {}
        ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        ResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    push_buckets(
        &mut parts,
        "",
        &histogram.positive_spans,
        &histogram.positive_buckets,
    );
    push_buckets(
        &mut parts,
        "n_",
        &histogram.negative_spans,
        &histogram.negative_buckets,
    );
    format!("{{{{{}}}}}", parts.join(" "))
}

/// All buckets from the first that is not empty to the last, as one run.
fn push_buckets(parts: &mut Vec<String>, prefix: &str, spans: &[Span], counts: &[f64]) {
    let mut run: Vec<f64> = Vec::new();
    let (mut index, mut first) = (0i64, 0i64);
    let mut counts = counts.iter();
    for span in spans {
        index += i64::from(span.offset);
        for &count in counts.by_ref().take(span.length as usize) {
            if run.is_empty() {
                first = index;
            }
            let length = usize::try_from(index - first).unwrap_or(0);
            if count != 0.0 {
                run.resize(length, 0.0);
                run.push(count);
            }
            index += 1;
        }
    }
    if run.is_empty() {
        return;
    }
    if first != 0 {
        parts.push(format!("{prefix}offset:{first}"));
    }
    parts.push(format!("{prefix}buckets:[{}]", joined(&run)));
}

fn joined(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(|&number| general(number)).collect();
    texts.join(" ")
}
