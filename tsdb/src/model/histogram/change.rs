//! What a single histogram can go through: scaling, compaction, comparison.

use super::buckets::{spans_of, unpack};
use super::{FloatHistogram, ResetHint, Span};

impl FloatHistogram {
    /// Multiplies counts and sum. Below zero it can be no counter any more.
    pub fn multiply(&mut self, factor: f64) {
        self.each(|v| *v *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides counts and sum. Below zero it can be no counter any more; divided by zero it has no buckets.
    pub fn divide(&mut self, divisor: f64) {
        self.each(|v| *v /= divisor);
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.positive_buckets.clear();
            self.negative_spans.clear();
            self.negative_buckets.clear();
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn each(&mut self, change: impl Fn(&mut f64)) {
        let sides = self.positive_buckets.iter_mut().chain(&mut self.negative_buckets);
        sides.for_each(&change);
        [&mut self.zero_count, &mut self.count, &mut self.sum]
            .into_iter()
            .for_each(&change);
    }

    /// Removes empty buckets, and spans that hold none.
    pub fn compact(&mut self) {
        compact_side(&mut self.positive_spans, &mut self.positive_buckets);
        compact_side(&mut self.negative_spans, &mut self.negative_buckets);
    }
}

fn compact_side(spans: &mut Vec<Span>, buckets: &mut Vec<f64>) {
    if !buckets.contains(&0.0) && spans.iter().all(|span| span.offset > 0 && span.length > 0) {
        return;
    }
    let mut filled = unpack(spans, buckets);
    filled.retain(|(_, count)| *count != 0.0);
    *spans = spans_of(filled.iter().map(|(index, _)| *index));
    *buckets = filled.into_iter().map(|(_, count)| count).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compaction_leaves_no_empty_bucket_and_moves_none() {
        let mut h = FloatHistogram {
            positive_spans: vec![
                Span {
                    offset: -2,
                    length: 3,
                },
                Span { offset: 1, length: 2 },
            ],
            positive_buckets: vec![0.0, 1.0, 0.0, 2.0, f64::NAN],
            ..FloatHistogram::default()
        };
        h.compact();
        assert_eq!(
            h.positive_spans,
            [
                Span {
                    offset: -1,
                    length: 1
                },
                Span { offset: 2, length: 2 }
            ]
        );
        assert_eq!(h.positive_buckets[..2], [1.0, 2.0]);
        assert!(h.positive_buckets[2].is_nan());
    }

    #[test]
    fn how_spans_are_cut_makes_no_difference_but_an_empty_bucket_does() {
        let with = |spans: &[(i32, u32)], buckets: &[f64]| FloatHistogram {
            positive_spans: spans
                .iter()
                .map(|&(offset, length)| Span { offset, length })
                .collect(),
            positive_buckets: buckets.to_vec(),
            ..FloatHistogram::default()
        };
        let whole = with(&[(1, 2)], &[1.0, 2.0]);
        assert!(whole.is_same(&with(&[(1, 1), (0, 0), (0, 1)], &[1.0, 2.0])));
        assert!(!whole.is_same(&with(&[(1, 3)], &[1.0, 2.0, 0.0])));
    }

    #[test]
    fn divided_by_zero_nothing_is_left_of_the_buckets() {
        let mut h = FloatHistogram {
            count: 1.0,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive_buckets: vec![1.0],
            ..FloatHistogram::default()
        };
        h.divide(0.0);
        assert!(h.positive_buckets.is_empty() && h.positive_spans.is_empty());
        assert_eq!(h.count, f64::INFINITY);
        h.multiply(-1.0);
        assert_eq!(h.reset_hint, ResetHint::Gauge);
    }
}
