//! Functions over ranges: a series is read once, its windows are computed one after the other.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use tsdb::query::{Cancel, Read};

use super::ranks::Ranks;
use super::rate::{self, RateKind, Resets, Window};
use super::sliding::Sliding;
use super::sums::{Params, Sums};
use super::{Function, absent, extended, mixed, note_quantile, over_time, predict};
use crate::annotations::{Annotations, Level};
use crate::engine::QueryError;
use crate::eval::ahead::{Run, Work};
use crate::eval::dict::SetId;
use crate::eval::limits::Limits;
use crate::eval::merge::same_labelset;
use crate::eval::series::{ABSENT, HistogramSteps, Scalar, Series};
use crate::eval::window::{Samples, Slider, WindowReader, WindowReading, Windowed, Windows};
use crate::eval::{Eval, SampleCount, Sink};
use crate::parser::Span;
use crate::parser::ast::RangeExtension;
use crate::plan::node::{Call, Grid, Node, RangeArg, RangeSource};

/// Everything a function over a range needs besides the samples.
pub(super) struct RangeCall {
    pub(super) function: Function,
    pub(super) windows: Windows,
    /// The other arguments, in order.
    pub(super) params: Vec<Scalar>,
    /// Where annotations point: at the first argument (`quantile_over_time` has its φ first).
    pub(super) first_span: Span,
    /// The range is the only argument.
    pub(super) is_only_arg: bool,
}

impl Params for RangeCall {
    fn param(&self, at: usize, step: usize) -> f64 {
        self.params.get(at).map_or(f64::NAN, |p| p.get(step))
    }

    fn at_ms(&self, step: usize) -> i64 {
        self.windows.grid.at_ms(step)
    }
}

impl RangeCall {
    /// How many samples a window holds, roughly.
    fn window_samples(&self, samples: &Samples) -> usize {
        let grid = self.windows.grid;
        let (Some(first), Some(last)) = (samples.t.first(), samples.t.last()) else {
            return 0;
        };
        if grid.len() < 2 {
            return 0;
        }
        let share = self.windows.range_ms as f64 / (last - first).max(1) as f64;
        (samples.t.len() as f64 * share.min(1.0)) as usize
    }

    /// Whether series of floats can be computed without a complaint.
    fn is_silent(&self, grid: Grid) -> bool {
        let all = |at: usize, is_fine: &dyn Fn(f64) -> bool| {
            (0..grid.len()).all(|step| is_fine(self.param(at, step)))
        };
        match self.function {
            Function::QuantileOverTime => all(0, &|q| (0.0..=1.0).contains(&q)),
            Function::DoubleExponentialSmoothing => {
                (0..2).all(|at| all(at, &|factor| factor > 0.0 && factor < 1.0))
            }
            _ => true,
        }
    }
}

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let mut found = None;
    let mut params = Vec::new();
    for arg in &call.args {
        match arg {
            Node::Range(range) => found = Some(&**range),
            other => params.push(match (found, call.args.first()) {
                (Some(_), Some(earlier)) => eval.scalar_after(earlier, other, grid)?,
                _ => eval.scalar(other, grid)?,
            }),
        }
    }
    let Some(range) = found else {
        return Err(QueryError::execution("expected a range vector"));
    };
    check_extension(call.function, range)?;
    let range_call = Arc::new(RangeCall {
        function: call.function,
        windows: Windows::new(range, grid, eval.settings.lookback_ms),
        params,
        first_span: call.arg_spans[0],
        is_only_arg: call.args.len() == 1,
    });
    if call.function == Function::AbsentOverTime {
        return absent::each_over_time(eval, &range_call, range, grid, sink);
    }
    each_series(eval, &range_call, range, grid, sink)
}

/// Only some functions can work on ranges whose edges have values of their own.
fn check_extension(function: Function, range: &RangeArg) -> Result<(), QueryError> {
    let (word, safe, list) = match range.extension() {
        None => return Ok(()),
        Some(RangeExtension::Anchored) => (
            "anchored",
            matches!(
                function,
                Function::Resets | Function::Changes | Function::Rate | Function::Increase | Function::Delta
            ),
            "changes, delta, increase, rate, resets",
        ),
        Some(RangeExtension::Smoothed) => (
            "smoothed",
            matches!(function, Function::Rate | Function::Increase | Function::Delta),
            "delta, increase, rate",
        ),
    };
    if safe {
        return Ok(());
    }
    Err(QueryError::execution(format!(
        "{word} modifier can only be used with: {list} - not with {}",
        function.name()
    )))
}

pub(super) fn each_series<'r>(
    eval: &mut Eval<'r>,
    call: &Arc<RangeCall>,
    range: &RangeArg,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let keeps_name = matches!(
        call.function,
        Function::LastOverTime | Function::FirstOverTime | Function::AbsentOverTime
    );
    let delayed = eval.settings.delayed_name_removal;
    let arg_differs = call.is_only_arg && eval.differ_without_name_in_range(range);
    let mut seen = (!delayed && !arg_differs && call.function != Function::AbsentOverTime)
        .then(HashSet::<SetId, foldhash::fast::RandomState>::default);
    let mut pass_on = |eval: &mut Eval<'r>, mut series: Series| {
        if series.is_empty() {
            eval.recycle(series.v);
            return Ok(());
        }
        if matches!(call.function, Function::Rate | Function::Increase) {
            note_non_counter(eval, &series, call.first_span);
        }
        if !keeps_name || series.drop_name {
            eval.drop_name(&mut series);
        }
        if let Some(seen) = &mut seen
            && !seen.insert(series.set)
        {
            return Err(same_labelset());
        }
        sink(eval, series)
    };
    let want_starts = eval.settings.use_start_timestamps
        && matches!(
            call.function,
            Function::Rate | Function::Irate | Function::Increase | Function::Resets
        );
    if let RangeSource::Selector(selector) = &range.source
        && !want_starts
        && call.is_silent(grid)
    {
        let read = eval.read;
        let roster = &read.rosters[selector.selection];
        let reading = WindowReading::of(selector, &call.windows, false);
        if let Some(workers) = eval.helpers(roster.len(), reading.from_ms, reading.through_ms) {
            let mut reader = WindowReader::new(reading, read, &eval.limits)?;
            let work = work(call, reading, read, eval.limits.clone(), eval.cancel.clone());
            return eval.each_ahead(
                &workers,
                (roster.len(), grid.len()),
                work,
                |eval, computed| match computed {
                    Computed::Floats(index, v, counted, read) => {
                        eval.account()?;
                        eval.note_read(read);
                        eval.samples.total += counted;
                        let set = eval.dict.intern(roster.labels(index));
                        pass_on(eval, Series::floats(set, v))
                    }
                    Computed::Other(index) => {
                        reader.read(index)?;
                        let windowed = Windowed {
                            set: eval.dict.intern(roster.labels(index)),
                            drop_name: false,
                            samples: &reader.samples,
                        };
                        let series = compute(eval, call, windowed, grid)?;
                        pass_on(eval, series)
                    }
                },
            );
        }
    }
    eval.each_windowed(range, grid, want_starts, &mut |eval, windowed| {
        let series = compute(eval, call, windowed, grid)?;
        pass_on(eval, series)
    })
}

/// The values of a call over one series.
fn compute(
    eval: &mut Eval<'_>,
    call: &RangeCall,
    windowed: Windowed<'_>,
    grid: Grid,
) -> Result<Series, QueryError> {
    let Windowed {
        set,
        drop_name,
        samples,
    } = windowed;
    let mut v = eval.column(grid.len());
    let mut h = HistogramSteps::new();
    let mut counted = std::mem::take(&mut eval.samples);
    let mut notes = std::mem::take(&mut eval.notes);
    let name = eval.dict.metric_name(set);
    let done = if samples.h.is_empty() {
        floats(call, samples, name, &mut v, &mut counted, &mut notes)
    } else {
        mixed::windows(call, samples, name, (&mut v, &mut h), &mut counted, &mut notes)
    };
    eval.samples = counted;
    eval.notes = notes;
    done?;
    Ok(Series { set, drop_name, v, h })
}

/// A series computed ahead of its turn.
enum Computed {
    /// Its index, its values, how many samples were looked at, how many read.
    Floats(usize, Vec<f64>, u64, usize),
    /// Its index, for the query's own thread to compute.
    Other(usize),
}

/// Computes the values of runs of series, away from the query's own thread.
fn work(
    call: &Arc<RangeCall>,
    reading: WindowReading,
    read: &Arc<Read>,
    limits: Limits,
    cancel: Cancel,
) -> Arc<Work<Computed>> {
    let (call, read) = (Arc::clone(call), Arc::clone(read));
    Arc::new(move |of| {
        let mut run = Run::default();
        run.failed = run_ahead(&call, of, (reading, &read), &limits, &cancel, &mut run).err();
        run
    })
}

fn run_ahead(
    call: &RangeCall,
    of: Range<usize>,
    (reading, read): (WindowReading, &Read),
    limits: &Limits,
    cancel: &Cancel,
    run: &mut Run<Computed>,
) -> Result<(), QueryError> {
    let held = run.held.insert(limits.holding()?);
    let mut reader = WindowReader::new(reading, read, limits)?;
    let mut notes = Annotations::new();
    for index in of {
        cancel.check()?;
        if !reader.read(index)? {
            continue;
        }
        if !reader.samples.h.is_empty() {
            run.items.push(Computed::Other(index));
            continue;
        }
        let mut v = vec![ABSENT; call.windows.grid.len()];
        held.add(0, v.len() * size_of::<f64>())?;
        let mut counted = SampleCount::default();
        floats(call, &reader.samples, "", &mut v, &mut counted, &mut notes)?;
        run.items
            .push(Computed::Floats(index, v, counted.total, reader.samples.t.len()));
    }
    debug_assert!(notes.is_empty(), "only silent calls are computed ahead");
    Ok(())
}

/// Notes a rate of what is no counter, going by its name or its type label.
fn note_non_counter(eval: &mut Eval<'_>, series: &Series, span: Span) {
    let name = eval.dict.metric_name(series.set);
    if name.is_empty() || series.v.iter().all(|&v| crate::eval::series::is_absent(v)) {
        return;
    }
    let text = if eval.settings.type_and_unit_labels {
        let kind = eval.dict.text(series.set, eval.dict.kind);
        if matches!(kind, "counter" | "histogram") {
            return;
        }
        format!(
            "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
            crate::annotations::quoted(kind),
            crate::annotations::quoted(name),
        )
    } else {
        if ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            return;
        }
        format!(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
            crate::annotations::quoted(name)
        )
    };
    eval.notes.add(Level::Info, text, Some(span));
}

/// The values of a call over a series that has floats only.
fn floats(
    call: &RangeCall,
    samples: &Samples,
    name: &str,
    out: &mut [f64],
    counted: &mut SampleCount,
    notes: &mut Annotations,
) -> Result<(), QueryError> {
    if call.function == Function::DoubleExponentialSmoothing && !call.is_silent(call.windows.grid) {
        // The factors are looked at where there are samples to smooth.
        let mut failed = Ok(());
        slide(call, samples, counted, out, |window| {
            if failed.is_ok() {
                failed = predict::check_factors(call.param(0, window.step), call.param(1, window.step));
            }
            of_window(call, samples, window)
        });
        return failed;
    }
    if call.function == Function::QuantileOverTime {
        if call.is_silent(call.windows.grid)
            && let Some(mut ranks) = Ranks::of(&samples.v, call.window_samples(samples))
        {
            slide(call, samples, counted, out, |window| {
                Some(ranks.quantile(window, call.param(0, window.step)))
            });
            return Ok(());
        }
        slide(call, samples, counted, out, |window| {
            note_quantile(notes, call.param(0, window.step), call.first_span);
            of_window(call, samples, window)
        });
        return Ok(());
    }
    if call.windows.extension.is_some() {
        slide(call, samples, counted, out, |window| {
            of_window(call, samples, window)
        });
        return Ok(());
    }
    if matches!(
        call.function,
        Function::Rate | Function::Increase | Function::Delta
    ) {
        let kind = rate_kind(call.function);
        let mut resets = if kind.is_counter {
            Resets::find(samples)
        } else {
            Resets::default()
        };
        let range_ms = call.windows.range_ms;
        slide(call, samples, counted, out, |window| {
            if kind.is_counter && resets.overlap_within(window.lo, window.hi) {
                notes.add_overlap(name, call.first_span);
            }
            rate::extrapolated(samples, window, range_ms, kind, &mut resets)
        });
        return Ok(());
    }
    if let Some(mut sliding) = Sliding::over(call.function, samples) {
        slide(call, samples, counted, out, |window| {
            Some(sliding.value(samples, window))
        });
        return Ok(());
    }
    if let Some(mut sums) = Sums::of(call.function, samples, call) {
        each_window(call, samples, counted, out.len(), |window| {
            sums.push(*window, out)
        });
        sums.flush(out);
        return Ok(());
    }
    slide(call, samples, counted, out, |window| {
        of_window(call, samples, window)
    });
    Ok(())
}

pub(super) fn rate_kind(function: Function) -> RateKind {
    RateKind {
        is_counter: function != Function::Delta,
        is_rate: function == Function::Rate,
    }
}

/// The value of a call for one window of floats. Not for rates that need resets found before.
pub(super) fn of_window(call: &RangeCall, samples: &Samples, window: &Window) -> Option<f64> {
    let (t, v) = (&samples.t[window.lo..window.hi], &samples.v[window.lo..window.hi]);
    match call.function {
        Function::Rate | Function::Increase | Function::Delta => {
            let kind = rate_kind(call.function);
            let range_ms = call.windows.range_ms;
            match call.windows.extension {
                Some(extension) => {
                    let smoothed = extension == RangeExtension::Smoothed;
                    extended::rate(samples, window, range_ms, kind, smoothed)
                }
                None => rate::extrapolated(samples, window, range_ms, kind, &mut Resets::find(samples)),
            }
        }
        Function::Irate => rate::instant(samples, window, true),
        Function::Idelta => rate::instant(samples, window, false),
        Function::Deriv => (t.len() > 1).then(|| predict::linear_regression(t, v, t[0]).0),
        Function::PredictLinear => (t.len() > 1).then(|| {
            let at_ms = call.windows.grid.at_ms(window.step);
            let (slope, intercept) = predict::linear_regression(t, v, at_ms);
            slope * call.param(0, window.step) + intercept
        }),
        Function::DoubleExponentialSmoothing => (t.len() > 1).then(|| {
            predict::double_exponential_smoothing(v, call.param(0, window.step), call.param(1, window.step))
        }),
        Function::Changes | Function::Resets if call.windows.extension.is_some() => {
            let lo = extended::anchor(samples, window)?;
            let anchored = Window { lo, ..*window };
            over_time::of_window(call.function, samples, &anchored, 0.0)
        }
        function => over_time::of_window(function, samples, window, call.param(0, window.step)),
    }
}

/// Moves a window over the samples and takes `of` as the value where it holds any.
#[inline]
fn slide(
    call: &RangeCall,
    samples: &Samples,
    counted: &mut SampleCount,
    out: &mut [f64],
    mut of: impl FnMut(&Window) -> Option<f64>,
) {
    let steps = out.len();
    each_window(call, samples, counted, steps, |window| {
        out[window.step] = of(window).unwrap_or(ABSENT);
    });
}

/// Moves a window over the samples; counts what it holds and hands on those that hold any.
#[inline]
fn each_window(
    call: &RangeCall,
    samples: &Samples,
    counted: &mut SampleCount,
    steps: usize,
    mut each: impl FnMut(&Window),
) {
    let windows = &call.windows;
    let mut slider = Slider::default();
    for step in 0..steps {
        let right_ms = windows.right_ms(step);
        let left_ms = windows.left_ms(step);
        let (lo, hi) = slider.advance(&samples.t, windows.opens_ms(step), windows.closes_ms(step));
        if lo == hi {
            continue;
        }
        counted.add(step, (hi - lo) as u64);
        each(&Window {
            step,
            lo,
            hi,
            left_ms,
            right_ms,
        });
    }
}
