//! `anchored` and `smoothed` ranges: edges that have a value of their own.
//!
//! An anchored range begins with the last sample before it; a smoothed one has values interpolated at both
//! edges. Neither is extrapolated.

use super::rate::{RateKind, Window};
use crate::eval::window::Samples;

/// The value at `at_ms` on the line between two samples; a counter that fell between them began at zero.
pub(crate) fn interpolate(a: (i64, f64), b: (i64, f64), at_ms: i64, is_counter: bool) -> f64 {
    let from = if is_counter && b.1 < a.1 { 0.0 } else { a.1 };
    from + (b.1 - from) * (at_ms - a.0) as f64 / (b.0 - a.0) as f64
}

/// Which samples of a window count, and the values at its edges.
struct Edges {
    first: usize,
    /// The last sample, itself included.
    last: usize,
    left: f64,
    right: f64,
}

fn edges(
    t: &[i64],
    v: &[f64],
    left_ms: i64,
    right_ms: i64,
    smoothed: bool,
    is_counter: bool,
) -> Option<Edges> {
    let mut last = t.len().checked_sub(1)?;
    let first = t[..last].partition_point(|&t| t <= left_ms).saturating_sub(1);
    if smoothed {
        last = t[..last].partition_point(|&t| t < right_ms);
    }
    if t[last] <= left_ms {
        return None;
    }
    let left = if smoothed && t[first] < left_ms {
        interpolate(
            (t[first], v[first]),
            (t[first + 1], v[first + 1]),
            left_ms,
            is_counter,
        )
    } else {
        v[first]
    };
    let right = if smoothed && last > 0 && t[last] > right_ms {
        interpolate(
            (t[last - 1], v[last - 1]),
            (t[last], v[last]),
            right_ms,
            is_counter,
        )
    } else {
        v[last]
    };
    Some(Edges {
        first,
        last,
        left,
        right,
    })
}

/// `rate`, `increase` or `delta` of an extended window.
pub(crate) fn rate(
    samples: &Samples,
    window: &Window,
    range_ms: i64,
    kind: RateKind,
    smoothed: bool,
) -> Option<f64> {
    let (t, v) = (&samples.t[window.lo..window.hi], &samples.v[window.lo..window.hi]);
    let (left_ms, right_ms) = (window.left_ms, window.right_ms);
    let found = edges(t, v, left_ms, right_ms, smoothed, kind.is_counter)?;
    if smoothed && t[found.first] > right_ms {
        return None;
    }
    let mut result = found.right - found.left;
    if kind.is_counter {
        let first = found.first + usize::from(t[found.first] <= left_ms);
        let end = found.last + usize::from(t[found.last] < right_ms);
        let mut previous = found.left;
        for &value in v.get(first..end).unwrap_or_default().iter().chain([&found.right]) {
            if value < previous {
                result += previous;
            }
            previous = value;
        }
    }
    if kind.is_rate {
        result /= range_ms as f64 / 1000.0;
    }
    Some(result)
}

/// An extended range vector: its samples with one at each edge.
pub(crate) fn range(
    t: &[i64],
    v: &[f64],
    left_ms: i64,
    right_ms: i64,
    smoothed: bool,
) -> (Vec<i64>, Vec<f64>) {
    let Some(found) = edges(t, v, left_ms, right_ms, smoothed, false) else {
        return (Vec::new(), Vec::new());
    };
    let first = found.first + usize::from(t[found.first] <= left_ms);
    let end = (found.last + usize::from(t[found.last] < right_ms)).max(first);
    let mut times = vec![left_ms];
    let mut values = vec![found.left];
    times.extend_from_slice(&t[first..end]);
    values.extend_from_slice(&v[first..end]);
    times.push(right_ms);
    values.push(found.right);
    (times, values)
}

/// The first sample of an anchored window: the last one at or before the left edge, or else the first.
/// `None` when nothing lies after the edge.
pub(crate) fn anchor(samples: &Samples, window: &Window) -> Option<usize> {
    let t = &samples.t[window.lo..window.hi];
    let after = t.partition_point(|&t| t <= window.left_ms);
    (after < t.len()).then(|| window.lo + after.saturating_sub(1))
}
