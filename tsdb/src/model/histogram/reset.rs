//! Whether a counter was reset between two histograms.

use super::EXPONENTIAL_SCHEMAS;
use super::bounds::{exponential_bound, upper_bound};
use super::buckets::unpack;
use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, ResetHint, Span, sum::HistogramSum};
use crate::model::is_stale;

impl FloatHistogram {
    /// Whether there was a reset between `previous` and this one: any count fell, a bucket that held
    /// something is gone, or the resolution rose. What the hint says goes before what the counts say.
    pub fn is_reset_since(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => true,
            ResetHint::NotReset => false,
            ResetHint::Unknown | ResetHint::Gauge => self.counts_fell_since(previous),
        }
    }

    fn counts_fell_since(&self, previous: &Self) -> bool {
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_bounds != previous.custom_bounds {
                return self.fell_between_shared_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let Some(zero_count) = HistogramSum::of(previous).zero_count_within(self.zero_threshold) else {
            // The new zero bucket cuts through one that held something.
            return true;
        };
        self.zero_count < zero_count
            || self.side_fell(
                (&self.positive_spans, &self.positive_buckets),
                (&previous.positive_spans, &previous.positive_buckets),
                previous.schema,
            )
            || self.side_fell(
                (&self.negative_spans, &self.negative_buckets),
                (&previous.negative_spans, &previous.negative_buckets),
                previous.schema,
            )
    }

    /// What storage says about a reset when this histogram, appended after `before`, is read again: a chunk
    /// goes on as long as nothing is reset, so that all but its first are known not to be.
    pub fn stored_hint(&self, before: Option<&Self>) -> ResetHint {
        if self.reset_hint == ResetHint::Gauge {
            return ResetHint::Gauge;
        }
        let goes_on = |before: &Self| {
            before.reset_hint != ResetHint::Gauge
                && self.reset_hint != ResetHint::Reset
                && !is_stale(before.sum)
                && self.schema == before.schema
                && self.zero_threshold == before.zero_threshold
                && self.custom_bounds == before.custom_bounds
                && !self.counts_fell_since(before)
        };
        if before.is_some_and(goes_on) {
            ResetHint::NotReset
        } else {
            ResetHint::Unknown
        }
    }

    fn side_fell(&self, now: (&[Span], &[f64]), before: (&[Span], &[f64]), before_schema: i32) -> bool {
        let mut now = self
            .outside_zero_bucket(unpack(now.0, now.1))
            .into_iter()
            .peekable();
        let before = at_schema(unpack(before.0, before.1), before_schema, self.schema);
        for (index, count) in self.outside_zero_bucket(before) {
            while now.next_if(|(at, _)| *at < index).is_some() {}
            let fell = match now.peek() {
                Some((at, now)) if *at == index => *now < count,
                _ => count != 0.0,
            };
            if fell {
                return true;
            }
        }
        false
    }

    /// Leaves out the first buckets if they lie within the zero bucket.
    fn outside_zero_bucket(&self, mut side: Vec<(i32, f64)>) -> Vec<(i32, f64)> {
        if self.zero_threshold != 0.0 && EXPONENTIAL_SCHEMAS.contains(&self.schema) {
            let within =
                |(index, _): &&(i32, f64)| exponential_bound(*index, self.schema) <= self.zero_threshold;
            let within = side.iter().take_while(within).count();
            side.drain(..within);
        }
        side
    }

    /// For listed bounds that differ: whether there is less between any two that both list.
    fn fell_between_shared_bounds(&self, previous: &Self) -> bool {
        let shared: Vec<f64> = self
            .custom_bounds
            .iter()
            .copied()
            .filter(|bound| previous.custom_bounds.contains(bound))
            .collect();
        let counts = |h: &Self| {
            let mut counts = vec![0.0; shared.len() + 1];
            for (index, count) in unpack(&h.positive_spans, &h.positive_buckets) {
                let upper = upper_bound(index, CUSTOM_BUCKETS_SCHEMA, &h.custom_bounds);
                counts[shared.partition_point(|bound| *bound < upper)] += count;
            }
            counts
        };
        let (now, before) = (counts(self), counts(previous));
        now.iter().zip(&before).any(|(now, before)| now < before)
    }
}

/// Joins neighbours to the buckets of a lower resolution.
fn at_schema(side: Vec<(i32, f64)>, from: i32, to: i32) -> Vec<(i32, f64)> {
    let halvings = from.saturating_sub(to).clamp(0, 31);
    if halvings == 0 {
        return side;
    }
    let mut joined: Vec<(i32, f64)> = Vec::with_capacity(side.len());
    for (index, count) in side {
        let index = (index.wrapping_sub(1) >> halvings).wrapping_add(1);
        match joined.last_mut() {
            Some((last, known)) if *last == index => *known += count,
            _ => joined.push((index, count)),
        }
    }
    joined
}
