//! What a lane keeps of a series: a hot record that every sample touches, and a cold one that it does not.
//! Its closed chunks are in [`super::closed`].

use super::arena::Slot;
use crate::chunk::xor;
use crate::memory::{self, LargeVec, SystemMemory};

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
    /// Its newest closed chunk that stands alone, see [`super::closed`]; `NO_CHUNK` if there is none.
    pub(crate) closed: u32,
}

/// Records in pages: growing copies nothing and leaves no room unused.
pub(crate) struct Paged<T> {
    pages: Vec<LargeVec<T>>,
}

/// What a page takes at most, once it is full.
const PAGE_BYTES: usize = 256 << 10;

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Copy> Clone for Paged<T> {
    fn clone(&self) -> Self {
        Self {
            pages: self.pages.iter().map(memory::copy).collect(),
        }
    }
}

impl<T> Paged<T> {
    /// A power of two, so that finding a record is shifting.
    const PAGE_RECORDS: usize = 1 << (PAGE_BYTES / size_of::<T>()).ilog2();

    pub(crate) fn push(&mut self, record: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < Self::PAGE_RECORDS => {
                if page.len() == page.capacity() {
                    // Only the first page grows in steps: small databases stay small.
                    let more = page.len().max(16);
                    page.reserve_exact(more.min(Self::PAGE_RECORDS - page.len()));
                }
                page.push(record);
            }
            before => {
                // Untouched room of a page takes nothing.
                let room = if before.is_some() { Self::PAGE_RECORDS } else { 1 };
                let mut page = LargeVec::with_capacity_in(room, SystemMemory);
                page.push(record);
                self.pages.push(page);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self.pages.split_last() {
            Some((last, full)) => full.len() * Self::PAGE_RECORDS + last.len(),
            None => 0,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.pages.iter().map(memory::held_bytes).sum()
    }
}

impl<T> std::ops::Index<u32> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        let at = at as usize;
        &self.pages[at / Self::PAGE_RECORDS][at % Self::PAGE_RECORDS]
    }
}

impl<T> std::ops::IndexMut<u32> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        let at = at as usize;
        &mut self.pages[at / Self::PAGE_RECORDS][at % Self::PAGE_RECORDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_small_as_they_claim() {
        assert_eq!((size_of::<Hot>(), size_of::<Cold>()), (40, 16));
    }
}
