//! Compares what expressions answer with the samples expected.

use promql::parser::series::{SequenceValue, parse_metric, parse_series};
use promql::value::SampleValue;
use tsdb::model::Labels;

use super::file::{ExpectedSample, TestFile, TestGroup};
use super::suite::Suite;
use super::{histogram, report};
use crate::config::duration;
use crate::template::quoted;

/// What is compared of a sample.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// In the notation of tests; empty for a float.
    pub(super) histogram: String,
}

/// Every expression that answers something else than expected, or nothing.
pub(super) fn check(suite: &Suite, file: &TestFile, test: &TestGroup) -> Vec<String> {
    let mut errors = Vec::new();
    for case in &test.promql_expr_tests {
        let told = |error: String| {
            let (expr, time) = (quoted(&case.expr), duration::format_ms(case.eval_time_ms));
            format!("    expr: {expr}, time: {time}, err: {error}")
        };
        let samples = match suite.query(&case.expr, test.start_ms + case.eval_time_ms) {
            Ok(samples) => samples,
            Err(error) => {
                errors.push(told(error));
                continue;
            }
        };
        let mut got: Vec<Shown> = samples
            .into_iter()
            .map(|sample| match sample.value {
                SampleValue::Float(value) => Shown {
                    labels: sample.labels,
                    value,
                    histogram: String::new(),
                },
                SampleValue::Histogram(histogram) => Shown {
                    labels: sample.labels,
                    value: 0.0,
                    histogram: histogram::notation(&histogram),
                },
            })
            .collect();
        let expected: Result<Vec<Shown>, String> = case.expected.iter().map(parse_expected).collect();
        let mut expected = match expected {
            Ok(expected) => expected,
            Err(error) => {
                errors.push(told(error));
                continue;
            }
        };
        expected.sort_by(|a, b| a.labels.cmp(&b.labels));
        got.sort_by(|a, b| a.labels.cmp(&b.labels));
        let is_equal = expected.len() == got.len()
            && expected
                .iter()
                .zip(&got)
                .all(|(a, b)| a.is_equal(b, file.fuzzy_compare));
        if !is_equal {
            let (expr, time) = (quoted(&case.expr), duration::format_ms(case.eval_time_ms));
            let (expected, got) = (report::samples(&expected), report::samples(&got));
            errors.push(format!(
                "    expr: {expr}, time: {time},\n        exp: {expected}\n        got: {got}"
            ));
        }
    }
    errors
}

impl Shown {
    fn is_equal(&self, other: &Self, fuzzy: bool) -> bool {
        let (a, b) = (self.value, other.value);
        let is_close = a == b || fuzzy && (a.next_down() == b || a.next_up() == b);
        self.labels == other.labels && is_close && self.histogram == other.histogram
    }
}

fn parse_expected(sample: &ExpectedSample) -> Result<Shown, String> {
    let within = |error: String| format!("labels {}: {error}", quoted(&sample.labels));
    let labels = parse_metric(&sample.labels).map_err(|error| within(error.to_string()))?;
    let histogram = if sample.histogram.is_empty() {
        String::new()
    } else {
        parse_histogram(&sample.histogram).map_err(within)?
    };
    Ok(Shown {
        labels,
        value: sample.value,
        histogram,
    })
}

fn parse_histogram(text: &str) -> Result<String, String> {
    let (_, values) = parse_series(&format!("{{}} {text}")).map_err(|error| error.to_string())?;
    match values.as_slice() {
        [SequenceValue::Histogram { histogram, .. }] => Ok(histogram::notation(histogram)),
        [SequenceValue::Float(v)] => Err(format!("expected histogram, got {}", promql::format::plain(*v))),
        [SequenceValue::Omitted] => Err("expected histogram, got _".to_owned()),
        more => Err(format!("expected 1 value, got {}", more.len())),
    }
}
