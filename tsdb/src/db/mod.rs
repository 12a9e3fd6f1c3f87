//! The database: a directory with a head, a log and blocks, that takes batches and answers queries.
//!
//! ```text
//! Db::open ─▶ lock, look, read blocks and log ─▶ Db
//!               append  (any thread)      Appendable
//!               open    (any thread)      Queryable
//!               sync    (each second)     what was written survives a power cut
//!               maintain (each minute)    chunks to files, blocks, retention, log
//!               close
//! ```
//!
//! The crate starts no thread and reads no clock: whoever owns the database calls [`Db::sync`] and
//! [`Db::maintain`], the latter from one thread at a time.

mod beside;
mod checkpoint;
mod compact_head;
mod lock;
mod maintenance;
mod open;
mod options;
mod query;
mod reload;
mod retain;
mod room;
mod snapshot;
mod stats;
mod truncate;
mod watch;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

pub use crate::head::exemplars::{ExemplarStatus, SeriesExemplars};
pub use crate::head::gate::Intake;
pub use maintenance::{MaintainError, Maintained};
pub use open::OpenError;
pub use options::{DbOptions, Retention};
pub use reload::read_blocks;
pub use room::RoomOptions;
pub use stats::{HeadStatus, Stats, StatusEntry};

use self::retain::Growth;

use crate::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef};
use crate::block::{Block, Ulid};
use crate::checkpoint::Checkpointer;
use crate::fs::{Vfs, VfsLock};
use crate::head::Head;
use crate::model::{Labels, Matcher};
use crate::query::{Cancel, CancelReason};

/// What a compaction of the head leaves to be done, and is tried again until it is.
#[derive(Debug)]
struct Owed {
    /// The time up to which the log was shortened.
    truncated_ms: i64,
    /// The time up to which it is to be.
    truncate_ms: i64,
    /// Whether samples that came out of order are to become blocks.
    late: bool,
}

/// A database.
pub struct Db {
    fs: Arc<dyn Vfs>,
    dir: PathBuf,
    options: DbOptions,
    head: Arc<Head>,
    /// Open blocks, by the start of their range.
    blocks: RwLock<Arc<Vec<Arc<Block>>>>,
    /// Writes the head's checkpoint, unless there is to be none.
    checkpointer: Mutex<Option<Checkpointer>>,
    /// Whether chunks in files were taken as a checkpoint told of them, and not looked at since.
    has_unverified_chunks: AtomicBool,
    /// Held while the database is maintained.
    maintaining: Mutex<()>,
    /// How far the log was shortened, and what is still to be done after a compaction of the head.
    owed: Mutex<Owed>,
    reserve: room::Reserve,
    lock: Mutex<Option<Box<dyn VfsLock>>>,
    /// Tells maintenance that the database is being closed.
    stopping: Cancel,
    stats: Stats,
    ulids: AtomicU64,
    /// For how many tiers of retention a block was written anew already, or found to hold nothing of them.
    settled: Mutex<HashMap<Ulid, usize>>,
    growth: Mutex<Growth>,
    retention: Mutex<Retention>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Db({})", self.dir.display())
    }
}

impl Db {
    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How the database was opened.
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Makes all that was appended survive a power cut, and looks how much room the disk has. Call it each second.
    ///
    /// # Errors
    /// The system's. After that nothing is taken any more: what is on disk is unknown until a restart.
    pub fn sync(&self) -> io::Result<()> {
        self.look_for_room();
        self.head.sync()
    }

    /// Deletes samples in `from_ms ..= through_ms` of the series that satisfy all `matchers`.
    ///
    /// # Errors
    /// When the log or a block cannot be written; other blocks may have been changed by then.
    pub fn delete(&self, from_ms: i64, through_ms: i64, matchers: &[Matcher]) -> io::Result<()> {
        let _maintaining = self.maintaining.lock();
        for block in self.blocks().iter() {
            let meta = block.meta();
            if meta.min_ms <= through_ms && from_ms < meta.max_ms {
                block
                    .delete(&*self.fs, matchers, from_ms, through_ms)
                    .map_err(io::Error::other)?;
            }
        }
        self.head.delete(from_ms, through_ms, matchers)
    }

    /// Ends the database: nothing is taken any more, closed chunks are written, the log is synced and the
    /// directory unlocked. Queries that are open stay readable.
    ///
    /// # Errors
    /// The system's; what was committed is in the log all the same.
    pub fn close(&self) -> io::Result<()> {
        // A block that is being written is given up: its samples are where they were.
        self.stopping.cancel(CancelReason::ShuttingDown);
        let _maintaining = self.maintaining.lock();
        if self.head.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        // Whoever is appending finishes first.
        for lane in &self.head.lanes {
            drop(lane.writer.lock());
        }
        let owed = self.head.log_owed();
        let flushed = self.head.flush_closed();
        if let Err(error) = self.write_checkpoint(true) {
            tracing::warn!(%error, "The head's checkpoint could not be written; the next start replays the WAL");
        }
        self.head.sync()?;
        self.lock.lock().take();
        owed.and(flushed.map(|_| ()))
    }

    pub(crate) fn blocks(&self) -> Arc<Vec<Arc<Block>>> {
        Arc::clone(&self.blocks.read())
    }

    /// The blocks' descriptions, by the start of their range.
    pub fn block_metas(&self) -> Vec<Arc<crate::block::Meta>> {
        self.blocks().iter().map(|block| block.meta()).collect()
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "Closing the database failed");
        }
    }
}

impl Appendable for Db {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        self.head.resolve(labels, batch)
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        self.head.append(batch, options)
    }

    fn judge(&self, batch: &mut Batch) {
        self.head.judge(batch);
    }
}

#[cfg(test)]
mod tests;
