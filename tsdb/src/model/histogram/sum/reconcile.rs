//! Making two histograms alike before their counts are added: one zero bucket, one resolution, one list of
//! bounds.

use super::super::CUSTOM_BUCKETS_SCHEMA;
use super::super::bounds::{exponential_bound, upper_bound};
use super::{Count, HistogramSum, Mode, Side};

impl HistogramSum {
    /// Brings both to one zero bucket that cuts through no bucket that holds something.
    pub(super) fn share_zero_bucket(&mut self, other: &mut Self) {
        if self.zero_threshold.is_nan() || other.zero_threshold.is_nan() {
            return;
        }
        let (mut v, mut threshold, mut lost) = (other.zero_count.v, other.zero_threshold, 0.0);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                // The other one is looked at afresh each time, from its own zero bucket on.
                let wider = other.widened_zero(self.zero_threshold);
                (v, threshold, lost) = (wider.0.v, wider.1, wider.0.lost);
            }
            if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.widened_zero(threshold);
                self.empty_within_zero();
            }
        }
        other.zero_count = Count { v, lost };
    }

    /// What the zero bucket would hold if it reached to `threshold`, and how far it must reach to cut
    /// through no bucket that holds something.
    fn widened_zero(&self, mut threshold: f64) -> (Count, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        let mut found = self.zero_count;
        loop {
            // Prometheus begins anew with the count, but keeps the compensation of the attempt before.
            found.v = self.zero_count.v;
            if let Some(end) = self.take_below(&self.positive, threshold, &mut found) {
                threshold = end;
            }
            match self.take_below(&self.negative, threshold, &mut found) {
                Some(end) => threshold = end,
                None => return (found, threshold),
            }
        }
    }

    /// Adds the buckets that begin below `threshold` to `found`; the end of the last if it lies beyond and
    /// the bucket holds something.
    fn take_below(&self, side: &Side, threshold: f64, found: &mut Count) -> Option<f64> {
        for (index, count) in side {
            if exponential_bound(index.wrapping_sub(1), self.schema) >= threshold {
                return None;
            }
            found.add(count.v);
            found.add(count.lost);
            let end = exponential_bound(*index, self.schema);
            if end > threshold {
                return (count.v != 0.0).then_some(end);
            }
        }
        None
    }

    /// What a zero bucket that reaches to `threshold` would hold, unless it cuts through a bucket.
    pub(in crate::model::histogram) fn zero_count_within(&self, threshold: f64) -> Option<f64> {
        let (count, reached) = self.widened_zero(threshold);
        (reached == threshold).then_some(count.v)
    }

    /// Removes the buckets that the zero bucket has taken in, and empty ones with them.
    fn empty_within_zero(&mut self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        for side in [&mut self.positive, &mut self.negative] {
            let begins_below =
                |(index, _): &(i32, Count)| exponential_bound(index.wrapping_sub(1), schema) < threshold;
            let taken = side.iter().take_while(|bucket| begins_below(bucket)).count();
            side.drain(..taken);
            side.retain(|(_, count)| !count.is_zero());
        }
    }

    /// Joins 2^n neighbours into one bucket of the lower resolution.
    pub(super) fn lower_resolution(&mut self, schema: i32) {
        if schema == self.schema {
            return;
        }
        let halvings = (self.schema - schema).clamp(0, 31);
        for side in [&mut self.positive, &mut self.negative] {
            let mut joined = Side::with_capacity(side.len());
            for (index, count) in side.drain(..) {
                let index = (index.wrapping_sub(1) >> halvings).wrapping_add(1);
                match joined.last_mut() {
                    Some((last, known)) if *last == index => {
                        known.add(count.v);
                        known.add(count.lost);
                    }
                    _ => joined.push((index, count)),
                }
            }
            *side = joined;
        }
        self.schema = schema;
    }

    /// Adds buckets of other listed bounds: those of both that lie between two shared bounds are joined.
    pub(super) fn add_with_shared_bounds(&mut self, other: &Self, mode: Mode) {
        let shared = shared_bounds(&self.custom_bounds, &other.custom_bounds);
        let mut joined = vec![Count::default(); shared.len() + 1];
        let place = |index: i32, bounds: &[f64]| {
            let upper = upper_bound(index, CUSTOM_BUCKETS_SCHEMA, bounds);
            shared.partition_point(|bound| *bound < upper)
        };
        for (index, count) in &self.positive {
            let into = &mut joined[place(*index, &self.custom_bounds)];
            into.add(count.v);
            into.add(count.lost);
        }
        for (index, count) in &other.positive {
            let into = &mut joined[place(*index, &other.custom_bounds)];
            into.add(if mode == Mode::Negative { -count.v } else { count.v });
        }
        self.positive = (0..).zip(joined).filter(|(_, count)| !count.is_zero()).collect();
        self.custom_bounds = shared;
    }
}

/// The bounds that both lists have.
fn shared_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b.iter().peekable();
    a.iter()
        .copied()
        .filter(|bound| {
            while rest.next_if(|other| *other < bound).is_some() {}
            rest.peek() == Some(&bound)
        })
        .collect()
}
