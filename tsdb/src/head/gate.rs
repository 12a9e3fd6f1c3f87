//! What is let in: everything, no new series, or nothing, and why.
//!
//! The gate is set by whoever knows how the disk stands: `crate::db::room` each second, a write that failed for want
//! of room at once, a sync that failed for good. It does not look at the disk itself.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::batch::AppendError;

/// What is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Intake {
    /// Everything.
    All = 0,
    /// Samples of series that are known.
    KnownSeries = 1,
    /// Nothing: there is no room.
    Nothing = 2,
    /// Nothing: the file system is read-only.
    ReadOnly = 3,
    /// Nothing, until a restart: a sync of the log failed.
    Lost = 4,
}

impl Intake {
    fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::All,
            1 => Self::KnownSeries,
            2 => Self::Nothing,
            3 => Self::ReadOnly,
            _ => Self::Lost,
        }
    }
}

/// How many looks a gate that a failed write closed stays closed while the system claims that there is room (a quota, a
/// file system that takes no writes and does not say so): about as many seconds.
const LOOKS_AFTER_FAILURE: u32 = 10;

/// Decides over new series and samples, and counts what it turned away.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    intake: AtomicU8,
    /// Bytes that were free when the disk was last looked at.
    pub(crate) free_bytes: AtomicU64,
    pub(crate) series_refused: AtomicU64,
    pub(crate) samples_refused: AtomicU64,
    /// For how many looks at the disk a write that failed counts for more than what the system says.
    doubts: AtomicU32,
    /// Why nothing is taken any more.
    lost: OnceLock<String>,
}

impl Gate {
    pub(crate) fn intake(&self) -> Intake {
        Intake::from_u8(self.intake.load(Ordering::Acquire))
    }

    /// Lets in what `intake` says from now on, but for what is lost. Returns what was let in before.
    fn set(&self, intake: Intake) -> Intake {
        let change = |before| (before != Intake::Lost as u8).then_some(intake as u8);
        let before = self
            .intake
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        Intake::from_u8(before.unwrap_or_else(|lost| lost))
    }

    /// Takes nothing any more, ever.
    pub(crate) fn lose(&self, reason: String) {
        // The first reason is the one that the operator needs to know.
        let _is_first = self.lost.set(reason);
        self.intake.store(Intake::Lost as u8, Ordering::Release);
    }

    /// Why nothing is taken any more, if that is so.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// A write failed. Without room the next ones need not be tried before the disk was looked at again.
    pub(crate) fn note_failure(&self, error: &io::Error) {
        if !crate::fs::space::is_no_room(error) {
            return;
        }
        self.doubts.store(LOOKS_AFTER_FAILURE, Ordering::Release);
        let now = match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Intake::ReadOnly,
            _ => Intake::Nothing,
        };
        if self.set(now) < Intake::Nothing {
            tracing::error!(%error, "The disk takes no more: samples are refused until there is room");
        }
    }

    /// The disk was looked at and has room for `intake`. Returns what was let in before, if that counts.
    pub(crate) fn note_look(&self, intake: Intake) -> Option<Intake> {
        let fewer = |doubts: u32| doubts.checked_sub(1);
        if intake >= Intake::Nothing {
            self.doubts.store(0, Ordering::Release);
        } else if self
            .doubts
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer)
            .is_ok()
        {
            return None;
        }
        Some(self.set(intake))
    }

    /// Whether a new series is let in. What is essential is, as long as there is room for samples.
    pub(crate) fn check_series(&self, essential: bool) -> Result<(), AppendError> {
        match self.intake() {
            Intake::All => Ok(()),
            Intake::KnownSeries if essential => Ok(()),
            refusing => {
                self.series_refused.fetch_add(1, Ordering::Relaxed);
                Err(self.refusal(refusing, "new series"))
            }
        }
    }

    /// Whether so many samples are let in.
    pub(crate) fn check_samples(&self, count: usize) -> Result<(), AppendError> {
        match self.intake() {
            Intake::All | Intake::KnownSeries => Ok(()),
            refusing => {
                self.samples_refused.fetch_add(count as u64, Ordering::Relaxed);
                Err(self.refusal(refusing, "samples"))
            }
        }
    }

    fn refusal(&self, intake: Intake, what: &str) -> AppendError {
        let reason = match intake {
            Intake::ReadOnly => "the file system is read-only".to_owned(),
            Intake::Lost => self.lost().unwrap_or("the log is lost").to_owned(),
            _ => {
                let free = self.free_bytes.load(Ordering::Relaxed);
                format!("too little room on the disk ({} MiB free)", free >> 20)
            }
        };
        AppendError::no_room(format!("{reason}: {what} are refused"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(checked: Result<(), AppendError>) -> String {
        let error = checked.unwrap_err();
        assert!(error.is_no_room());
        error.to_string()
    }

    #[test]
    fn new_series_are_refused_before_samples() {
        let gate = Gate::default();
        gate.check_series(false).unwrap();
        gate.free_bytes.store(3 << 20, Ordering::Relaxed);
        assert_eq!(gate.note_look(Intake::KnownSeries), Some(Intake::All));
        gate.check_samples(5).unwrap();
        assert_eq!(
            refusal(gate.check_series(false)),
            "too little room on the disk (3 MiB free): new series are refused"
        );
        assert_eq!(gate.note_look(Intake::ReadOnly), Some(Intake::KnownSeries));
        assert_eq!(
            refusal(gate.check_samples(5)),
            "the file system is read-only: samples are refused"
        );
        assert_eq!(gate.samples_refused.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn what_is_lost_stays_lost_with_its_first_reason() {
        let gate = Gate::default();
        gate.lose("first".into());
        gate.lose("second".into());
        gate.note_look(Intake::All);
        assert_eq!(refusal(gate.check_samples(1)), "first: samples are refused");
    }

    #[test]
    fn only_want_of_room_closes_the_gate() {
        let gate = Gate::default();
        gate.note_failure(&io::Error::other("else"));
        assert_eq!(gate.intake(), Intake::All);
        gate.note_failure(&io::ErrorKind::StorageFull.into());
        assert_eq!(gate.intake(), Intake::Nothing);
    }

    #[test]
    fn a_failed_write_counts_for_more_than_what_the_system_says_for_a_while() {
        let gate = Gate::default();
        gate.note_failure(&io::ErrorKind::QuotaExceeded.into());
        for _ in 0..LOOKS_AFTER_FAILURE {
            assert_eq!(gate.note_look(Intake::All), None);
        }
        assert_eq!(gate.note_look(Intake::All), Some(Intake::Nothing));
        gate.note_failure(&io::ErrorKind::StorageFull.into());
        gate.note_look(Intake::Nothing);
        gate.note_look(Intake::All);
        assert_eq!(gate.intake(), Intake::All, "the system has seen it, too");
    }
}
