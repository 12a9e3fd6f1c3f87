//! Functions that sum up the floats of a window: `…_over_time`, `changes`, `resets`.

use super::Function;
use super::rate::{Window, is_start_reset};
use crate::eval::window::Samples;
use crate::kahan;
use crate::quantile::quantile;

/// The value of `function` over one window of floats, `None` where it has none.
///
/// `param` is the φ of `quantile_over_time`.
pub(crate) fn of_window(function: Function, samples: &Samples, window: &Window, param: f64) -> Option<f64> {
    let (t, v) = (&samples.t[window.lo..window.hi], &samples.v[window.lo..window.hi]);
    Some(match function {
        Function::AvgOverTime => avg(v),
        Function::CountOverTime => v.len() as f64,
        Function::FirstOverTime => v[0],
        Function::LastOverTime => v[v.len() - 1],
        Function::MadOverTime => mad(v),
        Function::MaxOverTime => v[extreme(v, |now, most| now > most)],
        Function::MinOverTime => v[extreme(v, |now, least| now < least)],
        Function::PresentOverTime | Function::AbsentOverTime => 1.0,
        Function::QuantileOverTime => quantile(param, &mut v.to_vec()),
        Function::StddevOverTime => variance(v).sqrt(),
        Function::StdvarOverTime => variance(v),
        Function::SumOverTime => sum(v),
        Function::TsOfFirstOverTime => seconds(t[0]),
        Function::TsOfLastOverTime => seconds(t[t.len() - 1]),
        Function::TsOfMaxOverTime => seconds(t[extreme(v, |now, most| now >= most)]),
        Function::TsOfMinOverTime => seconds(t[extreme(v, |now, least| now <= least)]),
        Function::Changes => changes(v),
        Function::Resets => resets(samples, window),
        _ => return None,
    })
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The sum, compensated.
pub(crate) fn sum(v: &[f64]) -> f64 {
    let (mut sum, mut c) = (0.0, 0.0);
    for &v in v {
        (sum, c) = kahan::add(v, sum, c);
    }
    if sum.is_infinite() { sum } else { sum + c }
}

/// The mean: of the sum as long as that does not overflow, then step by step.
pub(crate) fn avg(v: &[f64]) -> f64 {
    let (mut sum, mut c) = (v[0], 0.0);
    for (i, &value) in v.iter().enumerate().skip(1) {
        let (new_sum, new_c) = kahan::add(value, sum, c);
        if new_sum.is_infinite() {
            return incremental_mean(&v[i..], i as f64, sum / i as f64, c / i as f64);
        }
        (sum, c) = (new_sum, new_c);
    }
    let count = v.len() as f64;
    sum / count + c / count
}

fn incremental_mean(rest: &[f64], mut count: f64, mut mean: f64, mut c: f64) -> f64 {
    for &value in rest {
        count += 1.0;
        let q = (count - 1.0) / count;
        (mean, c) = kahan::add(value / count, q * mean, q * c);
    }
    mean + c
}

/// The mean of the squared distances from the mean.
pub(crate) fn variance(v: &[f64]) -> f64 {
    let (mut count, mut mean, mut c_mean, mut aux, mut c_aux) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &value in v {
        count += 1.0;
        let delta = value - (mean + c_mean);
        (mean, c_mean) = kahan::add(delta / count, mean, c_mean);
        (aux, c_aux) = kahan::add(delta * (value - (mean + c_mean)), aux, c_aux);
    }
    (aux + c_aux) / count
}

/// Where the extreme value is; a NaN gives way to anything.
#[inline(always)]
fn extreme(v: &[f64], beats: impl Fn(f64, f64) -> bool) -> usize {
    let mut at = 0;
    for (i, &value) in v.iter().enumerate() {
        if beats(value, v[at]) || v[at].is_nan() {
            at = i;
        }
    }
    at
}

/// The median distance from the median; undefined as soon as one value is.
fn mad(v: &[f64]) -> f64 {
    if v.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let mut values = v.to_vec();
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    quantile(0.5, &mut values)
}

/// Whether the value changed; from NaN to NaN it did not.
#[inline]
pub(crate) fn is_change(before: f64, now: f64) -> bool {
    now != before && !(now.is_nan() && before.is_nan())
}

fn changes(v: &[f64]) -> f64 {
    v.windows(2).filter(|pair| is_change(pair[0], pair[1])).count() as f64
}

fn resets(samples: &Samples, window: &Window) -> f64 {
    let resets = (window.lo + 1..window.hi).filter(|&i| is_reset(samples, i - 1, i));
    resets.count() as f64
}

/// Whether the counter was reset between two floats.
pub(crate) fn is_reset(samples: &Samples, a: usize, b: usize) -> bool {
    let start = |i: usize| samples.start.get(i).copied().unwrap_or(0);
    samples.v[b] < samples.v[a] || is_start_reset((start(a), samples.t[a]), (start(b), samples.t[b]))
}
