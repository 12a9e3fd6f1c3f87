//! Functions over ranges that hold native histograms: the slow path.

use std::sync::Arc;

use tsdb::model::FloatHistogram;

use super::range::{RangeCall, of_window, rate_kind};
use super::rate::Window;
use super::remarks::Remarks;
use super::sums::Params;
use super::{Function, histogram_extended, histogram_rate, histogram_sums, predict};
use crate::annotations::Annotations;
use crate::engine::QueryError;
use crate::eval::SampleCount;
use crate::eval::series::HistogramSteps;
use crate::eval::window::{HistogramSample, Samples, Slider};
use crate::histogram::size_in_samples;
use crate::parser::ast::RangeExtension;

/// Fills the columns of a series that has histograms, perhaps floats too.
pub(super) fn windows(
    call: &RangeCall,
    samples: &Samples,
    name: &str,
    (v, h): (&mut [f64], &mut HistogramSteps),
    counted: &mut SampleCount,
    notes: &mut Annotations,
) -> Result<(), QueryError> {
    let histogram_t: Vec<i64> = samples.h.iter().map(|sample| sample.t).collect();
    let (mut floats, mut histograms) = (Slider::default(), Slider::default());
    let mut remarks = Remarks {
        notes,
        name,
        span: call.first_span,
    };
    for (step, value) in v.iter_mut().enumerate() {
        let (from_ms, through_ms) = (call.windows.opens_ms(step), call.windows.closes_ms(step));
        let (lo, hi) = floats.advance(&samples.t, from_ms, through_ms);
        let (h_lo, h_hi) = histograms.advance(&histogram_t, from_ms, through_ms);
        if lo == hi && h_lo == h_hi {
            continue;
        }
        let held = &samples.h[h_lo..h_hi];
        let sizes: u64 = held.iter().map(|s| size_in_samples(&s.h)).sum();
        counted.add(step, (hi - lo) as u64 + sizes);
        let window = Mixed {
            call,
            samples,
            held,
            window: Window {
                step,
                lo,
                hi,
                left_ms: call.windows.left_ms(step),
                right_ms: call.windows.right_ms(step),
            },
        };
        match window.value(&mut remarks)? {
            Value::Nothing => {}
            Value::Float(float) => *value = float,
            Value::Histogram(found) => h.push((u32::try_from(step).unwrap_or(u32::MAX), Arc::new(found))),
        }
    }
    Ok(())
}

/// What a window answers.
enum Value {
    Nothing,
    Float(f64),
    Histogram(FloatHistogram),
}

impl From<Option<f64>> for Value {
    fn from(v: Option<f64>) -> Self {
        v.map_or(Self::Nothing, Self::Float)
    }
}

impl From<Option<FloatHistogram>> for Value {
    fn from(h: Option<FloatHistogram>) -> Self {
        h.map_or(Self::Nothing, Self::Histogram)
    }
}

/// A window with the floats and the histograms in it.
struct Mixed<'w> {
    call: &'w RangeCall,
    samples: &'w Samples,
    held: &'w [HistogramSample],
    window: Window,
}

/// A sample of either kind.
#[derive(Clone, Copy)]
enum Sample<'h> {
    /// The index of a float.
    Float(usize),
    Histogram(&'h HistogramSample),
}

impl Mixed<'_> {
    fn value(&self, remarks: &mut Remarks<'_>) -> Result<Value, QueryError> {
        let (call, window, held) = (self.call, &self.window, self.held);
        let floats = window.hi - window.lo;
        let float = || Value::from(of_window(call, self.samples, window));
        let seconds = |ms: i64| Value::Float(ms as f64 / 1000.0);
        if call.function == Function::DoubleExponentialSmoothing {
            predict::check_factors(call.param(0, window.step), call.param(1, window.step))?;
        }
        let Some((first, last)) = held.first().zip(held.last()) else {
            if call.function == Function::QuantileOverTime {
                super::note_quantile(remarks.notes, call.param(0, window.step), call.first_span);
            }
            return Ok(float());
        };
        let float_times = &self.samples.t[window.lo..window.hi];
        let float_ends = float_times.first().zip(float_times.last());
        Ok(match call.function {
            Function::CountOverTime => Value::Float((floats + held.len()) as f64),
            Function::PresentOverTime | Function::AbsentOverTime => Value::Float(1.0),
            Function::FirstOverTime if float_ends.is_some_and(|(t, _)| *t < first.t) => float(),
            Function::FirstOverTime => Value::Histogram(first.h.clone()),
            Function::LastOverTime if float_ends.is_some_and(|(_, t)| *t > last.t) => float(),
            Function::LastOverTime => Value::Histogram(last.h.clone()),
            Function::TsOfFirstOverTime => seconds(float_ends.map_or(first.t, |(t, _)| first.t.min(*t))),
            Function::TsOfLastOverTime => seconds(float_ends.map_or(last.t, |(_, t)| last.t.max(*t))),
            Function::Changes => self.events(is_change).into(),
            Function::Resets => self.events(is_reset).into(),
            Function::Irate | Function::Idelta => self.between_last_two(remarks),
            Function::Rate
            | Function::Increase
            | Function::Delta
            | Function::AvgOverTime
            | Function::SumOverTime
                if floats > 0 =>
            {
                remarks.mixed();
                Value::Nothing
            }
            Function::AvgOverTime => histogram_sums::over_time(held, true, remarks).into(),
            Function::SumOverTime => histogram_sums::over_time(held, false, remarks).into(),
            Function::Rate | Function::Increase | Function::Delta => self.rate(remarks).into(),
            _ if floats == 0 => Value::Nothing,
            function => {
                if function == Function::QuantileOverTime {
                    super::note_quantile(remarks.notes, call.param(0, window.step), call.first_span);
                }
                remarks.histograms_ignored();
                float()
            }
        })
    }

    fn rate(&self, remarks: &mut Remarks<'_>) -> Option<FloatHistogram> {
        let (kind, range_ms) = (rate_kind(self.call.function), self.call.windows.range_ms);
        match self.call.windows.extension {
            Some(extension) => {
                let smoothed = extension == RangeExtension::Smoothed;
                histogram_extended::rate(self.held, &self.window, range_ms, kind, smoothed, remarks)
            }
            None => histogram_rate::extrapolated(self.held, &self.window, range_ms, kind, remarks),
        }
    }

    /// The samples from the one numbered so on, floats and histograms in order of time.
    fn in_order(&self, mut float: usize, mut histogram: usize) -> Vec<Sample<'_>> {
        let mut found = Vec::new();
        loop {
            let float_t = self.samples.t[..self.window.hi].get(float);
            let held = self.held.get(histogram);
            match (float_t, held) {
                (None, None) => return found,
                (Some(t), held) if held.is_none_or(|held| *t < held.t) => {
                    found.push(Sample::Float(float));
                    float += 1;
                }
                (_, Some(held)) => {
                    found.push(Sample::Histogram(held));
                    histogram += 1;
                }
                (Some(_), None) => return found,
            }
        }
    }

    /// How often something happens from a sample to the next. An anchored window begins with the last
    /// sample before it.
    fn events(&self, is_event: fn(&Samples, Sample<'_>, Sample<'_>) -> bool) -> Option<f64> {
        let (mut float, mut histogram) = (self.window.lo, 0);
        if self.call.windows.extension.is_some() {
            let left_ms = self.window.left_ms;
            let times = &self.samples.t[self.window.lo..self.window.hi];
            let floats = times.partition_point(|t| *t <= left_ms);
            let histograms = self.held.partition_point(|s| s.t <= left_ms);
            if floats == times.len() && histograms == self.held.len() {
                return None;
            }
            (float, histogram) = (self.window.lo + floats, histograms);
            let last_float = floats.checked_sub(1).map(|at| times[at]);
            let last_histogram = histograms.checked_sub(1).map(|at| self.held[at].t);
            match (last_float, last_histogram) {
                (None, None) => {}
                (Some(t), other) if other.is_none_or(|other| t >= other) => float -= 1,
                _ => histogram -= 1,
            }
        }
        let samples = self.in_order(float, histogram);
        let pairs = samples.windows(2);
        Some(
            pairs
                .filter(|pair| is_event(self.samples, pair[0], pair[1]))
                .count() as f64,
        )
    }

    fn between_last_two(&self, remarks: &mut Remarks<'_>) -> Value {
        let floats = self.window.hi.saturating_sub(2).max(self.window.lo);
        let samples = self.in_order(floats, self.held.len().saturating_sub(2));
        let [.., before, now] = samples.as_slice() else {
            return Value::Nothing;
        };
        match (before, now) {
            (Sample::Float(_), Sample::Float(_)) => of_window(self.call, self.samples, &self.window).into(),
            (Sample::Histogram(before), Sample::Histogram(now)) => {
                let is_rate = self.call.function == Function::Irate;
                histogram_rate::instant(before, now, is_rate, remarks).into()
            }
            _ => {
                remarks.mixed();
                Value::Nothing
            }
        }
    }
}

fn is_change(samples: &Samples, before: Sample<'_>, now: Sample<'_>) -> bool {
    match (before, now) {
        (Sample::Float(a), Sample::Float(b)) => super::over_time::is_change(samples.v[a], samples.v[b]),
        (Sample::Histogram(a), Sample::Histogram(b)) => !b.h.is_same(&a.h),
        _ => true,
    }
}

fn is_reset(samples: &Samples, before: Sample<'_>, now: Sample<'_>) -> bool {
    match (before, now) {
        (Sample::Float(a), Sample::Float(b)) => super::over_time::is_reset(samples, a, b),
        (Sample::Histogram(a), Sample::Histogram(b)) => histogram_rate::is_reset(a, b),
        _ => true,
    }
}
