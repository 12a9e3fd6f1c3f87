//! The database's log for those who read along while it is written.

use std::sync::Arc;

use super::Db;
use crate::head::wal_dir;
use crate::wal::{Position, WalError, Watcher};

impl Db {
    /// Where the log ends now: all before it is whole.
    pub fn wal_end(&self) -> Position {
        let wal = self.head.wal.lock();
        Position {
            segment: wal.segment(),
            offset: wal.segment_len(),
        }
    }

    /// A reader of the log whose records are live from `live_from`, or from the segment being written.
    ///
    /// # Errors
    /// When the log cannot be listed.
    pub fn watch_wal(&self, live_from: Option<Position>) -> Result<Watcher, WalError> {
        let live_from = live_from.unwrap_or_else(|| Position {
            offset: 0,
            ..self.wal_end()
        });
        Watcher::open(Arc::clone(&self.fs), &wal_dir(&self.dir), live_from)
    }
}
