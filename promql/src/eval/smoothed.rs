//! Instant selectors with `smoothed`: values between samples are interpolated.

use std::sync::Arc;

use tsdb::model::{FloatHistogram, ResetHint};
use tsdb::query::Columns;

use super::dict::SetId;
use super::series::{HistogramSteps, Series};
use super::window::{HistogramSample, Samples, Slider};
use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::functions::extended::interpolate;
use crate::functions::histogram_extended;
use crate::functions::remarks::Remarks;
use crate::plan::node::{Grid, Selector};

impl<'r> Eval<'r> {
    pub(super) fn each_smoothed(
        &mut self,
        selector: &Selector,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        let lookback_ms = self.settings.lookback_ms;
        let from_ms = selector
            .shift
            .apply(grid.start_ms)
            .saturating_sub(lookback_ms - 1);
        let through_ms = selector.shift.apply(grid.last_ms()).saturating_add(lookback_ms);
        let (mut columns, mut samples) = (Columns::default(), Samples::default());
        let mut held = self.limits.holding()?;
        let read = self.read;
        let mut cursor = read.cursor();
        let roster = &read.rosters[selector.selection];
        for index in 0..roster.len() {
            self.cancel.check()?;
            cursor.read(selector.selection, index, from_ms, through_ms, &mut columns)?;
            let read_bytes = columns.held_bytes();
            held.set(
                0,
                read_bytes + samples.held_bytes() + grid.len() * size_of::<f64>(),
            )?;
            self.limits.note_read(selector.selection, read_bytes);
            self.note_read(columns.len());
            if selector.skips_buckets {
                super::selector::drop_buckets(&mut columns);
            }
            samples.take(&mut columns, false);
            if samples.is_empty() {
                continue;
            }
            let mut v = self.column(grid.len());
            let mut h = HistogramSteps::new();
            if samples.h.is_empty() {
                let mut slider = Slider::default();
                for (step, value) in v.iter_mut().enumerate() {
                    let at_ms = selector.shift.apply(grid.at_ms(step));
                    let (lo, hi) = slider.advance(
                        &samples.t,
                        at_ms.saturating_sub(lookback_ms),
                        at_ms.saturating_add(lookback_ms),
                    );
                    if let Some(found) = smoothed(&samples.t[lo..hi], &samples.v[lo..hi], at_ms) {
                        *value = found;
                    }
                }
            } else {
                let set = self.dict.intern(roster.labels(index));
                self.smooth_mixed(selector, grid, &samples, set, (&mut v, &mut h));
            }
            let mut series = Series::floats(self.dict.intern(roster.labels(index)), v);
            series.h = h;
            if series.is_empty() {
                self.recycle(series.v);
                continue;
            }
            self.account()?;
            sink(self, series)?;
        }
        Ok(())
    }
}

impl Eval<'_> {
    /// Fills the columns of a series that has histograms, perhaps floats too.
    fn smooth_mixed(
        &mut self,
        selector: &Selector,
        grid: Grid,
        samples: &Samples,
        set: SetId,
        (v, h): (&mut [f64], &mut HistogramSteps),
    ) {
        let lookback_ms = self.settings.lookback_ms;
        let histogram_t: Vec<i64> = samples.h.iter().map(|sample| sample.t).collect();
        let (mut floats, mut histograms) = (Slider::default(), Slider::default());
        let mut remarks = Remarks {
            notes: &mut self.notes,
            name: self.dict.metric_name(set),
            span: selector.span,
        };
        for (step, value) in v.iter_mut().enumerate() {
            let at_ms = selector.shift.apply(grid.at_ms(step));
            let (from_ms, through_ms) = (
                at_ms.saturating_sub(lookback_ms),
                at_ms.saturating_add(lookback_ms),
            );
            let (lo, hi) = floats.advance(&samples.t, from_ms, through_ms);
            let (h_lo, h_hi) = histograms.advance(&histogram_t, from_ms, through_ms);
            if h_lo == h_hi {
                if let Some(found) = smoothed(&samples.t[lo..hi], &samples.v[lo..hi], at_ms) {
                    *value = found;
                }
            } else if lo != hi {
                remarks.mixed();
            } else if let Some(found) = smoothed_histogram(&samples.h[h_lo..h_hi], at_ms, &mut remarks) {
                h.push((u32::try_from(step).unwrap_or(u32::MAX), Arc::new(found)));
            }
        }
    }
}

/// As [`smoothed`]. Unless both neighbours are gauges they are taken for a counter's.
fn smoothed_histogram(
    held: &[HistogramSample],
    at_ms: i64,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    let next = held.partition_point(|sample| sample.t < at_ms);
    if let Some(same) = held.get(next).filter(|sample| sample.t == at_ms) {
        return Some(same.h.clone());
    }
    let previous = &held[next.checked_sub(1)?];
    let Some(next) = held.get(next) else {
        // Carried on, it says nothing about resets.
        let mut h = previous.h.clone();
        h.reset_hint = ResetHint::Unknown;
        return Some(h);
    };
    if previous.h.uses_custom_buckets() != next.h.uses_custom_buckets() {
        remarks.mixed_schemas();
        return None;
    }
    let is_gauge = |sample: &HistogramSample| sample.h.reset_hint == ResetHint::Gauge;
    let is_counter = !(is_gauge(previous) && is_gauge(next));
    histogram_extended::interpolate(previous, next, at_ms, is_counter, remarks)
}

/// The value at `at_ms`: a sample's, else between its neighbours, else that of the last one.
fn smoothed(t: &[i64], v: &[f64], at_ms: i64) -> Option<f64> {
    let next = t.partition_point(|&t| t < at_ms);
    if t.get(next) == Some(&at_ms) {
        return Some(v[next]);
    }
    let previous = next.checked_sub(1)?;
    if next == t.len() {
        return Some(v[previous]);
    }
    Some(interpolate(
        (t[previous], v[previous]),
        (t[next], v[next]),
        at_ms,
        false,
    ))
}
