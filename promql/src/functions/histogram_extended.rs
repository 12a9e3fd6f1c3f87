//! `anchored` and `smoothed` ranges of native histograms, as [`super::extended`] has them for floats.

use tsdb::model::{FloatHistogram, ResetHint};

use super::histogram_rate::{add, subtract};
use super::rate::{RateKind, Window};
use super::remarks::Remarks;
use crate::eval::window::HistogramSample;

/// The histogram at `at_ms` between two samples; a counter that was reset between them began at zero.
pub(crate) fn interpolate(
    a: &HistogramSample,
    b: &HistogramSample,
    at_ms: i64,
    is_counter: bool,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    if at_ms == a.t {
        return Some(a.h.clone());
    }
    let mut result = b.h.clone();
    if at_ms == b.t {
        return Some(result);
    }
    let fraction = (at_ms - a.t) as f64 / (b.t - a.t) as f64;
    if is_counter && b.h.is_reset_since(&a.h) {
        result.multiply(fraction);
        return Some(result);
    }
    subtract(&mut result, &a.h, remarks)?;
    result.multiply(fraction);
    add(&mut result, &a.h, remarks)?;
    Some(result)
}

/// `rate`, `increase` or `delta` of an extended window.
pub(super) fn rate(
    held: &[HistogramSample],
    window: &Window,
    range_ms: i64,
    kind: RateKind,
    smoothed: bool,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    let (left_ms, right_ms) = (window.left_ms, window.right_ms);
    let mut last = held.len().checked_sub(1)?;
    let first = held[..last].partition_point(|s| s.t <= left_ms).saturating_sub(1);
    if smoothed {
        last = held[..last].partition_point(|s| s.t < right_ms);
    }
    if held[last].t <= left_ms || (smoothed && held[first].t > right_ms) {
        return None;
    }
    check(&held[first..=last], kind.is_counter, remarks)?;
    let left = if smoothed && held[first].t < left_ms {
        interpolate(&held[first], &held[first + 1], left_ms, kind.is_counter, remarks)?
    } else {
        held[first].h.clone()
    };
    let right = if smoothed && last > 0 && held[last].t > right_ms {
        interpolate(&held[last - 1], &held[last], right_ms, kind.is_counter, remarks)?
    } else {
        held[last].h.clone()
    };
    let is_gauge = |h: &FloatHistogram| h.reset_hint == ResetHint::Gauge;
    let are_gauges = is_gauge(&left) && is_gauge(&right);
    if !are_gauges && !kind.is_counter {
        remarks.not_gauge();
    }
    let mut result = right.clone();
    subtract(&mut result, &left, remarks)?;
    if kind.is_counter {
        let between = Between {
            held,
            first,
            last,
            left: &left,
            right: &right,
            skips_first: smoothed && held[first].t < left_ms,
        };
        if let Some(lost) = between.lost(remarks)? {
            add(&mut result, &lost, remarks)?;
        }
    }
    if kind.is_rate {
        result.divide(range_ms as f64 / 1000.0);
    }
    result.reset_hint = ResetHint::Gauge;
    result.compact();
    Some(result)
}

/// Exponential and listed buckets do not go together; a counter is expected to be one.
fn check(held: &[HistogramSample], is_counter: bool, remarks: &mut Remarks<'_>) -> Option<()> {
    let is_custom = held.first()?.h.uses_custom_buckets();
    for sample in held {
        if sample.h.uses_custom_buckets() != is_custom {
            remarks.mixed_schemas();
            return None;
        }
        if is_counter && sample.h.reset_hint == ResetHint::Gauge {
            remarks.not_counter();
        }
    }
    Some(())
}

/// The samples between two edges.
struct Between<'h> {
    held: &'h [HistogramSample],
    /// The samples that the edges stand for.
    first: usize,
    last: usize,
    left: &'h FloatHistogram,
    right: &'h FloatHistogram,
    /// The left edge was interpolated, and so knows of a reset right after it.
    skips_first: bool,
}

impl Between<'_> {
    /// What was lost at resets; `None` if it cannot be added up.
    fn lost(&self, remarks: &mut Remarks<'_>) -> Option<Option<FloatHistogram>> {
        let mut next = self.first + 1;
        let mut previous = self.left;
        if self.skips_first
            && let Some(second) = self.held.get(next)
            && second.h.is_reset_since(&self.held[self.first].h)
        {
            previous = &second.h;
            next += 1;
        }
        // The last sample is what the right edge is made of.
        if next > self.last {
            return Some(None);
        }
        let mut lost: Option<FloatHistogram> = None;
        let inner = self.held[next..self.last].iter().map(|sample| &sample.h);
        for now in inner.chain([self.right]) {
            if now.is_reset_since(previous) {
                match &mut lost {
                    Some(lost) => add(lost, previous, remarks)?,
                    None => lost = Some(previous.clone()),
                }
            }
            previous = now;
        }
        Some(lost)
    }
}
