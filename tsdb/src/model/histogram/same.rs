//! When two histograms are the same sample. Hints do not count, spans without buckets neither.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, IntHistogram, Span};

impl Histogram {
    /// Whether both say the same of the same form; floats are compared as bits.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.is_same(b),
            (Self::Float(a), Self::Float(b)) => a.is_same(b),
            _ => false,
        }
    }
}

impl IntHistogram {
    /// See [`Histogram::is_same`].
    pub fn is_same(&self, other: &Self) -> bool {
        (self.schema, self.count, self.zero_count) == (other.schema, other.count, other.zero_count)
            && self.sum.to_bits() == other.sum.to_bits()
            && (self.schema != CUSTOM_BUCKETS_SCHEMA || self.custom_bounds == other.custom_bounds)
            && self.zero_threshold == other.zero_threshold
            && are_same_spans(&self.negative_spans, &other.negative_spans)
            && self.negative_deltas == other.negative_deltas
            && are_same_spans(&self.positive_spans, &other.positive_spans)
            && self.positive_deltas == other.positive_deltas
    }
}

impl FloatHistogram {
    /// See [`Histogram::is_same`].
    pub fn is_same(&self, other: &Self) -> bool {
        let bits = |h: &Self| (h.count.to_bits(), h.sum.to_bits(), h.zero_count.to_bits());
        self.schema == other.schema
            && bits(self) == bits(other)
            && (self.schema != CUSTOM_BUCKETS_SCHEMA || self.custom_bounds == other.custom_bounds)
            && self.zero_threshold == other.zero_threshold
            && are_same_spans(&self.negative_spans, &other.negative_spans)
            && are_same_bits(&self.negative_buckets, &other.negative_buckets)
            && are_same_spans(&self.positive_spans, &other.positive_spans)
            && are_same_bits(&self.positive_buckets, &other.positive_buckets)
    }
}

fn are_same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Whether both name the same buckets.
fn are_same_spans(a: &[Span], b: &[Span]) -> bool {
    a == b || joined(a) == joined(b)
}

/// Spans as (first bucket, length), none empty, none touching the one before.
fn joined(spans: &[Span]) -> Vec<(i64, u64)> {
    let mut joined: Vec<(i64, u64)> = Vec::new();
    let mut at = 0i64;
    for span in spans {
        at += i64::from(span.offset);
        match joined.last_mut() {
            _ if span.length == 0 => {}
            Some((from, length)) if from.saturating_add_unsigned(*length) == at => {
                *length += u64::from(span.length);
            }
            _ => joined.push((at, u64::from(span.length))),
        }
        at += i64::from(span.length);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_without_buckets_say_nothing() {
        let span = |offset, length| Span { offset, length };
        let with = |positive_spans| IntHistogram {
            positive_spans,
            ..IntHistogram::default()
        };
        let plain = with(vec![span(1, 3)]);
        assert!(plain.is_same(&with(vec![span(0, 0), span(1, 1), span(0, 2)])));
        assert!(!plain.is_same(&with(vec![span(1, 2)])));
        assert!(!plain.is_same(&with(vec![span(2, 3)])));
    }

    #[test]
    fn a_hint_makes_no_difference_and_a_payload_of_nan_does() {
        let with = |sum: f64, reset_hint| FloatHistogram {
            sum,
            reset_hint,
            ..FloatHistogram::default()
        };
        use super::super::ResetHint::{Gauge, Unknown};
        assert!(with(f64::NAN, Gauge).is_same(&with(f64::NAN, Unknown)));
        assert!(!with(f64::NAN, Unknown).is_same(&with(super::super::super::stale_marker(), Unknown)));
    }
}
