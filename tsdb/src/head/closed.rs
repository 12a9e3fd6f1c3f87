//! The closed chunks of a lane's series.
//!
//! ```text
//! in memory, or without company:  cold record ─▶ newest ─▶ older ─▶ …   24 bytes a chunk
//! in files, of series that closed together:  groups, see `filed`         2 bytes a chunk
//! ```
//!
//! A chunk closes into a list. Once it is written, [`ClosedChunks::group`] moves it to the others of its commit.
//! A series' chunks follow each other in time, wherever they are: [`ClosedChunks::list`] shows them in order.

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::arena::Slot;
use super::filed::{Filed, FiledChunks, gather};
use super::slab::{Cold, Paged};
use crate::chunk::Encoding;
use crate::chunk::encode::Encoded;

/// The end of a list of closed chunks.
pub(crate) const NO_CHUNK: u32 = u32::MAX;

/// Where a closed chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In memory of the lane, so many bytes with the count.
    Memory(Slot, u16),
    /// In memory, whole: see [`ClosedChunks::held`].
    Held,
    /// In a file of chunks_head.
    File {
        /// The file's number.
        number: u32,
        /// Where in it the chunk's header begins.
        offset: u32,
    },
}

/// A closed chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) place: Place,
    /// How many samples; what is in a group does not say.
    pub(crate) samples: u16,
}

/// A closed chunk as it is kept: 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The next older chunk of the series.
    older: u32,
    /// 0 for a chunk in memory.
    file: u32,
    /// Offset in the file, or the slot.
    at: u32,
    samples: u16,
    len: u16,
    /// Times since the table's base; [`WIDE`] in both if they do not fit.
    min: u32,
    max: u32,
}

const WIDE: u32 = u32::MAX;

/// See the module.
#[derive(Default)]
pub(crate) struct ClosedChunks {
    pub(crate) filed: FiledChunks,
    entries: Paged<Entry>,
    free: Vec<u32>,
    base_ms: Option<i64>,
    wide: HashMap<u32, (i64, i64)>,
    /// Chunks of histograms that are in no file yet.
    held: HashMap<u32, (Encoding, Vec<u8>)>,
    /// How many of the lists' chunks are in files.
    loose_filed: usize,
    /// How many of them found no company the last time that all were asked.
    without_company: usize,
}

impl ClosedChunks {
    /// Adds a chunk before `older`, the newest up to now; returns its number.
    pub(crate) fn push(&mut self, older: u32, chunk: Closed) -> u32 {
        // The range reaches 24 days back from the first chunk and 24 days on.
        let base = *self
            .base_ms
            .get_or_insert(chunk.min_ms.saturating_sub(i64::from(u32::MAX / 2)));
        let offset = |t_ms: i64| u32::try_from(t_ms.checked_sub(base)?).ok().filter(|&o| o < WIDE);
        let (min, max) = match (offset(chunk.min_ms), offset(chunk.max_ms)) {
            (Some(min), Some(max)) => (min, max),
            _ => (WIDE, WIDE),
        };
        let (file, at, len) = match chunk.place {
            Place::Memory(slot, len) => (0, slot.0, len),
            Place::Held => (0, Slot::HISTOGRAMS.0, 0),
            Place::File { number, offset } => (number, offset, 0),
        };
        let entry = Entry {
            older,
            file,
            at,
            samples: chunk.samples,
            len,
            min,
            max,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("a lane has fewer than 2^32 closed chunks")
            }
        };
        if min == WIDE {
            self.wide.insert(number, (chunk.min_ms, chunk.max_ms));
        }
        self.loose_filed += usize::from(file != 0);
        number
    }

    /// The chunk of this number.
    pub(crate) fn get(&self, number: u32) -> Closed {
        let entry = &self.entries[number];
        let (min_ms, max_ms) = match (entry.min, self.base_ms) {
            (WIDE, _) | (_, None) => self.wide.get(&number).copied().unwrap_or((i64::MIN, i64::MAX)),
            (min, Some(base)) => (base + i64::from(min), base + i64::from(entry.max)),
        };
        let place = match entry.file {
            0 if entry.at == Slot::HISTOGRAMS.0 => Place::Held,
            0 => Place::Memory(Slot(entry.at), entry.len),
            number => Place::File {
                number,
                offset: entry.at,
            },
        };
        Closed {
            min_ms,
            max_ms,
            place,
            samples: entry.samples,
        }
    }

    /// The chunks of series `ordinal`, whose list begins at `newest`, with their numbers if they have any, from
    /// the newest to the oldest.
    pub(crate) fn list(&self, ordinal: u32, newest: u32) -> impl Iterator<Item = (u32, Closed)> {
        self.list_from(ordinal, newest, i64::MIN)
    }

    /// Likewise, as far as they end at `from_ms` or later.
    pub(crate) fn list_from(
        &self,
        ordinal: u32,
        newest: u32,
        from_ms: i64,
    ) -> impl Iterator<Item = (u32, Closed)> {
        let filed = self.filed.of(ordinal, from_ms).map(|chunk| {
            let place = Place::File {
                number: chunk.file,
                offset: chunk.offset,
            };
            let closed = Closed {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                place,
                samples: 0,
            };
            (NO_CHUNK, closed)
        });
        let alone = self
            .alone(newest)
            .take_while(|(_, chunk)| chunk.max_ms >= from_ms);
        let mut all: SmallVec<[(u32, Closed); 8]> = filed.chain(alone).collect();
        all.sort_unstable_by_key(|(_, chunk)| std::cmp::Reverse(chunk.min_ms));
        all.into_iter()
    }

    /// Whether a series has any chunk.
    pub(crate) fn has_any(&self, ordinal: u32, newest: u32) -> bool {
        newest != NO_CHUNK || self.filed.has(ordinal)
    }

    /// A list's chunks with their numbers, from the newest to the oldest.
    pub(crate) fn alone(&self, newest: u32) -> impl Iterator<Item = (u32, Closed)> {
        let mut at = newest;
        std::iter::from_fn(move || {
            let number = at;
            (number != NO_CHUNK).then(|| {
                at = self.entries[number].older;
                (number, self.get(number))
            })
        })
    }

    /// Takes the newest chunk, which is in no file, from a list; returns the new list.
    pub(crate) fn pop_held(&mut self, newest: u32) -> u32 {
        let older = self.entries[newest].older;
        self.forget(newest);
        older
    }

    /// Adds a chunk of histograms, as [`Self::push`] does.
    pub(crate) fn push_held(&mut self, older: u32, chunk: Encoded, samples: u16) -> u32 {
        let closed = Closed {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            place: Place::Held,
            samples,
        };
        let number = self.push(older, closed);
        self.held.insert(number, (chunk.encoding, chunk.bytes));
        number
    }

    /// A chunk whose place is [`Place::Held`].
    pub(crate) fn held(&self, number: u32) -> Option<(Encoding, &[u8])> {
        let (encoding, bytes) = self.held.get(&number)?;
        Some((*encoding, bytes))
    }

    /// Notes that a chunk is in a file now; returns the slot that it leaves.
    pub(crate) fn moved(&mut self, number: u32, file: u32, offset: u32) -> Option<Slot> {
        let held = self.held.remove(&number).is_some();
        let entry = &mut self.entries[number];
        let left = (entry.file == 0 && !held).then_some(Slot(entry.at));
        (entry.file, entry.at, entry.len) = (file, offset, 0);
        self.loose_filed += 1;
        left
    }

    /// Notes that a chunk in memory of the lane ends in another slot now.
    pub(crate) fn settle(&mut self, number: u32, slot: Slot) {
        self.entries[number].at = slot.0;
    }

    /// Moves the chunks of these series that are in files from their lists into groups, as far as they find company.
    pub(crate) fn group(&mut self, cold: &mut Paged<Cold>, ordinals: &[u32]) {
        let mut found = Vec::new();
        for &ordinal in ordinals {
            found.extend(self.alone(cold[ordinal].closed).filter_map(|(_, chunk)| {
                let Place::File { number, offset } = chunk.place else {
                    return None;
                };
                Some(Filed {
                    ordinal,
                    min_ms: chunk.min_ms,
                    max_ms: chunk.max_ms,
                    file: number,
                    offset,
                })
            }));
        }
        let all = found.len();
        let left = gather(&mut self.filed, found);
        if left.len() == all {
            return;
        }
        let left: HashSet<(u32, u32)> = left.iter().map(|chunk| (chunk.file, chunk.offset)).collect();
        for &ordinal in ordinals {
            let newest = &mut cold[ordinal].closed;
            *newest = self.unlink(*newest, |entry| {
                entry.file != 0 && !left.contains(&(entry.file, entry.at))
            });
        }
    }

    /// Takes entries out of a list; returns the new list.
    fn unlink(&mut self, newest: u32, goes: impl Fn(&Entry) -> bool) -> u32 {
        let (mut first, mut last, mut at) = (NO_CHUNK, NO_CHUNK, newest);
        while at != NO_CHUNK {
            let (number, entry) = (at, self.entries[at]);
            at = entry.older;
            if goes(&entry) {
                self.forget(number);
                continue;
            }
            match last {
                NO_CHUNK => first = number,
                last => self.entries[last].older = number,
            }
            last = number;
        }
        if last != NO_CHUNK {
            self.entries[last].older = NO_CHUNK;
        }
        first
    }

    fn forget(&mut self, number: u32) {
        self.wide.remove(&number);
        self.held.remove(&number);
        self.free.push(number);
        self.loose_filed -= usize::from(self.entries[number].file != 0);
    }

    /// Asks all chunks that are in files for company if many have joined the lists since the last time, as
    /// after a start. `pending` are numbers of chunks, which may change.
    pub(crate) fn tidy(&mut self, cold: &mut Paged<Cold>, pending: &mut [(u32, u32)]) {
        const WORTH_IT: usize = 4096;
        if self.loose_filed < 2 * self.without_company + WORTH_IT {
            return;
        }
        // Company is near, so that it need not be looked for among all at once.
        const AT_A_TIME: usize = 1 << 14;
        let everyone: Vec<u32> = (0..u32::try_from(cold.len()).unwrap_or(u32::MAX)).collect();
        for some in everyone.chunks(AT_A_TIME) {
            self.group(cold, some);
        }
        self.without_company = self.loose_filed;
        if self.free.len() > WORTH_IT && self.free.len() > self.entries.len() / 2 {
            self.compact(cold, pending);
        }
    }

    /// Moves the lists together, so that the room between them is given back.
    fn compact(&mut self, cold: &mut Paged<Cold>, pending: &mut [(u32, u32)]) {
        let old = std::mem::take(&mut self.entries);
        self.free = Vec::new();
        let mut moved = vec![NO_CHUNK; old.len()];
        for ordinal in 0..u32::try_from(cold.len()).unwrap_or(u32::MAX) {
            let newest = &mut cold[ordinal].closed;
            let (mut at, mut before) = (*newest, NO_CHUNK);
            while at != NO_CHUNK {
                let number = u32::try_from(self.entries.len()).unwrap_or(NO_CHUNK);
                moved[at as usize] = number;
                self.entries.push(Entry {
                    older: NO_CHUNK,
                    ..old[at]
                });
                match before {
                    NO_CHUNK => *newest = number,
                    newer => self.entries[newer].older = number,
                }
                (at, before) = (old[at].older, number);
            }
        }
        let renumber = |number: u32| moved[number as usize];
        self.wide = self.wide.drain().map(|(n, times)| (renumber(n), times)).collect();
        self.held = self.held.drain().map(|(n, chunk)| (renumber(n), chunk)).collect();
        for (_, number) in pending {
            *number = renumber(*number);
        }
    }

    /// Drops the chunks in groups that end before `from_ms`; returns how many.
    pub(crate) fn truncate_groups(&mut self, from_ms: i64) -> usize {
        self.filed.truncate(from_ms)
    }

    /// The first file that groups need.
    pub(crate) fn first_file_of_groups(&self) -> Option<u32> {
        self.filed.first_file()
    }

    /// Follows series to new ordinals: `moved` has one for each that has chunks, in the same order. Lists go
    /// with the cold records.
    pub(crate) fn renumber(&mut self, moved: &[u32]) {
        self.filed.renumber(moved);
    }

    /// Cuts from a list all chunks that end before `from_ms`; calls `gone` for each. Returns the new list. Those in
    /// groups go with [`Self::truncate_groups`].
    pub(crate) fn truncate(&mut self, newest: u32, from_ms: i64, mut gone: impl FnMut(Closed)) -> u32 {
        let mut kept_last = NO_CHUNK;
        let mut at = newest;
        while at != NO_CHUNK && self.get(at).max_ms >= from_ms {
            kept_last = at;
            at = self.entries[at].older;
        }
        let first_gone = at;
        while at != NO_CHUNK {
            gone(self.get(at));
            self.forget(at);
            at = self.entries[at].older;
        }
        match kept_last {
            NO_CHUNK => NO_CHUNK,
            last => {
                if first_gone != NO_CHUNK {
                    self.entries[last].older = NO_CHUNK;
                }
                newest
            }
        }
    }

    /// How many chunks.
    pub(crate) fn len(&self) -> usize {
        self.filed.len() + self.entries.len() - self.free.len()
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let held: usize = self.held.values().map(|(_, bytes)| bytes.capacity()).sum();
        self.filed.held_bytes() + self.entries.held_bytes() + self.free.capacity() * 4 + held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(min_ms: i64, max_ms: i64) -> Closed {
        Closed {
            min_ms,
            max_ms,
            place: Place::File { number: 1, offset: 8 },
            samples: 120,
        }
    }

    #[test]
    fn an_entry_is_as_small_as_it_claims() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn chunks_of_any_time_come_back_newest_first() {
        let mut chunks = ClosedChunks::default();
        let all = [
            chunk(i64::MIN, i64::MIN + 1),
            chunk(-9, -5),
            chunk(0, 10),
            chunk(11, i64::MAX),
        ];
        let newest = all.iter().fold(NO_CHUNK, |older, &c| chunks.push(older, c));
        let back: Vec<_> = chunks.alone(newest).map(|(_, c)| c).collect();
        assert_eq!(back, [all[3], all[2], all[1], all[0]]);
        // The base is that of the first, as far ahead as it gets.
        let mut chunks = ClosedChunks::default();
        let late = chunks.push(NO_CHUNK, chunk(i64::MAX, i64::MAX));
        let early = chunks.push(late, chunk(i64::MIN, i64::MIN + 5));
        assert_eq!(chunks.get(early), chunk(i64::MIN, i64::MIN + 5));
    }

    #[test]
    fn old_chunks_go_and_their_places_are_used_again() {
        let mut chunks = ClosedChunks::default();
        let newest = (0..4).fold(NO_CHUNK, |older, i| chunks.push(older, chunk(i * 10, i * 10 + 9)));
        let mut gone = Vec::new();
        let kept = chunks.truncate(newest, 20, |c| gone.push(c.min_ms));
        assert_eq!((kept, &gone[..]), (newest, &[10, 0][..]));
        assert_eq!(chunks.alone(kept).count(), 2);
        chunks.push(kept, chunk(40, 49));
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks.truncate(kept, 100, |_| {}), NO_CHUNK);
    }

    /// A lane's lists beside a plain model of them.
    #[derive(Default)]
    struct Beside {
        chunks: ClosedChunks,
        cold: Paged<Cold>,
        pending: Vec<(u32, u32)>,
        model: Vec<Vec<Closed>>,
        offset: u32,
    }

    impl Beside {
        fn close(&mut self, ordinal: u32, at_ms: i64) {
            let place = Place::Memory(Slot(self.offset), 7);
            let closed = Closed {
                place,
                ..chunk(at_ms, at_ms + 9)
            };
            let newest = &mut self.cold[ordinal].closed;
            *newest = self.chunks.push(*newest, closed);
            self.pending.push((ordinal, *newest));
            self.model[ordinal as usize].push(closed);
        }

        fn flush(&mut self) {
            self.pending
                .sort_by_key(|&(ordinal, number)| (self.chunks.get(number).min_ms, ordinal));
            for (ordinal, number) in std::mem::take(&mut self.pending) {
                self.offset += 100;
                self.chunks.moved(number, 1, self.offset);
                let at_ms = self.chunks.get(number).min_ms;
                let of_series = &mut self.model[ordinal as usize];
                let Some(closed) = of_series.iter_mut().find(|c| c.min_ms == at_ms) else {
                    panic!("a chunk that was closed is in the model");
                };
                closed.place = Place::File {
                    number: 1,
                    offset: self.offset,
                };
            }
        }

        fn check(&self) {
            for (ordinal, want) in (0..).zip(&self.model) {
                let newest = self.cold[ordinal].closed;
                let have: Vec<_> = self
                    .chunks
                    .list(ordinal, newest)
                    .map(|(_, c)| (c.min_ms, c.place))
                    .collect();
                let want: Vec<_> = want.iter().rev().map(|c| (c.min_ms, c.place)).collect();
                assert_eq!(have, want);
                assert_eq!(self.chunks.has_any(ordinal, newest), !want.is_empty());
            }
            let total: usize = self.model.iter().map(Vec::len).sum();
            assert_eq!(self.chunks.len(), total);
        }
    }

    proptest::proptest! {
        #[test]
        fn wherever_chunks_stand_each_series_has_its_own_in_order(
            steps in proptest::collection::vec((0u8..6, 0u32..60, 1u32..60), 1..40),
        ) {
            let mut beside = Beside { model: vec![Vec::new(); 60], ..Beside::default() };
            for series in 0..60 {
                beside.cold.push(Cold { series, labels_at: 0, closed: NO_CHUNK });
            }
            let everyone: Vec<u32> = (0..60).collect();
            for (step, at_ms) in steps.into_iter().zip((0..).step_by(10)) {
                match step {
                    (0..=2, from, count) => (from..(from + count).min(60)).for_each(|o| beside.close(o, at_ms)),
                    (3, ..) => beside.flush(),
                    (4, from, _) => {
                        let (cold, pending) = (&mut beside.cold, &mut beside.pending);
                        beside.chunks.group(cold, &everyone[from as usize..]);
                        beside.chunks.compact(cold, pending);
                    }
                    (_, from, _) => {
                        beside.flush();
                        let from_ms = i64::from(from) * 5;
                        for ordinal in 0..60 {
                            let newest = &mut beside.cold[ordinal].closed;
                            *newest = beside.chunks.truncate(*newest, from_ms, |_| {});
                            beside.model[ordinal as usize].retain(|c| c.max_ms >= from_ms);
                        }
                        beside.chunks.truncate_groups(from_ms);
                    }
                }
                beside.check();
            }
        }
    }
}
