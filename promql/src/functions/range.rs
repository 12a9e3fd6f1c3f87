//! Functions over ranges: a series is read once, its windows are computed one after the other.

use hashbrown::HashSet;

use super::rate::{self, RateKind, Resets, Window};
use super::sliding::Sliding;
use super::sums::Sums;
use super::{Function, absent, extended, mixed, note_quantile, over_time, predict};
use crate::annotations::{Annotations, Level};
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::merge::same_labelset;
use crate::eval::series::{ABSENT, HistogramSteps, Scalar, Series};
use crate::eval::window::{Samples, Slider, Windowed, Windows};
use crate::eval::{Eval, SampleCount, Sink};
use crate::parser::Span;
use crate::parser::ast::RangeExtension;
use crate::plan::node::{Call, Grid, Node, RangeArg};

/// Everything a function over a range needs besides the samples.
pub(super) struct RangeCall<'c> {
    pub(super) function: Function,
    pub(super) windows: Windows,
    /// The other arguments, in order.
    pub(super) params: Vec<Scalar>,
    /// Where annotations point: at the first argument (`quantile_over_time` has its φ first).
    pub(super) first_span: Span,
    pub(super) call: &'c Call,
}

impl RangeCall<'_> {
    pub(super) fn param(&self, at: usize, step: usize) -> f64 {
        self.params.get(at).map_or(f64::NAN, |p| p.get(step))
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
    let range_call = RangeCall {
        function: call.function,
        windows: Windows::new(range, grid, eval.settings.lookback_ms),
        params,
        first_span: call.arg_spans[0],
        call,
    };
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
    call: &RangeCall<'_>,
    range: &RangeArg,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let steps = grid.len();
    let keeps_name = matches!(
        call.function,
        Function::LastOverTime | Function::FirstOverTime | Function::AbsentOverTime
    );
    let delayed = eval.settings.delayed_name_removal;
    let arg_differs = match call.call.args.as_slice() {
        [Node::Range(_)] => eval.differ_without_name(&call.call.args[0]),
        _ => false,
    };
    let mut seen = (!delayed && !arg_differs && call.function != Function::AbsentOverTime)
        .then(HashSet::<SetId, foldhash::fast::RandomState>::default);
    let want_starts = eval.settings.use_start_timestamps
        && matches!(
            call.function,
            Function::Rate | Function::Irate | Function::Increase | Function::Resets
        );
    eval.each_windowed(range, grid, want_starts, &mut |eval, windowed| {
        let mut v = eval.column(steps);
        let mut h = HistogramSteps::new();
        let Windowed {
            set,
            drop_name,
            samples,
        } = windowed;
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
        let mut series = Series { set, drop_name, v, h };
        if series.is_empty() {
            eval.recycle(series.v);
            return Ok(());
        }
        if matches!(call.function, Function::Rate | Function::Increase) {
            note_non_counter(eval, &series, call.first_span);
        }
        if !keeps_name || drop_name {
            eval.drop_name(&mut series);
        }
        if let Some(seen) = &mut seen
            && !seen.insert(series.set)
        {
            return Err(same_labelset());
        }
        sink(eval, series)
    })
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
    call: &RangeCall<'_>,
    samples: &Samples,
    name: &str,
    out: &mut [f64],
    counted: &mut SampleCount,
    notes: &mut Annotations,
) -> Result<(), QueryError> {
    if call.function == Function::DoubleExponentialSmoothing {
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
    if let Some(mut sums) = Sums::of(call.function, &samples.v) {
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
pub(super) fn of_window(call: &RangeCall<'_>, samples: &Samples, window: &Window) -> Option<f64> {
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
    call: &RangeCall<'_>,
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
    call: &RangeCall<'_>,
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
