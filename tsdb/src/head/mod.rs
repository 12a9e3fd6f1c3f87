//! The head: the last hours of all series, in memory, with the log and the chunk files that back it.
//!
//! ```text
//! batch ─ judge ─▶ log ─▶ apply ─▶ lane 0..4 ─▶ open chunk ─ close ─▶ chunks_head ─ compact ─▶ block
//!                                    │ labels, postings, hot and cold records, arena
//! query ◀─ read ─────────────────────┘
//! ```
//!
//! * Writing is in [`crate::batch`] (`resolve`, `judge`, `log`, `apply`), reading in `read`.
//! * What a start does is in `replay`, what maintenance does in `flush`, `tighten` and `gc`.
//! * Locks and their order: see `lane`.

pub(crate) mod arena;
pub(crate) mod chunk_files;
pub(crate) mod closed;
mod delete;
pub mod exemplars;
pub(crate) mod expiries;
mod filed;
pub(crate) mod flush;
pub mod gate;
pub(crate) mod gc;
pub(crate) mod histograms;
pub(crate) mod labels;
pub(crate) mod lane;
pub(crate) mod late;
pub(crate) mod lookup;
mod matched;
pub(crate) mod ordered;
mod pieces;
pub(crate) mod postings;
pub(crate) mod read;
pub(crate) mod replay;
pub(crate) mod slab;
pub mod stats;
pub(crate) mod symbols;
mod tighten;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

pub use replay::ReplayProgress;
pub use stats::Stats;

use self::chunk_files::{ChunkFiles, FileMap};
use self::exemplars::Ring;
use self::expiries::Expiries;
use self::gate::Gate;
use self::lane::{LANES, Lane};
use self::late::LateRecords;
use self::lookup::RefTable;
use crate::batch::log::Scratch;
use crate::fs::Vfs;
use crate::fs::buffered::make_dir;
use crate::wal::{Compression, Writer};

/// How a head works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadOptions {
    /// Length of a block cut from the head.
    pub(crate) chunk_range_ms: i64,
    /// How new records are compressed.
    pub(crate) compression: Compression,
    /// How long a segment of the log becomes.
    pub(crate) segment_bytes: u64,
    /// How many exemplars are kept at first.
    pub(crate) exemplars_max: usize,
    /// How much earlier than the latest sample one may come, at first.
    pub(crate) window_ms: i64,
    /// Whether a checkpoint of ours is looked for.
    pub(crate) uses_checkpoint: bool,
    /// How many threads the log is replayed on.
    pub(crate) threads: usize,
    /// How many series may be here; 0 for any number.
    pub(crate) series_max: u64,
}

/// The head of a database.
pub(crate) struct Head {
    pub(crate) options: HeadOptions,
    pub(crate) wal_dir: PathBuf,
    pub(crate) wbl_dir: PathBuf,
    pub(crate) lanes: [Lane; LANES],
    pub(crate) refs: RwLock<RefTable>,
    /// Counts collections that moved series. Changes only under the writers' locks.
    pub(crate) generation: AtomicU64,
    /// The largest number that a series has had.
    pub(crate) last_ref: AtomicU64,
    /// Time of the earliest sample that is here and in no block; `i64::MAX` as long as there is none.
    pub(crate) min_ms: AtomicI64,
    /// Time of the latest sample; `i64::MIN` as long as there is none.
    pub(crate) max_ms: AtomicI64,
    /// Nothing before this is taken: it is, or was, in blocks.
    pub(crate) min_valid_ms: AtomicI64,
    /// How much earlier than the latest sample one may come: `out_of_order_time_window`.
    pub(crate) window_ms: AtomicI64,
    /// Time of the earliest sample that came out of order and is here; `i64::MAX` if there is none.
    pub(crate) late_min_ms: AtomicI64,
    /// Time of the latest such sample; `i64::MIN` if there is none. What came in order may be earlier, once the
    /// rest of it is in blocks.
    pub(crate) late_max_ms: AtomicI64,
    pub(crate) wal: Mutex<Writer>,
    /// The write-behind log, if there is or was a window.
    pub(crate) wbl: Mutex<Option<Writer>>,
    pub(crate) chunk_files: Mutex<ChunkFiles>,
    pub(crate) files: RwLock<FileMap>,
    /// Series that are gone, and until when samples of theirs can be in the log.
    pub(crate) expiries: Mutex<Expiries>,
    pub(crate) exemplars: Ring,
    pub(crate) scratch: Mutex<Vec<Scratch>>,
    /// What is let in.
    pub(crate) gate: Gate,
    /// What is in memory and still has to go into the write-behind log, which took it not.
    pub(crate) late_owed: Mutex<LateRecords>,
    pub(crate) closed: AtomicBool,
    /// Held while a series is made, where their number is limited.
    pub(crate) making: Mutex<()>,
    pub(crate) stats: Stats,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} series)", self.series_count())
    }
}

impl Head {
    /// Times of the earliest and latest samples; `None` as long as there is none.
    pub(crate) fn time_range_ms(&self) -> Option<(i64, i64)> {
        let (min, max) = (
            self.min_ms.load(Ordering::Acquire),
            self.max_ms.load(Ordering::Acquire),
        );
        (min <= max).then_some((min, max))
    }

    /// Samples before this are refused.
    pub(crate) fn appendable_from_ms(&self) -> i64 {
        let max = self.max_ms.load(Ordering::Acquire);
        let min_valid = self.min_valid_ms.load(Ordering::Acquire);
        min_valid.max(max.saturating_sub(self.options.chunk_range_ms / 2))
    }

    /// How many series are here.
    pub(crate) fn series_count(&self) -> u64 {
        self.lanes
            .iter()
            .map(|lane| lane.data.read().hot.len() as u64)
            .sum()
    }

    /// Takes note of the times of samples that were stored.
    pub(crate) fn widen(&self, from_ms: i64, through_ms: i64) {
        self.min_ms.fetch_min(from_ms, Ordering::AcqRel);
        self.max_ms.fetch_max(through_ms, Ordering::AcqRel);
    }

    /// Makes all that was committed survive a power cut.
    ///
    /// # Errors
    /// The system's; the log takes nothing from then on.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.sync_wbl()?;
        let sync = self.wal.lock().begin_sync()?;
        if sync.is_empty() {
            return Ok(());
        }
        Stats::add(&self.stats.wal_fsyncs, 1);
        sync.run().inspect_err(|error| {
            Stats::add(&self.stats.wal_writes_failed, 1);
            self.lose("write-ahead log", error);
        })
    }

    /// A sync failed: what is on disk is unknown, and asking again would only hide that.
    fn lose(&self, what: &str, error: &io::Error) {
        self.wal.lock().sync_failed();
        if let Some(wbl) = &mut *self.wbl.lock() {
            wbl.sync_failed();
        }
        self.gate.lose(format!(
            "an fsync of the {what} failed ({error}), restart to find out what was kept"
        ));
    }

    fn sync_wbl(&self) -> io::Result<()> {
        let sync = match &mut *self.wbl.lock() {
            Some(wbl) => wbl.begin_sync()?,
            None => return Ok(()),
        };
        sync.run().inspect_err(|error| {
            Stats::add(&self.stats.wbl_writes_failed, 1);
            self.lose("write-behind log", error);
        })
    }

    /// Changes how much earlier than the latest sample one may come; 0 takes none out of order.
    ///
    /// # Errors
    /// The system's, when the write-behind log cannot be begun; the window is then as it was.
    pub(crate) fn set_window_ms(&self, fs: &Arc<dyn Vfs>, window_ms: i64) -> io::Result<()> {
        if window_ms > 0 {
            let wbl = &mut *self.wbl.lock();
            if wbl.is_none() {
                make_dir(&**fs, &self.wbl_dir)?;
                *wbl = Some(Writer::create(
                    Arc::clone(fs),
                    &self.wbl_dir,
                    0,
                    self.options.segment_bytes,
                )?);
            }
        }
        self.window_ms.store(window_ms.max(0), Ordering::Release);
        self.exemplars.set_window_ms(window_ms);
        Ok(())
    }

    /// Bytes held, by part.
    pub(crate) fn held_bytes(&self) -> Vec<(&'static str, usize)> {
        let mut parts: Vec<(&'static str, usize)> = vec![
            ("refs", self.refs.read().held_bytes()),
            ("expiries", self.expiries.lock().held_bytes()),
        ];
        for lane in &self.lanes {
            for (name, bytes) in lane.data.read().held_bytes() {
                match parts.iter_mut().find(|part| part.0 == name) {
                    Some(part) => part.1 += bytes,
                    None => parts.push((name, bytes)),
                }
            }
        }
        parts
    }
}

/// The log's directory in a data directory.
pub(crate) fn wal_dir(dir: &Path) -> PathBuf {
    dir.join("wal")
}

/// The write-behind log's directory in a data directory.
pub(crate) fn wbl_dir(dir: &Path) -> PathBuf {
    dir.join("wbl")
}

/// The closed chunks' directory in a data directory.
pub(crate) fn chunks_dir(dir: &Path) -> PathBuf {
    dir.join("chunks_head")
}
