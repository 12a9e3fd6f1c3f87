//! What has to be done now and then: chunks to files, the head's oldest range to a block, blocks merged and
//! removed, the log shortened.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Db, Stats};
use crate::block::{Block, Meta};
use crate::compact::retention::{self, Limits};
use crate::compact::{self, CompactError, Outcome};
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
    Compact(CompactError),
}

impl MaintainError {
    pub(super) fn io(error: io::Error) -> Self {
        Self {
            kind: MaintainErrorKind::Io(error),
        }
    }
}

impl MaintainError {
    /// Whether the log is damaged.
    pub(super) fn is_corruption(&self) -> bool {
        matches!(&self.kind, MaintainErrorKind::Wal(error) if error.is_corruption())
    }
}

impl From<FileError> for MaintainError {
    fn from(error: FileError) -> Self {
        Self {
            kind: MaintainErrorKind::File(error),
        }
    }
}

impl From<CompactError> for MaintainError {
    fn from(error: CompactError) -> Self {
        Self {
            kind: MaintainErrorKind::Compact(error),
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
            MaintainErrorKind::Compact(error) => error.fmt(f),
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
            MaintainErrorKind::Compact(error) => error.source(),
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
        note(self.checkpoint_head());
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
            Some(end_ms) => {
                self.truncate_log(end_ms)?;
                self.compact_late(now_ms)
            }
            None => Ok(()),
        }
    }
}

impl Db {
    fn compact_blocks(&self, now_ms: i64, done: &mut Maintained) -> Result<(), MaintainError> {
        let ranges_ms = compact::block_ranges_ms(self.options.min_block_ms, self.options.max_block_ms);
        loop {
            // The head goes first: what it cannot give away it has to keep in memory.
            if self.head.closed.load(Ordering::Acquire) || self.head_is_compactable() {
                return Ok(());
            }
            let blocks = self.blocks();
            let metas: Vec<Arc<Meta>> = blocks.iter().map(|block| block.meta()).collect();
            let metas: Vec<&Meta> = metas.iter().map(|meta| &**meta).collect();
            let Some(choice) = compact::plan(&metas, &ranges_ms, true) else {
                return Ok(());
            };
            let chosen: Vec<Arc<Block>> = choice
                .blocks
                .iter()
                .filter_map(|ulid| blocks.iter().find(|block| block.meta().ulid == *ulid))
                .map(Arc::clone)
                .collect();
            Stats::add(&self.stats.compactions_triggered, 1);
            let ulid = self.new_ulid(now_ms);
            let (fs, segment_bytes) = (&*self.fs, self.options.chunk_segment_bytes);
            let outcome = compact::compact(fs, &self.dir, &chosen, ulid, segment_bytes, &self.stopping)
                .inspect_err(|_| Stats::add(&self.stats.compactions_failed, 1))?;
            Stats::add(&self.stats.compactions, 1);
            tracing::info!(
                blocks = chosen.len(),
                reason = ?choice.reason,
                %ulid,
                written = matches!(outcome, Outcome::Written(_)),
                "compact blocks"
            );
            self.reload(&[])?;
            done.block_compactions += 1;
        }
    }

    fn retain(&self, done: &mut Maintained) -> Result<(), MaintainError> {
        let blocks = self.blocks();
        let metas: Vec<(Arc<Meta>, u64)> = blocks.iter().map(|block| (block.meta(), block.bytes())).collect();
        let sized: Vec<(&Meta, u64)> = metas.iter().map(|(meta, bytes)| (&**meta, *bytes)).collect();
        let bytes = sized.iter().map(|(_, bytes)| bytes).sum();
        self.stats.blocks_bytes.store(bytes, Ordering::Relaxed);
        let limits = Limits {
            age_ms: Some(self.options.retention_ms).filter(|&age_ms| age_ms > 0),
            bytes: Some(self.options.retention_bytes).filter(|&bytes| bytes > 0),
        };
        let other_bytes = limits.bytes.map_or(0, |_| {
            self.log_bytes() + self.late_log_bytes() + self.chunk_file_bytes()
        });
        let unwanted = retention::to_delete(&sized, &limits, other_bytes);
        if unwanted.is_empty() {
            return Ok(());
        }
        let by_age = Limits {
            bytes: None,
            ..limits
        };
        let too_old = retention::to_delete(&sized, &by_age, 0).len();
        Stats::add(&self.stats.time_retentions, u64::from(too_old > 0));
        Stats::add(&self.stats.size_retentions, u64::from(unwanted.len() > too_old));
        self.reload(&unwanted.iter().copied().collect::<Vec<_>>())?;
        done.blocks_removed = unwanted.len();
        Ok(())
    }

    /// Bytes of the log, its checkpoint included.
    pub fn log_bytes(&self) -> u64 {
        self.bytes_below(&self.head.wal_dir)
    }

    /// Bytes of the write-behind log.
    pub fn late_log_bytes(&self) -> u64 {
        self.bytes_below(&self.head.wbl_dir)
    }

    /// Bytes of the head's chunk files.
    pub fn chunk_file_bytes(&self) -> u64 {
        self.bytes_below(&crate::head::chunks_dir(&self.dir))
    }

    fn bytes_below(&self, dir: &Path) -> u64 {
        let bytes = |name: &String| {
            let path = dir.join(name);
            match self.fs.stat(&path) {
                Ok(stat) if stat.is_dir => self.bytes_below(&path),
                Ok(stat) => stat.len,
                // Removed in between.
                Err(_) => 0,
            }
        };
        self.fs.list(dir).unwrap_or_default().iter().map(bytes).sum()
    }
}
