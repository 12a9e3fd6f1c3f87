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
    /// Nothing before this is taken out of order; `None` if nothing is.
    pub(crate) late_from_ms: Option<i64>,
    /// Refuse what would be taken out of order.
    pub(crate) refuse_late: bool,
}

impl Bounds {
    /// What becomes of a sample that cannot be taken in order, and without a window is `otherwise`.
    fn late(&self, t_ms: i64, otherwise: Verdict) -> Judged {
        match self.late_from_ms {
            None => Judged::Not(otherwise),
            Some(from_ms) if t_ms < from_ms => Judged::Not(Verdict::TooOld),
            Some(_) if self.refuse_late => Judged::Not(Verdict::OutOfOrder),
            Some(_) => Judged::Late,
        }
    }
}

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is taken behind the last.
    InOrder,
    /// It is taken out of order.
    Late,
    /// It is not taken.
    Not(Verdict),
}

impl Judged {
    /// What the sender is told.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::InOrder | Self::Late => Verdict::Accepted,
            Self::Not(verdict) => verdict,
        }
    }
}

/// What becomes of a float at `t_ms`, by its series' last sample.
#[inline]
pub(crate) fn judge(hot: &Hot, t_ms: i64, bits: u64, bounds: Bounds) -> Judged {
    match judge_time(hot, t_ms, bounds) {
        Ok(judged) => judged,
        Err(SameTime) if bits == hot.last_bits && !hot.holds_histograms() => Judged::Not(Verdict::Repeated),
        Err(SameTime) => Judged::Not(Verdict::Duplicate),
    }
}

/// As [`judge`], of a histogram.
pub(crate) fn judge_histogram(
    data: &LaneData,
    ordinal: u32,
    t_ms: i64,
    histogram: &Histogram,
    bounds: Bounds,
) -> Judged {
    match judge_time(&data.hot[ordinal], t_ms, bounds) {
        Ok(judged) => judged,
        Err(SameTime) => {
            let last = data.histograms.get(&ordinal);
            match last.is_some_and(|open| open.ends_with(histogram)) {
                true => Judged::Not(Verdict::Repeated),
                false => Judged::Not(Verdict::Duplicate),
            }
        }
    }
}

/// The time is that of the last sample: it counts whether the values are the same.
struct SameTime;

#[inline]
fn judge_time(hot: &Hot, t_ms: i64, bounds: Bounds) -> Result<Judged, SameTime> {
    if t_ms < bounds.from_ms {
        return Ok(bounds.late(t_ms, Verdict::OutOfBounds));
    }
    if t_ms > hot.last_t_ms {
        return Ok(Judged::InOrder);
    }
    if !hot.is_open() {
        // After a restart the last samples may be in closed chunks alone. Prometheus then takes what it
        // cannot compare and drops it on commit; a new series has no last time and does not come here.
        return Ok(if hot.last_t_ms == i64::MIN {
            Judged::InOrder
        } else {
            Judged::Not(Verdict::Repeated)
        });
    }
    if t_ms < hot.last_t_ms {
        return Ok(bounds.late(t_ms, Verdict::OutOfOrder));
    }
    Err(SameTime)
}
