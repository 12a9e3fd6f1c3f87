//! The texts of what was expected and what came instead, as promtool lays them out.

use promql::format::{Layout, plain, push_float};
use promql::value::MatrixSeries;

use super::{alerts, expressions};
use crate::template::histogram_text;

/// Alerts, one below the other, indented to stand in a failure.
pub(super) fn alerts(alerts: &[alerts::Shown]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let items: Vec<String> = alerts
        .iter()
        .enumerate()
        .map(|(i, alert)| {
            let text = format!("\nLabels:{}\nAnnotations:{}", alert.labels, alert.annotations);
            format!("{i}:{}", indented(&text, "  "))
        })
        .collect();
    indented(&format!("[\n{}\n]", items.join(",\n")), "            ")
}

/// All lines but the first behind `indent`.
pub(super) fn indented(text: &str, indent: &str) -> String {
    text.replace('\n', &format!("\n{indent}"))
}

/// Samples in one line.
pub(super) fn samples(samples: &[expressions::Shown]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let texts: Vec<String> = samples.iter().map(sample).collect();
    texts.join(", ")
}

fn sample(sample: &expressions::Shown) -> String {
    let mut out = format!("{} ", sample.labels);
    if sample.histogram.is_empty() {
        let mut value = String::new();
        push_float(&mut value, sample.value, Layout::Exponent, None);
        out.push_str(&value.replace('e', "E"));
    } else {
        out.push_str(&sample.histogram);
    }
    out
}

/// A series of a matrix, a line a point.
pub(super) fn matrix_series(series: &MatrixSeries) -> String {
    let mut points: Vec<(i64, String)> = series.floats.iter().map(|&(t_ms, v)| (t_ms, plain(v))).collect();
    let histograms = series.histograms.iter();
    points.extend(histograms.map(|(t_ms, histogram)| (*t_ms, histogram_text(histogram))));
    let lines: Vec<String> = points
        .into_iter()
        .map(|(t_ms, value)| format!("{value} @[{t_ms}]"))
        .collect();
    format!("{} =>\n{}", series.labels, lines.join("\n"))
}
