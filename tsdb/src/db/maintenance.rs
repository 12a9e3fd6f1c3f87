//! What has to be done now and then: chunks to files, the head's oldest range to a block, blocks merged and
//! removed, the log shortened.

use std::fmt;
use std::io;

use super::{Db, Stats};
use crate::fs::FileError;
use crate::query::QueryError;
use crate::wal::WalError;

/// What a call of [`Db::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintained {
    /// Closed chunks written to chunks_head.
    pub chunks_mapped: usize,
    /// Ranges of the head that became blocks.
    pub head_compactions: usize,
    /// Times that blocks were merged.
    pub block_compactions: usize,
    /// Blocks that retention removed.
    pub blocks_removed: usize,
}

/// Maintenance that failed; what it did not get to is tried again the next time.
#[derive(Debug)]
pub struct MaintainError {
    kind: MaintainErrorKind,
}

#[derive(Debug)]
enum MaintainErrorKind {
    Io(io::Error),
    File(FileError),
    Wal(WalError),
    Read(QueryError),
}

impl MaintainError {
    pub(super) fn io(error: io::Error) -> Self {
        Self {
            kind: MaintainErrorKind::Io(error),
        }
    }
}

impl From<FileError> for MaintainError {
    fn from(error: FileError) -> Self {
        Self {
            kind: MaintainErrorKind::File(error),
        }
    }
}

impl From<WalError> for MaintainError {
    fn from(error: WalError) -> Self {
        Self {
            kind: MaintainErrorKind::Wal(error),
        }
    }
}

impl From<QueryError> for MaintainError {
    fn from(error: QueryError) -> Self {
        Self {
            kind: MaintainErrorKind::Read(error),
        }
    }
}

impl fmt::Display for MaintainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MaintainErrorKind::Io(error) => error.fmt(f),
            MaintainErrorKind::File(error) => error.fmt(f),
            MaintainErrorKind::Wal(error) => error.fmt(f),
            MaintainErrorKind::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MaintainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            MaintainErrorKind::Io(error) => error.source(),
            MaintainErrorKind::File(error) => error.source(),
            MaintainErrorKind::Wal(error) => error.source(),
            MaintainErrorKind::Read(error) => error.source(),
        }
    }
}

impl Db {
    /// Does what is due. Call it each minute, or more often where blocks are shorter than Prometheus' two
    /// hours; calls wait for each other.
    ///
    /// # Errors
    /// The first that occurred. Each step is tried though another failed, since it may be retention that
    /// makes room on a full disk.
    pub fn maintain(&self, now_ms: i64) -> Result<Maintained, MaintainError> {
        let _maintaining = self.maintaining.lock();
        let mut done = Maintained::default();
        let mut first: Result<(), MaintainError> = Ok(());
        let mut note = |step: Result<(), MaintainError>| {
            if let Err(error) = step
                && first.is_ok()
            {
                first = Err(error);
            }
        };
        note(self.flush(&mut done));
        note(self.compact_head_ranges(now_ms, &mut done));
        note(self.compact_blocks(now_ms, &mut done));
        note(self.retain(&mut done));
        first.map(|()| done)
    }

    fn flush(&self, done: &mut Maintained) -> Result<(), MaintainError> {
        done.chunks_mapped = self.head.flush_closed().map_err(MaintainError::io)?;
        Ok(())
    }

    fn compact_head_ranges(&self, now_ms: i64, done: &mut Maintained) -> Result<(), MaintainError> {
        let mut end_ms = None;
        while self.head_is_compactable() {
            Stats::add(&self.stats.compactions_triggered, 1);
            let compacted = self.compact_head(now_ms);
            if compacted.is_err() {
                Stats::add(&self.stats.compactions_failed, 1);
            }
            end_ms = Some(compacted?);
            Stats::add(&self.stats.compactions, 1);
            done.head_compactions += 1;
        }
        match end_ms {
            Some(end_ms) => self.truncate_log(end_ms),
            None => Ok(()),
        }
    }
}

impl Db {
    fn compact_blocks(&self, _now_ms: i64, _done: &mut Maintained) -> Result<(), MaintainError> {
        Ok(())
    }

    fn retain(&self, _done: &mut Maintained) -> Result<(), MaintainError> {
        Ok(())
    }
}
