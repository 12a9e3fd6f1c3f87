//! When the head's checkpoint is written: see [`crate::checkpoint`].

use std::sync::atomic::Ordering;

use super::{Db, MaintainError, Stats, reload};
use crate::fs::FileError;
use crate::head::{chunk_files, chunks_dir};

impl Db {
    /// Looks at the chunks in files that the start took as they were told; once. Where one is damaged the next
    /// start rebuilds it from the log, as far as that still has it.
    pub(super) fn verify_chunks(&self) -> Result<(), MaintainError> {
        if !self.has_unverified_chunks.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let dir = chunks_dir(&self.dir);
        let numbers: Vec<u32> = self.head.files.read().keys().copied().collect();
        for number in numbers {
            let path = chunk_files::path(&dir, number);
            let len = self.fs.stat(&path).map_err(MaintainError::io)?.len;
            let damaged = chunk_files::find_damage(&*self.fs, &path, len).map_err(MaintainError::io)?;
            if let Some(offset) = damaged {
                tracing::error!(file = %path.display(), offset, "A head chunk has a wrong checksum");
                self.give_up_checkpoint();
            }
        }
        Ok(())
    }

    /// Writes the head's checkpoint if that is due.
    pub(super) fn checkpoint_head(&self) -> Result<(), MaintainError> {
        let samples_max = self.options.checkpoint_samples_max;
        let is_due = match &*self.checkpointer.lock() {
            Some(checkpointer) => checkpointer.is_due(&self.head, samples_max),
            None => false,
        };
        match is_due {
            true => Ok(self.write_checkpoint(false)?),
            false => Ok(()),
        }
    }

    /// Removes the head's checkpoint and writes none any more, so that the next start reads all of the log and
    /// repairs it.
    pub(super) fn give_up_checkpoint(&self) {
        if self.checkpointer.lock().take().is_none() {
            return;
        }
        tracing::warn!("What a start relies on is damaged; the next one replays the WAL and repairs it");
        if let Err(error) = crate::checkpoint::remove(&*self.fs, &self.dir) {
            tracing::warn!(%error, "The head's checkpoint could not be removed");
        }
    }

    /// Writes the head's checkpoint; the last one says that nothing follows. Nobody else maintains the database.
    pub(super) fn write_checkpoint(&self, is_last: bool) -> Result<(), FileError> {
        let Some(checkpointer) = &mut *self.checkpointer.lock() else {
            return Ok(());
        };
        let blocks_end_ms = reload::min_valid_ms(&self.blocks());
        let stats = &self.stats;
        Stats::add(&stats.checkpoints, 1);
        let written = checkpointer
            .write(&self.fs, &self.head, blocks_end_ms, is_last)
            .inspect_err(|_| Stats::add(&stats.checkpoints_failed, 1))?;
        Stats::add(&stats.checkpoint_bytes, written.bytes);
        tracing::debug!(
            bytes = written.bytes,
            anew = written.is_first,
            "Head checkpoint written"
        );
        Ok(())
    }
}
