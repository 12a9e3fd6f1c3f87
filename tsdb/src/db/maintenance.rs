//! What has to be done now and then: chunks to files, the head's oldest range to a block, blocks merged and
//! removed, the log shortened.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::retain::Room;
use super::{Db, Intake, Stats};
use crate::block::{Block, Meta, Ulid};
use crate::compact::{self, Choice, CompactError, Order, Outcome};
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
    /// Blocks that were written anew without series that have outlived their time.
    pub blocks_reduced: usize,
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

    /// Whether the disk has no room or takes no writes, so that it may go well later.
    pub fn is_no_room(&self) -> bool {
        match &self.kind {
            MaintainErrorKind::Io(error) => crate::fs::space::is_no_room(error),
            MaintainErrorKind::File(error) | MaintainErrorKind::Compact(CompactError::File(error)) => {
                error.is_no_room()
            }
            MaintainErrorKind::Wal(error) => error.is_no_room(),
            MaintainErrorKind::Read(_) | MaintainErrorKind::Compact(CompactError::Cancelled(_)) => false,
        }
    }
}

impl MaintainError {
    /// Whether a segment in `wal_dir` is damaged, which a start that reads all of the log repairs. One that meets a
    /// damaged checkpoint of the log does not start at all.
    pub(super) fn is_damaged_segment(&self, wal_dir: &Path) -> bool {
        match &self.kind {
            MaintainErrorKind::Wal(error) => error.is_corruption() && error.path().parent() == Some(wal_dir),
            _ => false,
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
    /// The first that occurred. Each step is tried though another failed, and on a full disk retention comes first
    /// as well, since it may be that which makes room.
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
        if self.head.gate.lost().is_some() {
            // What is on disk is unknown: nothing is made of it.
            return Ok(done);
        }
        self.look_for_room();
        let is_short = self.intake() > Intake::All;
        self.note_growth();
        if is_short {
            note(self.retain(&mut done));
        }
        note(self.flush(&mut done));
        note(self.with_reserve(|| self.compact_head_ranges(now_ms, &mut done)));
        note(self.with_reserve(|| self.settle(now_ms)));
        note(self.verify_chunks());
        if !is_short {
            note(self.checkpoint_head());
            note(self.compact_blocks(now_ms, &mut done));
            note(self.drop_passed_tiers(now_ms, &mut done));
        }
        note(self.with_reserve(|| self.retain(&mut done)));
        self.note_size();
        first.map(|()| done)
    }

    fn flush(&self, done: &mut Maintained) -> Result<(), MaintainError> {
        done.chunks_mapped = self.head.flush_closed().map_err(MaintainError::io)?;
        Ok(())
    }

    fn compact_head_ranges(&self, now_ms: i64, done: &mut Maintained) -> Result<(), MaintainError> {
        while self.head_is_compactable() {
            Stats::add(&self.stats.compactions_triggered, 1);
            // What is left of the head has to stay, so that there is no choice but to write.
            self.make_room(self.head_block_bytes_max())?;
            let compacted = self.compact_head(now_ms);
            if compacted.is_err() {
                Stats::add(&self.stats.compactions_failed, 1);
            }
            compacted?;
            Stats::add(&self.stats.compactions, 1);
            done.head_compactions += 1;
        }
        Ok(())
    }

    /// What compactions of the head leave to be done: the log shortened, what came out of order made blocks.
    fn settle(&self, now_ms: i64) -> Result<(), MaintainError> {
        if self.owes_truncation() {
            self.make_room(self.log_bytes())?;
            self.truncate_log()?;
        }
        if self.owed.lock().late {
            self.make_room(self.head_block_bytes_max())?;
            self.compact_late(now_ms)?;
            self.owed.lock().late = false;
        }
        Ok(())
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
            let choice = compact::plan(&metas, &ranges_ms, true);
            let Some(choice) = choice.or_else(|| self.plan_old(&metas)) else {
                return Ok(());
            };
            let chosen: Vec<Arc<Block>> = choice
                .blocks
                .iter()
                .filter_map(|ulid| blocks.iter().find(|block| block.meta().ulid == *ulid))
                .map(Arc::clone)
                .collect();
            let room = self.make_room(chosen.iter().map(|block| block.bytes()).sum())?;
            match room {
                Room::Enough => {}
                Room::AfterRemoving => continue,
                Room::TooLittle => return Ok(()),
            }
            Stats::add(&self.stats.compactions_triggered, 1);
            let ulid = self.new_ulid(now_ms);
            let outcome = self.compact(&chosen, ulid)?;
            tracing::info!(
                blocks = chosen.len(),
                reason = ?choice.reason,
                %ulid,
                written = matches!(outcome, Outcome::Written(_)),
                "compact blocks"
            );
            match outcome {
                Outcome::Written(_) => self.show(ulid)?,
                Outcome::Empty => self.reload(&[])?,
            }
            done.block_compactions += 1;
        }
    }

    /// Old blocks to merge to longer ones than all others, where part of them is kept for longer.
    fn plan_old(&self, metas: &[&Meta]) -> Option<Choice> {
        let longer = self.tiers().longer_blocks(self.options.max_block_ms);
        longer.into_iter().find_map(|(age_ms, longest_ms)| {
            let is_old = |meta: &&Meta| self.age_ms(meta.max_ms) >= age_ms;
            let old: Vec<&Meta> = metas.iter().copied().filter(is_old).collect();
            let ranges_ms = compact::block_ranges_ms(self.options.min_block_ms, longest_ms);
            compact::plan(&old, &ranges_ms, true)
        })
    }

    /// Writes one block of `chosen`, without the series that have outlived their time.
    pub(super) fn compact(&self, chosen: &[Arc<Block>], ulid: Ulid) -> Result<Outcome, CompactError> {
        let metas = chosen.iter().map(|block| block.meta());
        let (from_ms, end_ms) = metas.fold((i64::MAX, i64::MIN), |(from_ms, end_ms), meta| {
            (from_ms.min(meta.min_ms), end_ms.max(meta.max_ms))
        });
        let tiers = self.tiers();
        let age_ms = self.age_ms(end_ms);
        let unwanted = |block: &Block| tiers.unwanted(block.index(), age_ms);
        let order = Order {
            ulid,
            segment_bytes_max: self.options.chunk_segment_bytes,
            chunking: self.options.chunking(end_ms.saturating_sub(from_ms)),
            unwanted: (!tiers.is_empty()).then_some(&unwanted),
        };
        compact::compact(&*self.fs, &self.dir, chosen, &order, &self.stopping)
            .inspect(|_| Stats::add(&self.stats.compactions, 1))
            .inspect_err(|_| Stats::add(&self.stats.compactions_failed, 1))
    }
}
