//! When the head's checkpoint is written: see [`crate::checkpoint`].

use super::{Db, MaintainError, Stats, reload};
use crate::fs::FileError;

impl Db {
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
        tracing::warn!("The WAL is damaged; the next start replays and repairs it");
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
