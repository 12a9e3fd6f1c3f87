//! From a directory to a database, in the order that keeps a foreign directory unharmed:
//! look, lock, read everything; only then clean up, repair and write.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::reload::Remedy;
use super::{Db, DbOptions, Owed, Retention, Stats, lock, reload, room};
use crate::block::{Block, Meta, filenames, remove_leftovers};
use crate::checkpoint::Checkpointer;
use crate::fs::buffered::make_dir;
use crate::fs::{FileError, MemoryFs, Vfs};
use crate::head::replay::Replayed;
use crate::head::{Head, HeadOptions, wal_dir};
use crate::query::Cancel;
use crate::wal::WalError;

/// A directory that cannot be opened. Nothing in it was changed.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
}

#[derive(Debug)]
enum OpenErrorKind {
    Locked(PathBuf),
    Io(PathBuf, io::Error),
    File(FileError),
    Wal(WalError),
}

impl OpenError {
    pub(super) fn locked(path: &Path) -> Self {
        Self {
            kind: OpenErrorKind::Locked(path.to_owned()),
        }
    }

    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        Self {
            kind: OpenErrorKind::Io(path.to_owned(), error),
        }
    }

    /// Whether the disk has no room or takes no writes.
    pub fn is_no_room(&self) -> bool {
        match &self.kind {
            OpenErrorKind::Locked(_) => false,
            OpenErrorKind::Io(_, error) => crate::fs::space::is_no_room(error),
            OpenErrorKind::File(error) => error.is_no_room(),
            OpenErrorKind::Wal(error) => error.is_no_room(),
        }
    }

    /// Whether another process holds the directory.
    pub fn is_locked(&self) -> bool {
        matches!(self.kind, OpenErrorKind::Locked(_))
    }

    /// Whether the directory is in order but holds what this version cannot carry on.
    pub fn is_foreign(&self) -> bool {
        match &self.kind {
            OpenErrorKind::Wal(error) => error.is_foreign(),
            OpenErrorKind::File(error) => error.is_unsupported(),
            _ => false,
        }
    }
}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        Self {
            kind: OpenErrorKind::File(error),
        }
    }
}

impl From<WalError> for OpenError {
    fn from(error: WalError) -> Self {
        Self {
            kind: OpenErrorKind::Wal(error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OpenErrorKind::Locked(path) => {
                write!(
                    f,
                    "lock DB directory: {}: resource temporarily unavailable",
                    path.display()
                )
            }
            OpenErrorKind::Io(path, error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                write!(
                    f,
                    "{}: cannot be written, and a server has to write into its directory",
                    path.display()
                )
            }
            OpenErrorKind::Io(path, _) => write!(f, "{}: cannot be used", path.display()),
            OpenErrorKind::File(error) => error.fmt(f),
            OpenErrorKind::Wal(error) => {
                error.fmt(f)?;
                if error.is_foreign() {
                    f.write_str("; nothing was changed")
                } else if error.is_corruption() {
                    f.write_str("; nothing was changed, move the file away to go on without what it holds")
                } else {
                    Ok(())
                }
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            OpenErrorKind::Io(_, error) => Some(error),
            OpenErrorKind::File(error) => error.source(),
            OpenErrorKind::Wal(error) => error.source(),
            _ => None,
        }
    }
}

impl Db {
    /// Opens the database in `dir` for reading alone: nothing there is changed, damage is passed over, and
    /// what is appended stays in memory. Another process may hold the directory.
    ///
    /// # Errors
    /// When it holds what this version cannot carry, a checkpoint or a block is damaged, or the system refuses.
    pub fn open_read_only(fs: Arc<dyn Vfs>, dir: &Path, now_ms: i64) -> Result<Self, OpenError> {
        let options = DbOptions {
            // Whoever writes there may change it at any time.
            checkpoint_samples_max: 0,
            ..DbOptions::default()
        };
        let mut loaded = reload::load(&*fs, dir, &[])?;
        loaded.refuse(&[Remedy::Refuse, Remedy::SetAside, Remedy::SetTombstonesAside])?;
        let head_options = head_options(&options);
        let progress = &options.progress;
        let min_valid_ms = loaded.min_valid_ms();
        let mut replayed = Replayed::read(&*fs, dir, &head_options, min_valid_ms, progress)?;
        replayed.pass_over_damage();
        // Whatever is written goes there.
        let memory: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
        let head = replayed.open(Arc::clone(&memory), dir, head_options, now_ms)?;
        Ok(Self::assemble(memory, dir, options, head, loaded.blocks, now_ms))
    }

    fn assemble(
        fs: Arc<dyn Vfs>,
        dir: &Path,
        options: DbOptions,
        head: Head,
        blocks: Vec<Arc<Block>>,
        now_ms: i64,
    ) -> Self {
        let checkpointer = (options.checkpoint_samples_max > 0).then(|| Checkpointer::new(&*fs, dir));
        let was_told_of_chunks = head.stats.checkpoint_loads.load(Ordering::Relaxed) > 0;
        Self {
            fs,
            dir: dir.to_owned(),
            retention: Mutex::new(Retention {
                age_ms: options.retention_ms,
                bytes: options.retention_bytes,
            }),
            options,
            head: Arc::new(head),
            blocks: RwLock::new(Arc::new(blocks)),
            checkpointer: Mutex::new(checkpointer),
            has_unverified_chunks: AtomicBool::new(was_told_of_chunks),
            maintaining: Mutex::default(),
            owed: Mutex::new(Owed {
                truncated_ms: i64::MIN,
                truncate_ms: i64::MIN,
                late: false,
            }),
            reserve: room::Reserve::new(dir),
            lock: Mutex::default(),
            stopping: Cancel::new(),
            stats: Stats::default(),
            ulids: AtomicU64::new(now_ms.cast_unsigned()),
            settled: Mutex::default(),
            growth: Mutex::default(),
        }
    }

    /// Opens the database in `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// When another process holds the directory, when it holds what this version cannot carry on, when a
    /// checkpoint or a block is damaged, or the system refuses.
    pub fn open(fs: Arc<dyn Vfs>, dir: &Path, options: DbOptions, now_ms: i64) -> Result<Self, OpenError> {
        make_dir(&*fs, dir).map_err(|e| OpenError::io(dir, e))?;
        let lock = match options.no_lockfile {
            true => None,
            false => Some(lock::take(&*fs, dir)?),
        };
        let opened = match Self::open_locked(Arc::clone(&fs), dir, options.clone(), now_ms) {
            Err(error) if error.is_no_room() && room::release_reserve(&*fs, dir) => {
                tracing::warn!(%error, "The disk is full: the start goes on with the reserve");
                Self::open_locked(fs, dir, options, now_ms)
            }
            opened => opened,
        };
        match (&opened, lock) {
            (Ok(db), lock) => *db.lock.lock() = lock,
            (Err(_), Some(mut lock)) => lock.leave_as_found(),
            (Err(_), None) => {}
        }
        opened
    }

    fn open_locked(fs: Arc<dyn Vfs>, dir: &Path, options: DbOptions, now_ms: i64) -> Result<Self, OpenError> {
        for name in fs.list(dir).map_err(|e| OpenError::io(dir, e))? {
            if filenames::block_ulid(&name).is_some() && Meta::repair_version(&*fs, &dir.join(&name))? {
                tracing::info!(block = name, "Fixed broken block");
            }
        }
        let mut loaded = reload::load(&*fs, dir, &[])?;
        loaded.refuse(&[Remedy::Refuse])?;
        let min_valid_ms = loaded.min_valid_ms();
        let head_options = head_options(&options);
        let replayed = Replayed::read(&*fs, dir, &head_options, min_valid_ms, &options.progress)?;
        clean_up(&*fs, dir, now_ms)?;
        let set_aside = reload::set_aside(&*fs, dir, loaded.broken, now_ms)?;
        let head = replayed.open(Arc::clone(&fs), dir, head_options, now_ms)?;
        let db = Self::assemble(fs, dir, options, head, loaded.blocks, now_ms);
        Stats::add(&db.stats.blocks_set_aside, set_aside);
        Ok(db)
    }
}

fn head_options(options: &DbOptions) -> HeadOptions {
    HeadOptions {
        chunk_range_ms: options.min_block_ms.max(1),
        compression: options.wal_compression,
        segment_bytes: options.wal_segment_bytes,
        exemplars_max: options.exemplars_max,
        window_ms: options.out_of_order_window_ms.max(0),
        uses_checkpoint: options.checkpoint_samples_max > 0,
        threads: options.open_threads,
        series_max: options.series_max,
    }
}

/// Removes what an interrupted predecessor left unfinished, and sets memory snapshots aside: the log
/// suffices, and they would be out of date once it goes on.
fn clean_up(fs: &dyn Vfs, dir: &Path, now_ms: i64) -> Result<(), OpenError> {
    remove_leftovers(fs, dir)?;
    for name in fs.list(dir).map_err(|e| OpenError::io(dir, e))? {
        let path = dir.join(&name);
        if name.starts_with("chunk_snapshot.") {
            let aside = dir.join("quarantine");
            fs.create_dir_all(&aside).map_err(|e| OpenError::io(&aside, e))?;
            let to = aside.join(format!("{name}-{now_ms}"));
            fs.rename(&path, &to).map_err(|e| OpenError::io(&path, e))?;
        }
    }
    let wal = wal_dir(dir);
    for name in fs.list(&wal).unwrap_or_default() {
        if name.starts_with("checkpoint.") && name.ends_with(".tmp") {
            let path = wal.join(name);
            fs.remove_dir_all(&path).map_err(|e| OpenError::io(&path, e))?;
        }
    }
    Ok(())
}
