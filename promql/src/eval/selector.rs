//! Instant vector selectors: at each step the newest sample that is not too old.

use std::sync::Arc;

use tsdb::model::{FloatHistogram, Histogram, ResetHint, is_stale};
use tsdb::query::Columns;

use super::series::{HistogramSteps, Series, is_absent};
use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::parser::ast::RangeExtension;
use crate::plan::node::{Grid, Selector, Shift};

/// What of a sample becomes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Its value.
    Value,
    /// Its time, in seconds: `timestamp()`.
    Time,
    /// Its time, in milliseconds: how `info()` tells which of two is newer.
    TimeMs,
    /// Since when it counts, in seconds: `start_timestamp()`.
    Start,
}

impl<'r> Eval<'r> {
    pub(super) fn each_selected(
        &mut self,
        selector: &Selector,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        if selector.extension == Some(RangeExtension::Smoothed) {
            return self.each_smoothed(selector, grid, sink);
        }
        self.each_taken(selector, grid, Take::Value, sink)
    }

    /// Hands on the series of a selector, with what `take` says as values.
    pub(crate) fn each_taken(
        &mut self,
        selector: &Selector,
        grid: Grid,
        take: Take,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        let steps = grid.len();
        let lookback_ms = self.settings.lookback_ms;
        let from_ms = selector
            .shift
            .apply(grid.start_ms)
            .saturating_sub(lookback_ms - 1);
        let through_ms = selector.shift.apply(grid.last_ms());
        let mut scratch = self.limits.holding()?;
        let mut columns = Columns::default();
        let read = self.read;
        let mut cursor = read.cursor();
        let roster = &read.rosters[selector.selection];
        for index in 0..roster.len() {
            self.cancel.check()?;
            cursor.read(selector.selection, index, from_ms, through_ms, &mut columns)?;
            if columns.is_empty() {
                continue;
            }
            let read_bytes = columns.held_bytes();
            scratch.set(0, read_bytes + steps * size_of::<f64>())?;
            self.note_read(selector.selection, read_bytes, columns.len());
            if selector.skips_buckets {
                drop_buckets(&mut columns);
            }
            let mut v = self.column(steps);
            let mut h = HistogramSteps::new();
            let times = (grid, looked_at(selector, take), lookback_ms);
            pick(&columns, times, take, &mut v, &mut h);
            let present = self.count_present(&v, &h);
            if present == 0 {
                self.recycle(v);
                continue;
            }
            let set = self.dict.intern(roster.labels(index));
            self.account()?;
            sink(
                self,
                Series {
                    set,
                    drop_name: false,
                    v,
                    h,
                },
            )?;
        }
        Ok(())
    }

    /// Counts a selected series' samples, one a step; returns how many.
    fn count_present(&mut self, v: &[f64], h: &HistogramSteps) -> usize {
        let mut present = 0;
        if self.samples.per_step.is_none() {
            present = v.iter().filter(|v| !is_absent(**v)).count();
            self.samples.total += present as u64;
        } else {
            for (step, _) in v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
                present += 1;
                self.samples.add(step, 1);
            }
        }
        for (step, histogram) in h {
            present += 1;
            self.samples
                .add(*step as usize, crate::histogram::size_in_samples(histogram));
        }
        present
    }
}

/// The time at which a selector is looked at. With `@`, `timestamp` looks at that very time, as in
/// Prometheus: `offset` then only limits what was read.
fn looked_at(selector: &Selector, take: Take) -> Shift {
    match take {
        Take::Time | Take::Start if selector.shift.at_ms.is_some() => Shift {
            offset_ms: 0,
            ..selector.shift
        },
        _ => selector.shift,
    }
}

/// Fills a column with the newest sample within the lookback of each step.
fn pick(
    columns: &Columns,
    (grid, shift, lookback_ms): (Grid, Shift, i64),
    take: Take,
    v: &mut [f64],
    h: &mut HistogramSteps,
) {
    let times = columns.t_ms.as_slice();
    let mut histograms = columns.histograms.iter().peekable();
    // The first row after the step's time.
    let mut after = 0;
    for (step, value) in v.iter_mut().enumerate() {
        let ref_ms = shift.apply(grid.at_ms(step));
        while after < times.len() && times[after] <= ref_ms {
            after += 1;
        }
        let Some(row) = after.checked_sub(1) else {
            continue;
        };
        if times[row] <= ref_ms.saturating_sub(lookback_ms) {
            continue;
        }
        if !columns.is_float_only() {
            while histograms.next_if(|(at, _)| (*at as usize) < row).is_some() {}
            if let Some((_, histogram)) = histograms.peek().filter(|(at, _)| *at as usize == row) {
                let histogram = histogram.to_float();
                if !is_stale(histogram.sum) {
                    match taken(columns, row, take) {
                        // Info series are floats; who asks for them is to see that this is none.
                        Some(number) if take != Take::TimeMs => *value = number,
                        _ => h.push((u32::try_from(step).unwrap_or(u32::MAX), Arc::new(histogram))),
                    }
                }
                continue;
            }
        }
        let found = columns.v[row];
        if !is_stale(found) {
            *value = taken(columns, row, take).unwrap_or(found);
        }
    }
}

/// What stands in the place of a sample's value, unless it is the value that is wanted.
#[inline]
fn taken(columns: &Columns, row: usize, take: Take) -> Option<f64> {
    match take {
        Take::Value => None,
        Take::Time => Some(columns.t_ms[row] as f64 / 1000.0),
        Take::TimeMs => Some(columns.t_ms[row] as f64),
        Take::Start => Some(columns.start_ms.get(row).map_or(0.0, |&ms| ms as f64 / 1000.0)),
    }
}

/// Keeps of histograms what `histogram_count` and its like look at. With the buckets goes the possibility to
/// find resets, so the hints are made to say what the buckets show.
pub(super) fn drop_buckets(columns: &mut Columns) {
    let mut previous: Option<FloatHistogram> = None;
    for (_, histogram) in &mut columns.histograms {
        let whole = histogram.to_float();
        let mut kept = FloatHistogram {
            reset_hint: whole.reset_hint,
            schema: whole.schema,
            count: whole.count,
            sum: whole.sum,
            ..FloatHistogram::default()
        };
        if !is_stale(whole.sum) {
            if let (ResetHint::Unknown, Some(previous)) = (whole.reset_hint, &previous) {
                kept.reset_hint = if whole.is_reset_since(previous) {
                    ResetHint::Reset
                } else {
                    ResetHint::NotReset
                };
            }
            previous = Some(whole);
        }
        *histogram = Histogram::Float(kept);
    }
}
