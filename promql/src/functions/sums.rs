//! Compensated sums of many windows: several windows at a time, each in its own order.
//!
//! A compensated sum is a chain in which every step waits for the one before. Windows do not wait for each
//! other, so taking [`LANES`] of them side by side keeps the processor busy and changes no digit.

use super::rate::Window;
use super::{Function, over_time};
use crate::kahan;

/// How many windows are summed side by side.
const LANES: usize = 4;

/// Sums, means or deviations of windows, gathered until there are enough of them.
pub(super) struct Sums<'v> {
    v: &'v [f64],
    function: Function,
    waiting: [Window; LANES],
    count: usize,
}

impl<'v> Sums<'v> {
    /// For the functions whose values are sums.
    pub(super) fn of(function: Function, v: &'v [f64]) -> Option<Self> {
        let none = Window {
            step: 0,
            lo: 0,
            hi: 0,
            left_ms: 0,
            right_ms: 0,
        };
        let is_sum = matches!(
            function,
            Function::SumOverTime
                | Function::AvgOverTime
                | Function::StddevOverTime
                | Function::StdvarOverTime
        );
        is_sum.then_some(Self {
            v,
            function,
            waiting: [none; LANES],
            count: 0,
        })
    }

    /// Takes a window; writes values once there are enough windows.
    pub(super) fn push(&mut self, window: Window, out: &mut [f64]) {
        self.waiting[self.count] = window;
        self.count += 1;
        if self.count == LANES {
            self.flush(out);
        }
    }

    /// Writes the values of all windows taken.
    pub(super) fn flush(&mut self, out: &mut [f64]) {
        let windows = &self.waiting[..self.count];
        let Some(common) = windows.iter().map(|w| w.hi - w.lo).min() else {
            return;
        };
        let lanes: [&[f64]; LANES] = std::array::from_fn(|lane| {
            let window = windows.get(lane).unwrap_or(&windows[0]);
            &self.v[window.lo..window.lo + common]
        });
        let values = match self.function {
            Function::StddevOverTime | Function::StdvarOverTime => {
                self.finish(common, side_by_side(lanes), Spread::variance)
            }
            Function::AvgOverTime => self.finish(common, side_by_side(lanes), Sum::mean),
            _ => self.finish(common, side_by_side(lanes), |sum: &Sum, lane, _| sum.sum(lane)),
        };
        for (window, value) in windows.iter().zip(values) {
            let v = &self.v[window.lo..window.hi];
            out[window.step] = match (value, self.function) {
                (Some(variance), Function::StddevOverTime) => variance.sqrt(),
                (Some(value), _) => value,
                (None, Function::SumOverTime) => over_time::sum(v),
                (None, Function::AvgOverTime) => over_time::avg(v),
                (None, Function::StddevOverTime) => over_time::variance(v).sqrt(),
                (None, _) => over_time::variance(v),
            };
        }
        self.count = 0;
    }

    /// Gathers what each window has beyond the length that all have. A value is `None` where it has to be taken
    /// with care for infinities.
    fn finish<G: Gather>(
        &self,
        common: usize,
        mut gathered: G,
        value: impl Fn(&G, usize, f64) -> Option<f64>,
    ) -> [Option<f64>; LANES] {
        let mut values = [None; LANES];
        for (lane, window) in self.waiting[..self.count].iter().enumerate() {
            let mut count = common as f64;
            for &v in &self.v[window.lo + common..window.hi] {
                count += 1.0;
                gathered.add(lane, v, count);
            }
            values[lane] = value(&gathered, lane, count);
        }
        values
    }
}

/// What is gathered over windows, a lane for each.
trait Gather: Copy + Default {
    /// Takes a window's next value, which makes `count`.
    fn add(&mut self, lane: usize, value: f64, count: f64);
}

/// Compensated sums.
#[derive(Clone, Copy, Default)]
struct Sum {
    sum: [f64; LANES],
    c: [f64; LANES],
}

impl Gather for Sum {
    #[inline(always)]
    fn add(&mut self, lane: usize, value: f64, _count: f64) {
        (self.sum[lane], self.c[lane]) = kahan::add_finite(value, self.sum[lane], self.c[lane]);
    }
}

impl Sum {
    fn sum(&self, lane: usize) -> Option<f64> {
        self.is_finite(lane).then_some(self.sum[lane] + self.c[lane])
    }

    fn mean(&self, lane: usize, count: f64) -> Option<f64> {
        self.is_finite(lane)
            .then_some(self.sum[lane] / count + self.c[lane] / count)
    }

    fn is_finite(&self, lane: usize) -> bool {
        self.sum[lane].is_finite() && self.c[lane].is_finite()
    }
}

/// Compensated means and the squared distances from them.
#[derive(Clone, Copy, Default)]
struct Spread {
    mean: [f64; LANES],
    c_mean: [f64; LANES],
    squares: [f64; LANES],
    c_squares: [f64; LANES],
}

impl Gather for Spread {
    #[inline(always)]
    fn add(&mut self, lane: usize, value: f64, count: f64) {
        let (mean, c_mean) = (self.mean[lane], self.c_mean[lane]);
        let delta = value - (mean + c_mean);
        let (mean, c_mean) = kahan::add_finite(delta / count, mean, c_mean);
        (self.mean[lane], self.c_mean[lane]) = (mean, c_mean);
        let square = delta * (value - (mean + c_mean));
        (self.squares[lane], self.c_squares[lane]) =
            kahan::add_finite(square, self.squares[lane], self.c_squares[lane]);
    }
}

impl Spread {
    fn variance(&self, lane: usize, count: f64) -> Option<f64> {
        let parts = [self.mean, self.c_mean, self.squares, self.c_squares];
        parts
            .iter()
            .all(|part| part[lane].is_finite())
            .then_some((self.squares[lane] + self.c_squares[lane]) / count)
    }
}

/// Gathers windows of one length. Written lane by lane, so that two share a register.
fn side_by_side<G: Gather>([a, b, c, d]: [&[f64]; LANES]) -> G {
    let mut gathered = G::default();
    let mut count = 0.0;
    for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
        count += 1.0;
        gathered.add(0, a, count);
        gathered.add(1, b, count);
        gathered.add(2, c, count);
        gathered.add(3, d, count);
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FUNCTIONS: [Function; 4] = [
        Function::SumOverTime,
        Function::AvgOverTime,
        Function::StddevOverTime,
        Function::StdvarOverTime,
    ];

    /// Numbers, some of which overflow sums or are none.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let odd = prop_oneof![
            Just(f64::NAN),
            Just(f64::NEG_INFINITY),
            Just(1e308),
            Just(-1e308),
            Just(f64::MAX)
        ];
        prop::collection::vec(prop_oneof![9 => -1e3..1e3, 1 => odd], 1..40)
    }

    proptest! {
        #[test]
        fn side_by_side_gives_the_same_digits(v in values(), width in 1_usize..12) {
            for function in FUNCTIONS {
                let mut sums = Sums::of(function, &v).expect("a sum");
                let mut out = vec![0.0; v.len()];
                for hi in 1..=v.len() {
                    let window = Window { step: hi - 1, lo: hi.saturating_sub(width), hi, left_ms: 0, right_ms: 0 };
                    sums.push(window, &mut out);
                }
                sums.flush(&mut out);
                for hi in 1..=v.len() {
                    let window = &v[hi.saturating_sub(width)..hi];
                    let expected = match function {
                        Function::SumOverTime => over_time::sum(window),
                        Function::AvgOverTime => over_time::avg(window),
                        Function::StddevOverTime => over_time::variance(window).sqrt(),
                        _ => over_time::variance(window),
                    };
                    let found = out[hi - 1];
                    prop_assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()));
                }
            }
        }
    }
}
