//! Functions over ranges that hold native histograms: the slow path.

use std::sync::Arc;

use super::range::{RangeCall, of_window};
use super::rate::Window;
use super::{Function, histogram};
use crate::annotations::{Annotations, Level, quoted};
use crate::engine::QueryError;
use crate::eval::SampleCount;
use crate::eval::series::HistogramSteps;
use crate::eval::window::{HistogramSample, Samples, Slider};

/// Fills the columns of a series that has histograms, perhaps floats too.
pub(super) fn windows(
    call: &RangeCall<'_>,
    samples: &Samples,
    name: &str,
    (v, h): (&mut [f64], &mut HistogramSteps),
    counted: &mut SampleCount,
    notes: &mut Annotations,
) -> Result<(), QueryError> {
    let histogram_t: Vec<i64> = samples.h.iter().map(|sample| sample.t).collect();
    let (mut floats, mut histograms) = (Slider::default(), Slider::default());
    for (step, value) in v.iter_mut().enumerate() {
        let right_ms = call.windows.right_ms(step);
        let left_ms = call.windows.left_ms(step);
        let (from_ms, through_ms) = (call.windows.opens_ms(step), call.windows.closes_ms(step));
        let (lo, hi) = floats.advance(&samples.t, from_ms, through_ms);
        let (h_lo, h_hi) = histograms.advance(&histogram_t, from_ms, through_ms);
        if lo == hi && h_lo == h_hi {
            continue;
        }
        let held = &samples.h[h_lo..h_hi];
        let sizes: u64 = held.iter().map(|s| histogram::size_in_samples(&s.h)).sum();
        counted.add(step, (hi - lo) as u64 + sizes);
        let window = Window {
            step,
            lo,
            hi,
            left_ms,
            right_ms,
        };
        let (float, kept) = of_mixed(call, samples, held, &window, name, notes)?;
        if let Some(float) = float {
            *value = float;
        } else if let Some(kept) = kept {
            h.push((u32::try_from(step).unwrap_or(u32::MAX), Arc::new(kept.h.clone())));
        }
    }
    Ok(())
}

type Value<'h> = (Option<f64>, Option<&'h HistogramSample>);

fn of_mixed<'h>(
    call: &RangeCall<'_>,
    samples: &Samples,
    held: &'h [HistogramSample],
    window: &Window,
    name: &str,
    notes: &mut Annotations,
) -> Result<Value<'h>, QueryError> {
    let floats = window.hi - window.lo;
    let float = || of_window(call, samples, window);
    let seconds = |ms: i64| Some(ms as f64 / 1000.0);
    let first_float = || samples.t[window.lo];
    let last_float = || samples.t[window.hi - 1];
    let Some((first, last)) = held.first().zip(held.last()) else {
        return Ok((float(), None));
    };
    Ok(match call.function {
        Function::CountOverTime => (Some((floats + held.len()) as f64), None),
        Function::PresentOverTime | Function::AbsentOverTime => (Some(1.0), None),
        Function::FirstOverTime if floats > 0 && first_float() < first.t => (float(), None),
        Function::FirstOverTime => (None, Some(first)),
        Function::LastOverTime if floats > 0 && last_float() > last.t => (float(), None),
        Function::LastOverTime => (None, Some(last)),
        Function::TsOfFirstOverTime if floats > 0 => (seconds(first.t.min(first_float())), None),
        Function::TsOfFirstOverTime => (seconds(first.t), None),
        Function::TsOfLastOverTime if floats > 0 => (seconds(last.t.max(last_float())), None),
        Function::TsOfLastOverTime => (seconds(last.t), None),
        Function::MinOverTime
        | Function::MaxOverTime
        | Function::QuantileOverTime
        | Function::StddevOverTime
        | Function::StdvarOverTime
        | Function::MadOverTime
        | Function::TsOfMaxOverTime
        | Function::TsOfMinOverTime
        | Function::Deriv
        | Function::PredictLinear
        | Function::DoubleExponentialSmoothing => {
            if floats == 0 {
                return Ok((None, None));
            }
            if call.function == Function::QuantileOverTime {
                super::note_quantile(notes, call.param(0, window.step), call.first_span);
            }
            let text = format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quoted(name)
            );
            notes.add(Level::Info, text, Some(call.first_span));
            (float(), None)
        }
        Function::Rate
        | Function::Increase
        | Function::Delta
        | Function::AvgOverTime
        | Function::SumOverTime
            if floats > 0 =>
        {
            let text = format!(
                "encountered a mix of histograms and floats for metric name {}",
                quoted(name)
            );
            notes.add(Level::Warning, text, Some(call.span));
            (None, None)
        }
        Function::Rate | Function::Increase | Function::Delta | Function::Irate | Function::Idelta
            if floats + held.len() < 2 =>
        {
            (None, None)
        }
        other => return Err(histogram::unsupported(&format!("{}()", other.name()))),
    })
}
