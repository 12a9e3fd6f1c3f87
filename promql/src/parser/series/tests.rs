//! What series descriptions stand for, and which are refused.

use tsdb::model::histogram::Span;
use tsdb::model::{ResetHint, is_stale};

use super::*;

#[track_caller]
fn check_floats(values: &str, expected: &[f64]) {
    let (_, found) = parse_series(&format!("x {values}")).expect("the description is valid");
    let found: Vec<_> = found
        .iter()
        .map(|value| match value {
            SequenceValue::Float(value) => *value,
            other => panic!("{other:?} is no float"),
        })
        .collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn histograms(values: &str) -> Vec<FloatHistogram> {
    let (_, found) = parse_series(&format!("x {values}")).expect("the description is valid");
    found
        .into_iter()
        .map(|value| match value {
            SequenceValue::Histogram { histogram, .. } => *histogram,
            other => panic!("{other:?} is no histogram"),
        })
        .collect()
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = parse_series(text).expect_err("the description is not valid");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_repetition_has_one_sample_more_than_its_figure() {
    check_floats("1 5x2 -3", &[1.0, 5.0, 5.0, 5.0, -3.0]);
    check_floats("1+2x3 1-2x3", &[1.0, 3.0, 5.0, 7.0, 1.0, -1.0, -3.0, -5.0]);
    check_floats("-.5+1x0  1e3 ", &[-0.5, 1000.0]);
    check_floats("Inf -Inf", &[f64::INFINITY, f64::NEG_INFINITY]);
}

#[test]
fn gaps_are_as_many_as_the_figure_says() {
    let (labels, found) = parse_series("a{b='c'} _ 1 _x2 stale").expect("the description is valid");
    assert_eq!(labels, Labels::from_pairs([("__name__", "a"), ("b", "c")]));
    assert_eq!(
        found[..4],
        [
            SequenceValue::Omitted,
            SequenceValue::Float(1.0),
            SequenceValue::Omitted,
            SequenceValue::Omitted
        ]
    );
    assert!(matches!(found[4..], [SequenceValue::Float(value)] if is_stale(value)));
}

#[test]
fn labels_may_have_quoted_names_and_a_quoted_metric() {
    let (labels, _) = parse_series(r#"{"a.b", "c.d"="e",}"#).expect("the description is valid");
    assert_eq!(labels, Labels::from_pairs([("__name__", "a.b"), ("c.d", "e")]));
}

#[test]
fn a_histogram_literal_sets_every_field() {
    let all = "{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 \
               n_buckets:[4.1 5] n_offset:5 counter_reset_hint:gauge}}";
    let expected = FloatHistogram {
        reset_hint: ResetHint::Gauge,
        schema: 1,
        zero_threshold: 0.05,
        zero_count: 7.1,
        count: 3.1,
        sum: -0.3,
        positive_spans: vec![Span {
            offset: -3,
            length: 3,
        }],
        negative_spans: vec![Span { offset: 5, length: 2 }],
        positive_buckets: vec![5.1, 10.0, 7.0],
        negative_buckets: vec![4.1, 5.0],
        custom_bounds: Vec::new(),
    };
    assert_eq!(histograms(all), [expected]);
    assert_eq!(histograms("{{}} {{ }}x1"), vec![FloatHistogram::default(); 3]);
    let custom = histograms("{{schema:-53 custom_values:[1 2.5 Inf] buckets:[1 NaN 3 ] }}");
    assert_eq!(custom[0].custom_bounds, [1.0, 2.5, f64::INFINITY]);
}

#[test]
fn only_a_written_hint_counts_as_given() {
    let (_, found) = parse_series("x {{}} {{counter_reset_hint:unknown}}").expect("the description is valid");
    let given: Vec<_> = found
        .iter()
        .map(|v| {
            matches!(
                v,
                SequenceValue::Histogram {
                    is_hint_given: true,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(given, [false, true]);
}

#[test]
fn a_histogram_grows_bucket_by_bucket() {
    let grown = histograms("{{schema:1 count:2 buckets:[1 1]}}+{{schema:1 count:1 buckets:[1] offset:1}}x2");
    assert_eq!(grown.len(), 3);
    assert_eq!(grown[2].positive_buckets, [1.0, 3.0]);
    assert_eq!(grown[2].count, 4.0);
    let shrunk = histograms("{{buckets:[5 10]}}-{{buckets:[1 2]}}x1");
    assert_eq!(shrunk[1].positive_buckets, [4.0, 8.0]);
}

#[test]
fn a_finer_increment_is_brought_to_the_resolution_of_the_base() {
    // Buckets 1 and 2 of schema 1 end where bucket 1 of schema 0 ends.
    let grown = histograms("{{schema:0 buckets:[1] offset:1}}+{{schema:1 buckets:[10 20 40] offset:1}}x1");
    assert_eq!(grown[1].positive_buckets, [31.0, 40.0]);
    assert_eq!(grown[1].positive_spans, [Span { offset: 1, length: 2 }]);
}

#[test]
fn the_wider_zero_bucket_swallows_the_buckets_below_it() {
    // Bucket 0 of schema 0 is (0.5, 1].
    let grown = histograms("{{z_bucket:1 z_bucket_w:1}}+{{z_bucket:2 z_bucket_w:0.5 buckets:[4 8]}}x1");
    assert_eq!(grown[1].zero_count, 7.0);
    assert_eq!(grown[1].zero_threshold, 1.0);
    assert_eq!(grown[1].positive_buckets, [8.0]);
}

#[test]
fn custom_bounds_that_only_one_side_has_are_given_up() {
    let grown = histograms(
        "{{schema:-53 custom_values:[1 2 4] buckets:[1 2 3 4]}}+{{schema:-53 custom_values:[2 4 8] buckets:[10 20 30 40]}}x1",
    );
    assert_eq!(grown[1].custom_bounds, [2.0, 4.0]);
    assert_eq!(grown[1].positive_buckets, [13.0, 23.0, 74.0]);
}

#[test]
fn mistakes_are_named_as_prometheus_names_them() {
    check_error(
        "x 1 nope",
        "1:5: parse error: unexpected identifier \"nope\" in series values, expected number or \"stale\"",
    );
    check_error("x 1x-2", "1:5: parse error: unexpected <op:-> in series values");
    check_error(
        "x {{foo:1}}",
        "1:5: parse error: bad histogram descriptor found: \"foo\"",
    );
    check_error(
        "x {{schema :1}}",
        "1:5: parse error: missing `:` for histogram descriptor",
    );
    check_error(
        "x {{schema: 1}}",
        "1:12: parse error: unexpected \" \" in series values",
    );
    check_error(
        "x {{schema:1 schema:1}}",
        "1:1: parse error: duplicate key \"schema\" in histogram",
    );
    check_error(
        "x{a=b} 1",
        "1:5: parse error: unexpected identifier \"b\" in label set, expected string",
    );
    check_error(
        "x {{schema:1}}+{{schema:0}}x1",
        "1:29: parse error: error combining histograms: cannot merge from schema 0 to 1",
    );
    check_error(
        "x 1x1.5",
        "1:5: parse error: invalid repetition in series values: strconv.ParseUint: parsing \"1.5\": invalid syntax",
    );
}
