//! `sum_over_time` and `avg_over_time` on native histograms, and what sums share with aggregations.

use tsdb::model::histogram::{HistogramSum, IncompatibleBuckets};
use tsdb::model::{FloatHistogram, ResetHint};

use super::remarks::{Doing, Remarks};
use crate::eval::window::HistogramSample;

/// What is to be said about a sum in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    reset: bool,
    no_reset: bool,
    pub(crate) bounds_differed: bool,
}

impl Seen {
    pub(crate) fn take(&mut self, hint: ResetHint) {
        self.reset |= hint == ResetHint::Reset;
        self.no_reset |= hint == ResetHint::NotReset;
    }

    /// Whether what was added contradicts itself about resets.
    pub(crate) fn hints_collided(&self) -> bool {
        self.reset && self.no_reset
    }
}

/// A mean of histograms: of their sum as long as that does not overflow, then step by step.
#[derive(Clone, Debug)]
pub(crate) struct HistogramMean {
    sum: HistogramSum,
    is_mean: bool,
}

impl HistogramMean {
    pub(crate) fn of(first: &FloatHistogram) -> Self {
        Self {
            sum: HistogramSum::of(first),
            is_mean: false,
        }
    }

    /// Takes one more, the `count`-th; whether listed bounds differed.
    pub(crate) fn add(&mut self, h: &FloatHistogram, count: f64) -> Result<bool, IncompatibleBuckets> {
        let mut bounds_differed = false;
        if !self.is_mean {
            let mut sum = self.sum.clone();
            bounds_differed = sum.add(h)?.bounds_differed;
            if !sum.has_overflow() {
                self.sum = sum;
                return Ok(bounds_differed);
            }
            self.is_mean = true;
            self.sum.divide(count - 1.0);
        }
        self.sum.multiply((count - 1.0) / count);
        let mut part = h.clone();
        part.divide(count);
        Ok(self.sum.add(&part)?.bounds_differed || bounds_differed)
    }

    /// The mean of `count` histograms.
    pub(crate) fn finish(mut self, count: f64) -> FloatHistogram {
        if !self.is_mean {
            self.sum.divide(count);
        }
        self.sum.finish()
    }
}

/// The sum, or the mean, of a window's histograms.
pub(super) fn over_time(
    held: &[HistogramSample],
    is_mean: bool,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    let (first, rest) = held.split_first()?;
    let mut seen = Seen::default();
    seen.take(first.h.reset_hint);
    let added = if is_mean {
        mean(&first.h, rest, &mut seen)
    } else {
        sum(&first.h, rest, &mut seen)
    };
    let Ok(added) = added else {
        remarks.mixed_schemas();
        return None;
    };
    if seen.hints_collided() {
        remarks.hints_collided(Doing::Aggregation);
    }
    if seen.bounds_differed {
        remarks.bounds_differed(Doing::Aggregation);
    }
    Some(added)
}

fn sum(
    first: &FloatHistogram,
    rest: &[HistogramSample],
    seen: &mut Seen,
) -> Result<FloatHistogram, IncompatibleBuckets> {
    let mut sum = HistogramSum::of(first);
    for sample in rest {
        seen.take(sample.h.reset_hint);
        seen.bounds_differed |= sum.add(&sample.h)?.bounds_differed;
    }
    Ok(sum.finish())
}

fn mean(
    first: &FloatHistogram,
    rest: &[HistogramSample],
    seen: &mut Seen,
) -> Result<FloatHistogram, IncompatibleBuckets> {
    let (mut mean, mut count) = (HistogramMean::of(first), 1.0);
    for sample in rest {
        count += 1.0;
        seen.take(sample.h.reset_hint);
        seen.bounds_differed |= mean.add(&sample.h, count)?;
    }
    Ok(mean.finish(count))
}
