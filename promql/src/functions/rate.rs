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
            let falls = v.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
            found.at.extend(falls.map(|(i, _)| i + 1));
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
    let (first_ms, last_ms) = (t[0], t[intervals]);
    let mut to_start_s = (first_ms - window.left_ms) as f64 / 1000.0;
    let mut to_end_s = (window.right_ms - last_ms) as f64 / 1000.0;
    let mut sampled_s = (last_ms - first_ms) as f64 / 1000.0;
    let average_s = if intervals > 0 {
        sampled_s / intervals as f64
    } else {
        0.0
    };
    let threshold_s = average_s * 1.1;
    let start_ms = samples.start.get(window.lo).copied().unwrap_or(0);
    if kind.is_counter && start_ms != 0 && start_ms > window.left_ms && start_ms < first_ms {
        // The counter began within the range: at zero, at that time.
        to_start_s = 0.0;
        sampled_s = (last_ms - start_ms) as f64 / 1000.0;
        result += v[0];
    } else if intervals == 0 {
        return None;
    } else {
        if to_start_s >= threshold_s {
            to_start_s = average_s / 2.0;
        }
        if kind.is_counter && result > 0.0 && v[0] >= 0.0 {
            let to_zero_s = sampled_s * (v[0] / result);
            if to_zero_s < to_start_s {
                to_start_s = to_zero_s;
            }
        }
    }
    if to_end_s >= threshold_s {
        to_end_s = average_s / 2.0;
    }
    let mut factor = 1.0;
    if sampled_s != 0.0 {
        factor = (sampled_s + to_start_s + to_end_s) / sampled_s;
    }
    if kind.is_rate {
        factor /= range_ms as f64 / 1000.0;
    }
    Some(result * factor)
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
