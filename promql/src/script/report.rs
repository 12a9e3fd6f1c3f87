//! Whether an answer is the one expected, and what to say if it is not.

use tsdb::model::{FloatHistogram, Labels, Span};

use super::parse::{Eval, Pattern, Period};
use crate::engine::Answer;
use crate::format::general;
use crate::parser::series::SequenceValue;
use crate::quantile::almost_equal;
use crate::value::{MatrixSeries, SampleValue, Value, VectorSample};

/// How far values may be apart, relative to their sum.
const TOLERANCE: f64 = 1e-6;

/// Compares warnings and infos.
pub(super) fn annotations(eval: &Eval, query: &str, answer: &Answer) -> Result<(), String> {
    let (warnings, infos) = answer.annotations.to_strings(query, 0);
    let expect = &eval.expect;
    for (word, expected, none, found) in [
        ("warn", &expect.warn, expect.no_warn, &warnings),
        ("info", &expect.info, expect.no_info, &infos),
    ] {
        if none && !found.is_empty() {
            return Err(format!(
                "unexpected {word} annotations evaluating \"{query}\": {found:?}"
            ));
        }
        if !expected.is_empty() {
            all_match(word, expected, found).map_err(|text| format!("{text} for query \"{query}\""))?;
        }
    }
    Ok(())
}

fn all_match(word: &str, expected: &[Pattern], found: &[String]) -> Result<(), String> {
    for pattern in expected {
        if !found.iter().any(|text| pattern.matches(text)) {
            return Err(format!(
                "expected {word} annotation with {pattern}, found {found:?}"
            ));
        }
    }
    match found
        .iter()
        .find(|text| !expected.iter().any(|p| p.matches(text)))
    {
        Some(text) => Err(format!("unexpected {word} annotation {text:?}")),
        None => Ok(()),
    }
}

/// Compares a value; `period` gives the times of a matrix.
pub(super) fn value(eval: &Eval, value: &Value, period: Period) -> Result<(), String> {
    match (value, eval.scalar) {
        (Value::String { s, .. }, _) => {
            let expected = eval.string.as_deref().unwrap_or("");
            if expected == s {
                return Ok(());
            }
            Err(format!("expected string {expected:?} but got {s:?}"))
        }
        (Value::Scalar { v, .. }, Some(expected)) => {
            if almost_equal(expected, *v, TOLERANCE) {
                return Ok(());
            }
            Err(format!(
                "expected scalar {} but got {}",
                general(expected),
                general(*v)
            ))
        }
        (Value::Scalar { v, .. }, None) => Err(format!(
            "expected vector or matrix result, but got scalar {}",
            general(*v)
        )),
        (_, Some(_)) => Err("expected scalar result, but got a vector or matrix".to_owned()),
        (Value::Vector(samples), None) => vector(eval, samples),
        (Value::Matrix(series), None) => matrix(eval, series, period),
    }
}

fn vector(eval: &Eval, samples: &[VectorSample]) -> Result<(), String> {
    for (at, sample) in samples.iter().enumerate() {
        let labels = &sample.labels;
        let shown = shown(&sample.value);
        let Some(position) = eval.series.iter().position(|(l, _)| l == labels) else {
            return Err(format!("unexpected metric {labels} in result, has value {shown}"));
        };
        if eval.expect.ordered && position != at {
            return Err(format!(
                "expected metric {labels} at position {} but was at {}",
                position + 1,
                at + 1
            ));
        }
        let expected = eval.series[position].1.first();
        if !expected.is_some_and(|expected| is_value(expected, &sample.value)) {
            return Err(format!("expected {expected:?} for {labels} but got {shown}"));
        }
    }
    all_found(eval, |labels| samples.iter().any(|s| s.labels == *labels))
}

fn matrix(eval: &Eval, series: &[MatrixSeries], period: Period) -> Result<(), String> {
    if eval.expect.ordered {
        return Err("expected ordered result, but query returned a matrix".to_owned());
    }
    sorted(series)?;
    for found in series {
        let labels = &found.labels;
        let Some((_, values)) = eval.series.iter().find(|(l, _)| l == labels) else {
            return Err(format!(
                "unexpected metric {labels} in result, has {:?}",
                found.floats
            ));
        };
        let expected: Vec<(i64, &SequenceValue)> = values
            .iter()
            .enumerate()
            .map(|(i, value)| {
                (
                    period.start_ms + period.step_ms * i64::try_from(i).unwrap_or(0),
                    value,
                )
            })
            .filter(|(_, value)| !matches!(value, SequenceValue::Omitted))
            .collect();
        if expected.iter().any(|(t, _)| *t > period.end_ms) {
            return Err(format!(
                "expected {} points for {labels}, but query time range cannot return this many points",
                values.len()
            ));
        }
        let mut points: Vec<(i64, SampleValue)> = Vec::new();
        points.extend(found.floats.iter().map(|(t, v)| (*t, SampleValue::Float(*v))));
        points.extend(
            found
                .histograms
                .iter()
                .map(|(t, h)| (*t, SampleValue::Histogram(h.clone()))),
        );
        points.sort_by_key(|(t, _)| *t);
        let agrees = points.len() == expected.len()
            && points
                .iter()
                .zip(&expected)
                .all(|((t, value), (expected_t, expected))| t == expected_t && is_value(expected, value));
        if !agrees {
            let found: Vec<String> = points
                .iter()
                .map(|(t, value)| format!("{} @[{t}]", shown(value)))
                .collect();
            return Err(format!("expected {values:?} for {labels}, but got {found:?}"));
        }
    }
    all_found(eval, |labels| series.iter().any(|s| s.labels == *labels))
}

fn all_found(eval: &Eval, is_found: impl Fn(&Labels) -> bool) -> Result<(), String> {
    match eval.series.iter().find(|(labels, _)| !is_found(labels)) {
        Some((labels, _)) => Err(format!("expected metric {labels} not found")),
        None => Ok(()),
    }
}

/// Matrices always come in the order of labels.
pub(super) fn sorted(series: &[MatrixSeries]) -> Result<(), String> {
    match series.windows(2).find(|pair| pair[0].labels > pair[1].labels) {
        Some(pair) => Err(format!(
            "matrix is not sorted: {} comes before {}",
            pair[0].labels, pair[1].labels
        )),
        None => Ok(()),
    }
}

fn shown(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(v) => general(*v),
        SampleValue::Histogram(h) => format!("{h:?}"),
    }
}

fn is_value(expected: &SequenceValue, found: &SampleValue) -> bool {
    match (expected, found) {
        (SequenceValue::Float(expected), SampleValue::Float(v)) => almost_equal(*expected, *v, TOLERANCE),
        (
            SequenceValue::Histogram {
                histogram,
                is_hint_given,
            },
            SampleValue::Histogram(h),
        ) => is_histogram(histogram, h, *is_hint_given),
        _ => false,
    }
}

/// The buckets that hold anything, each with its index.
fn filled(spans: &[Span], buckets: &[f64]) -> Vec<(i64, f64)> {
    let mut counts = buckets.iter();
    let mut found = Vec::new();
    let mut index = 0;
    for span in spans {
        index += i64::from(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            found.push((index, *count));
            index += 1;
        }
    }
    found.retain(|(_, count)| *count != 0.0);
    found
}

fn is_histogram(expected: &FloatHistogram, found: &FloatHistogram, with_hint: bool) -> bool {
    let near = |a: &f64, b: &f64| almost_equal(*a, *b, TOLERANCE);
    let all_near = |a: &[(i64, f64)], b: &[(i64, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && near(&a.1, &b.1))
    };
    expected.schema == found.schema
        && near(&expected.count, &found.count)
        && near(&expected.sum, &found.sum)
        && expected.custom_bounds == found.custom_bounds
        && expected.zero_threshold == found.zero_threshold
        && near(&expected.zero_count, &found.zero_count)
        && all_near(
            &filled(&expected.positive_spans, &expected.positive_buckets),
            &filled(&found.positive_spans, &found.positive_buckets),
        )
        && all_near(
            &filled(&expected.negative_spans, &expected.negative_buckets),
            &filled(&found.negative_spans, &found.negative_buckets),
        )
        && (!with_hint || expected.reset_hint == found.reset_hint)
}
