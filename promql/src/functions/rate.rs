//! `rate`, `increase`, `delta`, `irate`, `idelta` on floats.
//!
//! The increase between the first and the last sample of a window, what was lost at resets added, is
//! stretched to the whole range, unless the samples begin or end so far from its edges that the series
//! probably does too:
//!
//! ```text
//! left edge                                   right edge
//!     (··········●─────●─────●─────●─────●·······]
//!      to start   ← average interval →     to end
//! ```
//!
//! An edge further away than 1.1 average intervals is replaced by half an interval; a counter is not
//! stretched back beyond the point where it would have been zero.

use crate::eval::window::Samples;

/// Which of the three.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateKind {
    /// Resets are made up for, and values never extrapolated below zero.
    pub(crate) is_counter: bool,
    /// Per second.
    pub(crate) is_rate: bool,
}

/// The edges of a window and which samples lie in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) step: usize,
    /// First sample.
    pub(crate) lo: usize,
    /// After the last sample.
    pub(crate) hi: usize,
    /// The range's left edge, which it does not hold.
    pub(crate) left_ms: i64,
    /// The range's right edge.
    pub(crate) right_ms: i64,
}

/// Where a counter was reset, found once for a series so that windows need not look at every sample.
#[derive(Debug, Default)]
pub(crate) struct Resets {
    /// Samples smaller than the one before, ascending.
    at: Vec<usize>,
    /// Samples whose start time contradicts the sample before.
    overlaps: Vec<usize>,
    next: usize,
    next_overlap: usize,
}

impl Resets {
    pub(crate) fn find(samples: &Samples) -> Self {
        let (t, v, start) = (&samples.t, &samples.v, &samples.start);
        let mut found = Self::default();
        if start.is_empty() {
            let mut previous = f64::NEG_INFINITY;
            for (i, &now) in v.iter().enumerate() {
                if now < previous {
                    found.at.push(i);
                }
                previous = now;
            }
            return found;
        }
        for i in 1..v.len() {
            let (previous, now) = ((start[i - 1], t[i - 1]), (start[i], t[i]));
            if v[i] < v[i - 1] || is_start_reset(previous, now) {
                found.at.push(i);
            }
            if now.0 != 0 && now.0 < previous.1 && now.0 != previous.0 {
                found.overlaps.push(i);
            }
        }
        found
    }

    /// The resets after sample `lo` and before sample `hi`; neither may go back between calls.
    fn within(&mut self, lo: usize, hi: usize) -> &[usize] {
        while self.next < self.at.len() && self.at[self.next] <= lo {
            self.next += 1;
        }
        let from = &self.at[self.next..];
        let end = from.iter().position(|&at| at >= hi).unwrap_or(from.len());
        &from[..end]
    }

    /// Whether a start time contradicts the sample before it in the window.
    pub(crate) fn overlap_within(&mut self, lo: usize, hi: usize) -> bool {
        while self.next_overlap < self.overlaps.len() && self.overlaps[self.next_overlap] <= lo {
            self.next_overlap += 1;
        }
        self.overlaps.get(self.next_overlap).is_some_and(|&at| at < hi)
    }
}

/// Whether a start time says that the counter began anew after the sample before; both as (start, time).
pub(crate) fn is_start_reset(previous: (i64, i64), now: (i64, i64)) -> bool {
    let (previous_start, previous_t) = previous;
    let (start, t) = now;
    // Unset, after its own sample, or at it, which OpenTelemetry writes for "unknown".
    if start == 0 || start >= t || start < previous_t {
        return false;
    }
    if start > previous_t {
        return true;
    }
    // Exactly at the sample before: a delta series, unless that one's start is unknown or impossible.
    previous_start <= previous_t && previous_start != 0 && previous_start != previous_t
}

/// The value of `rate`, `increase` or `delta` for one window.
pub(crate) fn extrapolated(
    samples: &Samples,
    window: &Window,
    range_ms: i64,
    kind: RateKind,
    resets: &mut Resets,
) -> Option<f64> {
    let (t, v) = (&samples.t[window.lo..window.hi], &samples.v[window.lo..window.hi]);
    let intervals = t.len() - 1;
    let mut result = v[intervals] - v[0];
    if kind.is_counter {
        for &at in resets.within(window.lo, window.hi) {
            result += samples.v[at - 1];
        }
    }
    let stretch = Stretch {
        first_ms: t[0],
        last_ms: t[intervals],
        intervals,
        first_start_ms: samples.start.get(window.lo).copied().unwrap_or(0),
    };
    let factor = if kind.is_counter && stretch.begins_within(window) {
        result += v[0];
        stretch.factor_from_start(window)
    } else if intervals == 0 {
        return None;
    } else {
        let to_zero = (kind.is_counter && result > 0.0 && v[0] >= 0.0).then(|| v[0] / result);
        stretch.factor(window, to_zero)
    };
    Some(result * kind.per_second(factor, range_ms))
}

/// Where the samples of a window lie, and so by how much their increase is to be stretched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// One less than there are samples.
    pub(super) intervals: usize,
    /// Since when the first sample counts, 0 if unknown.
    pub(super) first_start_ms: i64,
}

impl Stretch {
    /// The time between two samples on average, of those that span `sampled_s`.
    #[inline]
    fn average_s(&self, sampled_s: f64) -> f64 {
        if self.intervals == 0 {
            return 0.0;
        }
        sampled_s / self.intervals as f64
    }

    #[inline]
    fn sampled_s(&self) -> f64 {
        (self.last_ms - self.first_ms) as f64 / 1000.0
    }

    /// Whether the counter began within the range.
    #[inline]
    pub(super) fn begins_within(&self, window: &Window) -> bool {
        self.first_start_ms != 0
            && self.first_start_ms > window.left_ms
            && self.first_start_ms < self.first_ms
    }

    /// The factor for a counter that began within the range: at zero, at its start time.
    pub(super) fn factor_from_start(&self, window: &Window) -> f64 {
        let since_start_s = (self.last_ms - self.first_start_ms) as f64 / 1000.0;
        let average_s = self.average_s(self.sampled_s());
        stretched(since_start_s, 0.0, self.end_gap_s(window, average_s))
    }

    /// The factor for anything else. `to_zero` is the first value's share of the increase: so far before the
    /// first sample the counter would have been zero, in lengths of what was sampled.
    #[inline]
    pub(super) fn factor(&self, window: &Window, to_zero: Option<f64>) -> f64 {
        let sampled_s = self.sampled_s();
        let average_s = self.average_s(sampled_s);
        let mut to_start_s = (self.first_ms - window.left_ms) as f64 / 1000.0;
        if to_start_s >= average_s * 1.1 {
            to_start_s = average_s / 2.0;
        }
        if let Some(share) = to_zero {
            let to_zero_s = sampled_s * share;
            if to_zero_s < to_start_s {
                to_start_s = to_zero_s;
            }
        }
        stretched(sampled_s, to_start_s, self.end_gap_s(window, average_s))
    }

    #[inline]
    fn end_gap_s(&self, window: &Window, average_s: f64) -> f64 {
        let to_end_s = (window.right_ms - self.last_ms) as f64 / 1000.0;
        if to_end_s >= average_s * 1.1 {
            average_s / 2.0
        } else {
            to_end_s
        }
    }
}

/// By how much what was sampled is to be stretched to reach the edges.
#[inline]
fn stretched(sampled_s: f64, to_start_s: f64, to_end_s: f64) -> f64 {
    if sampled_s == 0.0 {
        return 1.0;
    }
    (sampled_s + to_start_s + to_end_s) / sampled_s
}

impl RateKind {
    /// The factor, for a rate divided by the range.
    #[inline]
    pub(super) fn per_second(self, factor: f64, range_ms: i64) -> f64 {
        if self.is_rate {
            factor / (range_ms as f64 / 1000.0)
        } else {
            factor
        }
    }
}

/// The value of `irate` or `idelta`: between the last two samples of a window.
pub(crate) fn instant(samples: &Samples, window: &Window, is_rate: bool) -> Option<f64> {
    if window.hi - window.lo < 2 {
        return None;
    }
    let (a, b) = (window.hi - 2, window.hi - 1);
    let interval_ms = samples.t[b] - samples.t[a];
    if interval_ms == 0 {
        return None;
    }
    let start = |i: usize| samples.start.get(i).copied().unwrap_or(0);
    let is_reset = is_rate
        && (samples.v[b] < samples.v[a]
            || is_start_reset((start(a), samples.t[a]), (start(b), samples.t[b])));
    let change = if is_reset {
        samples.v[b]
    } else {
        samples.v[b] - samples.v[a]
    };
    Some(if is_rate {
        change / (interval_ms as f64 / 1000.0)
    } else {
        change
    })
}
