//! Functions whose value for a window follows from that for the window before, digit by digit.
//!
//! | function | how |
//! |---|---|
//! | `changes`, `resets` | how many up to each sample, counted once; a window is a difference |
//! | `min_over_time`, `max_over_time` | a queue of the samples that no later one beats |
//! | `sum_over_time`, `avg_over_time` | sums up to each sample, if all of them are exact |
//!
//! Sums of whole numbers below 2^53 are exact in any order, so a difference of two of them is the sum that
//! Prometheus takes afresh for every window. Other sums are not, and are taken afresh here too.

use std::collections::VecDeque;

use super::Function;
use super::over_time::is_change;
use super::rate::{Window, is_start_reset};
use crate::eval::window::Samples;

/// Sums of whole numbers are exact below this.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Whether samples are so many more than steps that finding out pays; with few windows, or short ones,
/// looking at each is as good.
const WORTH_SAMPLES: usize = 16;

/// A function that slides over one series.
pub(super) enum Sliding {
    /// How many events up to and with each sample, the first sample's own left out.
    Events(Vec<u32>),
    /// The samples, first to last, that none after them beats; whether the largest are wanted.
    Extreme {
        queue: VecDeque<usize>,
        next: usize,
        is_max: bool,
    },
    /// The sum of all samples before each; whether the mean is wanted.
    Sums { before: Vec<f64>, is_mean: bool },
}

impl Sliding {
    /// How `function` slides over a series, if it can.
    pub(super) fn over(function: Function, samples: &Samples) -> Option<Self> {
        let v = &samples.v;
        if v.len() < WORTH_SAMPLES {
            return None;
        }
        match function {
            Function::Changes => Some(Self::events(v.len(), |i| is_change(v[i - 1], v[i]))),
            Function::Resets => {
                let start = |i: usize| samples.start.get(i).copied().unwrap_or(0);
                let t = &samples.t;
                Some(Self::events(v.len(), |i| {
                    v[i] < v[i - 1] || is_start_reset((start(i - 1), t[i - 1]), (start(i), t[i]))
                }))
            }
            Function::MinOverTime | Function::MaxOverTime => Some(Self::Extreme {
                queue: VecDeque::new(),
                next: 0,
                is_max: function == Function::MaxOverTime,
            }),
            Function::SumOverTime | Function::AvgOverTime => {
                let before = exact_sums(v)?;
                let is_mean = function == Function::AvgOverTime;
                Some(Self::Sums { before, is_mean })
            }
            _ => None,
        }
    }

    fn events(samples: usize, is_event: impl Fn(usize) -> bool) -> Self {
        let mut count = 0;
        let mut up_to = Vec::with_capacity(samples);
        up_to.push(0);
        for i in 1..samples {
            count += u32::from(is_event(i));
            up_to.push(count);
        }
        Self::Events(up_to)
    }

    /// The value for a window; windows must not go back.
    #[inline]
    pub(super) fn value(&mut self, samples: &Samples, window: &Window) -> f64 {
        let (lo, hi) = (window.lo, window.hi);
        match self {
            Self::Events(up_to) => f64::from(up_to[hi - 1] - up_to[lo]),
            Self::Sums { before, is_mean } => {
                let sum = before[hi] - before[lo];
                if *is_mean { sum / (hi - lo) as f64 } else { sum }
            }
            Self::Extreme { queue, next, is_max } => {
                let v = &samples.v;
                for at in (*next).max(lo)..hi {
                    let value = v[at];
                    if value.is_nan() {
                        continue;
                    }
                    // Of equal samples the first stays.
                    let is_beaten = |other: f64| if *is_max { other < value } else { other > value };
                    while queue.back().is_some_and(|&back| is_beaten(v[back])) {
                        queue.pop_back();
                    }
                    queue.push_back(at);
                }
                *next = hi;
                while queue.front().is_some_and(|&front| front < lo) {
                    queue.pop_front();
                }
                queue.front().map_or(f64::NAN, |&front| v[front])
            }
        }
    }
}

/// The sums before each sample, if all of them are exact.
fn exact_sums(v: &[f64]) -> Option<Vec<f64>> {
    let mut before = Vec::with_capacity(v.len() + 1);
    let (mut sum, mut size) = (0.0, 0.0);
    before.push(sum);
    for &value in v {
        size += value.abs();
        // Also false for NaN and the infinities.
        let is_exact = value.trunc() == value && size < EXACT_MAX;
        if !is_exact {
            return None;
        }
        sum += value;
        before.push(sum);
    }
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::over_time;
    use proptest::prelude::*;

    const FUNCTIONS: [Function; 6] = [
        Function::Changes,
        Function::Resets,
        Function::MinOverTime,
        Function::MaxOverTime,
        Function::SumOverTime,
        Function::AvgOverTime,
    ];

    /// Values of which some repeat, fall, are no numbers, or have a fraction.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let whole = (-5..6).prop_map(f64::from);
        let odd = prop_oneof![
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(-0.0),
            Just(0.5),
            Just(1e18)
        ];
        let mixed = prop_oneof![9 => whole.clone(), 1 => odd];
        prop_oneof![
            prop::collection::vec(whole, 16..60),
            prop::collection::vec(mixed, 16..60)
        ]
    }

    proptest! {
        #[test]
        fn sliding_gives_what_looking_at_each_window_gives(v in values(), width in 1_usize..20, stride in 1_usize..4) {
            let samples = Samples {
                t: (0..v.len() as i64).collect(),
                v,
                ..Samples::default()
            };
            for function in FUNCTIONS {
                let Some(mut sliding) = Sliding::over(function, &samples) else {
                    continue;
                };
                for hi in (1..=samples.v.len()).step_by(stride) {
                    let window = Window { step: 0, lo: hi.saturating_sub(width), hi, left_ms: 0, right_ms: 0 };
                    let expected = over_time::of_window(function, &samples, &window, 0.0);
                    let found = sliding.value(&samples, &window);
                    let is_same = expected.is_some_and(|e| e == found || (e.is_nan() && found.is_nan()));
                    prop_assert!(is_same, "{} {expected:?} {found}", function.name());
                }
            }
        }
    }
}
