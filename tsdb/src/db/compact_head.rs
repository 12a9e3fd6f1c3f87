//! From the head to a block: the samples of one range, in label order, written once and then taken out
//! of the head.

use std::hash::BuildHasher;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Db, MaintainError};
use crate::block::meta::FROM_OUT_OF_ORDER;
use crate::block::{BlockWriter, ChunkToWrite, Meta, Ulid};
use crate::chunk::encode::ColumnEncoder;
use crate::head::lane::range_end;
use crate::head::ordered::{Ordered, Part};
use crate::query::{Columns, QueryError};
use crate::wal::segment;

impl Db {
    /// Whether the head spans more than one and a half block ranges, so that its oldest can go.
    pub(super) fn head_is_compactable(&self) -> bool {
        let range_ms = self.head.options.chunk_range_ms;
        self.head
            .time_range_ms()
            .is_some_and(|(from, through)| through.saturating_sub(from) > range_ms / 2 * 3)
    }

    /// Writes the head's oldest range as a block and takes it out of the head.
    pub(super) fn compact_head(&self, now_ms: i64) -> Result<(), MaintainError> {
        let Some((from_ms, _)) = self.head.time_range_ms() else {
            return Ok(());
        };
        let end_ms = range_end(from_ms, self.head.options.chunk_range_ms);
        // Nothing earlier than the end is taken any more: the head reaches half a range beyond it. What was
        // judged before is waited for.
        self.head.min_valid_ms.fetch_max(end_ms, Ordering::AcqRel);
        for lane in &self.head.lanes {
            drop(lane.writer.lock());
        }
        let meta = Meta::of_head(self.new_ulid(now_ms), from_ms, end_ms);
        let written = self.write_block(&self.dir, Part::InOrder, meta)?;
        if let Some(meta) = &written {
            tracing::info!(mint = meta.min_ms, maxt = meta.max_ms, ulid = %meta.ulid, "write block");
            // Visible before it goes from the head, so that no query misses it.
            self.show(meta.ulid)?;
        }
        {
            // Also where files that are not needed any more cannot be removed: memory is right then.
            let mut owed = self.owed.lock();
            owed.truncate_ms = owed.truncate_ms.max(end_ms);
            owed.late = true;
        }
        let collected = self.head.truncate(end_ms).map_err(MaintainError::io)?;
        tracing::debug!(
            series = collected.series,
            chunks = collected.chunks,
            "Head GC completed"
        );
        Ok(())
    }

    /// Writes what came out of order as blocks, one an aligned range, and takes it out of the head and its log.
    pub(super) fn compact_late(&self, now_ms: i64) -> Result<(), MaintainError> {
        let Some((from_ms, through_ms, last_segment)) = self.head.cut_late().map_err(MaintainError::io)?
        else {
            return Ok(());
        };
        let range_ms = self.head.options.chunk_range_ms;
        let mut from_ms = from_ms.div_euclid(range_ms).saturating_mul(range_ms);
        while from_ms <= through_ms {
            let end_ms = from_ms.saturating_add(range_ms);
            let mut meta = Meta::of_head(self.new_ulid(now_ms), from_ms, end_ms);
            meta.compaction.hints.push(FROM_OUT_OF_ORDER.to_owned());
            if let Some(meta) = self.write_block(&self.dir, Part::Cut, meta)? {
                // Visible before it goes from the head, so that no query misses it.
                self.show(meta.ulid)?;
                tracing::info!(mint = meta.min_ms, maxt = meta.max_ms, ulid = %meta.ulid, "write out-of-order block");
            }
            from_ms = end_ms;
        }
        self.head.forget_cut();
        for number in segment::list(&*self.fs, &self.head.wbl_dir)? {
            if number <= last_segment {
                segment::remove(&*self.fs, &self.head.wbl_dir, number)?;
            }
        }
        Ok(())
    }

    /// Writes what the head holds of the range of `meta` as a block into `dir`; nothing if there is nothing.
    pub(super) fn write_block(
        &self,
        dir: &Path,
        part: Part,
        meta: Meta,
    ) -> Result<Option<Meta>, MaintainError> {
        let (from_ms, through_ms) = (meta.min_ms, meta.max_ms - 1);
        let mut encoder = ColumnEncoder::new(self.options.chunking(meta.max_ms.saturating_sub(meta.min_ms)));
        let mut writer = BlockWriter::create(&*self.fs, dir, meta, self.options.chunk_segment_bytes)?;
        let add_word = |word: &str| Ok::<_, MaintainError>(writer.add_symbol(word)?);
        let mut ordered = Ordered::new(&self.head, part, from_ms, through_ms, add_word)?;
        let (mut labels, mut samples) = (Vec::new(), Columns::default());
        while ordered.next(&mut labels, &mut samples)? {
            self.stopping.check().map_err(QueryError::from)?;
            let encoded = encoder.encode(&samples);
            let chunks = encoded.iter().map(|chunk| ChunkToWrite {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                encoding: chunk.encoding,
                bytes: &chunk.bytes,
            });
            writer.add_series_by_symbols(&labels, chunks)?;
        }
        drop(ordered);
        Ok(writer.finish()?)
    }

    /// An id that no other block has.
    pub(super) fn new_ulid(&self, now_ms: i64) -> Ulid {
        let count = self.ulids.fetch_add(1, Ordering::Relaxed);
        let random = foldhash::quality::RandomState::default();
        let bits = (u128::from(random.hash_one(count)) << 64) | u128::from(random.hash_one((count, now_ms)));
        Ulid::new(now_ms, bits)
    }
}
