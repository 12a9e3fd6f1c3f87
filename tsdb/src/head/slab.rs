//! What a lane keeps of a series: a hot record that every sample touches, a cold one that it does not,
//! and the list of its closed chunks.

use hashbrown::HashMap;

use super::arena::Slot;
use crate::chunk::encode::Encoded;
use crate::chunk::{Encoding, xor};

/// What every sample of a series reads and writes: 40 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hot {
    /// Time of the last sample, also of one in a closed chunk; `i64::MIN` before the first.
    pub(crate) last_t_ms: i64,
    pub(crate) last_bits: u64,
    /// When the open chunk ends at the latest.
    pub(crate) next_at_ms: i64,
    /// The open chunk's bytes; [`Slot::NONE`] if there is none.
    pub(crate) slot: Slot,
    /// Difference of the last two times of the open chunk. A chunk is cut where it does not fit.
    delta_ms: u32,
    bit_len: u16,
    pub(crate) samples: u16,
    leading: u8,
    trailing: u8,
    pub(crate) flags: u8,
}

/// The series' record is in the log.
pub(crate) const LOGGED: u8 = 1;

/// Made for a batch that is not committed yet: stays for one collection even without samples.
pub(crate) const PENDING: u8 = 2;

impl Default for Hot {
    fn default() -> Self {
        Self {
            last_t_ms: i64::MIN,
            last_bits: 0,
            next_at_ms: i64::MIN,
            slot: Slot::NONE,
            delta_ms: 0,
            bit_len: 0,
            samples: 0,
            leading: 0,
            trailing: 0,
            flags: 0,
        }
    }
}

impl Hot {
    pub(crate) fn is_open(&self) -> bool {
        self.slot != Slot::NONE
    }

    /// Whether the open chunk is of histograms.
    #[inline]
    pub(crate) fn holds_histograms(&self) -> bool {
        self.slot == Slot::HISTOGRAMS
    }

    /// Bytes of the open chunk.
    pub(crate) fn chunk_len(&self) -> usize {
        usize::from(self.bit_len).div_ceil(8)
    }

    /// The writer of the open chunk.
    #[inline]
    pub(crate) fn writer(&self) -> xor::Appender {
        xor::Appender {
            last_t_ms: self.last_t_ms,
            delta_ms: u64::from(self.delta_ms),
            last_bits: self.last_bits,
            bit_len: u32::from(self.bit_len),
            samples: self.samples,
            leading: self.leading,
            trailing: self.trailing,
        }
    }

    /// Begins a chunk that is kept elsewhere.
    pub(crate) fn begin_histograms(&mut self, slot: Slot, end_ms: i64) {
        (self.slot, self.next_at_ms) = (slot, end_ms);
        (self.samples, self.bit_len) = (0, 0);
    }

    /// Takes the writer's state back.
    #[inline]
    pub(crate) fn keep(&mut self, writer: &xor::Appender) {
        self.last_t_ms = writer.last_t_ms;
        self.last_bits = writer.last_bits;
        // Both were checked before the sample was written: a chunk is cut at 1 KiB and at wide steps.
        self.delta_ms = u32::try_from(writer.delta_ms).unwrap_or(u32::MAX);
        self.bit_len = u16::try_from(writer.bit_len).unwrap_or(u16::MAX);
        self.samples = writer.samples;
        self.leading = writer.leading;
        self.trailing = writer.trailing;
    }
}

/// What a sample does not touch: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    /// The series' number everywhere outside its lane.
    pub(crate) series: u64,
    /// Its labels: see [`super::labels::LabelSets::run`].
    pub(crate) labels_at: u32,
    /// Its newest closed chunk; [`NO_CHUNK`] if there is none.
    pub(crate) closed: u32,
}

/// Records in pages: growing copies nothing and leaves little room unused.
pub(crate) struct Paged<T> {
    pages: Vec<Vec<T>>,
}

const PAGE_RECORDS: usize = 2048;

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Paged<T> {
    pub(crate) fn push(&mut self, record: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_RECORDS => {
                if page.len() == page.capacity() {
                    // Only the first page grows in steps: small databases stay small.
                    page.reserve_exact(page.len().clamp(16, PAGE_RECORDS - page.len()));
                }
                page.push(record);
            }
            Some(_) => {
                let mut page = Vec::with_capacity(PAGE_RECORDS);
                page.push(record);
                self.pages.push(page);
            }
            None => self.pages.push(vec![record]),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self.pages.split_last() {
            Some((last, full)) => full.len() * PAGE_RECORDS + last.len(),
            None => 0,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.pages
            .iter()
            .map(|page| page.capacity() * size_of::<T>())
            .sum()
    }
}

impl<T> std::ops::Index<u32> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        let at = at as usize;
        &self.pages[at / PAGE_RECORDS][at % PAGE_RECORDS]
    }
}

impl<T> std::ops::IndexMut<u32> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        let at = at as usize;
        &mut self.pages[at / PAGE_RECORDS][at % PAGE_RECORDS]
    }
}

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

/// The closed chunks of a lane's series, as lists from the newest to the oldest.
#[derive(Default)]
pub(crate) struct ClosedChunks {
    entries: Paged<Entry>,
    free: Vec<u32>,
    base_ms: Option<i64>,
    wide: HashMap<u32, (i64, i64)>,
    /// Chunks of histograms that are in no file yet.
    held: HashMap<u32, (Encoding, Vec<u8>)>,
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

    /// A list's chunks with their numbers, from the newest to the oldest.
    pub(crate) fn list(&self, newest: u32) -> impl Iterator<Item = (u32, Closed)> {
        let mut at = newest;
        std::iter::from_fn(move || {
            let number = at;
            (number != NO_CHUNK).then(|| {
                at = self.entries[number].older;
                (number, self.get(number))
            })
        })
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
        left
    }

    /// Takes the newest chunk, which is in no file, from a list; returns the new list.
    pub(crate) fn pop_held(&mut self, newest: u32) -> u32 {
        self.wide.remove(&newest);
        self.held.remove(&newest);
        self.free.push(newest);
        self.entries[newest].older
    }

    /// Cuts from a list all chunks that end before `from_ms`; calls `gone` for each. Returns the new list.
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
            self.wide.remove(&at);
            self.held.remove(&at);
            self.free.push(at);
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
        self.entries.len() - self.free.len()
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let held: usize = self.held.values().map(|(_, bytes)| bytes.capacity()).sum();
        self.entries.held_bytes() + self.free.capacity() * 4 + held
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
    fn records_are_as_small_as_they_claim() {
        assert_eq!(
            (size_of::<Hot>(), size_of::<Cold>(), size_of::<Entry>()),
            (40, 16, 24)
        );
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
        let back: Vec<_> = chunks.list(newest).map(|(_, c)| c).collect();
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
        assert_eq!(chunks.list(kept).count(), 2);
        chunks.push(kept, chunk(40, 49));
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks.truncate(kept, 100, |_| {}), NO_CHUNK);
    }
}
