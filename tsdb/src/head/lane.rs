//! A lane: a quarter of the head's series with all that belongs to them.
//!
//! A series lives in the lane of its `job` and `instance`, so that one scrape is one lane. A batch holds
//! [`Lane::writer`] from judging to applying; [`Lane::data`] is locked for writing only while samples are
//! applied or a series is made, so that readers see each batch whole in its lane or not at all.
//!
//! Order of locks: writers by lane, then the log, then data by lane, then the table of refs.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet, HashTable};
use parking_lot::{Mutex, RwLock};

use super::arena::Arena;
use super::closed::{Closed, ClosedChunks, NO_CHUNK, Place};
use super::histograms::Open;
use super::labels::{LabelSets, encode_run};
use super::late::Late;
use super::postings::Postings;
use super::slab::{Cold, Hot, Paged};
use crate::chunk::encode::Encoded;
use crate::chunk::xor;
use crate::model::Metadata;

/// How many lanes there are: as many as scrapes can be applied at a time.
pub(crate) const LANES: usize = 4;

/// How many samples a chunk is meant to hold (Prometheus' `DefaultSamplesPerChunk`).
const SAMPLES_PER_CHUNK: u16 = 120;

/// Beyond this a chunk takes no further sample: one may add 19 bytes and 1 KiB is the limit.
const CHUNK_BYTES_MAX: usize = 1024 - 19;

/// See the module.
#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) writer: Mutex<()>,
    pub(crate) data: RwLock<LaneData>,
}

/// What readers see of a lane.
#[derive(Default)]
pub(crate) struct LaneData {
    pub(crate) labels: LabelSets,
    pub(crate) postings: Postings,
    by_labels: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// A buffer for label sets that are looked up.
    run: Vec<u8>,
    pub(crate) hot: Paged<Hot>,
    pub(crate) cold: Paged<Cold>,
    pub(crate) arena: Arena,
    pub(crate) closed: ClosedChunks,
    /// Open chunks of histograms, of the series whose slot says so.
    pub(crate) histograms: HashMap<u32, Open>,
    /// Closed chunks that are not in a file yet, as (series, chunk), in the order of their closing.
    pub(crate) pending: Vec<(u32, u32)>,
    /// Samples that came out of order, of the series that have any.
    pub(crate) late: HashMap<u32, Late>,
    /// What targets say of series, one copy of what many say.
    pub(crate) metadata: HashMap<u32, Arc<Metadata>>,
    said: HashSet<Arc<Metadata>>,
    /// Deleted intervals, both ends included.
    pub(crate) tombstones: HashMap<u32, Vec<(i64, i64)>>,
}

/// Fills an empty lane with series: the table that finds them by their labels is made at the end, in its size.
pub(crate) struct Restoring<'a> {
    pub(crate) data: &'a mut LaneData,
    /// Of the label sets, in the order of their series.
    hashes: Vec<u64>,
}

impl Restoring<'_> {
    /// Adds a series of these pairs, of which there is none yet; returns its ordinal.
    pub(crate) fn series(&mut self, pairs: &[u32], series: u64, flags: u8) -> u32 {
        let data = &mut *self.data;
        let mut run = std::mem::take(&mut data.run);
        encode_run(pairs, &mut run);
        self.hashes.push(data.hasher.hash_one(run.as_slice()));
        let ordinal = data.add(pairs, &run, series, flags);
        data.run = run;
        ordinal
    }

    /// Lets the series be found.
    pub(crate) fn finish(self) {
        let LaneData {
            by_labels,
            hasher,
            labels,
            cold,
            ..
        } = self.data;
        let hash = |&ordinal: &u32| hasher.hash_one(labels.stored(cold[ordinal].labels_at));
        by_labels.reserve(self.hashes.len(), hash);
        for (hash_of_run, ordinal) in self.hashes.into_iter().zip(0..) {
            by_labels.insert_unique(hash_of_run, ordinal, hash);
        }
    }
}

/// The lane of a label set: a fixed function, so that both scrape and replay find it.
pub(crate) fn lane_of<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    let mut hasher = foldhash::fast::FixedState::with_seed(0x00de_0ca1).build_hasher();
    for (name, value) in labels {
        if name == "instance" || name == "job" {
            hasher.write(value.as_bytes());
            hasher.write_u8(0xff);
        }
    }
    (hasher.finish() >> 32) as usize % LANES
}

impl LaneData {
    /// The series with these labels, sorted by name.
    pub(crate) fn find<'a>(&self, labels: impl Iterator<Item = (&'a str, &'a str)>) -> Option<u32> {
        let mut pairs = smallvec::SmallVec::<[u32; 24]>::new();
        for (name, value) in labels {
            pairs.push(self.labels.find_pair(name, value)?);
        }
        let mut run = Vec::with_capacity(64);
        encode_run(&pairs, &mut run);
        self.probe(&run)
    }

    fn probe(&self, run: &[u8]) -> Option<u32> {
        let same = |&ordinal: &u32| self.labels.is_run(self.cold[ordinal].labels_at, run);
        self.by_labels.find(self.hasher.hash_one(run), same).copied()
    }

    /// The series with these labels, made if need be; says whether it was.
    pub(crate) fn find_or_create<'a>(
        &mut self,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        series: u64,
        flags: u8,
    ) -> (u32, bool) {
        let pairs: smallvec::SmallVec<[u32; 24]> = labels
            .map(|(name, value)| self.labels.pair(name, value))
            .collect();
        let mut run = std::mem::take(&mut self.run);
        encode_run(&pairs, &mut run);
        let found = self.probe(&run);
        let ordinal = found.unwrap_or_else(|| self.create(&pairs, &run, series, flags));
        self.run = run;
        (ordinal, found.is_none())
    }

    fn create(&mut self, pairs: &[u32], run: &[u8], series: u64, flags: u8) -> u32 {
        let ordinal = self.add(pairs, run, series, flags);
        let Self {
            by_labels,
            hasher,
            labels,
            cold,
            ..
        } = self;
        by_labels.insert_unique(hasher.hash_one(run), ordinal, |&o| {
            hasher.hash_one(labels.stored(cold[o].labels_at))
        });
        ordinal
    }

    /// Adds a series to all tables but the one that finds it by its labels.
    fn add(&mut self, pairs: &[u32], run: &[u8], series: u64, flags: u8) -> u32 {
        let ordinal = self.count();
        for &pair in pairs {
            self.postings.push(pair, ordinal);
        }
        let labels_at = self.labels.store(run);
        let mut hot = Hot::default();
        hot.flags = flags;
        self.hot.push(hot);
        self.cold.push(Cold {
            series,
            labels_at,
            closed: NO_CHUNK,
        });
        ordinal
    }

    /// Begins to fill an empty lane.
    pub(crate) fn restore(&mut self) -> Restoring<'_> {
        Restoring {
            data: self,
            hashes: Vec::new(),
        }
    }

    /// The closed chunks of a series that end after `after_ms`, the newest first, with their numbers.
    pub(crate) fn closed_since(&self, ordinal: u32, after_ms: i64) -> impl Iterator<Item = (u32, Closed)> {
        self.closed
            .list_from(ordinal, self.cold[ordinal].closed, after_ms.saturating_add(1))
    }

    /// Gives a series its newest closed chunk.
    pub(crate) fn push_closed(&mut self, ordinal: u32, chunk: Closed) {
        let cold = &mut self.cold[ordinal];
        cold.closed = self.closed.push(cold.closed, chunk);
    }

    /// Gives a series its newest closed chunk, which is in no file yet.
    pub(crate) fn push_held(&mut self, ordinal: u32, chunk: Encoded, samples: u16) {
        let cold = &mut self.cold[ordinal];
        cold.closed = self.closed.push_held(cold.closed, chunk, samples);
        self.pending.push((ordinal, cold.closed));
    }

    /// Takes its newest closed chunk from a series, which is in no file yet.
    pub(crate) fn pop_held(&mut self, ordinal: u32) {
        let newest = self.cold[ordinal].closed;
        self.pending.retain(|&(_, number)| number != newest);
        self.cold[ordinal].closed = self.closed.pop_held(newest);
    }

    /// How many series.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.hot.len()).expect("a lane has fewer than 2^30 series")
    }

    /// Reads the ends of the open chunks of series that are to get samples: what is far in memory then comes all at
    /// once and not one after the other.
    pub(crate) fn fetch_ends(&self, ordinals: impl Iterator<Item = u32>) {
        let mut seen = 0;
        for ordinal in ordinals {
            seen ^= self.arena.glance(self.hot[ordinal].slot);
        }
        std::hint::black_box(seen);
    }

    /// Appends a sample that was judged to come after the last one. Says whether a chunk was begun.
    #[inline]
    pub(crate) fn append(&mut self, ordinal: u32, t_ms: i64, bits: u64, range_ms: i64) -> bool {
        let hot = &mut self.hot[ordinal];
        let mut begun = false;
        if !hot.is_open() {
            begun = true;
        } else {
            let histograms = hot.holds_histograms();
            if hot.samples == SAMPLES_PER_CHUNK / 4 && hot.chunk_len() <= CHUNK_BYTES_MAX {
                let start_ms = self.arena.first_time(hot.slot);
                hot.next_at_ms = chunk_end(start_ms, hot.last_t_ms, hot.next_at_ms, 4.0);
            }
            let wide = t_ms.wrapping_sub(hot.last_t_ms).cast_unsigned() > u64::from(u32::MAX);
            if t_ms >= hot.next_at_ms
                || hot.samples >= 2 * SAMPLES_PER_CHUNK
                || hot.chunk_len() > CHUNK_BYTES_MAX
                || wide
                || histograms
            {
                self.close(ordinal);
                begun = true;
            }
        }
        let hot = &mut self.hot[ordinal];
        let mut writer = hot.writer();
        if begun {
            writer = xor::Appender::new();
            hot.slot = self.arena.begin();
            hot.next_at_ms = first_end(ordinal, t_ms, range_ms);
        }
        hot.slot = self.arena.append(hot.slot, &mut writer, t_ms, bits);
        hot.keep(&writer);
        begun
    }

    /// Closes the open chunk of a series, if there is one.
    pub(crate) fn close(&mut self, ordinal: u32) {
        let hot = &mut self.hot[ordinal];
        if !hot.is_open() {
            return;
        }
        if hot.holds_histograms() {
            hot.slot = super::arena::Slot::NONE;
            if let Some(full) = self.histograms.remove(&ordinal) {
                self.close_histograms(ordinal, full);
            }
            return;
        }
        let len = hot.chunk_len();
        let chunk = Closed {
            min_ms: self.arena.first_time(hot.slot),
            max_ms: hot.last_t_ms,
            // A chunk's length in bits fits 16 bits, so its length in bytes does.
            place: Place::Memory(hot.slot, u16::try_from(len).unwrap_or(u16::MAX)),
            samples: hot.samples,
        };
        hot.slot = super::arena::Slot::NONE;
        hot.samples = 0;
        let cold = &mut self.cold[ordinal];
        cold.closed = self.closed.push(cold.closed, chunk);
        self.pending.push((ordinal, cold.closed));
    }

    /// The time of the first sample of a series' open chunk, if there is one.
    pub(crate) fn open_from_ms(&self, ordinal: u32) -> Option<i64> {
        let hot = &self.hot[ordinal];
        if hot.holds_histograms() {
            return self.histograms.get(&ordinal).map(|open| open.chunk().3.0);
        }
        hot.is_open().then(|| self.arena.first_time(hot.slot))
    }

    /// Drops the open chunk of a series, if there is one.
    pub(crate) fn drop_open(&mut self, ordinal: u32) {
        let hot = &mut self.hot[ordinal];
        let slot = std::mem::replace(&mut hot.slot, super::arena::Slot::NONE);
        hot.samples = 0;
        if slot == super::arena::Slot::HISTOGRAMS {
            self.histograms.remove(&ordinal);
        } else if slot != super::arena::Slot::NONE {
            self.arena.give_back(slot);
        }
    }

    /// The earliest sample of a series that is still here, of those that came in order.
    pub(crate) fn first_ms(&self, ordinal: u32) -> Option<i64> {
        let oldest = self.closed.list(ordinal, self.cold[ordinal].closed).last();
        match oldest {
            Some((_, chunk)) => Some(chunk.min_ms),
            None => self.open_from_ms(ordinal),
        }
    }

    /// Notes that an interval of a series is deleted.
    pub(crate) fn bury(&mut self, ordinal: u32, from_ms: i64, through_ms: i64) {
        let intervals = self.tombstones.entry(ordinal).or_default();
        intervals.push((from_ms, through_ms));
        intervals.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(intervals.len());
        for &(from, through) in intervals.iter() {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(through),
                _ => merged.push((from, through)),
            }
        }
        *intervals = merged;
    }

    /// Lets go of deletions before `from_ms`, except of samples that came out of order: these stay for longer.
    pub(crate) fn forget_tombstones(&mut self, from_ms: i64) {
        let late = &self.late;
        self.tombstones.retain(|ordinal, intervals| {
            let late = late.get(ordinal);
            intervals.retain(|&(from, through)| {
                through >= from_ms || late.is_some_and(|late| late.touches(from, through))
            });
            !intervals.is_empty()
        });
    }

    /// Notes what is said of a series.
    pub(crate) fn describe(&mut self, ordinal: u32, metadata: &Metadata) {
        let said = match self.said.get(metadata) {
            Some(said) => Arc::clone(said),
            None => {
                let said = Arc::new(metadata.clone());
                self.said.insert(Arc::clone(&said));
                said
            }
        };
        self.metadata.insert(ordinal, said);
    }

    /// Bytes held, by part.
    pub(crate) fn held_bytes(&self) -> [(&'static str, usize); 7] {
        [
            ("labels", self.labels.held_bytes()),
            ("postings", self.postings.held_bytes()),
            ("lookup", self.by_labels.allocation_size()),
            ("hot", self.hot.held_bytes()),
            ("cold", self.cold.held_bytes()),
            ("chunks", self.arena.held_bytes().0),
            ("closed", self.closed.held_bytes() + self.pending.capacity() * 8),
        ]
    }
}

/// By how much the chunks of a series end later than those of others.
///
/// Prometheus ends all chunks of all series at the same moments, which makes memory as large as all of them
/// full and then writes all of them at once. Here series that were made together (a target's, say) share one
/// of many phases within a quarter of the range, which is a chunk's usual length. Readers take any bounds.
fn phase(ordinal: u32, range_ms: i64) -> i64 {
    const SERIES_PER_PHASE: u32 = 512;
    // The golden ratio's multiples fill the circle evenly, however many there are.
    let share = (ordinal / SERIES_PER_PHASE).wrapping_mul(0x9e37_79b9);
    ((i128::from(range_ms / 4) * i128::from(share)) >> 32) as i64
}

/// When a chunk ends that a series begins at `t_ms`, unless it fills up before.
pub(crate) fn first_end(ordinal: u32, t_ms: i64, range_ms: i64) -> i64 {
    let phase_ms = phase(ordinal, range_ms);
    range_end(t_ms.saturating_sub(phase_ms), range_ms).saturating_add(phase_ms)
}

/// The end of the aligned range that holds `t_ms`; Go's division rounds towards zero and so does this.
pub(crate) fn range_end(t_ms: i64, range_ms: i64) -> i64 {
    (t_ms / range_ms).wrapping_mul(range_ms).saturating_add(range_ms)
}

/// Where a chunk that began at `start_ms` and by `now_ms` is to grow to so many times its length should end,
/// so that the range up to `end_ms` falls into chunks of equal length.
pub(crate) fn chunk_end(start_ms: i64, now_ms: i64, end_ms: i64, times_longer: f64) -> i64 {
    let left = end_ms.saturating_sub(start_ms) as f64;
    let chunks = left / (now_ms.saturating_sub(start_ms).saturating_add(1) as f64 * times_longer);
    if chunks <= 1.0 {
        return end_ms;
    }
    (start_ms as f64 + left / chunks.floor()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk_sizes(times_ms: impl Iterator<Item = i64>) -> Vec<u16> {
        let mut lane = LaneData::default();
        let (series, _) = lane.find_or_create([("__name__", "a")].into_iter(), 1, 0);
        for t_ms in times_ms {
            lane.append(series, t_ms, 1f64.to_bits(), 7_200_000);
        }
        lane.close(series);
        let mut sizes: Vec<u16> = lane
            .closed
            .list(series, lane.cold[series].closed)
            .map(|(_, c)| c.samples)
            .collect();
        sizes.reverse();
        sizes
    }

    #[test]
    fn two_hours_at_15_s_are_four_chunks_of_120() {
        assert_eq!(chunk_sizes((0..480).map(|i| i * 15_000)), [120; 4]);
    }

    #[test]
    fn a_chunk_ends_where_the_range_ends() {
        let sizes = chunk_sizes((0..20).map(|i| 7_100_000 + i * 15_000));
        assert_eq!(sizes, [7, 13]);
    }

    #[test]
    fn chunks_of_different_targets_end_at_different_times() {
        let range_ms = 7_200_000;
        let phases: Vec<i64> = (0..64).map(|target| phase(target * 512, range_ms)).collect();
        assert!(phases.iter().all(|phase| (0..range_ms / 4).contains(phase)));
        for tenth in 0..10 {
            let (from, to) = (range_ms / 40 * tenth, range_ms / 40 * (tenth + 1));
            let here = phases.iter().filter(|phase| (from..to).contains(phase)).count();
            assert!((5..=8).contains(&here), "{here} in tenth {tenth}");
        }
        assert_eq!(phase(512, range_ms), phase(1023, range_ms));
    }

    #[test]
    fn samples_that_come_ever_faster_do_not_grow_a_chunk_beyond_240() {
        let slow = (0..31).map(|i| i * 60_000);
        let fast = (1..600).map(|i| 30 * 60_000 + i * 10);
        assert_eq!(chunk_sizes(slow.chain(fast))[0], 240);
    }

    #[test]
    fn a_step_too_wide_for_the_record_begins_a_chunk() {
        let sizes = chunk_sizes([-5_000_000_000_000, 0, 1, 5_000_000_000_000].into_iter());
        assert_eq!(sizes, [1, 2, 1]);
    }

    #[test]
    fn a_series_is_found_by_its_labels_alone() {
        let mut lane = LaneData::default();
        for i in 0..1000u64 {
            let value = i.to_string();
            let labels = [("__name__", "a"), ("i", value.as_str())];
            assert_eq!(lane.find(labels.into_iter()), None);
            lane.find_or_create(labels.into_iter(), i + 1, 0);
        }
        let found = lane.find([("__name__", "a"), ("i", "77")].into_iter());
        assert_eq!(found, Some(77));
        assert_eq!(lane.find([("__name__", "a")].into_iter()), None);
    }
}
