//! Compensated sums of many windows: several windows at a time, each in its own order.
//!
//! A compensated sum is a chain in which every step waits for the one before. Windows do not wait for each
//! other, so taking [`LANES`] of them side by side keeps the processor busy and changes no digit.

use super::rate::Window;
use crate::kahan;

/// How many windows are summed side by side.
const LANES: usize = 4;

/// Sums or means of windows, gathered until there are enough of them.
pub(super) struct Sums<'v> {
    v: &'v [f64],
    is_mean: bool,
    waiting: [Window; LANES],
    count: usize,
}

impl<'v> Sums<'v> {
    pub(super) fn new(v: &'v [f64], is_mean: bool) -> Self {
        let none = Window {
            step: 0,
            lo: 0,
            hi: 0,
            left_ms: 0,
            right_ms: 0,
        };
        Self {
            v,
            is_mean,
            waiting: [none; LANES],
            count: 0,
        }
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
        let (mut sums, mut cs) = ([0.0; LANES], [0.0; LANES]);
        let lanes: [&[f64]; LANES] = std::array::from_fn(|lane| {
            let window = windows.get(lane).unwrap_or(&windows[0]);
            &self.v[window.lo..window.lo + common]
        });
        for i in 0..common {
            for ((v, sum), c) in lanes.iter().zip(&mut sums).zip(&mut cs) {
                (*sum, *c) = kahan::add(v[i], *sum, *c);
            }
        }
        for (lane, window) in windows.iter().enumerate() {
            let (mut sum, mut c) = (sums[lane], cs[lane]);
            for &v in &self.v[window.lo + common..window.hi] {
                (sum, c) = kahan::add(v, sum, c);
            }
            let count = (window.hi - window.lo) as f64;
            out[window.step] = if !self.is_mean {
                if sum.is_infinite() { sum } else { sum + c }
            } else if sum.is_finite() {
                sum / count + c / count
            } else {
                // The sum overflows where the mean need not.
                super::over_time::avg(&self.v[window.lo..window.hi])
            };
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::over_time;
    use proptest::prelude::*;

    /// Numbers, some of which overflow sums or are none.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let odd = prop_oneof![Just(f64::NAN), Just(f64::NEG_INFINITY), Just(1e308), Just(-1e308)];
        prop::collection::vec(prop_oneof![9 => -1e3..1e3, 1 => odd], 1..40)
    }

    proptest! {
        #[test]
        fn side_by_side_gives_the_same_digits(v in values(), width in 1_usize..12) {
            for is_mean in [false, true] {
                let mut sums = Sums::new(&v, is_mean);
                let mut out = vec![0.0; v.len()];
                for hi in 1..=v.len() {
                    let window = Window { step: hi - 1, lo: hi.saturating_sub(width), hi, left_ms: 0, right_ms: 0 };
                    sums.push(window, &mut out);
                }
                sums.flush(&mut out);
                for hi in 1..=v.len() {
                    let window = &v[hi.saturating_sub(width)..hi];
                    let expected = if is_mean { over_time::avg(window) } else { over_time::sum(window) };
                    let found = out[hi - 1];
                    prop_assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()));
                }
            }
        }
    }
}
