//! From a directory to a head: closed chunks, then the checkpoint, then the segments.
//!
//! ```text
//! segments ─ log: records ─ work: taken apart, by lane ─▶ lane 0..4: applied, while the next are read
//! ```
//!
//! The first half only reads: a directory that holds what this version cannot carry is refused before a
//! byte of it is changed. What is damaged is repaired after the reading, by setting files aside.
//!
//! A series lives in one lane, so that its records keep their order however many threads there are; exemplars,
//! whose ring all lanes share, are put in order again.

mod beside;
mod known;
mod lane;
mod late;
mod log;
mod order;
mod work;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64};

use parking_lot::{Mutex, RwLock};

use self::beside::beside;
use self::lane::{Context, LaneReplay};
use self::log::Log;
use self::work::{Gather, Work};
use super::chunk_files::{self, ChunkFiles, Scan};
use super::exemplars::Ring;
use super::gate::Gate;
use super::lane::{LANES, Lane};
use super::lookup::RefTable;
use super::{Head, HeadOptions, Stats, chunks_dir, wal_dir, wbl_dir};
use crate::checkpoint::{self, Refused};
use crate::fs::Vfs;
use crate::wal::{WalError, Writer, repair, segment};

/// How far a start has come; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    /// The first segment to be read.
    pub min: AtomicU32,
    /// The last segment to be read.
    pub max: AtomicU32,
    /// The segment being read.
    pub current: AtomicU32,
}

/// What was read, and what has to be done before it can be written to.
pub(crate) struct Replayed {
    lanes: [LaneReplay; LANES],
    gather: Gather,
    exemplars: Ring,
    scan: Scan,
    /// Numbers that are gone, and until when samples of theirs can be in the log.
    expiries: Vec<(u64, i64)>,
    /// Whether it began with a checkpoint of ours.
    uses_checkpoint: bool,
    min_valid_ms: i64,
    range_ms: i64,
    threads: usize,
    stats: Stats,
    last_segment: Option<u32>,
    damage: Option<(u32, WalError)>,
    checkpoint_damage: Option<WalError>,
    last_late_segment: Option<u32>,
    late_damage: Option<(u32, WalError)>,
}

impl Replayed {
    /// Reads the directory; writes nothing. Samples before `min_valid_ms` are in blocks.
    pub(crate) fn read(
        fs: &dyn Vfs,
        dir: &Path,
        options: &HeadOptions,
        min_valid_ms: i64,
        progress: &ReplayProgress,
    ) -> Result<Self, WalError> {
        if options.uses_checkpoint {
            match Self::read_over_checkpoint(fs, dir, options, min_valid_ms, progress) {
                Ok(None) => {}
                Ok(Some(replayed)) => return Ok(replayed),
                Err(Refused(reason)) => {
                    tracing::warn!(reason, "The head's checkpoint is not used; replaying the WAL");
                }
            }
        }
        let mut scan = chunk_files::scan(fs, &chunks_dir(dir), |_| 0)?;
        late::forget_compacted(fs, &wbl_dir(dir), &mut scan)?;
        let mut replayed = Self::new(options, scan, min_valid_ms);
        replayed.read_log(Log::open(fs, &wal_dir(dir), None, progress)?)?;
        replayed.read_late_log(fs, &wbl_dir(dir))?;
        replayed.forget_tombstones();
        Ok(replayed)
    }

    /// Lets go of deletions of what is in blocks, which know of them.
    fn forget_tombstones(&mut self) {
        for lane in &mut self.lanes {
            lane.data.forget_tombstones(self.min_valid_ms);
        }
    }

    fn new(options: &HeadOptions, scan: Scan, min_valid_ms: i64) -> Self {
        let replayed = Self {
            lanes: std::array::from_fn(LaneReplay::new),
            gather: Gather::new(min_valid_ms),
            exemplars: Ring::default(),
            scan,
            expiries: Vec::new(),
            uses_checkpoint: false,
            min_valid_ms,
            range_ms: options.chunk_range_ms,
            threads: options.threads,
            stats: Stats::default(),
            last_segment: None,
            damage: None,
            checkpoint_damage: None,
            last_late_segment: None,
            late_damage: None,
        };
        replayed.exemplars.resize(options.exemplars_max);
        replayed
    }

    /// Reads ahead while what was read before is applied.
    fn read_log(&mut self, mut log: Log<'_>) -> Result<(), WalError> {
        let mut first = <[Work; LANES]>::default();
        let more = log.fill(&mut self.gather, &mut first)?;
        self.go_on(log, first, more)
    }

    /// Likewise, where a first part was read already.
    fn go_on(
        &mut self,
        mut log: Log<'_>,
        mut at_hand: [Work; LANES],
        mut more: bool,
    ) -> Result<(), WalError> {
        let mut next = <[Work; LANES]>::default();
        loop {
            let Self { lanes, gather, .. } = self;
            let context = Context {
                scan: &self.scan,
                min_valid_ms: self.min_valid_ms,
                range_ms: self.range_ms,
            };
            let filled = beside(
                self.threads,
                lanes.iter_mut().zip(&mut at_hand),
                |(lane, work)| lane.apply(work, &context),
                || match more {
                    true => log.fill(gather, &mut next),
                    false => Ok(false),
                },
            );
            self.take_exemplars();
            let is_last = !more;
            more = filled?;
            if is_last {
                break;
            }
            std::mem::swap(&mut at_hand, &mut next);
        }
        self.last_segment = log.last_segment;
        self.damage = log.damage;
        self.checkpoint_damage = log.checkpoint_damage;
        *self.stats.replay_segments.get_mut() += log.segments_read;
        *self.stats.replay_samples.get_mut() += self.gather.samples;
        *self.stats.replay_unknown_series.get_mut() += self.gather.unknown;
        Ok(())
    }

    /// Stores the exemplars that the lanes have met, in the order of the log.
    fn take_exemplars(&mut self) {
        let mut met: Vec<_> = self
            .lanes
            .iter_mut()
            .flat_map(|lane| lane.exemplars.drain(..))
            .collect();
        met.sort_unstable_by_key(|exemplar| exemplar.0);
        for (_, labels, exemplar) in met {
            // What is late or there already was so before.
            let _verdict = self.exemplars.add(&labels, exemplar);
        }
    }

    /// The series of a number.
    fn locate(&mut self, number: u64) -> Option<(&mut LaneReplay, u32)> {
        let lane = &mut self.lanes[self.gather.routes.get(number)?];
        let place = lane.refs.get(number)?;
        Some((lane, place.ordinal()))
    }

    /// Takes what was read up to damage for all there is, as a reader does who repairs nothing.
    pub(crate) fn pass_over_damage(&mut self) {
        (self.damage, self.late_damage, self.scan.damage) = (None, None, None);
        self.checkpoint_damage = None;
        self.scan.unusable.clear();
    }

    /// Makes a damaged checkpoint end before the damage; all of it is kept elsewhere.
    fn repair_checkpoint(&self, fs: &dyn Vfs, error: &WalError, quarantine: &Path) -> Result<(), WalError> {
        let (checkpoint, part) = (error.path().parent(), error.path().file_name());
        let part = part.and_then(|name| name.to_str()?.parse().ok());
        let (Some(checkpoint), Some(part)) = (checkpoint, part) else {
            unreachable!("parts of a checkpoint have numbers and lie in its directory")
        };
        let aside = repair::repair(fs, checkpoint, part, error.offset(), quarantine)?;
        tracing::error!(
            %error,
            kept = ?aside,
            samples_without_series = Stats::get(&self.stats.replay_unknown_series),
            "The checkpoint is damaged; what comes before the damage is used, and all of it is kept"
        );
        Stats::add(&self.stats.wal_corruptions, 1);
        Ok(())
    }

    /// Sets damage aside, begins a new segment and makes the head.
    pub(crate) fn open(
        mut self,
        fs: Arc<dyn Vfs>,
        dir: &Path,
        options: HeadOptions,
        now_ms: i64,
    ) -> Result<Head, WalError> {
        let (wal_dir, chunks_dir) = (wal_dir(dir), chunks_dir(dir));
        let quarantine = |what: &str| -> PathBuf { dir.join("quarantine").join(format!("{what}-{now_ms}")) };
        for made in [&wal_dir, &chunks_dir] {
            fs.create_dir_all(made).map_err(|e| WalError::io(made, e))?;
        }
        if let Some(error) = &self.checkpoint_damage {
            self.repair_checkpoint(&*fs, error, &quarantine("checkpoint"))?;
        }
        if let Some((number, error)) = &self.damage {
            let aside = repair::repair(&*fs, &wal_dir, *number, error.offset(), &quarantine("wal"))?;
            tracing::warn!(%error, kept = ?aside, "Encountered WAL read error, repaired; what was cut off is kept");
            Stats::add(&self.stats.wal_corruptions, 1);
            self.last_segment = Some(*number);
        }
        let wbl = self.open_late_log(&fs, dir, &options, &quarantine("wbl"))?;
        let mut next_file = self.scan.files.keys().next_back().map_or(1, |last| last + 1);
        if let Some((_, error)) = &self.scan.damage {
            let aside = quarantine("chunks_head");
            fs.create_dir_all(&aside).map_err(|e| WalError::io(&aside, e))?;
            tracing::warn!(%error, kept = %aside.display(), "Head chunk files are damaged; rebuilding from the WAL");
            Stats::add(&self.stats.chunk_corruptions, 1);
            for &number in self.scan.unusable.iter().rev() {
                let from = chunk_files::path(&chunks_dir, number);
                let to = chunk_files::path(&aside, number);
                fs.rename(&from, &to).map_err(|e| WalError::io(&from, e))?;
            }
        } else {
            // Nothing but zeros.
            for &number in &self.scan.unusable {
                let path = chunk_files::path(&chunks_dir, number);
                fs.remove_file(&path).map_err(|e| WalError::io(&path, e))?;
            }
        }
        if self.scan.files.is_empty() {
            next_file = 1;
        }
        let number = self.last_segment.map_or(0, |last| last + 1);
        match self.uses_checkpoint {
            // From here on there is more behind it.
            true => checkpoint::set_running(&*fs, dir),
            false => checkpoint::remove(&*fs, dir),
        }
        .map_err(|error| {
            let kind = match error.is_no_room() {
                true => io::ErrorKind::StorageFull,
                false => io::ErrorKind::Other,
            };
            WalError::io(dir, io::Error::new(kind, error))
        })?;
        let tidy = |lane: &mut LaneReplay| {
            let data = &mut lane.data;
            data.closed.tidy(&mut data.cold, &mut data.pending);
        };
        beside(self.threads, self.lanes.iter_mut(), tidy, || ());
        let mut refs = RefTable::default();
        let (mut min_ms, mut max_ms, mut late_min_ms) = (i64::MAX, i64::MIN, i64::MAX);
        let mut former = Vec::new();
        for lane in &mut self.lanes {
            refs.take(std::mem::take(&mut lane.refs));
            min_ms = min_ms.min(lane.min_ms);
            max_ms = max_ms.max(lane.max_ms);
            late_min_ms = late_min_ms.min(lane.late_min_ms);
            former.append(&mut lane.former);
            *self.stats.series_created.get_mut() += lane.series_created;
            *self.stats.chunks_created.get_mut() += lane.chunks_created;
        }
        let writer = Writer::create(Arc::clone(&fs), &wal_dir, number, options.segment_bytes)
            .map_err(|e| WalError::io(&wal_dir, e))?;
        segment::sync_all(&*fs, &wal_dir)?;
        chunk_files::sync_all(&*fs, &chunks_dir)?;
        if wbl.is_some() {
            segment::sync_all(&*fs, &wbl_dir(dir))?;
        }
        fs.sync_dir(dir).map_err(|e| WalError::io(dir, e))?;
        // Prometheus keeps the records of series known under several numbers as long as samples may be left.
        let former = former.into_iter().map(|number| (number, max_ms));
        let expiries = self.expiries.into_iter().chain(former).collect();
        let late = self.lanes.iter().flat_map(|lane| lane.data.late.values());
        let late_max_ms = late.filter_map(|late| Some(late.range_ms()?.1)).max();
        let exemplars = self.exemplars;
        exemplars.set_window_ms(options.window_ms);
        let head = Head {
            options,
            wbl_dir: wbl_dir(dir),
            window_ms: AtomicI64::new(options.window_ms),
            late_min_ms: AtomicI64::new(late_min_ms),
            late_max_ms: AtomicI64::new(late_max_ms.unwrap_or(i64::MIN)),
            wbl: Mutex::new(wbl),
            chunk_files: Mutex::new(ChunkFiles::new(fs, chunks_dir, next_file)),
            wal_dir,
            lanes: self.lanes.map(|lane| Lane {
                writer: Mutex::default(),
                data: RwLock::new(lane.data),
            }),
            refs: RwLock::new(refs),
            generation: AtomicU64::new(0),
            // A number that is anywhere in the directory is not given out again, though its series is gone.
            last_ref: AtomicU64::new(self.gather.last_ref.max(self.scan.last_ref)),
            min_ms: AtomicI64::new(min_ms),
            max_ms: AtomicI64::new(max_ms),
            min_valid_ms: AtomicI64::new(self.min_valid_ms),
            wal: Mutex::new(writer),
            files: RwLock::new(Arc::new(self.scan.files)),
            expiries: Mutex::new(expiries),
            exemplars,
            scratch: Mutex::default(),
            closed: AtomicBool::new(false),
            gate: Gate::default(),
            late_owed: Mutex::default(),
            making: Mutex::default(),
            stats: self.stats,
        };
        Ok(head)
    }
}
