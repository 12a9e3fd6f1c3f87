//! Which rows of a batch are taken.

use super::Verdict;
use crate::head::slab::Hot;

/// What becomes of a sample at `t_ms`, by its series' last one. Nothing before `from_ms` is taken.
///
/// The order of the questions is Prometheus' (`memSeries.appendable`), and so are the answers.
#[inline]
pub(crate) fn judge(hot: &Hot, t_ms: i64, bits: u64, from_ms: i64) -> Verdict {
    if t_ms < from_ms {
        return Verdict::OutOfBounds;
    }
    if t_ms > hot.last_t_ms {
        return Verdict::Accepted;
    }
    if !hot.is_open() {
        // After a restart the last samples may be in closed chunks alone. Prometheus then takes what it
        // cannot compare and drops it on commit; a new series has no last time and does not come here.
        return if hot.last_t_ms == i64::MIN {
            Verdict::Accepted
        } else {
            Verdict::Repeated
        };
    }
    if t_ms < hot.last_t_ms {
        Verdict::OutOfOrder
    } else if bits == hot.last_bits {
        Verdict::Repeated
    } else {
        Verdict::Duplicate
    }
}
