//! Memory of chunks: fragments of 32 bytes, each knowing the one before it.
//!
//! ```text
//! hot record ──▶ │ before │ 28 bytes │ ──▶ │ before │ 28 bytes │ ──▶ │ none │ 28 bytes │
//!                  last                                              first: time and value of sample 0
//! ```
//!
//! A chunk takes as many fragments as it has bytes for, whatever the others take: what one leaves any other
//! can use, so that memory follows the bytes and not their history. A sample touches the last fragment
//! alone. The count of samples, which begins a chunk elsewhere, is in the hot record and put before the
//! bytes when they are copied.

use smallvec::SmallVec;

use crate::chunk::xor::{self, HEADER_BYTES, SAMPLE_BYTES_MAX};
use crate::encoding::varint;
use crate::memory::{self, LargeVec, SystemMemory};

/// Bytes of a chunk in one fragment.
const PAYLOAD_BYTES: usize = 28;

const PAYLOAD_BITS: u32 = (PAYLOAD_BYTES * 8) as u32;

const HEADER_BITS: u32 = (HEADER_BYTES * 8) as u32;

/// Fragments of one page of memory: 256 KiB.
const PAGE_FRAGMENTS: usize = 8192;

/// So many free fragments, 256 KiB, stay in any case, and as many as one in four.
const LOOSE_MIN: usize = PAGE_FRAGMENTS;

const LOOSE_PART: usize = 4;

/// A fragment's number; of a chunk, that of its last fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    /// Stands for "none".
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Stands for a chunk of histograms, which is kept elsewhere: see [`super::histograms`].
    pub(crate) const HISTOGRAMS: Self = Self(u32::MAX - 1);
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Fragment {
    before: u32,
    payload: [u8; PAYLOAD_BYTES],
}

/// The fragments of one lane.
#[derive(Default)]
pub(crate) struct Arena {
    pages: Vec<LargeVec<Fragment>>,
    /// Fragments that were given back, linked by `before`.
    free: Option<Slot>,
    free_count: usize,
}

impl Arena {
    fn fragment(&self, slot: Slot) -> &Fragment {
        let at = slot.0 as usize;
        &self.pages[at / PAGE_FRAGMENTS][at % PAGE_FRAGMENTS]
    }

    fn fragment_mut(&mut self, slot: Slot) -> &mut Fragment {
        let at = slot.0 as usize;
        &mut self.pages[at / PAGE_FRAGMENTS][at % PAGE_FRAGMENTS]
    }

    fn take(&mut self, before: Slot) -> Slot {
        self.put(Fragment {
            before: before.0,
            payload: [0; PAYLOAD_BYTES],
        })
    }

    #[inline]
    fn put(&mut self, fresh: Fragment) -> Slot {
        if let Some(slot) = self.free {
            let next = Slot(self.fragment(slot).before);
            self.free = (next != Slot::NONE).then_some(next);
            self.free_count -= 1;
            *self.fragment_mut(slot) = fresh;
            return slot;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE_FRAGMENTS) {
            self.pages.push(LargeVec::new_in(SystemMemory));
        }
        let pages_before = self.pages.len() - 1;
        let page = &mut self.pages[pages_before];
        if page.len() == page.capacity() {
            // Only a lane's first page grows in steps: small databases stay small.
            let step = if pages_before == 0 {
                page.len().max(32)
            } else {
                PAGE_FRAGMENTS
            };
            page.reserve_exact(step.min(PAGE_FRAGMENTS - page.len()));
        }
        page.push(fresh);
        let at = pages_before * PAGE_FRAGMENTS + page.len() - 1;
        Slot(u32::try_from(at).expect("a lane's open chunks take less than 128 GiB"))
    }

    /// Begins a chunk.
    pub(crate) fn begin(&mut self) -> Slot {
        self.take(Slot::NONE)
    }

    /// Appends a sample to the chunk that ends in `last`; returns where it ends now.
    #[inline]
    pub(crate) fn append(&mut self, last: Slot, writer: &mut xor::Appender, t_ms: i64, bits: u64) -> Slot {
        let before = writer.bit_len - HEADER_BITS;
        if !before.is_multiple_of(PAYLOAD_BITS)
            && before % PAYLOAD_BITS <= PAYLOAD_BITS - xor::REPEAT_BITS
            && writer.append_repeat(t_ms, bits)
        {
            // What is not written yet of a fragment is zeros, and so is what says "as before".
            return last;
        }
        // How far the last fragment is filled; a full one is followed by another only when there is need.
        let filled = match before {
            0 => 0,
            _ => (before - 1) % PAYLOAD_BITS + 1,
        };
        let mut buffer = [0; HEADER_BYTES + PAYLOAD_BYTES + SAMPLE_BYTES_MAX];
        let fragment = self.fragment_mut(last);
        buffer[HEADER_BYTES..HEADER_BYTES + PAYLOAD_BYTES].copy_from_slice(&fragment.payload);
        writer.bit_len = HEADER_BITS + filled;
        assert!(
            writer.append_within(&mut buffer, t_ms, bits),
            "the buffer has room for a sample"
        );
        let filled_now = writer.bit_len - HEADER_BITS;
        writer.bit_len = HEADER_BITS + before + (filled_now - filled);
        fragment
            .payload
            .copy_from_slice(&buffer[HEADER_BYTES..HEADER_BYTES + PAYLOAD_BYTES]);
        if filled_now <= PAYLOAD_BITS {
            return last;
        }
        let next = self.take(last);
        let rest = &buffer[HEADER_BYTES + PAYLOAD_BYTES..];
        self.fragment_mut(next).payload[..rest.len()].copy_from_slice(rest);
        next
    }

    /// Appends a chunk of `len` bytes, count included, to `into`.
    pub(crate) fn copy(&self, last: Slot, len: usize, samples: u16, into: &mut Vec<u8>) {
        let from = into.len();
        into.extend_from_slice(&samples.to_be_bytes());
        into.resize(from + len.max(HEADER_BYTES), 0);
        let payload = &mut into[from + HEADER_BYTES..];
        let mut at = last;
        for part in payload.chunks_mut(PAYLOAD_BYTES).rev() {
            let fragment = self.fragment(at);
            part.copy_from_slice(&fragment.payload[..part.len()]);
            at = Slot(fragment.before);
        }
    }

    /// Appends the bytes of a chunk from `from` on to `into`, of `len` bytes in all, the count not counted.
    pub(crate) fn copy_end(&self, last: Slot, len: usize, from: usize, into: &mut Vec<u8>) {
        let at_first = into.len();
        into.resize(at_first + len.saturating_sub(from), 0);
        let end = &mut into[at_first..];
        let mut slot = last;
        let mut fragment_from = len.saturating_sub(1) / PAYLOAD_BYTES * PAYLOAD_BYTES;
        let mut left = end.len();
        while left > 0 {
            let fragment = self.fragment(slot);
            let first = from.saturating_sub(fragment_from);
            let part = &fragment.payload[first..len.min(fragment_from + PAYLOAD_BYTES) - fragment_from];
            end[left - part.len()..left].copy_from_slice(part);
            left -= part.len();
            slot = Slot(fragment.before);
            fragment_from = fragment_from.saturating_sub(PAYLOAD_BYTES);
        }
    }

    /// Takes in a chunk of these bytes, the count not among them; returns where it ends.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Slot {
        let mut last = Slot::NONE;
        let (whole, rest) = bytes.as_chunks::<PAYLOAD_BYTES>();
        for &payload in whole {
            last = self.put(Fragment {
                before: last.0,
                payload,
            });
        }
        if !rest.is_empty() {
            let mut payload = [0; PAYLOAD_BYTES];
            payload[..rest.len()].copy_from_slice(rest);
            last = self.put(Fragment {
                before: last.0,
                payload,
            });
        }
        last
    }

    /// Copies a chunk of another arena; returns where it ends here.
    pub(crate) fn adopt(&mut self, other: &Self, last: Slot) -> Slot {
        let mut from: SmallVec<[Slot; 64]> = SmallVec::new();
        let mut at = last;
        while at != Slot::NONE {
            from.push(at);
            at = Slot(other.fragment(at).before);
        }
        from.iter().rev().fold(Slot::NONE, |before, &at| {
            let here = self.take(before);
            self.fragment_mut(here).payload = other.fragment(at).payload;
            here
        })
    }

    /// Whether so much is free that it is worth moving all chunks.
    pub(crate) fn is_loose(&self) -> bool {
        let all = self.pages.iter().map(LargeVec::len).sum::<usize>();
        self.free_count >= LOOSE_MIN && self.free_count > all / LOOSE_PART
    }

    /// The time of the first sample of the chunk that ends in `last`.
    pub(crate) fn first_time(&self, last: Slot) -> i64 {
        let mut fragment = self.fragment(last);
        while fragment.before != Slot::NONE.0 {
            fragment = self.fragment(Slot(fragment.before));
        }
        varint::read_varint(&fragment.payload).map_or(i64::MIN, |(t_ms, _)| t_ms)
    }

    /// A byte of a fragment, if there is such a fragment: what has read it has it at hand.
    #[inline]
    pub(crate) fn glance(&self, slot: Slot) -> u8 {
        let at = slot.0 as usize;
        let page = self.pages.get(at / PAGE_FRAGMENTS);
        page.and_then(|page| page.get(at % PAGE_FRAGMENTS))
            .map_or(0, |fragment| fragment.payload[0])
    }

    /// Gives a chunk's fragments back.
    pub(crate) fn give_back(&mut self, last: Slot) {
        let mut first = last;
        self.free_count += 1;
        while self.fragment(first).before != Slot::NONE.0 {
            first = Slot(self.fragment(first).before);
            self.free_count += 1;
        }
        self.fragment_mut(first).before = self.free.unwrap_or(Slot::NONE).0;
        self.free = Some(last);
    }

    /// Bytes held, and how many of them are free.
    pub(crate) fn held_bytes(&self) -> (usize, usize) {
        let held = self.pages.iter().map(memory::held_bytes).sum();
        (held, self.free_count * size_of::<Fragment>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The step from the sample before and the value; many are as the one before.
    fn sample() -> impl Strategy<Value = (i64, f64)> {
        prop_oneof![
            (1i64..100_000, prop::num::f64::ANY),
            (Just(15_000), Just(42.0)),
            (Just(15_000), Just(42.0)),
        ]
    }

    proptest! {
        #[test]
        fn a_chunk_in_fragments_is_the_chunk_of_a_vec(
            samples in prop::collection::vec(sample(), 1..90),
        ) {
            let mut arena = Arena::default();
            let (mut whole, mut reference) = (xor::Appender::new(), vec![0; HEADER_BYTES]);
            let mut writer = xor::Appender::new();
            let mut slot = arena.begin();
            let first_ms = samples[0].0;
            let mut t_ms = 0;
            for (step, v) in samples {
                t_ms += step;
                whole.append(&mut reference, t_ms, v.to_bits());
                slot = arena.append(slot, &mut writer, t_ms, v.to_bits());
                prop_assert_eq!(writer, whole);
                let mut copied = Vec::new();
                arena.copy(slot, writer.byte_len(), writer.samples, &mut copied);
                prop_assert_eq!(&copied, &reference);
                prop_assert_eq!(arena.first_time(slot), first_ms);
                let bytes = reference.len() - HEADER_BYTES;
                let from = (t_ms.unsigned_abs() as usize) % (bytes + 1);
                copied.clear();
                arena.copy_end(slot, bytes, from, &mut copied);
                prop_assert_eq!(&copied[..], &reference[HEADER_BYTES + from..]);
            }
            let (held, _) = arena.held_bytes();
            arena.give_back(slot);
            let used = (writer.byte_len() - HEADER_BYTES).div_ceil(PAYLOAD_BYTES);
            prop_assert_eq!(arena.held_bytes(), (held, used * 32));
        }
    }

    #[test]
    fn chunks_that_moved_to_another_arena_go_on_there() {
        let mut arena = Arena::default();
        let mut chunks: Vec<_> = (0..400).map(|_| (arena.begin(), xor::Appender::new())).collect();
        for t_ms in 0..150 {
            for (number, (slot, writer)) in (0..).zip(&mut chunks) {
                *slot = arena.append(*slot, writer, t_ms, (f64::from(number) / t_ms as f64).to_bits());
            }
        }
        assert!(!arena.is_loose());
        for (slot, _) in chunks.split_off(100) {
            arena.give_back(slot);
        }
        assert!(arena.is_loose());
        let mut fresh = Arena::default();
        for (slot, writer) in &mut chunks {
            let (mut then, mut now) = (Vec::new(), Vec::new());
            arena.copy(*slot, writer.byte_len(), writer.samples, &mut then);
            *slot = fresh.adopt(&arena, *slot);
            fresh.copy(*slot, writer.byte_len(), writer.samples, &mut now);
            assert_eq!(now, then);
            fresh.append(*slot, writer, 150, 1);
        }
        let (held, free) = fresh.held_bytes();
        assert_eq!(free, 0);
        assert!(held < arena.held_bytes().0 / 3, "{held}");
    }

    #[test]
    fn what_a_chunk_gives_back_others_use() {
        let mut arena = Arena::default();
        let mut writer = xor::Appender::new();
        let mut slot = arena.begin();
        for t_ms in 0..20 {
            slot = arena.append(slot, &mut writer, t_ms, (t_ms as f64 / 3.0).to_bits());
        }
        arena.give_back(slot);
        let (held, free) = arena.held_bytes();
        for _ in 0..free / 32 {
            arena.begin();
        }
        assert_eq!(arena.held_bytes(), (held, 0));
    }
}
