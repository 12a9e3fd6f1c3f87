//! What goes: blocks that are too old or too many, series of blocks that have outlived their time.
//!
//! A size can be meant in two ways. Prometheus counts logs, head chunks and blocks each minute and removes blocks
//! when they have become too many; what a compaction writes before its inputs go is not foreseen. As a bound,
//! everything in the directory counts, room is made before a compaction begins ([`Db::make_room`]), and as much
//! is left free as the directory has ever grown between two looks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Db, MaintainError, Maintained, Retention, Stats};
use crate::block::{Block, Meta, Ulid};
use crate::compact::Outcome;
use crate::compact::retention::{self, Limits};
use crate::compact::tiers::Tiers;

/// Copies that were asked for: whoever asked removes them.
const SNAPSHOTS: &str = "snapshots";

/// Which part of the bound is left free at least, for what comes between two looks.
const FREE_SHARE: u64 = 64;

/// Whether a compaction may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It may.
    Enough,
    /// It may, but blocks have gone for it.
    AfterRemoving,
    /// Not even without any block would there be room; none was removed.
    TooLittle,
}

/// How the directory grows beside its blocks, where there is a bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    /// Bytes beside blocks after the last look.
    before: Option<u64>,
    /// The most by which they have grown from one look to the next.
    most: u64,
}

impl Db {
    /// Removes blocks that are too old, or the oldest of too many.
    pub(super) fn retain(&self, done: &mut Maintained) -> Result<(), MaintainError> {
        let metas = self.sized_metas();
        let sized: Vec<(&Meta, u64)> = metas.iter().map(|(meta, bytes)| (&**meta, *bytes)).collect();
        let limits = Limits {
            age_ms: self.tiers().longest_ms(),
            bytes: self.bytes_max(),
        };
        let other_bytes = match limits.bytes {
            None => 0,
            Some(_) if self.options.retention_is_bound => self.other_bytes() + self.free_bytes(),
            Some(_) => self.log_bytes() + self.late_log_bytes() + self.chunk_file_bytes(),
        };
        let unwanted = retention::to_delete(&sized, &limits, other_bytes);
        if !unwanted.is_empty() {
            let by_age = Limits {
                bytes: None,
                ..limits
            };
            let too_old = retention::to_delete(&sized, &by_age, 0).len();
            Stats::add(&self.stats.time_retentions, u64::from(too_old > 0));
            Stats::add(&self.stats.size_retentions, u64::from(unwanted.len() > too_old));
            self.reload(&unwanted.iter().copied().collect::<Vec<_>>())?;
            done.blocks_removed += unwanted.len();
        }
        let bytes = self.blocks().iter().map(|block| block.bytes()).sum();
        self.stats.blocks_bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Writes blocks anew of which series have outlived their time, the oldest first.
    pub(super) fn drop_passed_tiers(&self, now_ms: i64, done: &mut Maintained) -> Result<(), MaintainError> {
        let tiers = self.tiers();
        if tiers.is_empty() {
            return Ok(());
        }
        for block in self.blocks().iter() {
            if self.head.closed.load(Ordering::Acquire) || self.head_is_compactable() {
                return Ok(());
            }
            let meta = block.meta();
            let age_ms = self.age_ms(meta.max_ms);
            let passed = tiers.passed(age_ms);
            // One that is too old altogether goes without being looked at.
            let goes = tiers.longest_ms().is_some_and(|longest_ms| longest_ms <= age_ms);
            let is_settled = passed == 0 || self.settled.lock().get(&meta.ulid) == Some(&passed);
            if goes || is_settled || meta.compaction.failed {
                continue;
            }
            let mut ulid = meta.ulid;
            let unwanted = tiers.unwanted(block.index(), age_ms)?.len();
            if unwanted > 0 {
                if self.make_room(block.bytes())? != Room::Enough {
                    // There may be none left of which to make less.
                    return Ok(());
                }
                ulid = self.drop_series(block, unwanted, now_ms)?;
                done.blocks_reduced += 1;
            }
            self.settled.lock().insert(ulid, passed);
        }
        let blocks = self.blocks();
        let is_here = |ulid: &Ulid| blocks.iter().any(|block| block.meta().ulid == *ulid);
        self.settled.lock().retain(|ulid, _| is_here(ulid));
        Ok(())
    }

    fn drop_series(&self, block: &Arc<Block>, unwanted: usize, now_ms: i64) -> Result<Ulid, MaintainError> {
        let from = block.meta().ulid;
        let ulid = self.new_ulid(now_ms);
        let outcome = self.compact(&[Arc::clone(block)], ulid)?;
        tracing::info!(
            %from,
            %ulid,
            series = unwanted,
            written = matches!(outcome, Outcome::Written(_)),
            "Series have outlived their time"
        );
        match outcome {
            Outcome::Written(_) => self.show(ulid)?,
            Outcome::Empty => self.reload(&[])?,
        }
        Ok(ulid)
    }

    /// By how much something that ends at `end_ms` is older than the newest block.
    pub(super) fn age_ms(&self, end_ms: i64) -> i64 {
        let ends_ms = self.blocks().iter().map(|block| block.meta().max_ms).max();
        ends_ms.map_or(0, |newest_ms| newest_ms.saturating_sub(end_ms))
    }

    /// Makes room for so many bytes, where there is a bound, by removing the oldest blocks.
    pub(super) fn make_room(&self, bytes: u64) -> Result<Room, MaintainError> {
        let Some(bytes_max) = self.bytes_max().filter(|_| self.options.retention_is_bound) else {
            return Ok(Room::Enough);
        };
        let other_bytes = self.other_bytes() + self.free_bytes() + bytes;
        if other_bytes > bytes_max {
            tracing::warn!(
                bytes,
                bytes_max,
                "The bound on the size of the directory leaves no room for a compaction"
            );
            return Ok(Room::TooLittle);
        }
        let metas = self.sized_metas();
        let sized: Vec<(&Meta, u64)> = metas.iter().map(|(meta, bytes)| (&**meta, *bytes)).collect();
        let limits = Limits {
            age_ms: None,
            bytes: Some(bytes_max),
        };
        let unwanted = retention::to_delete(&sized, &limits, other_bytes);
        if unwanted.is_empty() {
            return Ok(Room::Enough);
        }
        Stats::add(&self.stats.size_retentions, 1);
        self.reload(&unwanted.iter().copied().collect::<Vec<_>>())?;
        Ok(Room::AfterRemoving)
    }

    /// The most that a block of the head's oldest range takes: less than the head itself.
    pub(super) fn head_block_bytes_max(&self) -> u64 {
        let held: usize = self.head_bytes().iter().map(|(_, bytes)| bytes).sum();
        self.chunk_file_bytes() + held as u64
    }

    /// Notes by how much the directory has grown since [`Self::note_size`].
    pub(super) fn note_growth(&self) {
        if self.options.retention_is_bound && self.bytes_max().is_some() {
            let now = self.other_bytes();
            let growth = &mut *self.growth.lock();
            let grown = growth.before.map_or(0, |before| now.saturating_sub(before));
            growth.most = growth.most.max(grown);
        }
    }

    /// Notes how large the directory is.
    pub(super) fn note_size(&self) {
        if self.options.retention_is_bound && self.bytes_max().is_some() {
            let now = self.other_bytes();
            self.growth.lock().before = Some(now);
        }
    }

    /// What is to stay free within the bound.
    fn free_bytes(&self) -> u64 {
        let share = self.bytes_max().map_or(0, |bytes_max| bytes_max / FREE_SHARE);
        self.growth.lock().most.max(share)
    }

    fn bytes_max(&self) -> Option<u64> {
        Some(self.retention().bytes).filter(|&bytes| bytes > 0)
    }

    /// How long which series are kept.
    pub(super) fn tiers(&self) -> Tiers {
        let rest_ms = Some(self.retention().age_ms).filter(|&age_ms| age_ms > 0);
        Tiers::new(self.options.tiers.clone(), rest_ms)
    }

    /// How much is kept.
    pub fn retention(&self) -> Retention {
        *self.retention.lock()
    }

    /// Changes how much is kept, from the next maintenance on.
    pub fn set_retention(&self, retention: Retention) {
        *self.retention.lock() = retention;
        // Times that have passed may be others.
        self.settled.lock().clear();
    }

    fn sized_metas(&self) -> Vec<(Arc<Meta>, u64)> {
        let blocks = self.blocks();
        blocks.iter().map(|block| (block.meta(), block.bytes())).collect()
    }

    /// Bytes of all that is in the directory and neither block nor snapshot.
    fn other_bytes(&self) -> u64 {
        let blocks: u64 = self.blocks().iter().map(|block| block.bytes()).sum();
        let snapshots = self.bytes_below(&self.dir.join(SNAPSHOTS));
        self.bytes_below(&self.dir).saturating_sub(blocks + snapshots)
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
