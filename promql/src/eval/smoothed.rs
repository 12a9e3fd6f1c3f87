//! Instant selectors with `smoothed`: values between samples are interpolated.

use tsdb::query::Columns;

use super::series::Series;
use super::window::{Samples, Slider};
use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::functions::extended::interpolate;
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
        let read = self.read;
        let mut cursor = read.cursor();
        let roster = &read.rosters[selector.selection];
        for index in 0..roster.len() {
            self.cancel.check()?;
            cursor.read(selector.selection, index, from_ms, through_ms, &mut columns)?;
            samples.take(&mut columns, false);
            if samples.is_empty() {
                continue;
            }
            if !samples.h.is_empty() {
                return Err(crate::functions::histogram::unsupported("a smoothed selector"));
            }
            let mut v = self.column(grid.len());
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
            let series = Series::floats(self.dict.intern(roster.labels(index)), v);
            if series.is_empty() {
                self.recycle(series.v);
                continue;
            }
            sink(self, series)?;
        }
        Ok(())
    }
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
