//! Instant vector selectors: at each step the newest sample that is not too old.

use std::ops::Range;
use std::sync::Arc;

use tsdb::model::{FloatHistogram, Histogram, ResetHint, is_stale};
use tsdb::query::{Cancel, Columns, Cursor, Read};

use super::ahead::{Run, Work};
use super::dict::{Dict, SetId};
use super::limits::{Holding, Limits};
use super::series::{ABSENT, HistogramSteps, Series, is_absent};
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

/// Whether a series is wanted, by its labels.
pub(crate) type Wants<'w> = dyn Fn(&Dict, SetId) -> bool + 'w;

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
        self.each_wanted(selector, None, (grid, take), sink)
    }

    /// Hands on those series of a selector that are wanted; others are neither read nor counted.
    pub(crate) fn each_wanted(
        &mut self,
        selector: &Selector,
        wants: Option<&Wants<'_>>,
        (grid, take): (Grid, Take),
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        let picking = Picking {
            selection: selector.selection,
            grid,
            shift: looked_at(selector, take),
            lookback_ms: self.settings.lookback_ms,
            from_ms: selector
                .shift
                .apply(grid.start_ms)
                .saturating_sub(self.settings.lookback_ms - 1),
            through_ms: (selector.shift.apply(grid.last_ms()))
                .min(selector.read_through_ms.unwrap_or(i64::MAX)),
            take,
            skips_buckets: selector.skips_buckets,
        };
        let read = self.read;
        let roster = &read.rosters[selector.selection];
        let mut picker = Picker::new(picking, read, &self.limits)?;
        let mut pick = |eval: &mut Self, index: usize, sink: Sink<'_, 'r>| {
            let (mut v, mut h) = (eval.column(grid.len()), HistogramSteps::new());
            let present = if picker.pick(index, &mut v, &mut h)? {
                eval.note_read(picker.columns.len());
                eval.account()?;
                eval.count_present(&v, &h)
            } else {
                0
            };
            if present == 0 {
                eval.recycle(v);
                return Ok(());
            }
            let set = eval.dict.intern(roster.labels(index));
            let mut series = Series::floats(set, v);
            series.h = h;
            sink(eval, series)
        };
        // Who chooses does so one by one, so nothing is read ahead.
        let workers = match wants {
            Some(_) => None,
            None => self.helpers(roster.len(), picking.from_ms, picking.through_ms),
        };
        let Some(workers) = workers else {
            for index in 0..roster.len() {
                self.cancel.check()?;
                if let Some(wants) = wants {
                    let set = self.dict.intern(roster.labels(index));
                    if !wants(&self.dict, set) {
                        continue;
                    }
                }
                pick(self, index, sink)?;
            }
            return Ok(());
        };
        let work = picking.work(read, self.limits.clone(), self.cancel.clone());
        self.each_ahead(
            &workers,
            (roster.len(), grid.len()),
            work,
            |eval, picked| match picked {
                Picked::Floats(index, v, present, read) => {
                    eval.samples.total += present as u64;
                    eval.note_read(read);
                    eval.account()?;
                    let set = eval.dict.intern(roster.labels(index));
                    sink(eval, Series::floats(set, v))
                }
                Picked::Other(index) => pick(eval, index, sink),
            },
        )
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

/// What is picked of each series of a selector.
#[derive(Clone, Copy, Debug)]
struct Picking {
    selection: usize,
    grid: Grid,
    shift: Shift,
    lookback_ms: i64,
    from_ms: i64,
    through_ms: i64,
    take: Take,
    skips_buckets: bool,
}

/// A series picked ahead of its turn.
enum Picked {
    /// Its index, its column, how many values that has (one at least), of how many samples.
    Floats(usize, Vec<f64>, usize, usize),
    /// Its index, for the query's own thread to look at.
    Other(usize),
}

impl Picking {
    fn work(self, read: &Arc<Read>, limits: Limits, cancel: Cancel) -> Arc<Work<Picked>> {
        let read = Arc::clone(read);
        Arc::new(move |of| {
            let mut run = Run::default();
            run.failed = self.run(of, &read, &limits, &cancel, &mut run).err();
            run
        })
    }

    fn run(
        self,
        of: Range<usize>,
        read: &Read,
        limits: &Limits,
        cancel: &Cancel,
        run: &mut Run<Picked>,
    ) -> Result<(), QueryError> {
        let held = run.held.insert(limits.holding()?);
        let mut picker = Picker::new(self, read, limits)?;
        for index in of {
            cancel.check()?;
            if !picker.read(index)? {
                continue;
            }
            if !picker.columns.is_float_only() {
                run.items.push(Picked::Other(index));
                continue;
            }
            let mut v = vec![ABSENT; self.grid.len()];
            pick(&picker.columns, &self, &mut v, &mut HistogramSteps::new());
            let present = v.iter().filter(|v| !is_absent(**v)).count();
            if present > 0 {
                held.add(0, v.len() * size_of::<f64>())?;
                run.items
                    .push(Picked::Floats(index, v, present, picker.columns.len()));
            }
        }
        Ok(())
    }
}

/// Reads series and picks values of them.
struct Picker<'r> {
    of: Picking,
    cursor: Box<dyn Cursor + 'r>,
    columns: Columns,
    limits: Limits,
    /// What the columns are charged for, and a column of values.
    held: Holding,
}

impl<'r> Picker<'r> {
    fn new(of: Picking, read: &'r Read, limits: &Limits) -> Result<Self, QueryError> {
        Ok(Self {
            of,
            cursor: read.cursor(),
            columns: Columns::default(),
            limits: limits.clone(),
            held: limits.holding()?,
        })
    }

    /// Reads a series; whether it has samples.
    fn read(&mut self, index: usize) -> Result<bool, QueryError> {
        let (of, columns) = (self.of, &mut self.columns);
        self.cursor
            .read(of.selection, index, of.from_ms, of.through_ms, columns)?;
        let bytes = columns.held_bytes();
        self.limits.note_read(of.selection, bytes);
        self.held.set(0, bytes + of.grid.len() * size_of::<f64>())?;
        Ok(!columns.is_empty())
    }

    /// Fills the columns of a series; whether it has samples.
    fn pick(&mut self, index: usize, v: &mut [f64], h: &mut HistogramSteps) -> Result<bool, QueryError> {
        if !self.read(index)? {
            return Ok(false);
        }
        if self.of.skips_buckets {
            drop_buckets(&mut self.columns);
        }
        pick(&self.columns, &self.of, v, h);
        Ok(true)
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
fn pick(columns: &Columns, of: &Picking, v: &mut [f64], h: &mut HistogramSteps) {
    let Picking {
        grid,
        shift,
        lookback_ms,
        take,
        ..
    } = *of;
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
