//! From a directory to a head: closed chunks, then the checkpoint, then the segments.
//!
//! The first half only reads: a directory that holds what this version cannot carry is refused before a
//! byte of it is changed. What is damaged is repaired after the reading, by setting files aside.

mod late;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use super::chunk_files::{self, ChunkFiles, Scan};
use super::closed::Place;
use super::exemplars::Ring;
use super::histograms::Open;
use super::lane::{LANES, Lane, LaneData, lane_of};
use super::late::{LateChunk, LatePlace};
use super::lookup::{Address, RefTable};
use super::slab::LOGGED;
use super::{Head, HeadOptions, Stats, chunks_dir, wal_dir, wbl_dir};
use crate::encoding::DecodeError;
use crate::fs::Vfs;
use crate::model::{Exemplar, Histogram, Labels, Metadata, STALE_NAN_BITS};
use crate::wal::record::{exemplars, histograms, metadata, samples, series, tombstones};
use crate::wal::{Kind, SegmentReader, WalError, Writer, repair, segment};

/// Numbers of series are below this: places of chunks hold them in five bytes.
const REFS_END: u64 = 1 << 40;

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
    lanes: [LaneData; LANES],
    refs: RefTable,
    exemplars: Ring,
    scan: Scan,
    last_ref: u64,
    min_ms: i64,
    max_ms: i64,
    min_valid_ms: i64,
    range_ms: i64,
    expiries: HashMap<u64, i64>,
    stats: Stats,
    last_segment: Option<u32>,
    damage: Option<(u32, WalError)>,
    late_min_ms: i64,
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
        let mut scan = chunk_files::scan(fs, &chunks_dir(dir))?;
        late::forget_compacted(fs, &wbl_dir(dir), &mut scan)?;
        let mut replayed = Self {
            lanes: std::array::from_fn(|_| LaneData::default()),
            refs: RefTable::default(),
            exemplars: Ring::default(),
            scan,
            last_ref: 0,
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            min_valid_ms,
            range_ms: options.chunk_range_ms,
            expiries: HashMap::new(),
            stats: Stats::default(),
            last_segment: None,
            damage: None,
            late_min_ms: i64::MAX,
            last_late_segment: None,
            late_damage: None,
        };
        replayed.exemplars.resize(options.exemplars_max);
        replayed.read_log(fs, &wal_dir(dir), progress)?;
        replayed.read_late_log(fs, &wbl_dir(dir))?;
        for data in &mut replayed.lanes {
            data.forget_tombstones(min_valid_ms);
        }
        Ok(replayed)
    }

    fn read_log(&mut self, fs: &dyn Vfs, dir: &Path, progress: &ReplayProgress) -> Result<(), WalError> {
        let mut from = 0;
        if let Some((number, path)) = segment::checkpoints(fs, dir)?.pop() {
            for part in segment::list(fs, &path)? {
                // A damaged checkpoint is an error to the end: nothing is repaired, nothing removed.
                self.read_segment(fs, &segment::path(&path, part))?;
            }
            from = number + 1;
            self.last_segment = Some(number);
        }
        let numbers: Vec<u32> = segment::list(fs, dir)?
            .into_iter()
            .filter(|&n| n >= from)
            .collect();
        if let (Some(&first), true) = (numbers.first(), from > 0)
            && first != from
        {
            let reason = format!("segment {from} is missing, the first after the checkpoint is {first}");
            return Err(WalError::corrupt(dir, 0, reason));
        }
        progress
            .min
            .store(numbers.first().copied().unwrap_or(0), Ordering::Relaxed);
        progress
            .max
            .store(numbers.last().copied().unwrap_or(0), Ordering::Relaxed);
        for number in numbers {
            progress.current.store(number, Ordering::Relaxed);
            self.last_segment = Some(number);
            match self.read_segment(fs, &segment::path(dir, number)) {
                Ok(()) => {}
                Err(error) if error.is_corruption() => {
                    self.damage = Some((number, error));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_segment(&mut self, fs: &dyn Vfs, path: &Path) -> Result<(), WalError> {
        let mut reader = SegmentReader::open(fs, path)?;
        let mut before = 0;
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        while let Some(record) = reader.next()? {
            let applied = match Kind::of(record) {
                Some(Kind::Series) => self.apply_series_record(record),
                Some(Kind::Samples | Kind::SamplesV2) => {
                    rows.clear();
                    let decoded =
                        samples::decode(record, |number, t_ms, bits| rows.push((number, t_ms, bits)));
                    decoded.map(|()| self.apply_samples(&rows, &mut places))
                }
                Some(
                    Kind::HistogramSamples
                    | Kind::FloatHistogramSamples
                    | Kind::CustomBucketsHistogramSamples
                    | Kind::CustomBucketsFloatHistogramSamples
                    | Kind::HistogramSamplesV2
                    | Kind::FloatHistogramSamplesV2,
                ) => {
                    let mut rows = Vec::new();
                    let decoded = histograms::decode(record, |at, histogram| {
                        rows.push((at.series, at.t_ms, histogram))
                    });
                    decoded.map(|()| self.apply_histograms(&rows))
                }
                Some(Kind::Tombstones) => {
                    let mut buried = Vec::new();
                    let decoded =
                        tombstones::decode(record, |id, from, through| buried.push((id, from, through)));
                    decoded.map(|()| {
                        for (number, from_ms, through_ms) in buried {
                            self.apply_tombstone(number, from_ms, through_ms);
                        }
                    })
                }
                Some(Kind::Exemplars) => {
                    let mut found = Vec::new();
                    exemplars::decode(record, |number, exemplar| found.push((number, exemplar)))
                        .map(|()| self.apply_exemplars(found))
                }
                Some(Kind::Metadata) => {
                    let mut found = Vec::new();
                    metadata::decode(record, |number, said| found.push((number, said)))
                        .map(|()| self.apply_metadata(&found))
                }
                // A list without entries says nothing, whatever it is a list of.
                _ if record.len() <= 1 => Ok(()),
                Some(kind) => {
                    let what = format!(
                        "a record of kind {} ({}), which this version cannot carry",
                        kind as u8,
                        kind.as_str()
                    );
                    return Err(WalError::foreign(path, before, what));
                }
                None => {
                    let what = format!("a record of kind {}, which this version does not know", record[0]);
                    return Err(WalError::foreign(path, before, what));
                }
            };
            applied.map_err(|reason| WalError::corrupt(path, before, reason.to_string()))?;
            before = reader.offset();
        }
        Stats::add(&self.stats.replay_segments, 1);
        Ok(())
    }

    /// A record is decoded to its end before any of it is applied: one that is damaged leaves no trace.
    fn apply_series_record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        series::decode(record, |number, labels| {
            all.extend_from_slice(labels);
            ends.push((number, all.len()));
        })?;
        if ends.iter().any(|(number, _)| !(1..REFS_END).contains(number)) {
            return Err(DecodeError::new(1, "series numbers from 1 to 2^40"));
        }
        let mut from = 0;
        for (number, end) in ends {
            self.apply_series(number, &all[from..end]);
            from = end;
        }
        Ok(())
    }

    fn apply_series(&mut self, number: u64, labels: &[(&str, &str)]) {
        self.last_ref = self.last_ref.max(number);
        let pairs = || labels.iter().copied().filter(|(_, value)| !value.is_empty());
        let lane = lane_of(pairs());
        let data = &mut self.lanes[lane];
        let (ordinal, made) = data.find_or_create(pairs(), number, LOGGED);
        if self.refs.get(number).is_some() {
            // A record repeated, in a checkpoint and in a segment, says nothing new.
            return;
        }
        self.refs.insert(number, Address::new(lane, ordinal));
        if made {
            *self.stats.series_created.get_mut() += 1;
        } else {
            // The series left the head and came back under another number: what was replayed of it up to
            // now is in blocks. The newest number is its name from here on; the record of the one before
            // stays in the log as long as samples under it may.
            let cold = &mut data.cold[ordinal];
            let before = std::mem::replace(&mut cold.series, number);
            self.expiries.insert(before, i64::MAX);
            data.tombstones.remove(&ordinal);
            data.drop_open(ordinal);
            data.hot[ordinal].last_t_ms = i64::MIN;
            let cold = data.cold[ordinal];
            data.cold[ordinal].closed = data.closed.truncate(cold.closed, i64::MAX, |_| {});
            data.pending.retain(|&(o, _)| o != ordinal);
        }
        for chunk in self.scan.late_of(number) {
            if let Place::File { number, offset } = chunk.place {
                self.late_min_ms = self.late_min_ms.min(chunk.min_ms);
                data.late.entry(ordinal).or_default().closed.push(LateChunk {
                    min_ms: chunk.min_ms,
                    max_ms: chunk.max_ms,
                    place: LatePlace::File { number, offset },
                });
            }
        }
        for chunk in self.scan.of(number) {
            if chunk.max_ms < self.min_valid_ms {
                continue;
            }
            data.hot[ordinal].last_t_ms = chunk.max_ms;
            let cold = &mut data.cold[ordinal];
            cold.closed = data.closed.push(cold.closed, chunk);
            self.min_ms = self.min_ms.min(chunk.min_ms.max(self.min_valid_ms));
            self.max_ms = self.max_ms.max(chunk.max_ms);
        }
    }

    fn apply_samples(&mut self, rows: &[(u64, i64, u64)], places: &mut Vec<Address>) {
        self.refs.locate(rows.iter().map(|row| row.0), places);
        let (mut min_ms, mut max_ms) = (self.min_ms, self.max_ms);
        let (mut unknown, mut begun) = (0, 0);
        for (&(_, t_ms, bits), &place) in rows.iter().zip(places.iter()) {
            if t_ms < self.min_valid_ms {
                continue;
            }
            if place == Address::NONE {
                unknown += 1;
                continue;
            }
            let data = &mut self.lanes[place.lane()];
            // Also what is in closed chunks already, and what was refused when it was applied.
            let hot = &data.hot[place.ordinal()];
            if t_ms <= hot.last_t_ms {
                continue;
            }
            if bits == STALE_NAN_BITS
                && hot.holds_histograms()
                && let Some(stale) = data.histograms.get(&place.ordinal()).map(Open::stale)
            {
                begun += data.append_histogram(place.ordinal(), t_ms, &stale, self.range_ms);
                max_ms = max_ms.max(t_ms);
                continue;
            }
            begun += u64::from(data.append(place.ordinal(), t_ms, bits, self.range_ms));
            min_ms = min_ms.min(t_ms);
            max_ms = max_ms.max(t_ms);
        }
        (self.min_ms, self.max_ms) = (min_ms, max_ms);
        *self.stats.replay_samples.get_mut() += rows.len() as u64;
        *self.stats.replay_unknown_series.get_mut() += unknown;
        *self.stats.chunks_created.get_mut() += begun;
    }

    fn apply_histograms(&mut self, rows: &[(u64, i64, Histogram)]) {
        for (number, t_ms, histogram) in rows.iter().filter(|row| row.1 >= self.min_valid_ms) {
            let Some(place) = self.refs.get(*number) else {
                *self.stats.replay_unknown_series.get_mut() += 1;
                continue;
            };
            let data = &mut self.lanes[place.lane()];
            if *t_ms <= data.hot[place.ordinal()].last_t_ms {
                continue;
            }
            let begun = data.append_histogram(place.ordinal(), *t_ms, histogram, self.range_ms);
            *self.stats.chunks_created.get_mut() += begun;
            self.min_ms = self.min_ms.min(*t_ms);
            self.max_ms = self.max_ms.max(*t_ms);
        }
        *self.stats.replay_samples.get_mut() += rows.len() as u64;
    }

    fn apply_exemplars(&mut self, found: Vec<(u64, Exemplar)>) {
        for (number, exemplar) in found {
            let is_old = exemplar.at_ms.is_none_or(|t_ms| t_ms < self.min_valid_ms);
            if let (Some(place), false) = (self.refs.get(number), is_old) {
                let data = &self.lanes[place.lane()];
                let labels = data.labels.labels(data.cold[place.ordinal()].labels_at);
                // What is late or there already was so before.
                let _verdict = self.exemplars.add(&Labels::from_sorted(labels), exemplar);
            }
        }
    }

    fn apply_metadata(&mut self, found: &[(u64, Metadata)]) {
        for (number, said) in found {
            if let Some(place) = self.refs.get(*number) {
                self.lanes[place.lane()].describe(place.ordinal(), said);
            }
        }
    }

    fn apply_tombstone(&mut self, number: u64, from_ms: i64, through_ms: i64) {
        if number < REFS_END {
            self.last_ref = self.last_ref.max(number);
        }
        // Also of times that are in blocks: what came out of order may not be, and is read later.
        match self.refs.get(number) {
            Some(place) => self.lanes[place.lane()].bury(place.ordinal(), from_ms, through_ms),
            None => Stats::add(&self.stats.replay_unknown_series, 1),
        }
    }

    /// Takes what was read up to damage for all there is, as a reader does who repairs nothing.
    pub(crate) fn pass_over_damage(&mut self) {
        (self.damage, self.late_damage, self.scan.damage) = (None, None, None);
        self.scan.unusable.clear();
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
            for &number in &self.scan.unusable {
                let path = chunk_files::path(&chunks_dir, number);
                fs.remove_file(&path).map_err(|e| WalError::io(&path, e))?;
            }
        }
        if self.scan.files.is_empty() {
            next_file = 1;
        }
        let number = self.last_segment.map_or(0, |last| last + 1);
        let writer = Writer::create(Arc::clone(&fs), &wal_dir, number, options.segment_bytes)
            .map_err(|e| WalError::io(&wal_dir, e))?;
        segment::sync_all(&*fs, &wal_dir)?;
        chunk_files::sync_all(&*fs, &chunks_dir)?;
        if wbl.is_some() {
            segment::sync_all(&*fs, &wbl_dir(dir))?;
        }
        fs.sync_dir(dir).map_err(|e| WalError::io(dir, e))?;
        // Prometheus keeps the records of series known under several numbers as long as samples may be left.
        let last_ms = self.max_ms;
        for until in self.expiries.values_mut() {
            *until = last_ms;
        }
        for data in &mut self.lanes {
            data.closed.tidy(&mut data.cold, &mut data.pending);
        }
        let exemplars = self.exemplars;
        exemplars.set_window_ms(options.window_ms);
        let head = Head {
            options,
            wbl_dir: wbl_dir(dir),
            window_ms: AtomicI64::new(options.window_ms),
            late_min_ms: AtomicI64::new(self.late_min_ms),
            wbl: Mutex::new(wbl),
            chunk_files: Mutex::new(ChunkFiles::new(fs, chunks_dir, next_file)),
            wal_dir,
            lanes: self.lanes.map(|data| Lane {
                writer: Mutex::default(),
                data: RwLock::new(data),
            }),
            refs: RwLock::new(self.refs),
            generation: AtomicU64::new(0),
            // A number that is anywhere in the directory is not given out again, though its series is gone.
            last_ref: AtomicU64::new(self.last_ref.max(self.scan.last_ref)),
            min_ms: AtomicI64::new(self.min_ms),
            max_ms: AtomicI64::new(self.max_ms),
            min_valid_ms: AtomicI64::new(self.min_valid_ms),
            wal: Mutex::new(writer),
            files: RwLock::new(Arc::new(self.scan.files)),
            expiries: Mutex::new(self.expiries),
            exemplars,
            scratch: Mutex::default(),
            closed: AtomicBool::new(false),
            making: Mutex::default(),
            stats: self.stats,
        };
        Ok(head)
    }
}
