//! Which rows of a batch are taken. The order of the questions is Prometheus' (`memSeries.appendable`), and so
//! are the answers.

use super::Verdict;
use crate::head::lane::LaneData;
use crate::head::slab::Hot;
use crate::model::Histogram;

/// Which times are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Nothing before this is taken in order.
    pub(crate) from_ms: i64,
}

/// What becomes of a float at `t_ms`, by its series' last sample.
#[inline]
pub(crate) fn judge(hot: &Hot, t_ms: i64, bits: u64, bounds: Bounds) -> Verdict {
    match judge_time(hot, t_ms, bounds) {
        Ok(verdict) => verdict,
        Err(SameTime) if bits == hot.last_bits && !hot.holds_histograms() => Verdict::Repeated,
        Err(SameTime) => Verdict::Duplicate,
    }
}

/// As [`judge`], of a histogram.
pub(crate) fn judge_histogram(
    data: &LaneData,
    ordinal: u32,
    t_ms: i64,
    histogram: &Histogram,
    bounds: Bounds,
) -> Verdict {
    match judge_time(&data.hot[ordinal], t_ms, bounds) {
        Ok(verdict) => verdict,
        Err(SameTime) => {
            let last = data.histograms.get(&ordinal);
            match last.is_some_and(|open| open.ends_with(histogram)) {
                true => Verdict::Repeated,
                false => Verdict::Duplicate,
            }
        }
    }
}

/// The time is that of the last sample: it counts whether the values are the same.
struct SameTime;

#[inline]
fn judge_time(hot: &Hot, t_ms: i64, bounds: Bounds) -> Result<Verdict, SameTime> {
    if t_ms < bounds.from_ms {
        return Ok(Verdict::OutOfBounds);
    }
    if t_ms > hot.last_t_ms {
        return Ok(Verdict::Accepted);
    }
    if !hot.is_open() {
        // After a restart the last samples may be in closed chunks alone. Prometheus then takes what it
        // cannot compare and drops it on commit; a new series has no last time and does not come here.
        return Ok(if hot.last_t_ms == i64::MIN {
            Verdict::Accepted
        } else {
            Verdict::Repeated
        });
    }
    if t_ms < hot.last_t_ms {
        return Ok(Verdict::OutOfOrder);
    }
    Err(SameTime)
}
