//! Functions that look at every sample of each window, sixteen windows at a time, each in its own order.
//!
//! A compensated sum is a chain in which every step waits for the one before. Windows do not wait for each
//! other, so taking [`LANES`] of them side by side keeps the processor busy and changes no digit.
//!
//! ```text
//! window 0   ●●●●●●●●●●●●          what all windows have: four to a register
//! window 1     ●●●●●●●●●●●●○       ○ what a window has beyond: one by one
//! window 2       ●●●●●●●●●●●●
//! ```
//!
//! Start with [`Sums::push`]; the [`Kind`]s say what is gathered.

use super::rate::Window;
use super::wide::{self, Kernel, One, Wide};
use super::{Function, over_time, predict};
use crate::eval::window::Samples;

/// How many windows are gathered side by side.
const LANES: usize = 16;
/// How often the samples of a series are laid out anew for windows that begin at other distances.
const LAYOUTS_MAX: usize = 4;
/// How many share a register.
const WIDTH: usize = 4;
/// Fewer are taken one by one.
const LANES_MIN: usize = 3;

/// What a function's windows depend on besides the samples.
pub(super) trait Params {
    /// The parameter `at` of the window at `step`.
    fn param(&self, at: usize, step: usize) -> f64;
    /// The time of a step.
    fn at_ms(&self, step: usize) -> i64;
}

/// Windows, gathered until there are enough of them.
pub(super) struct Sums<'v, P> {
    samples: &'v Samples,
    params: &'v P,
    function: Function,
    /// Times as floats, where they are looked at.
    t: Vec<f64>,
    /// Where the value differs from the one before, the last such place up to each sample.
    changed: Vec<usize>,
    /// Values and times of windows that begin at even distances.
    even_v: Even,
    even_t: Even,
    waiting: [Window; LANES],
    count: usize,
}

/// The samples that four windows need at once, beside each other.
#[derive(Default)]
struct Even {
    /// From one window's first sample to the next one's.
    stride: Option<usize>,
    /// How often it was laid out.
    times: usize,
    /// For each sample those at its place and one, two, three strides on.
    quads: Vec<[f64; WIDTH]>,
}

impl Even {
    /// Lays out `all` for windows `stride` apart, unless distances change so often that this does not pay;
    /// whether it is laid out so.
    fn lay_out(&mut self, all: &[f64], stride: usize) -> bool {
        if self.stride == Some(stride) {
            return true;
        }
        if self.times == LAYOUTS_MAX {
            return false;
        }
        self.times += 1;
        self.stride = Some(stride);
        self.quads.clear();
        let rest = |by: usize| all.get(by * stride..).unwrap_or(&[]);
        let lanes = all.iter().zip(rest(1)).zip(rest(2)).zip(rest(3));
        self.quads.extend(lanes.map(|(((&a, &b), &c), &d)| [a, b, c, d]));
        true
    }
}

impl<'v, P: Params> Sums<'v, P> {
    /// For the functions that look at every sample.
    pub(super) fn of(function: Function, samples: &'v Samples, params: &'v P) -> Option<Self> {
        let is_one = matches!(
            function,
            Function::SumOverTime
                | Function::AvgOverTime
                | Function::StddevOverTime
                | Function::StdvarOverTime
                | Function::Deriv
                | Function::PredictLinear
                | Function::DoubleExponentialSmoothing
        );
        if !is_one {
            return None;
        }
        let none = Window {
            step: 0,
            lo: 0,
            hi: 0,
            left_ms: 0,
            right_ms: 0,
        };
        let mut sums = Self {
            samples,
            params,
            function,
            t: Vec::new(),
            changed: Vec::new(),
            even_v: Even::default(),
            even_t: Even::default(),
            waiting: [none; LANES],
            count: 0,
        };
        if sums.is_trend() {
            sums.t = samples.t.iter().map(|&t| t as f64).collect();
            let mut last = 0;
            sums.changed.extend((0..samples.v.len()).map(|at| {
                if at > 0 && samples.v[at] != samples.v[at - 1] {
                    last = at;
                }
                last
            }));
        }
        Some(sums)
    }

    fn is_trend(&self) -> bool {
        matches!(self.function, Function::Deriv | Function::PredictLinear)
    }

    /// Takes a window; writes values once there are enough windows.
    pub(super) fn push(&mut self, window: Window, out: &mut [f64]) {
        let samples_min = match self.function {
            Function::Deriv | Function::PredictLinear | Function::DoubleExponentialSmoothing => 2,
            _ => 1,
        };
        if window.hi - window.lo < samples_min {
            return;
        }
        self.waiting[self.count] = window;
        self.count += 1;
        if self.count == LANES {
            self.flush(out);
        }
    }

    /// Writes the values of all windows taken.
    pub(super) fn flush(&mut self, out: &mut [f64]) {
        let values = if self.count < LANES_MIN {
            [None; LANES]
        } else {
            match self.function {
                Function::StddevOverTime | Function::StdvarOverTime => self.gather::<Spread>(),
                Function::AvgOverTime => self.gather::<Mean>(),
                Function::SumOverTime => self.gather::<Sum>(),
                Function::DoubleExponentialSmoothing => self.gather::<Smooth>(),
                _ => self.gather::<Trend>(),
            }
        };
        for (window, value) in self.waiting[..self.count].iter().zip(values) {
            out[window.step] = match (value, self.function) {
                (Some(variance), Function::StddevOverTime) => variance.sqrt(),
                (Some(value), _) => value,
                (None, _) => self.alone(window),
            };
        }
        self.count = 0;
    }

    /// The value of one window, taken with care for infinities.
    fn alone(&self, window: &Window) -> f64 {
        let v = &self.samples.v[window.lo..window.hi];
        let t = &self.samples.t[window.lo..window.hi];
        match self.function {
            Function::SumOverTime => over_time::sum(v),
            Function::AvgOverTime => over_time::avg(v),
            Function::StddevOverTime => over_time::variance(v).sqrt(),
            Function::StdvarOverTime => over_time::variance(v),
            Function::DoubleExponentialSmoothing => predict::double_exponential_smoothing(
                v,
                self.params.param(0, window.step),
                self.params.param(1, window.step),
            ),
            Function::Deriv => predict::linear_regression(t, v, t[0]).0,
            _ => {
                let (slope, intercept) = predict::linear_regression(t, v, self.params.at_ms(window.step));
                slope * self.params.param(0, window.step) + intercept
            }
        }
    }

    /// Gathers all waiting windows. A value is `None` where the window has to be looked at alone.
    fn gather<K: Kind>(&mut self) -> [Option<f64>; LANES] {
        let is_even = self.stride().is_some_and(|stride| {
            self.even_v.lay_out(&self.samples.v, stride) && self.even_t.lay_out(&self.t, stride)
        });
        let windows = &self.waiting[..self.count];
        let common = windows.iter().map(|w| w.hi - w.lo).min().unwrap_or(0);
        let lane = |lane: usize| windows.get(lane).unwrap_or(&windows[0]);
        let seeds = std::array::from_fn(|at| self.seed(lane(at)));
        let has_times = !self.t.is_empty();
        let states = if is_even {
            wide::run(SideBySide::<K, _> {
                v: Quads(std::array::from_fn(|at| {
                    let from = windows[at * WIDTH].lo;
                    &self.even_v.quads[from..from + common]
                })),
                t: has_times.then(|| {
                    Quads(std::array::from_fn(|at| {
                        let from = windows[at * WIDTH].lo;
                        &self.even_t.quads[from..from + common]
                    }))
                }),
                seeds,
                common,
                kind: std::marker::PhantomData,
            })
        } else {
            let part = |all: &'v [f64], at: usize| {
                let window = lane(at);
                &all[window.lo..window.lo + common]
            };
            let t = &self.t[..];
            wide::run(SideBySide::<K, _> {
                v: Lanes(std::array::from_fn(|at| part(&self.samples.v, at))),
                t: has_times.then(|| {
                    Lanes(std::array::from_fn(|at| {
                        let window = lane(at);
                        &t[window.lo..window.lo + common]
                    }))
                }),
                seeds,
                common,
                kind: std::marker::PhantomData,
            })
        };
        let mut values = [None; LANES];
        for ((window, mut state), value) in windows.iter().zip(states).zip(&mut values) {
            let mut count = common as f64;
            for at in window.lo + common..window.hi {
                count += 1.0;
                let t = self.t.get(at).copied().unwrap_or(0.0);
                K::add(&mut state, One(t), One(self.samples.v[at]), One(count));
            }
            *value = self.finish(window, K::value(&state, count));
        }
        values
    }

    /// How far apart the waiting windows begin, if that is the same for all.
    fn stride(&self) -> Option<usize> {
        let [first, second, ..] = &self.waiting;
        let stride = second.lo.checked_sub(first.lo)?;
        let is_even = |pair: &[Window]| pair[1].lo == pair[0].lo + stride;
        (self.count == LANES && self.waiting.windows(2).all(is_even)).then_some(stride)
    }

    /// What a window's state begins with.
    fn seed(&self, window: &Window) -> [f64; 4] {
        match self.function {
            Function::Deriv => [self.t[window.lo], 0.0, 0.0, 0.0],
            Function::PredictLinear => [self.params.at_ms(window.step) as f64, 0.0, 0.0, 0.0],
            Function::DoubleExponentialSmoothing => {
                let v = &self.samples.v[window.lo..];
                let (smoothing, trend) = (
                    self.params.param(0, window.step),
                    self.params.param(1, window.step),
                );
                [v[0], v[1] - v[0], smoothing, trend]
            }
            _ => [0.0; 4],
        }
    }

    /// The function's value from what was gathered.
    fn finish(&self, window: &Window, gathered: Option<(f64, f64)>) -> Option<f64> {
        let (first, second) = gathered?;
        if !self.is_trend() {
            return Some(first);
        }
        if self.changed[window.hi - 1] <= window.lo {
            // A horizontal line is one exactly.
            return None;
        }
        if self.function == Function::Deriv {
            return Some(first);
        }
        Some(first * self.params.param(0, window.step) + second)
    }
}

/// What is gathered over a window.
trait Kind {
    type State<F: Wide>: Copy;
    /// The samples that the seed holds already.
    const SEEDED: usize = 0;

    fn start<F: Wide>(seed: [F; 4]) -> Self::State<F>;
    /// Takes a window's next sample, which makes `count`.
    fn add<F: Wide>(state: &mut Self::State<F>, t: F, v: F, count: F);
    /// One lane of several.
    fn lane<F: Wide>(state: &Self::State<F>, at: usize) -> Self::State<One>;
    /// What came of it; `None` where infinities or no numbers were met.
    fn value(state: &Self::State<One>, count: f64) -> Option<(f64, f64)>;
}

/// The samples of windows of one length.
trait Source: Copy {
    /// The same, known to be so long.
    fn cut(self, common: usize) -> Self;
    /// The samples in place `i` of the windows in register `register`.
    fn at(&self, register: usize, i: usize) -> [f64; WIDTH];
}

/// Each window by itself.
#[derive(Clone, Copy)]
struct Lanes<'w>([&'w [f64]; LANES]);

impl Source for Lanes<'_> {
    #[inline(always)]
    fn cut(self, common: usize) -> Self {
        Self(self.0.map(|lane| &lane[..common]))
    }

    #[inline(always)]
    fn at(&self, register: usize, i: usize) -> [f64; WIDTH] {
        std::array::from_fn(|at| self.0[register * WIDTH + at][i])
    }
}

/// Four windows beside each other, four times.
#[derive(Clone, Copy)]
struct Quads<'w>([&'w [[f64; WIDTH]]; LANES / WIDTH]);

impl Source for Quads<'_> {
    #[inline(always)]
    fn cut(self, common: usize) -> Self {
        Self(self.0.map(|quads| &quads[..common]))
    }

    #[inline(always)]
    fn at(&self, register: usize, i: usize) -> [f64; WIDTH] {
        self.0[register][i]
    }
}

/// Windows of one length.
struct SideBySide<K, S> {
    v: S,
    /// Times, where they are looked at.
    t: Option<S>,
    seeds: [[f64; 4]; LANES],
    common: usize,
    kind: std::marker::PhantomData<K>,
}

impl<K: Kind, S: Source> Kernel for SideBySide<K, S> {
    type Out = [K::State<One>; LANES];

    #[inline(always)]
    fn run<F: Wide>(self) -> Self::Out {
        let common = self.common;
        let start = |first: usize| {
            K::start(std::array::from_fn(|field| {
                F::of(std::array::from_fn(|at| self.seeds[first + at][field]))
            }))
        };
        // Four registers by name, since arrays of them would live in memory.
        let mut states = (start(0), start(4), start(8), start(12));
        let v = self.v.cut(common);
        let t = self.t.map_or(v, |t| t.cut(common));
        let mut count = K::SEEDED as f64;
        for i in K::SEEDED..common {
            count += 1.0;
            let n = F::splat(count);
            K::add(&mut states.0, F::of(t.at(0, i)), F::of(v.at(0, i)), n);
            K::add(&mut states.1, F::of(t.at(1, i)), F::of(v.at(1, i)), n);
            K::add(&mut states.2, F::of(t.at(2, i)), F::of(v.at(2, i)), n);
            K::add(&mut states.3, F::of(t.at(3, i)), F::of(v.at(3, i)), n);
        }
        std::array::from_fn(|at| match at / WIDTH {
            0 => K::lane(&states.0, at % WIDTH),
            1 => K::lane(&states.1, at % WIDTH),
            2 => K::lane(&states.2, at % WIDTH),
            _ => K::lane(&states.3, at % WIDTH),
        })
    }
}

/// As [`crate::kahan::add`] without its branches, so that several sums go side by side in one register.
///
/// What an addition loses is a float, so both find the same one (here by Knuth's six additions). Only where
/// the sum or the compensation ends up infinite or no number do the two differ; such a sum is taken anew with
/// care. An infinite sum never becomes finite again.
#[inline(always)]
fn add_finite<F: Wide>(inc: F, sum: F, c: F) -> (F, F) {
    let t = sum.add(inc);
    let added = t.sub(sum);
    let lost = sum.sub(t.sub(added)).add(inc.sub(added));
    (t, c.add(lost))
}

/// Compensated sums.
struct Sum;

impl Kind for Sum {
    type State<F: Wide> = [F; 2];

    #[inline(always)]
    fn start<F: Wide>(_seed: [F; 4]) -> [F; 2] {
        [F::splat(0.0); 2]
    }

    #[inline(always)]
    fn add<F: Wide>(state: &mut [F; 2], _t: F, v: F, _count: F) {
        (state[0], state[1]) = add_finite(v, state[0], state[1]);
    }

    #[inline(always)]
    fn lane<F: Wide>(state: &[F; 2], at: usize) -> [One; 2] {
        state.map(|field| One(field.get(at)))
    }

    fn value(&[sum, c]: &[One; 2], _count: f64) -> Option<(f64, f64)> {
        (sum.0.is_finite() && c.0.is_finite()).then_some((sum.0 + c.0, 0.0))
    }
}

/// Means of compensated sums.
struct Mean;

impl Kind for Mean {
    type State<F: Wide> = [F; 2];

    #[inline(always)]
    fn start<F: Wide>(seed: [F; 4]) -> [F; 2] {
        Sum::start(seed)
    }

    #[inline(always)]
    fn add<F: Wide>(state: &mut [F; 2], t: F, v: F, count: F) {
        Sum::add(state, t, v, count);
    }

    #[inline(always)]
    fn lane<F: Wide>(state: &[F; 2], at: usize) -> [One; 2] {
        Sum::lane(state, at)
    }

    fn value(&[sum, c]: &[One; 2], count: f64) -> Option<(f64, f64)> {
        (sum.0.is_finite() && c.0.is_finite()).then_some((sum.0 / count + c.0 / count, 0.0))
    }
}

/// Compensated means and the squared distances from them.
struct Spread;

impl Kind for Spread {
    /// Mean, squares, and the compensation of each.
    type State<F: Wide> = [F; 4];

    #[inline(always)]
    fn start<F: Wide>(_seed: [F; 4]) -> [F; 4] {
        [F::splat(0.0); 4]
    }

    #[inline(always)]
    fn add<F: Wide>(state: &mut [F; 4], _t: F, v: F, count: F) {
        let [mean, c_mean, squares, c_squares] = *state;
        let delta = v.sub(mean.add(c_mean));
        let (mean, c_mean) = add_finite(delta.div(count), mean, c_mean);
        let square = delta.mul(v.sub(mean.add(c_mean)));
        let (squares, c_squares) = add_finite(square, squares, c_squares);
        *state = [mean, c_mean, squares, c_squares];
    }

    #[inline(always)]
    fn lane<F: Wide>(state: &[F; 4], at: usize) -> [One; 4] {
        state.map(|field| One(field.get(at)))
    }

    fn value(state: &[One; 4], count: f64) -> Option<(f64, f64)> {
        let [_, _, squares, c_squares] = state;
        let all_finite = state.iter().all(|field| field.0.is_finite());
        all_finite.then_some(((squares.0 + c_squares.0) / count, 0.0))
    }
}

/// The sums of a least-squares line, and the time from which it counts.
struct Trend;

impl Kind for Trend {
    /// Sums of x, y, xy, x², each with its compensation; the intercept's time.
    type State<F: Wide> = ([F; 8], F);

    #[inline(always)]
    fn start<F: Wide>(seed: [F; 4]) -> ([F; 8], F) {
        ([F::splat(0.0); 8], seed[0])
    }

    #[inline(always)]
    fn add<F: Wide>((sums, from): &mut ([F; 8], F), t: F, y: F, _count: F) {
        let [x_sum, x_c, y_sum, y_c, xy_sum, xy_c, x2_sum, x2_c] = *sums;
        // Both are whole and below 2^53, so that their difference is exact.
        let x = t.sub(*from).div(F::splat(1e3));
        let (x_sum, x_c) = add_finite(x, x_sum, x_c);
        let (y_sum, y_c) = add_finite(y, y_sum, y_c);
        let (xy_sum, xy_c) = add_finite(x.mul(y), xy_sum, xy_c);
        let (x2_sum, x2_c) = add_finite(x.mul(x), x2_sum, x2_c);
        *sums = [x_sum, x_c, y_sum, y_c, xy_sum, xy_c, x2_sum, x2_c];
    }

    #[inline(always)]
    fn lane<F: Wide>((sums, from): &([F; 8], F), at: usize) -> ([One; 8], One) {
        (sums.map(|field| One(field.get(at))), One(from.get(at)))
    }

    fn value((sums, _): &([One; 8], One), count: f64) -> Option<(f64, f64)> {
        let [x, x_c, y, y_c, xy, xy_c, x2, x2_c] = sums.map(|field| field.0);
        let all_finite = sums.iter().all(|field| field.0.is_finite());
        all_finite.then(|| predict::line(count, [x + x_c, y + y_c, xy + xy_c, x2 + x2_c]))
    }
}

/// Double exponential smoothing.
struct Smooth;

impl Kind for Smooth {
    /// The smoothed value, the slope, and their factors.
    type State<F: Wide> = [F; 4];
    const SEEDED: usize = 1;

    #[inline(always)]
    fn start<F: Wide>(seed: [F; 4]) -> [F; 4] {
        seed
    }

    #[inline(always)]
    fn add<F: Wide>(state: &mut [F; 4], _t: F, v: F, _count: F) {
        let [before, slope, smoothing, trend] = *state;
        let one = F::splat(1.0);
        let x = smoothing.mul(v);
        let y = one.sub(smoothing).mul(before.add(slope));
        let smoothed = x.add(y);
        let slope = trend.mul(smoothed.sub(before)).add(one.sub(trend).mul(slope));
        *state = [smoothed, slope, smoothing, trend];
    }

    #[inline(always)]
    fn lane<F: Wide>(state: &[F; 4], at: usize) -> [One; 4] {
        state.map(|field| One(field.get(at)))
    }

    fn value(state: &[One; 4], _count: f64) -> Option<(f64, f64)> {
        Some((state[0].0, 0.0))
    }
}

#[cfg(test)]
mod tests;
