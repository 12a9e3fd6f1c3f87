//! Adding histograms up: what may be read off the counts.

use super::super::{Span, unpack};
use super::*;

fn histogram(schema: i32, offset: i32, buckets: &[f64]) -> FloatHistogram {
    let count = buckets.iter().sum();
    FloatHistogram {
        schema,
        count,
        sum: 2.0 * count,
        positive_spans: vec![Span {
            offset,
            length: buckets.len() as u32,
        }],
        positive_buckets: buckets.to_vec(),
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], buckets: &[f64]) -> FloatHistogram {
    FloatHistogram {
        custom_bounds: bounds.to_vec(),
        ..histogram(CUSTOM_BUCKETS_SCHEMA, 0, buckets)
    }
}

#[track_caller]
fn check_buckets(h: &FloatHistogram, expected: &[(i32, f64)]) {
    assert_eq!(unpack(&h.positive_spans, &h.positive_buckets), expected);
}

#[test]
fn buckets_that_only_one_has_are_taken_over_in_order() {
    let mut sum = histogram(0, 2, &[1.0, 2.0]);
    sum.add(&histogram(0, 0, &[5.0])).unwrap();
    sum.add(&histogram(0, 3, &[1.0, 7.0])).unwrap();
    check_buckets(&sum, &[(0, 5.0), (2, 1.0), (3, 3.0), (4, 7.0)]);
    assert_eq!((sum.count, sum.sum), (16.0, 32.0));
    sum.subtract(&histogram(0, 6, &[1.0])).unwrap();
    check_buckets(&sum, &[(0, 5.0), (2, 1.0), (3, 3.0), (4, 7.0), (6, -1.0)]);
}

#[test]
fn the_lower_resolution_wins() {
    let mut sum = histogram(1, 1, &[1.0, 2.0, 3.0]);
    sum.add(&histogram(0, 1, &[10.0])).unwrap();
    assert_eq!(sum.schema, 0);
    check_buckets(&sum, &[(1, 13.0), (2, 3.0)]);
    let mut sum = histogram(0, 1, &[10.0]);
    sum.add(&histogram(1, 1, &[1.0, 2.0, 3.0])).unwrap();
    check_buckets(&sum, &[(1, 13.0), (2, 3.0)]);
}

#[test]
fn the_wider_zero_bucket_takes_in_whole_buckets() {
    let mut narrow = FloatHistogram {
        zero_threshold: 0.5,
        zero_count: 1.0,
        // (0.5, 1] (1, 2] (2, 4]
        ..histogram(0, 0, &[2.0, 4.0, 8.0])
    };
    let wide = FloatHistogram {
        zero_threshold: 1.5,
        zero_count: 10.0,
        ..histogram(0, 2, &[100.0])
    };
    narrow.add(&wide).unwrap();
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (2.0, 17.0));
    check_buckets(&narrow, &[(2, 108.0)]);
}

#[test]
fn listed_bounds_are_reduced_to_those_both_list() {
    let mut sum = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
    let met = sum.add(&custom(&[1.0, 5.0, 6.0], &[10.0, 20.0, 30.0])).unwrap();
    assert!(met.bounds_differed);
    assert_eq!(sum.custom_bounds, [1.0, 5.0]);
    check_buckets(&sum, &[(0, 11.0), (1, 25.0), (2, 34.0)]);
    assert_eq!(sum.add(&histogram(0, 0, &[1.0])), Err(IncompatibleBuckets));
}

#[test]
fn contradicting_hints_are_told_and_leave_nothing_known() {
    let hinted = |reset_hint| FloatHistogram {
        reset_hint,
        ..FloatHistogram::default()
    };
    let mut sum = hinted(ResetHint::Reset);
    let met = sum.add(&hinted(ResetHint::NotReset)).unwrap();
    assert!(met.hints_collided);
    assert_eq!(sum.reset_hint, ResetHint::Unknown);
    assert!(!sum.add(&hinted(ResetHint::Gauge)).unwrap().hints_collided);
    assert_eq!(sum.reset_hint, ResetHint::Gauge);
}

#[test]
fn a_running_sum_keeps_what_rounding_loses() {
    let all = [5.0, 1e100, -1e100].map(|v| histogram(0, 0, &[v]));
    let mut sum = HistogramSum::of(&all[0]);
    all[1..].iter().for_each(|h| {
        sum.add(h).unwrap();
    });
    let sum = sum.finish();
    check_buckets(&sum, &[(0, 5.0)]);
    assert_eq!((sum.count, sum.sum), (5.0, 10.0));
}

#[test]
fn a_reset_is_a_count_that_fell_or_a_bucket_that_is_gone() {
    let before = histogram(0, 1, &[1.0, 2.0, 0.0]);
    let grown = histogram(0, 1, &[1.0, 3.0]);
    assert!(!grown.is_reset_since(&before), "an empty bucket may go");
    assert!(before.is_reset_since(&grown));
    assert!(histogram(0, 2, &[9.0]).is_reset_since(&before));
    assert!(
        histogram(1, 1, &[9.0; 8]).is_reset_since(&before),
        "resolution rose"
    );
    assert!(!histogram(-1, 1, &[9.0; 2]).is_reset_since(&before));
    let hinted = FloatHistogram {
        reset_hint: ResetHint::NotReset,
        ..before.clone()
    };
    assert!(!hinted.is_reset_since(&grown), "the hint goes first");
}

#[test]
fn a_zero_bucket_that_cuts_through_another_is_a_reset() {
    let before = histogram(0, 0, &[2.0, 4.0]);
    let now = |zero_threshold| FloatHistogram {
        zero_threshold,
        zero_count: 3.0,
        count: 9.0,
        ..histogram(0, 1, &[6.0])
    };
    assert!(!now(1.0).is_reset_since(&before));
    assert!(now(0.75).is_reset_since(&before));
}

#[test]
fn listed_bounds_that_differ_are_compared_between_those_that_agree() {
    let before = custom(&[1.0, 2.0], &[1.0, 1.0, 1.0]);
    assert!(!custom(&[2.0], &[2.0, 1.0]).is_reset_since(&before));
    assert!(custom(&[2.0], &[1.0, 5.0]).is_reset_since(&before));
}
