//! Compensated sums of many windows: several windows at a time, each in its own order.
//!
//! A compensated sum is a chain in which every step waits for the one before. Windows do not wait for each
//! other, so taking [`LANES`] of them side by side keeps the processor busy and changes no digit.

use super::over_time;
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
        let lanes: [&[f64]; LANES] = std::array::from_fn(|lane| {
            let window = windows.get(lane).unwrap_or(&windows[0]);
            &self.v[window.lo..window.lo + common]
        });
        let (sums, cs) = side_by_side(lanes);
        for (lane, window) in windows.iter().enumerate() {
            let (mut sum, mut c) = (sums[lane], cs[lane]);
            for &v in &self.v[window.lo + common..window.hi] {
                (sum, c) = kahan::add_finite(v, sum, c);
            }
            let count = (window.hi - window.lo) as f64;
            let is_finite = sum.is_finite() && c.is_finite();
            out[window.step] = match (is_finite, self.is_mean) {
                (true, false) => sum + c,
                (true, true) => sum / count + c / count,
                (false, false) => over_time::sum(&self.v[window.lo..window.hi]),
                // The sum overflows where the mean need not.
                (false, true) => over_time::avg(&self.v[window.lo..window.hi]),
            };
        }
        self.count = 0;
    }
}

/// Sums and compensations of windows of one length. Written lane by lane, so that two share a register.
fn side_by_side([a, b, c, d]: [&[f64]; LANES]) -> ([f64; LANES], [f64; LANES]) {
    let (mut sums, mut cs) = ([0.0; LANES], [0.0; LANES]);
    for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
        (sums[0], cs[0]) = kahan::add_finite(a, sums[0], cs[0]);
        (sums[1], cs[1]) = kahan::add_finite(b, sums[1], cs[1]);
        (sums[2], cs[2]) = kahan::add_finite(c, sums[2], cs[2]);
        (sums[3], cs[3]) = kahan::add_finite(d, sums[3], cs[3]);
    }
    (sums, cs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
