//! `tsdb dump` and `tsdb dump-openmetrics`: all that a directory holds, as text.

use std::fmt::Write as _;
use std::sync::Arc;

use promql::format::general;
use promql::parser::parse_selector;
use tsdb::db::Db;
use tsdb::fs::RealFs;
use tsdb::model::{Histogram, Labels, METRIC_NAME, Matcher};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use super::{Terminal, data_dir};
use crate::promtool::command::Invocation;

/// What is printed of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `{labels} value time` for each sample.
    Samples,
    /// Its labels as JSON.
    Series,
    /// Floats as OpenMetrics.
    OpenMetrics,
}

pub(super) fn run(
    invocation: &Invocation<'_>,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), String> {
    let (from_ms, through_ms) = (
        time(invocation.text("min-time"), i64::MIN)?,
        time(invocation.text("max-time"), i64::MAX)?,
    );
    let selectors = match invocation.texts("match") {
        [] => vec!["{__name__=~'(?s:.*)'}".to_owned()],
        given => given.to_vec(),
    };
    let sets = selectors
        .iter()
        .map(|text| parse_selector(text).map_err(|error| error.to_string()))
        .collect::<Result<Vec<Vec<Matcher>>, String>>()?;
    let dir = data_dir(invocation)?;
    let db = Db::open_read_only(Arc::new(RealFs), &dir, 0).map_err(|error| error.to_string())?;
    // Several selectors are merged, which takes their series in the order of labels.
    let sorted = sets.len() > 1;
    let wanted: Vec<Selection> = sets
        .into_iter()
        .map(|matchers| Selection {
            sorted,
            ..Selection::new(matchers, from_ms, through_ms)
        })
        .collect();
    let read = db
        .open(&wanted, &Budget::unlimited(), &Cancel::new())
        .map_err(|error| error.to_string())?;
    let mut series: Vec<(Labels, usize, usize)> = (0..read.rosters.len())
        .flat_map(|roster| (0..read.rosters[roster].len()).map(move |at| (roster, at)))
        .map(|(roster, at)| (read.labels(roster, at), roster, at))
        .collect();
    if sorted {
        series.sort_by(|a, b| a.0.cmp(&b.0));
        series.dedup_by(|later, earlier| later.0 == earlier.0);
    }
    let mut cursor = read.cursor();
    let (mut columns, mut text) = (Columns::default(), String::new());
    for (labels, roster, at) in &series {
        cursor
            .read(*roster, *at, from_ms, through_ms, &mut columns)
            .map_err(|error| error.to_string())?;
        text.clear();
        match format {
            Format::Samples => push_samples(&mut text, labels, &columns),
            Format::OpenMetrics => push_openmetrics(&mut text, labels, &columns),
            Format::Series => {
                let pairs: serde_json::Map<String, serde_json::Value> =
                    labels.iter().map(|(n, v)| (n.to_owned(), v.into())).collect();
                text = serde_json::Value::Object(pairs).to_string();
                text.push('\n');
            }
        }
        terminal.print(&text);
    }
    if format == Format::OpenMetrics {
        terminal.print_line("# EOF");
    }
    Ok(())
}

fn time(text: &str, otherwise_ms: i64) -> Result<i64, String> {
    match text {
        "" => Ok(otherwise_ms),
        text => text
            .parse()
            .map_err(|_| format!("time {text:?} is no number of milliseconds")),
    }
}

fn push_samples(into: &mut String, labels: &Labels, columns: &Columns) {
    for row in 0..columns.len() {
        let value = match columns.histogram(row) {
            Some(histogram) => histogram_text(histogram),
            None => general(columns.v[row]),
        };
        // Writing to a string cannot fail.
        let _written = writeln!(into, "{labels} {value} {}", columns.t_ms[row]);
    }
}

/// A histogram as Prometheus prints it: count, sum, and each bucket that holds something.
fn histogram_text(histogram: &Histogram) -> String {
    let float = histogram.to_float();
    let mut text = format!("{{count:{}, sum:{}", general(float.count), general(float.sum));
    let negative = float.negative().rev();
    let zero = std::iter::once(float.zero_bucket());
    let all = negative.chain(zero).chain(float.positive());
    for bucket in all.filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        let (lower, upper) = (general(bucket.lower), general(bucket.upper));
        let _written = write!(text, ", {open}{lower},{upper}{close}:{}", general(bucket.count));
    }
    text.push('}');
    text
}

fn push_openmetrics(into: &mut String, labels: &Labels, columns: &Columns) {
    for row in 0..columns.len() {
        // A histogram ends what can be said of the series, as in Prometheus.
        if columns.histogram(row).is_some() {
            return;
        }
        into.push_str(labels.metric_name());
        into.push('{');
        for (at, (name, value)) in labels.iter().filter(|(name, _)| *name != METRIC_NAME).enumerate() {
            if at > 0 {
                into.push(',');
            }
            into.push_str(name);
            into.push('=');
            // Writing to a string cannot fail.
            let _written = tsdb::model::labels::write_quoted(into, value);
        }
        let (value, t_ms) = (general(columns.v[row]), columns.t_ms[row]);
        let sign = if t_ms < 0 { "-" } else { "" };
        let (whole, part) = (t_ms.unsigned_abs() / 1000, t_ms.unsigned_abs() % 1000);
        let _written = writeln!(into, "}} {value} {sign}{whole}.{part:03}");
    }
}

#[cfg(test)]
mod tests {
    use tsdb::model::{FloatHistogram, Span};

    use super::*;

    #[test]
    fn a_histogram_is_printed_as_prometheus_prints_it() {
        let histogram = FloatHistogram {
            count: 7.5,
            sum: 2.0,
            zero_threshold: 0.001,
            zero_count: 1.5,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_buckets: vec![3.0, 1.0],
            negative_spans: vec![Span { offset: 1, length: 1 }],
            negative_buckets: vec![2.0],
            ..FloatHistogram::default()
        };
        assert_eq!(
            histogram_text(&Histogram::Float(histogram)),
            "{count:7.5, sum:2, [-2,-1):2, [-0.001,0.001]:1.5, (0.5,1]:3, (1,2]:1}"
        );
    }

    #[test]
    fn floats_are_printed_as_openmetrics() {
        let mut columns = Columns::default();
        columns.push(-1_500, 1e9);
        let mut text = String::new();
        let labels = Labels::from_pairs([("__name__", "a"), ("b", "x\"")]);
        push_openmetrics(&mut text, &labels, &columns);
        assert_eq!(text, "a{b=\"x\\\"\"} 1e+09 -1.500\n");
    }
}
