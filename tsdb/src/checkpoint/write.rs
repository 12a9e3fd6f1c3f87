//! Writing a part, and the manifest that makes it count.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;

use super::beside;
use super::closed::ClosedEncoder;
use super::ends::Ends;
use super::global::Global;
use super::labels::{SeriesEncoder, put_pair};
use super::manifest::Manifest;
use super::part::{BlockKind, Part, PartWriter};
use super::pieces::{self, Piece};
use super::state::{Open, OpenHistograms, State, StateEncoder};
use super::{GLOBAL_LANE, PAGE_SERIES, directory, verify};
use crate::chunk::Encoding;
use crate::chunk::xor::HEADER_BYTES;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};
use crate::head::closed::{Closed, NO_CHUNK, Place};
use crate::head::lane::{LANES, Lane, LaneData};
use crate::head::lookup::Address;
use crate::head::slab::LOGGED;
use crate::head::{Head, Stats, chunks_dir};
use crate::model::{Exemplar, Labels};

/// How many series are copied under one taking of their lane's lock: a fraction of a millisecond.
const RUN_SERIES: u32 = 2048;

/// How long a block of what is told once may become before the next begins.
const BLOCK_BYTES: usize = 1 << 20;

/// After so many parts all is written anew: a start reads each.
const PARTS_MAX: usize = 64;

const HEADER_BITS: u32 = (HEADER_BYTES * 8) as u32;

/// The moment that a part stands for: what the log holds before it is in memory, and what belongs to no lane is
/// as it was then.
struct Cut {
    segment: u32,
    offset: u64,
    exemplars: Vec<(Labels, Exemplar)>,
    /// Samples and bytes that were logged by then.
    logged: Logged,
}

#[derive(Clone, Copy, Debug, Default)]
struct Logged {
    samples: u64,
    bytes: u64,
}

impl Logged {
    fn of(stats: &Stats) -> Self {
        let samples = [
            &stats.samples_appended,
            &stats.histograms_appended,
            &stats.replay_samples,
        ];
        Self {
            samples: samples.into_iter().map(Stats::get).sum(),
            bytes: Stats::get(&stats.wal_bytes),
        }
    }
}

/// What the parts up to now say of a lane.
#[derive(Default)]
struct Told {
    pairs: usize,
    /// Of each series when its newest closed chunk ended: if that is so still, its open chunk is the same.
    through: Ends,
    /// Of each series the bits of its open chunk, 0 if there was none.
    bits: Vec<u16>,
    /// Groups of closed chunks.
    groups: usize,
}

/// Keeps the checkpoint of one head.
pub(crate) struct Checkpointer {
    data_dir: PathBuf,
    dir: PathBuf,
    /// Parts that count, once this process has written some.
    parts: Vec<Part>,
    next_number: u32,
    told: [Told; LANES],
    aliases: Vec<(u64, Address)>,
    /// How often the head had been truncated: then chunks and series go, and all is written anew.
    truncations: u64,
    at: Logged,
    last_bytes: u64,
    synced: HashMap<u32, u64>,
}

impl std::fmt::Debug for Checkpointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checkpointer({} parts)", self.parts.len())
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    /// Whether it begins anew.
    pub(crate) is_first: bool,
}

impl Checkpointer {
    /// A checkpoint of which nothing is written yet, in a data directory.
    pub(crate) fn new(fs: &dyn Vfs, data_dir: &Path) -> Self {
        let dir = directory(data_dir);
        let names = fs.list(&dir).unwrap_or_default();
        // Parts of former days stay until the first of today counts.
        let last = names.iter().filter_map(|name| name.parse::<u32>().ok()).max();
        Self {
            data_dir: data_dir.to_owned(),
            dir,
            parts: Vec::new(),
            next_number: last.map_or(1, |last| last.saturating_add(1)),
            told: Default::default(),
            aliases: Vec::new(),
            truncations: 0,
            at: Logged::default(),
            last_bytes: 0,
            synced: HashMap::new(),
        }
    }

    /// Whether a start would have to read more than `samples_max` samples of the log, or has no checkpoint.
    pub(crate) fn is_due(&self, head: &Head, samples_max: u64) -> bool {
        let now = Logged::of(&head.stats);
        let is_outdated = self.truncations != Stats::get(&head.stats.truncations);
        // Less than the log grew by, so that the disk is not written to twice as much.
        let is_worth_it = now.bytes.saturating_sub(self.at.bytes) >= self.last_bytes;
        is_outdated || (now.samples.saturating_sub(self.at.samples) >= samples_max && is_worth_it)
    }

    /// Writes what is new and lets it count. Nobody may maintain the head meanwhile.
    ///
    /// # Errors
    /// The system's; what counted before does so still, and the next call writes all anew.
    pub(crate) fn write(
        &mut self,
        fs: &Arc<dyn Vfs>,
        head: &Head,
        blocks_end_ms: i64,
        is_clean: bool,
    ) -> Result<Written, FileError> {
        let written = self.write_all(&**fs, head, blocks_end_ms, is_clean);
        if written.is_err() {
            self.forget();
        }
        written
    }

    fn forget(&mut self) {
        self.parts.clear();
        self.told = Default::default();
        self.aliases.clear();
    }

    fn write_all(
        &mut self,
        fs: &dyn Vfs,
        head: &Head,
        blocks_end_ms: i64,
        is_clean: bool,
    ) -> Result<Written, FileError> {
        let truncations = Stats::get(&head.stats.truncations);
        if self.truncations != truncations || self.parts.len() >= PARTS_MAX {
            self.forget();
        }
        let is_first = self.parts.is_empty();
        fs.create_dir_all(&self.dir).at(&self.dir)?;
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        let mut part = PartWriter::create(fs, &self.dir, number)?;
        let cut = cut(head);
        if is_first {
            self.aliases = aliases(head);
        }
        for (number, (lane, told)) in (0u8..).zip(head.lanes.iter().zip(&mut self.told)) {
            write_lane(lane, number, told, &mut part)?;
        }
        let global = Global {
            last_ref: head.last_ref.load(Ordering::Acquire),
            // Read when all is copied: no sample that was is outside of them.
            min_ms: head.min_ms.load(Ordering::Acquire),
            max_ms: head.max_ms.load(Ordering::Acquire),
            late_min_ms: head.late_min_ms.load(Ordering::Acquire),
            aliases: self.aliases.clone(),
            expiries: head.expiries.lock().to_vec(),
            exemplars_max: head.exemplars.status().max as u64,
            exemplars: cut.exemplars,
        };
        part.block(BlockKind::Global, GLOBAL_LANE, 0, &global.encode())?;
        let part = part.finish()?;
        self.parts.push(part);
        self.sync_sources(fs, head)?;
        let mut manifest = Manifest {
            is_clean,
            lanes: LANES as u8,
            min_valid_ms: blocks_end_ms,
            range_ms: head.options.chunk_range_ms,
            segment: cut.segment,
            offset: cut.offset,
            parts: self.parts.clone(),
            ..Manifest::default()
        };
        verify::look(fs, &self.data_dir, &mut manifest)?;
        manifest.write(fs, &self.dir)?;
        (self.at, self.truncations) = (cut.logged, truncations);
        // What begins anew is not weighed against the log: the next parts are.
        self.last_bytes = if is_first { 0 } else { part.len };
        self.remove_others(fs)?;
        Ok(Written {
            bytes: part.len + manifest.encode().len() as u64,
            is_first,
        })
    }

    /// What the checkpoint leans on must survive what it survives.
    fn sync_sources(&mut self, fs: &dyn Vfs, head: &Head) -> Result<(), FileError> {
        head.sync().at(&head.wal_dir)?;
        let dir = &chunks_dir(&self.data_dir);
        let mut grew = false;
        for file in verify::chunk_files(fs, dir)? {
            if self.synced.get(&file.number) == Some(&file.len) {
                continue;
            }
            let path = crate::head::chunk_files::path(dir, file.number);
            fs.open(&path).and_then(|mut file| file.sync()).at(&path)?;
            grew |= self.synced.insert(file.number, file.len).is_none();
        }
        match grew {
            true => fs.sync_dir(dir).at(dir),
            false => Ok(()),
        }
    }

    /// Removes parts that do not count.
    fn remove_others(&self, fs: &dyn Vfs) -> Result<(), FileError> {
        for name in fs.list(&self.dir).at(&self.dir)? {
            let counts = |number: u32| self.parts.iter().any(|part| part.number == number);
            if name.parse::<u32>().is_ok_and(|number| !counts(number)) {
                let path = self.dir.join(name);
                fs.remove_file(&path).at(&path)?;
            }
        }
        Ok(())
    }
}

/// Stops all writers for a moment.
fn cut(head: &Head) -> Cut {
    let _writers: [_; LANES] = std::array::from_fn(|lane| head.lanes[lane].writer.lock());
    let wal = head.wal.lock();
    Cut {
        segment: wal.segment(),
        offset: wal.segment_len(),
        exemplars: head.exemplars.all(),
        logged: Logged::of(&head.stats),
    }
}

/// Numbers that lead to series which go by another.
fn aliases(head: &Head) -> Vec<(u64, Address)> {
    let lanes: [_; LANES] = std::array::from_fn(|lane| head.lanes[lane].data.read());
    let mut aliases = Vec::new();
    head.refs.read().each(|number, place| {
        if lanes[place.lane()].cold[place.ordinal()].series != number {
            aliases.push((number, place));
        }
    });
    aliases
}

/// What is gathered of a lane.
#[derive(Default)]
struct Blocks {
    series: Vec<u8>,
    series_encoder: SeriesEncoder,
    closed: Vec<u8>,
    closed_encoder: ClosedEncoder,
    state: Vec<u8>,
    state_encoder: StateEncoder,
    pieces: Vec<u8>,
    held: Vec<u8>,
    unlogged: Vec<u32>,
    /// What the chunk at hand has grown by.
    grown: Vec<u8>,
}

fn write_lane(lane: &Lane, number: u8, told: &mut Told, part: &mut PartWriter) -> Result<(), FileError> {
    // After the cut: all series that were logged before it are among them.
    let count = lane.data.read().count();
    let mut blocks = Blocks::default();
    for (page, from) in (0u32..).zip((0..count).step_by(PAGE_SERIES as usize)) {
        let end = count.min(from + PAGE_SERIES);
        for run in (from..end).step_by(RUN_SERIES as usize) {
            let data = lane.data.read();
            for ordinal in run..end.min(run + RUN_SERIES) {
                blocks.series(&data, ordinal, told);
            }
        }
        part.block(BlockKind::State, number, page, &blocks.state)?;
        part.block(BlockKind::Pieces, number, page, &blocks.pieces)?;
        part.block(BlockKind::Held, number, page, &blocks.held)?;
        for block in [&mut blocks.state, &mut blocks.pieces, &mut blocks.held] {
            block.clear();
        }
        blocks.state_encoder = StateEncoder::default();
        let is_last = end == count;
        if is_last || blocks.series.len() >= BLOCK_BYTES {
            part.block(BlockKind::Series, number, page, &blocks.series)?;
            (blocks.series_encoder, blocks.series) = Default::default();
        }
        if is_last || blocks.closed.len() >= BLOCK_BYTES {
            part.block(BlockKind::Loose, number, page, &blocks.closed)?;
            (blocks.closed_encoder, blocks.closed) = Default::default();
        }
    }
    // After the series: their pairs are among them.
    let end = lane.data.read().labels.pair_count();
    let mut pairs = Vec::new();
    for from in (told.pairs..end).step_by(RUN_SERIES as usize) {
        let data = lane.data.read();
        for pair in from..end.min(from + RUN_SERIES as usize) {
            let (name, value) = data.labels.words(pair as u32);
            put_pair(&mut pairs, name, value);
        }
        drop(data);
        if pairs.len() >= BLOCK_BYTES {
            part.block(BlockKind::Pairs, number, 0, &pairs)?;
            pairs.clear();
        }
    }
    part.block(BlockKind::Pairs, number, 0, &pairs)?;
    told.pairs = end;
    // They come and go in maintenance alone.
    let end = lane.data.read().closed.filed.group_count();
    let mut groups = Vec::new();
    while told.groups < end {
        let data = lane.data.read();
        while told.groups < end && groups.len() < BLOCK_BYTES {
            data.closed.filed.put_group(told.groups, &mut groups);
            told.groups += 1;
        }
        drop(data);
        part.block(BlockKind::Groups, number, 0, &groups)?;
        groups.clear();
    }
    let mut rest = Vec::new();
    beside::put(&mut rest, &lane.data.read(), &blocks.unlogged);
    part.block(BlockKind::Beside, number, 0, &rest)
}

impl Blocks {
    /// Gathers what there is to say of one series; its lane is locked.
    fn series(&mut self, data: &LaneData, ordinal: u32, told: &mut Told) {
        let (hot, cold) = (&data.hot[ordinal], data.cold[ordinal]);
        let at = ordinal as usize;
        if at == told.bits.len() {
            let run = data.labels.run(cold.labels_at);
            self.series_encoder.push(&mut self.series, cold.series, run);
            told.through.push();
            told.bits.push(0);
        }
        if hot.flags & LOGGED == 0 {
            self.unlogged.push(ordinal);
        }
        let is_same_chunk = !self.closed(data, ordinal, told);
        let open = self.open(data, ordinal, is_same_chunk, &mut told.bits[at]);
        let state = State {
            last_t_ms: hot.last_t_ms,
            open,
        };
        self.state_encoder.push(&mut self.state, &state);
    }

    /// Closed chunks that are in no group: those in files, and those that are in none. Says whether any was closed
    /// since.
    fn closed(&mut self, data: &LaneData, ordinal: u32, told: &mut Told) -> bool {
        let newest = data.cold[ordinal].closed;
        if newest != NO_CHUNK {
            self.loose(data, ordinal, newest);
        }
        let through_ms = told.through.get(ordinal);
        match data.closed_since(ordinal, through_ms).next() {
            Some((_, newest)) => {
                told.through.set(ordinal, newest.max_ms);
                true
            }
            None => false,
        }
    }

    fn loose(&mut self, data: &LaneData, ordinal: u32, newest: u32) {
        let (mut in_files, mut in_none) = (Vec::new(), Vec::new());
        for (number, chunk) in data.closed.alone(newest) {
            match chunk.place {
                Place::File { number: file, offset } => in_files.push((chunk, file, offset)),
                Place::Memory(..) | Place::Held => in_none.push((number, chunk)),
            }
        }
        if !in_files.is_empty() {
            self.closed_encoder
                .begin(&mut self.closed, ordinal, in_files.len());
        }
        for (chunk, file, offset) in in_files.iter().rev() {
            self.closed_encoder.push(&mut self.closed, chunk, *file, *offset);
        }
        self.held(data, ordinal, &in_none);
    }

    /// Chunks that are in no file, the newest first.
    fn held(&mut self, data: &LaneData, ordinal: u32, chunks: &[(u32, Closed)]) {
        let mut copied = Vec::new();
        for &(number, chunk) in chunks.iter().rev() {
            let (encoding, bytes) = match (chunk.place, data.closed.held(number)) {
                (Place::Memory(slot, len), _) => {
                    copied.clear();
                    data.arena
                        .copy(slot, usize::from(len), chunk.samples, &mut copied);
                    (Encoding::Xor, copied.as_slice())
                }
                (_, Some(held)) => held,
                _ => unreachable!("a chunk that is held is in the table"),
            };
            let range_ms = (chunk.min_ms, chunk.max_ms);
            beside::put_held(&mut self.held, ordinal, range_ms, chunk.samples, encoding, bytes);
        }
    }

    /// The open chunk, and what it has grown by since `bits_then`.
    fn open<'a>(
        &mut self,
        data: &'a LaneData,
        ordinal: u32,
        is_same_chunk: bool,
        bits_then: &mut u16,
    ) -> Open<'a> {
        let hot = &data.hot[ordinal];
        if let Some(open) = data.histograms.get(&ordinal).filter(|_| hot.holds_histograms()) {
            let (encoding, chunk, ..) = open.chunk();
            let (range_end_ms, is_predicted) = open.ends();
            *bits_then = 0;
            pieces::put(&mut self.pieces, None);
            return Open::Histograms(OpenHistograms {
                next_at_ms: hot.next_at_ms,
                range_end_ms,
                is_predicted,
                encoding,
                chunk,
            });
        }
        if !hot.is_open() {
            *bits_then = 0;
            pieces::put(&mut self.pieces, None);
            return Open::None;
        }
        let writer = hot.writer();
        let payload_bits = |bits: u32| bits.saturating_sub(HEADER_BITS) as usize;
        let then = payload_bits(u32::from(*bits_then));
        let is_fresh = !is_same_chunk || *bits_then == 0;
        let from = if is_fresh { 0 } else { then / 8 };
        self.grown.clear();
        let len = payload_bits(writer.bit_len).div_ceil(8);
        let is_unchanged = !is_fresh && *bits_then == writer.bit_len as u16;
        if !is_unchanged {
            data.arena.copy_end(hot.slot, len, from, &mut self.grown);
        }
        pieces::put(
            &mut self.pieces,
            Some(Piece {
                is_fresh,
                overlaps: !is_fresh && !is_unchanged && !then.is_multiple_of(8),
                bytes: &self.grown,
            }),
        );
        *bits_then = writer.bit_len as u16;
        Open::Floats {
            next_at_ms: hot.next_at_ms,
            writer,
        }
    }
}
