//! Memory of chunks: slots of a few sizes, in pages, known by a number.
//!
//! A chunk begins in the smallest slot and moves to a larger one as it grows; a slot that is given back is
//! used again. There is no object a chunk and no pointer: a slot's number is its size class and its place.

use crate::chunk::xor;

/// Bytes of the slots of each class. The largest takes whatever one more sample can make of a chunk that
/// is not yet cut.
const SIZES: [u16; 12] = [32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1056];

/// Slots of one page.
const PAGE_SLOTS: usize = 256;

const CLASS_SHIFT: u32 = 28;

/// A slot's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    /// Stands for "no slot".
    pub(crate) const NONE: Self = Self(u32::MAX);

    fn class(self) -> usize {
        (self.0 >> CLASS_SHIFT) as usize
    }

    fn place(self) -> usize {
        (self.0 & ((1 << CLASS_SHIFT) - 1)) as usize
    }
}

#[derive(Default)]
struct Class {
    pages: Vec<Box<[u8]>>,
    used: u32,
    free: Vec<u32>,
}

/// The slots of one lane.
#[derive(Default)]
pub(crate) struct Arena {
    classes: [Class; SIZES.len()],
}

impl Arena {
    /// A slot of at least `len` bytes, whatever they hold.
    pub(crate) fn take(&mut self, len: usize) -> Slot {
        let class = SIZES
            .iter()
            .position(|&size| usize::from(size) >= len)
            .expect("a chunk is cut before it outgrows the largest slot");
        let Class { pages, used, free } = &mut self.classes[class];
        let place = free.pop().unwrap_or_else(|| {
            if *used as usize == pages.len() * PAGE_SLOTS {
                pages.push(vec![0; PAGE_SLOTS * usize::from(SIZES[class])].into_boxed_slice());
            }
            *used += 1;
            *used - 1
        });
        Slot(((class as u32) << CLASS_SHIFT) | place)
    }

    /// Gives a slot back.
    pub(crate) fn give_back(&mut self, slot: Slot) {
        self.classes[slot.class()]
            .free
            .push(slot.0 & ((1 << CLASS_SHIFT) - 1));
    }

    /// All bytes of a slot.
    #[inline]
    pub(crate) fn bytes(&self, slot: Slot) -> &[u8] {
        let size = usize::from(SIZES[slot.class()]);
        let from = slot.place() % PAGE_SLOTS * size;
        &self.classes[slot.class()].pages[slot.place() / PAGE_SLOTS][from..from + size]
    }

    /// All bytes of a slot, to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, slot: Slot) -> &mut [u8] {
        let size = usize::from(SIZES[slot.class()]);
        let from = slot.place() % PAGE_SLOTS * size;
        &mut self.classes[slot.class()].pages[slot.place() / PAGE_SLOTS][from..from + size]
    }

    /// Appends a sample to the chunk in `slot`, which moves if it has to; returns where it is now.
    #[inline]
    pub(crate) fn append(&mut self, slot: Slot, writer: &mut xor::Appender, t_ms: i64, bits: u64) -> Slot {
        if writer.append_within(self.bytes_mut(slot), t_ms, bits) {
            return slot;
        }
        self.append_at_the_end(slot, writer, t_ms, bits)
    }

    /// Appends where the slot has less room than a sample can take: through a small buffer, so that the
    /// chunk moves only if this very sample does not fit.
    fn append_at_the_end(&mut self, slot: Slot, writer: &mut xor::Appender, t_ms: i64, bits: u64) -> Slot {
        const HEADER: usize = xor::HEADER_BYTES;
        let before = *writer;
        let whole = before.bit_len as usize / 8;
        let part = before.bit_len % 8;
        let mut buffer = [0; HEADER + 1 + xor::SAMPLE_BYTES_MAX];
        if part > 0 {
            buffer[HEADER] = self.bytes(slot)[whole];
        }
        writer.bit_len = (HEADER * 8) as u32 + part;
        assert!(
            writer.append_within(&mut buffer, t_ms, bits),
            "the buffer has room for a sample"
        );
        let fresh = writer.byte_len() - HEADER;
        writer.bit_len = before.bit_len + (writer.bit_len - (HEADER * 8) as u32 - part);
        let len = writer.byte_len();
        let target = if len <= self.bytes(slot).len() {
            slot
        } else {
            let wider = self.take(len);
            let mut old = [0; 1056];
            old[..before.byte_len()].copy_from_slice(&self.bytes(slot)[..before.byte_len()]);
            self.bytes_mut(wider)[..before.byte_len()].copy_from_slice(&old[..before.byte_len()]);
            self.give_back(slot);
            wider
        };
        let into = self.bytes_mut(target);
        into[whole..whole + fresh].copy_from_slice(&buffer[HEADER..HEADER + fresh]);
        into[..HEADER].copy_from_slice(&buffer[..HEADER]);
        target
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let class = |(class, size): (&Class, &u16)| {
            class.pages.len() * PAGE_SLOTS * usize::from(*size) + class.free.capacity() * 4
        };
        self.classes.iter().zip(&SIZES).map(class).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_chunk_that_moves_from_slot_to_slot_is_the_chunk_of_a_vec(
            samples in prop::collection::vec((1i64..100_000, prop::num::f64::ANY), 1..60),
        ) {
            let mut arena = Arena::default();
            let (mut whole, mut reference) = (xor::Appender::new(), vec![0; xor::HEADER_BYTES]);
            let mut writer = xor::Appender::new();
            let mut slot = arena.take(xor::HEADER_BYTES);
            let mut t_ms = 0;
            for (step, v) in samples {
                t_ms += step;
                whole.append(&mut reference, t_ms, v.to_bits());
                slot = arena.append(slot, &mut writer, t_ms, v.to_bits());
                prop_assert_eq!(writer, whole);
                prop_assert_eq!(&arena.bytes(slot)[..writer.byte_len()], &reference[..]);
            }
        }
    }

    #[test]
    fn a_slot_given_back_is_used_again() {
        let mut arena = Arena::default();
        let first = arena.take(40);
        let second = arena.take(40);
        assert_ne!(first, second);
        arena.give_back(first);
        assert_eq!(arena.take(33), first);
    }
}
