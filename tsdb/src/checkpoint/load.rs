//! From the parts to lanes.
//!
//! Whatever is wrong is an error, and what was loaded up to then is thrown away: the caller replays the log.

use std::path::Path;

use super::assemble::Assembly;
use super::beside;
use super::closed::each_closed;
use super::global::Global;
use super::labels::{each_pair, each_series};
use super::manifest::Manifest;
use super::part::{BlockKind, PartReader};
use super::state::{Open, State, StateDecoder};
use super::verify::{self, Wanted};
use super::{GLOBAL_LANE, PAGE_SERIES, directory};
use crate::chunk::xor::{self, HEADER_BYTES};
use crate::encoding::{DecodeBuffer, DecodeError};
use crate::fs::{FileError, Vfs};
use crate::head::HeadOptions;
use crate::head::arena::Slot;
use crate::head::exemplars::Ring;
use crate::head::histograms::Open as OpenHistograms;
use crate::head::lane::{LANES, LaneData};
use crate::head::lookup::{Address, REFS_END, RefTable};
use crate::head::slab::LOGGED;
use crate::model::{Exemplar, Labels};

/// A checkpoint that belongs to its directory.
pub(crate) struct Checkpoint {
    manifest: Manifest,
    parts: Vec<PartReader>,
    global: Global,
}

/// Says on what a checkpoint was not used.
pub(crate) struct Refused(pub(crate) String);

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        Self(error.to_string())
    }
}

/// Notes that a checkpoint, though it was the last that was done, will be followed by more.
///
/// # Errors
/// The system's.
pub(crate) fn set_running(fs: &dyn Vfs, data_dir: &Path) -> Result<(), FileError> {
    let dir = directory(data_dir);
    match Manifest::read(fs, &dir)? {
        Some(manifest) if manifest.is_clean => Manifest {
            is_clean: false,
            ..manifest
        }
        .write(fs, &dir),
        _ => Ok(()),
    }
}

impl Checkpoint {
    /// The checkpoint of a data directory whose blocks end at `min_valid_ms`, if there is one.
    ///
    /// # Errors
    /// When there is one that cannot be used.
    pub(crate) fn open(
        fs: &dyn Vfs,
        data_dir: &Path,
        min_valid_ms: i64,
        options: &HeadOptions,
    ) -> Result<Option<Self>, Refused> {
        let dir = directory(data_dir);
        let Some(manifest) = Manifest::read(fs, &dir)? else {
            return Ok(None);
        };
        let wanted = Wanted {
            min_valid_ms,
            range_ms: options.chunk_range_ms,
        };
        verify::check(fs, data_dir, &manifest, wanted)?.map_err(|reason| Refused(reason.to_owned()))?;
        let parts = manifest.parts.iter().map(|part| PartReader::open(fs, &dir, part));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let Some(newest) = parts.last() else {
            return Err(Refused("it has no parts".to_owned()));
        };
        let global = newest.block(BlockKind::Global, GLOBAL_LANE, 0)?;
        let global = Global::decode(global).map_err(|e| newest.error(BlockKind::Global, GLOBAL_LANE, &e))?;
        if options.exemplars_max as u64 > global.exemplars_max {
            return Err(Refused("it keeps fewer exemplars than are wanted".to_owned()));
        }
        Ok(Some(Self {
            manifest,
            parts,
            global,
        }))
    }

    /// Where the tail of the log begins: segment and offset.
    pub(crate) fn position(&self) -> (u32, u64) {
        (self.manifest.segment, self.manifest.offset)
    }

    /// Files of chunks_head and how much of each is accounted for.
    pub(crate) fn chunk_files(&self) -> impl Iterator<Item = (u32, u64)> {
        self.manifest
            .chunk_files
            .iter()
            .map(|file| (file.number, file.len))
    }

    /// The largest number that a series has had.
    pub(crate) fn last_ref(&self) -> u64 {
        self.global.last_ref
    }

    /// Times of the earliest and latest sample, and of the earliest that came out of order.
    pub(crate) fn times_ms(&self) -> (i64, i64, i64) {
        (self.global.min_ms, self.global.max_ms, self.global.late_min_ms)
    }

    /// Numbers that are gone, and until when samples of theirs can be in the log.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (u64, i64)> {
        self.global.expiries.iter().copied()
    }

    /// Fills the ring of exemplars.
    pub(crate) fn fill(&self, ring: &Ring) {
        // What was taken once is taken again, however late it came.
        ring.set_window_ms(i64::MAX);
        for (labels, exemplar) in &self.global.exemplars {
            let (labels, exemplar): (&Labels, Exemplar) = (labels, exemplar.clone());
            let _verdict = ring.add(labels, exemplar);
        }
        ring.set_window_ms(0);
    }

    /// Loads one lane into empty tables.
    ///
    /// # Errors
    /// When a block cannot be read or says what cannot be.
    pub(crate) fn lane(
        &self,
        lane: usize,
        data: &mut LaneData,
        refs: &mut RefTable,
    ) -> Result<(), FileError> {
        let mut loading = Loading {
            parts: &self.parts,
            lane: lane as u8,
            data,
            ordinals: Vec::new(),
        };
        loading.series()?;
        loading.open_chunks()?;
        loading.closed_chunks()?;
        self.parts.iter().try_for_each(PartReader::ensure_whole)?;
        let Loading { ordinals, .. } = loading;
        refs.extend(lane, 0, data.cold.iter().map(|cold| cold.series));
        for &(number, place) in self
            .global
            .aliases
            .iter()
            .filter(|(_, place)| place.lane() == lane)
        {
            if let Some(ordinal) = moved(&ordinals, u64::from(place.ordinal())) {
                refs.insert(number, Address::new(lane, ordinal));
            }
        }
        Ok(())
    }

    /// All numbers of series and their lanes are told to `each`, those of former days too.
    pub(crate) fn each_alias(&self, mut each: impl FnMut(u64, usize)) {
        for &(number, place) in &self.global.aliases {
            each(number, place.lane());
        }
    }
}

/// The present ordinal of a series by that of the file, if it was kept.
fn moved(ordinals: &[u32], ordinal: u64) -> Option<u32> {
    let moved = *ordinals.get(usize::try_from(ordinal).ok()?)?;
    (moved != u32::MAX).then_some(moved)
}

struct Loading<'a> {
    parts: &'a [PartReader],
    lane: u8,
    data: &'a mut LaneData,
    /// Ordinals of now by those of the files; `u32::MAX` for series that are not kept.
    ordinals: Vec<u32>,
}

impl<'a> Loading<'a> {
    fn newest(&self) -> &'a PartReader {
        match self.parts.last() {
            Some(newest) => newest,
            None => unreachable!("a checkpoint without parts is not opened"),
        }
    }

    fn series(&mut self) -> Result<(), FileError> {
        let beside = self.newest().block(BlockKind::Beside, self.lane, 0)?;
        let unlogged =
            beside::unlogged(beside).map_err(|e| self.newest().error(BlockKind::Beside, self.lane, &e))?;
        let mut unlogged = unlogged.into_iter().peekable();
        let mut pairs: Vec<u32> = Vec::new();
        let mut of_series: Vec<u32> = Vec::new();
        let Self {
            parts,
            lane,
            data,
            ordinals,
        } = self;
        let mut restoring = data.restore();
        for part in *parts {
            part.each(BlockKind::Pairs, *lane, |_, bytes| {
                let labels = &mut restoring.data.labels;
                each_pair(bytes, |name, value| pairs.push(labels.pair(name, value)))
            })?;
            part.each(BlockKind::Series, *lane, |_, bytes| {
                each_series(bytes, |number, numbers| {
                    if !(1..REFS_END).contains(&number) {
                        return Err("a number of a series");
                    }
                    if unlogged.next_if_eq(&(ordinals.len() as u64)).is_some() {
                        ordinals.push(u32::MAX);
                        return Ok(());
                    }
                    of_series.clear();
                    for &pair in numbers {
                        of_series.push(*pairs.get(pair as usize).ok_or("a pair that is known")?);
                    }
                    ordinals.push(restoring.series(&of_series, number, LOGGED));
                    Ok(())
                })
            })?;
        }
        restoring.finish();
        Ok(())
    }

    fn open_chunks(&mut self) -> Result<(), FileError> {
        let count = self.ordinals.len();
        let mut assembly = Assembly::new(self.parts, self.lane);
        for (page, from) in (0u32..).zip((0..count).step_by(PAGE_SERIES as usize)) {
            let (newest, lane) = (self.newest(), self.lane);
            let states = newest.block(BlockKind::State, lane, page)?;
            let error = |error: DecodeError| newest.error(BlockKind::State, lane, &error);
            let end = count.min(from + PAGE_SERIES as usize);
            assembly.begin(page);
            let mut decoder = StateDecoder::new(states);
            for (at, &ordinal) in self.ordinals[from..end].iter().enumerate() {
                let state = decoder.next().map_err(error)?;
                if ordinal == u32::MAX {
                    continue;
                }
                let chunk = match state.open {
                    Open::Floats { .. } => assembly.chunk(at)?,
                    Open::None | Open::Histograms(_) => &[],
                };
                restore(self.data, ordinal, &state, chunk).map_err(error)?;
            }
            if !decoder.is_empty() {
                return Err(error(DecodeError::new(
                    states.len(),
                    "as many series as there are",
                )));
            }
        }
        Ok(())
    }

    fn closed_chunks(&mut self) -> Result<(), FileError> {
        let Self {
            parts,
            lane,
            data,
            ordinals,
        } = self;
        for part in *parts {
            part.each(BlockKind::Groups, *lane, |_, bytes| {
                let mut rest = DecodeBuffer::new(bytes);
                while !rest.is_empty() {
                    data.closed.filed.take_group(&mut rest, ordinals)?;
                }
                Ok(())
            })?;
        }
        let Some(newest) = parts.last() else { return Ok(()) };
        newest.each(BlockKind::Loose, *lane, |_, bytes| {
            each_closed(bytes, |ordinal, chunk| {
                if ordinal as usize >= ordinals.len() {
                    return Err("a series that is known");
                }
                if let Some(ordinal) = moved(ordinals, u64::from(ordinal)) {
                    data.push_closed(ordinal, chunk);
                }
                Ok(())
            })
        })?;
        newest.each(BlockKind::Held, *lane, |_, bytes| {
            beside::each_held(bytes, |ordinal, chunk, samples| {
                if let Some(ordinal) = moved(ordinals, ordinal) {
                    data.push_held(ordinal, chunk, samples);
                }
            })
        })?;
        let beside = newest.block(BlockKind::Beside, *lane, 0)?;
        beside::take(beside, data, &|ordinal| moved(ordinals, ordinal))
            .map_err(|e| newest.error(BlockKind::Beside, *lane, &e))
    }
}

/// Puts an open chunk in its place.
fn restore(data: &mut LaneData, ordinal: u32, state: &State<'_>, chunk: &[u8]) -> Result<(), DecodeError> {
    data.hot[ordinal].last_t_ms = state.last_t_ms;
    match state.open {
        Open::None => Ok(()),
        Open::Floats { next_at_ms, writer } => {
            if !is_possible(&writer, chunk.len()) {
                return Err(DecodeError::new(0, "a writer that left such a chunk behind"));
            }
            let slot = data.arena.restore(chunk);
            let hot = &mut data.hot[ordinal];
            (hot.slot, hot.next_at_ms) = (slot, next_at_ms);
            hot.keep(&writer);
            Ok(())
        }
        Open::Histograms(open) => {
            let resumed =
                OpenHistograms::resume(open.encoding, open.chunk, open.range_end_ms, open.is_predicted);
            let Some(resumed) = resumed else {
                return Err(DecodeError::new(0, "an open chunk of histograms"));
            };
            data.hot[ordinal].begin_histograms(Slot::HISTOGRAMS, open.next_at_ms);
            data.histograms.insert(ordinal, resumed);
            Ok(())
        }
    }
}

/// Whether a writer can stand so behind so many bytes.
fn is_possible(writer: &xor::Appender, len: usize) -> bool {
    let (leading, trailing) = (u32::from(writer.leading), u32::from(writer.trailing));
    let has_window = leading <= 31 && leading + trailing < 64;
    writer.bit_len <= u32::from(u16::MAX)
        && writer.byte_len() == HEADER_BYTES + len
        && len > 0
        && writer.delta_ms <= u64::from(u32::MAX)
        && (has_window || leading == u32::from(u8::MAX))
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checkpoint({} parts, {LANES} lanes)", self.parts.len())
    }
}
