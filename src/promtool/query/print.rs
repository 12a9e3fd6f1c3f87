//! Answers as text: as PromQL writes them, or as JSON on one line, both as Go prints them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use promql::format::{general, plain};

use super::answer::{Answer, Bucket, Histogram, LabelSet, Point, Sample, SampleValue, Stream};
use crate::config::quote::quoted;

/// `-o`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Promql,
    Json,
}

/// What a query answers.
pub(super) fn value(answer: &Answer, layout: Layout) -> String {
    let text = match (layout, answer) {
        (Layout::Promql, Answer::Scalar(point)) => {
            format!("scalar: {} @[{}]", plain(point.value), seconds(point.at_ms))
        }
        (Layout::Promql, Answer::Vector(samples)) => joined(samples.iter().map(sample), "\n"),
        (Layout::Promql, Answer::Matrix(streams)) => {
            let mut sorted: Vec<&Stream> = streams.iter().collect();
            sorted.sort_by(|a, b| before(&a.metric, &b.metric));
            joined(sorted.into_iter().map(stream), "\n")
        }
        (Layout::Json, Answer::Scalar(point)) => json_float(point),
        (Layout::Json, Answer::Vector(samples)) => json_list(samples.iter().map(json_sample)),
        (Layout::Json, Answer::Matrix(streams)) => json_list(streams.iter().map(json_stream)),
    };
    text + "\n"
}

/// Series.
pub(super) fn series(series: &[LabelSet], layout: Layout) -> String {
    match layout {
        Layout::Promql => series
            .iter()
            .map(|labels| {
                let pairs = labels.iter();
                let pairs = pairs.map(|(name, value)| format!("{name}={}", quoted(value)));
                format!("{{{}}}\n", joined(pairs, ", "))
            })
            .collect(),
        Layout::Json => json_list(series.iter().map(json_labels)) + "\n",
    }
}

/// The values of a label.
pub(super) fn texts(texts: &[String], layout: Layout) -> String {
    match layout {
        Layout::Promql => texts.iter().map(|text| format!("{text}\n")).collect(),
        Layout::Json => json_list(texts.iter().map(|text| json_text(text))) + "\n",
    }
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

fn seconds(at_ms: i64) -> String {
    plain(at_ms as f64 / 1000.0)
}

/// `name{label="value"}`
fn metric(labels: &LabelSet) -> String {
    let name = labels.get("__name__");
    let others = labels.iter().filter(|(name, _)| *name != "__name__");
    let mut pairs: Vec<String> = others
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    pairs.sort();
    match (name, pairs.is_empty()) {
        (Some(name), true) => name.clone(),
        (name, _) => format!("{}{{{}}}", name.map_or("", String::as_str), pairs.join(", ")),
    }
}

fn float_point(point: &Point<f64>) -> String {
    format!("{} @[{}]", plain(point.value), seconds(point.at_ms))
}

fn histogram_point(point: &Point<Histogram>) -> String {
    let Histogram { count, sum, buckets } = &point.value;
    let buckets = joined(buckets.iter().flatten().map(bucket), " ");
    format!(
        "Count: {}, Sum: {}, Buckets: [{buckets}] @[{}]",
        fixed(*count),
        fixed(*sum),
        seconds(point.at_ms)
    )
}

/// Go's `%f`.
fn fixed(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:.6}"),
        false => plain(value),
    }
}

fn bucket(bucket: &Bucket) -> String {
    let open = if matches!(bucket.ends, 1 | 3) { '[' } else { '(' };
    let close = if matches!(bucket.ends, 0 | 3) { ']' } else { ')' };
    format!(
        "{open}{},{}{close}:{}",
        general(bucket.lower),
        general(bucket.upper),
        plain(bucket.count)
    )
}

fn sample(sample: &Sample) -> String {
    let value = match &sample.value {
        SampleValue::Float(point) => float_point(point),
        SampleValue::Histogram(point) => histogram_point(point),
    };
    format!("{} => {value}", metric(&sample.metric))
}

fn stream(stream: &Stream) -> String {
    let floats = stream.values.iter().map(float_point);
    let points = floats.chain(stream.histograms.iter().map(histogram_point));
    format!("{} =>\n{}", metric(&stream.metric), joined(points, "\n"))
}

/// The order of Go's `LabelSet.Before`: fewer labels first.
fn before(a: &LabelSet, b: &LabelSet) -> Ordering {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let by_values = || {
        names.iter().find_map(|name| match (a.get(*name), b.get(*name)) {
            (None, _) => Some(Ordering::Less),
            (_, None) => Some(Ordering::Greater),
            (Some(a), Some(b)) => Some(a.cmp(b)).filter(|order| order.is_ne()),
        })
    };
    let by_count = a.len().cmp(&b.len());
    by_count.then_with(|| by_values().unwrap_or(Ordering::Equal))
}

fn json_list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", joined(items, ","))
}

/// A JSON string as Go writes it: safe inside HTML.
fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

fn json_labels(labels: &LabelSet) -> String {
    let pairs = labels.iter();
    let pairs = pairs.map(|(name, value)| format!("{}:{}", json_text(name), json_text(value)));
    format!("{{{}}}", joined(pairs, ","))
}

fn json_float(point: &Point<f64>) -> String {
    format!("[{},\"{}\"]", seconds(point.at_ms), plain(point.value))
}

fn json_histogram(point: &Point<Histogram>) -> String {
    let Histogram { count, sum, buckets } = &point.value;
    let buckets = buckets.as_ref().map_or("null".to_owned(), |buckets| {
        json_list(buckets.iter().map(|bucket| {
            let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(plain);
            format!("[{},\"{lower}\",\"{upper}\",\"{count}\"]", bucket.ends)
        }))
    });
    let (count, sum) = (plain(*count), plain(*sum));
    format!(
        "[{},{{\"count\":\"{count}\",\"sum\":\"{sum}\",\"buckets\":{buckets}}}]",
        seconds(point.at_ms)
    )
}

fn json_sample(sample: &Sample) -> String {
    let labels = json_labels(&sample.metric);
    match &sample.value {
        SampleValue::Float(point) => format!("{{\"metric\":{labels},\"value\":{}}}", json_float(point)),
        SampleValue::Histogram(point) => {
            format!("{{\"metric\":{labels},\"histogram\":{}}}", json_histogram(point))
        }
    }
}

fn json_stream(stream: &Stream) -> String {
    let mut fields = vec![format!("\"metric\":{}", json_labels(&stream.metric))];
    let has_histograms = !stream.histograms.is_empty();
    if !stream.values.is_empty() || !has_histograms {
        let values = json_list(stream.values.iter().map(json_float));
        fields.push(format!("\"values\":{values}"));
    }
    if has_histograms {
        let histograms = json_list(stream.histograms.iter().map(json_histogram));
        fields.push(format!("\"histograms\":{histograms}"));
    }
    format!("{{{}}}", fields.join(","))
}
