//! Keeping the log short: a checkpoint of its older part, then that part goes.

use std::sync::atomic::Ordering;

use super::{Db, MaintainError};
use crate::head::Stats;
use crate::head::lookup::Address;
use crate::wal::{checkpoint, segment};

impl Db {
    /// Whether the log holds what was compacted since it was shortened last.
    pub(super) fn owes_truncation(&self) -> bool {
        let owed = self.owed.lock();
        owed.truncated_ms < owed.truncate_ms
    }

    /// Drops what the log holds of the time that was compacted, two thirds of its segments at a time.
    pub(super) fn truncate_log(&self) -> Result<(), MaintainError> {
        let from_ms = self.owed.lock().truncate_ms;
        let truncated = self.checkpoint(from_ms);
        match &truncated {
            Err(error) => {
                Stats::add(&self.head.stats.wal_truncations_failed, 1);
                if error.is_damaged_segment(&self.head.wal_dir) {
                    self.give_up_checkpoint();
                }
            }
            Ok(()) => self.owed.lock().truncated_ms = from_ms,
        }
        truncated
    }

    fn checkpoint(&self, from_ms: i64) -> Result<(), MaintainError> {
        let head = &*self.head;
        let segments = segment::list(&*self.fs, &head.wal_dir)?;
        let (Some(&first), Some(&last)) = (segments.first(), segments.last()) else {
            return Ok(());
        };
        // A new segment each time, so that a database with few samples gets on too.
        head.wal.lock().next_segment().map_err(MaintainError::io)?;
        let Some(last) = last.checked_sub(1).filter(|&last| last >= first) else {
            return Ok(());
        };
        // The lower two thirds should hold little that is still needed.
        let last = first + (last - first) * 2 / 3;
        if last <= first {
            return Ok(());
        }
        let keep_series = |number: u64| {
            let place = head.refs.read().get(number);
            // A number of former days leads to its series too, but is not needed for long.
            let is_its_name = |place: Address| {
                let data = head.lanes[place.lane()].data.read();
                data.cold[place.ordinal()].series == number
            };
            place.is_some_and(is_its_name)
                || head
                    .expiries
                    .lock()
                    .get(number)
                    .is_some_and(|until| until >= from_ms)
        };
        // Until then samples are passed over by the next start, wherever they still are; others may not be.
        let blocks = self.blocks();
        let ends = blocks.iter().map(|block| block.meta());
        let ends = ends.filter(|meta| meta.compaction.hints.is_empty());
        let in_blocks_ms = ends.map(|meta| meta.max_ms).max().unwrap_or(i64::MIN);
        let late_ms = head.late_min_ms.load(Ordering::Acquire);
        let keep = checkpoint::Keep {
            from_ms,
            tombstones_from_ms: from_ms.min(late_ms).min(in_blocks_ms),
            series: &keep_series,
        };
        Stats::add(&head.stats.checkpoints, 1);
        let counts = checkpoint::write(&self.fs, &head.wal_dir, last, head.options.compression, &keep)
            .inspect_err(|_| Stats::add(&head.stats.checkpoints_failed, 1))?;
        Stats::add(&head.stats.wal_truncations, 1);
        Stats::add(&head.stats.checkpoint_deletions, 1);
        checkpoint::remove_covered(&*self.fs, &head.wal_dir, last)
            .inspect_err(|_| Stats::add(&head.stats.checkpoint_deletions_failed, 1))?;
        head.expiries.lock().forget_before(from_ms);
        tracing::info!(
            first,
            last,
            series = counts.series,
            samples = counts.samples,
            "WAL checkpoint complete"
        );
        Ok(())
    }
}
