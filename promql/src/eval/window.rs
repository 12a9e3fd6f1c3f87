//! Windows: what a function over a range sees at each step.
//!
//! A series is read once; then two indices move over its samples. A window leaves out the sample on its
//! left edge and holds the one on its right.
//!
//! ```text
//! samples   ·   ·   ·   ·   ·   ·   ·
//! step 0    (───────────]
//! step 1        (───────────]
//! ```

use tsdb::model::{FloatHistogram, is_stale};
use tsdb::query::{Columns, Cursor, Read};

use super::Eval;
use super::dict::SetId;
use super::limits::{Holding, Limits};
use super::series::{Frame, Series, is_absent};
use crate::engine::QueryError;
use crate::parser::ast::RangeExtension;
use crate::plan::node::{Grid, RangeArg, RangeSource, Selector, Shift};

/// The samples of one series without staleness markers, floats and histograms apart.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Times of the floats.
    pub(crate) t: Vec<i64>,
    /// The floats.
    pub(crate) v: Vec<f64>,
    /// Since when each float counts; empty where that is unknown or not wanted.
    pub(crate) start: Vec<i64>,
    /// The histograms.
    pub(crate) h: Vec<HistogramSample>,
}

/// A histogram and its time.
#[derive(Clone, Debug)]
pub(crate) struct HistogramSample {
    pub(crate) t: i64,
    pub(crate) h: FloatHistogram,
    /// Since when it counts; 0 where that is unknown or not wanted.
    pub(crate) start: i64,
}

impl Samples {
    fn clear(&mut self) {
        self.t.clear();
        self.v.clear();
        self.start.clear();
        self.h.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.t.is_empty() && self.h.is_empty()
    }

    /// Bytes held, those of histograms included.
    pub(crate) fn held_bytes(&self) -> usize {
        let columns = self.t.capacity() + self.v.capacity() + self.start.capacity();
        let histograms: usize = self.h.iter().map(|sample| 16 + sample.h.held_bytes()).sum();
        columns * 8 + histograms
    }

    /// Takes a series as it was read; swaps buffers where nothing has to be left out.
    pub(super) fn take(&mut self, columns: &mut Columns, want_starts: bool) {
        self.clear();
        if columns.is_float_only() && !columns.v.iter().any(|&v| is_stale(v)) {
            std::mem::swap(&mut self.t, &mut columns.t_ms);
            std::mem::swap(&mut self.v, &mut columns.v);
            if want_starts {
                std::mem::swap(&mut self.start, &mut columns.start_ms);
            }
            return;
        }
        let starts = want_starts && !columns.start_ms.is_empty();
        let mut histograms = columns.histograms.iter().peekable();
        for (row, (&t, &v)) in columns.t_ms.iter().zip(&columns.v).enumerate() {
            if let Some((_, histogram)) = histograms.next_if(|(at, _)| *at as usize == row) {
                let h = histogram.to_float();
                if !is_stale(h.sum) {
                    let start = if starts { columns.start_ms[row] } else { 0 };
                    self.h.push(HistogramSample { t, h, start });
                }
            } else if !is_stale(v) {
                self.t.push(t);
                self.v.push(v);
                if starts {
                    self.start.push(columns.start_ms[row]);
                }
            }
        }
    }

    /// Takes a series that a subquery evaluated.
    fn take_evaluated(&mut self, series: &Series, grid: Grid) {
        self.clear();
        for (step, &v) in series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            self.t.push(grid.at_ms(step));
            self.v.push(v);
        }
        for (step, histogram) in &series.h {
            let mut h = FloatHistogram::clone(histogram);
            // Between the steps of a subquery a reset may be missed or met twice, so hints say nothing.
            if h.reset_hint != tsdb::model::ResetHint::Gauge {
                h.reset_hint = tsdb::model::ResetHint::Unknown;
            }
            self.h.push(HistogramSample {
                t: grid.at_ms(*step as usize),
                h,
                start: 0,
            });
        }
    }
}

/// Which times the windows of a call cover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub(crate) grid: Grid,
    pub(crate) shift: Shift,
    pub(crate) range_ms: i64,
    /// Samples up to so long before the range belong to the window (`anchored`, `smoothed`).
    pub(crate) before_ms: i64,
    /// And after it (`smoothed`).
    pub(crate) after_ms: i64,
    pub(crate) extension: Option<RangeExtension>,
}

impl Windows {
    pub(crate) fn new(range: &RangeArg, grid: Grid, lookback_ms: i64) -> Self {
        let extension = range.extension();
        Self {
            grid,
            shift: range.shift,
            range_ms: range.range_ms,
            before_ms: if extension.is_some() { lookback_ms } else { 0 },
            after_ms: if extension == Some(RangeExtension::Smoothed) {
                lookback_ms
            } else {
                0
            },
            extension,
        }
    }

    /// The range's right edge at `step`.
    #[inline]
    pub(crate) fn right_ms(&self, step: usize) -> i64 {
        self.shift.apply(self.grid.at_ms(step))
    }

    /// The range's left edge at `step`, which it does not hold.
    #[inline]
    pub(crate) fn left_ms(&self, step: usize) -> i64 {
        self.right_ms(step).saturating_sub(self.range_ms)
    }

    /// The time after which samples belong to the window at `step`.
    #[inline]
    pub(crate) fn opens_ms(&self, step: usize) -> i64 {
        self.left_ms(step).saturating_sub(self.before_ms)
    }

    /// The time up to which they do.
    #[inline]
    pub(crate) fn closes_ms(&self, step: usize) -> i64 {
        self.right_ms(step).saturating_add(self.after_ms)
    }
}

/// Two indices that move over ascending times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slider {
    lo: usize,
    hi: usize,
}

impl Slider {
    /// Moves on to the times in `left_ms < t <= right_ms`; neither edge ever moves back.
    #[inline]
    pub(crate) fn advance(&mut self, times: &[i64], left_ms: i64, right_ms: i64) -> (usize, usize) {
        while self.hi < times.len() && times[self.hi] <= right_ms {
            self.hi += 1;
        }
        while self.lo < self.hi && times[self.lo] <= left_ms {
            self.lo += 1;
        }
        (self.lo, self.hi)
    }
}

/// What is read of each series of a range selector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowReading {
    selection: usize,
    pub(crate) from_ms: i64,
    pub(crate) through_ms: i64,
    skips_buckets: bool,
    want_starts: bool,
}

impl WindowReading {
    pub(crate) fn of(selector: &Selector, windows: &Windows, want_starts: bool) -> Self {
        Self {
            selection: selector.selection,
            from_ms: windows.opens_ms(0).saturating_add(1),
            through_ms: windows.closes_ms(windows.grid.len() - 1),
            skips_buckets: selector.skips_buckets,
            want_starts,
        }
    }
}

/// Reads series, one after the other.
pub(crate) struct WindowReader<'r> {
    of: WindowReading,
    cursor: Box<dyn Cursor + 'r>,
    columns: Columns,
    /// Those of the series that was read last.
    pub(crate) samples: Samples,
    limits: Limits,
    /// What columns and samples are charged for.
    held: Holding,
}

impl<'r> WindowReader<'r> {
    pub(crate) fn new(of: WindowReading, read: &'r Read, limits: &Limits) -> Result<Self, QueryError> {
        Ok(Self {
            of,
            cursor: read.cursor(),
            columns: Columns::default(),
            samples: Samples::default(),
            limits: limits.clone(),
            held: limits.holding()?,
        })
    }

    /// Reads a series; whether it has samples.
    pub(crate) fn read(&mut self, index: usize) -> Result<bool, QueryError> {
        let (of, columns) = (self.of, &mut self.columns);
        self.cursor
            .read(of.selection, index, of.from_ms, of.through_ms, columns)?;
        let bytes = columns.held_bytes();
        self.limits.note_read(of.selection, bytes);
        self.held.set(0, bytes + self.samples.held_bytes())?;
        if of.skips_buckets {
            super::selector::drop_buckets(columns);
        }
        self.samples.take(columns, of.want_starts);
        Ok(!self.samples.is_empty())
    }
}

/// A series of which a function takes windows.
pub(crate) struct Windowed<'s> {
    pub(crate) set: SetId,
    pub(crate) drop_name: bool,
    pub(crate) samples: &'s Samples,
}

impl<'r> Eval<'r> {
    /// Reads each series of a range argument once and hands its samples to `sink`.
    pub(crate) fn each_windowed(
        &mut self,
        range: &RangeArg,
        grid: Grid,
        want_starts: bool,
        sink: &mut dyn FnMut(&mut Eval<'r>, Windowed<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut samples = Samples::default();
        match &range.source {
            RangeSource::Subquery { node, grid: inner } => {
                let inner = *inner;
                let mut held = self.limits.holding()?;
                // What the subquery looks at is not counted; the windows over its answer are.
                let outer = self.enter();
                let frame = self.all(node, inner)?;
                self.samples = outer;
                for series in frame.series {
                    self.cancel.check()?;
                    samples.take_evaluated(&series, inner);
                    held.set(0, samples.held_bytes())?;
                    let windowed = Windowed {
                        set: series.set,
                        drop_name: series.drop_name,
                        samples: &samples,
                    };
                    sink(self, windowed)?;
                    self.recycle(series.v);
                }
                Ok(())
            }
            RangeSource::Selector(selector) => {
                let windows = Windows::new(range, grid, self.settings.lookback_ms);
                let read = self.read;
                let roster = &read.rosters[selector.selection];
                let reading = WindowReading::of(selector, &windows, want_starts);
                let mut reader = WindowReader::new(reading, read, &self.limits)?;
                for index in 0..roster.len() {
                    self.cancel.check()?;
                    if !reader.read(index)? {
                        continue;
                    }
                    self.note_read(reader.samples.t.len() + reader.samples.h.len());
                    self.account()?;
                    let windowed = Windowed {
                        set: self.dict.intern(roster.labels(index)),
                        drop_name: false,
                        samples: &reader.samples,
                    };
                    sink(self, windowed)?;
                }
                Ok(())
            }
        }
    }

    /// The samples of a range vector at one instant, as an instant query answers them: times are the samples'.
    /// With them comes what they are charged for.
    pub(crate) fn range_vector(
        &mut self,
        range: &RangeArg,
        grid: Grid,
    ) -> Result<(Vec<RangeSeries>, Holding), QueryError> {
        if let RangeSource::Subquery { node, grid: inner } = &range.source {
            let Frame { series, mut holding } = self.all(node, *inner)?;
            let mut held = self.limits.holding()?;
            let mut found = Vec::with_capacity(series.len());
            for series in series {
                let mut samples = Samples::default();
                samples.take_evaluated(&series, *inner);
                held.add(0, samples.held_bytes())?;
                holding.remove(series.held_bytes());
                found.push(RangeSeries {
                    set: series.set,
                    drop_name: series.drop_name,
                    samples,
                });
            }
            return Ok((found, held));
        }
        let windows = Windows::new(range, grid, self.settings.lookback_ms);
        let right_ms = windows.right_ms(0);
        let left_ms = windows.left_ms(0);
        let mut held = self.limits.holding()?;
        let mut found = Vec::new();
        self.each_windowed(range, grid, false, &mut |eval, windowed| {
            let samples = windowed.samples;
            if windows.extension.is_some() && !samples.h.is_empty() {
                let word = match windows.extension {
                    Some(RangeExtension::Anchored) => "anchored",
                    _ => "smoothed",
                };
                return Err(QueryError::execution(format!(
                    "{word} modifier is not supported with histograms"
                )));
            }
            let (t, v) = match windows.extension {
                None => (samples.t.clone(), samples.v.clone()),
                Some(extension) => crate::functions::extended::range(
                    &samples.t,
                    &samples.v,
                    left_ms,
                    right_ms,
                    extension == RangeExtension::Smoothed,
                ),
            };
            let samples = Samples {
                t,
                v,
                start: Vec::new(),
                h: samples.h.clone(),
            };
            let count = samples.t.len() + samples.h.len();
            if count == 0 {
                return Ok(());
            }
            eval.samples.add(0, count as u64);
            held.add(count, samples.held_bytes())?;
            found.push(RangeSeries {
                set: windowed.set,
                drop_name: windowed.drop_name,
                samples,
            });
            Ok(())
        })?;
        Ok((found, held))
    }
}

/// A series of a range vector.
#[derive(Debug)]
pub(crate) struct RangeSeries {
    pub(crate) set: SetId,
    pub(crate) drop_name: bool,
    pub(crate) samples: Samples,
}
