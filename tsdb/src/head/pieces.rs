//! Byte strings of a lane, one behind the other in pages: growing copies nothing and leaves no room unused.
//!
//! A place says page and offset in 32 bits. Whoever reads knows from the bytes where a piece ends.

use crate::memory::{self, LargeVec, SystemMemory};

/// Bits of an offset: pages of 64 KiB.
const OFFSET_BITS: u32 = 16;

const PAGE_BYTES: usize = 1 << OFFSET_BITS;

/// See the module.
#[derive(Default)]
pub(crate) struct Pieces {
    pages: Vec<LargeVec<u8>>,
}

impl Clone for Pieces {
    fn clone(&self) -> Self {
        Self {
            pages: self.pages.iter().map(memory::copy).collect(),
        }
    }
}

impl Pieces {
    /// Writes a piece down, which is not empty; returns where.
    pub(crate) fn store(&mut self, piece: &[u8]) -> u32 {
        let len = piece.len();
        let has_room = |page: &LargeVec<u8>| page.len() + len <= PAGE_BYTES;
        if !self.pages.last().is_some_and(has_room) {
            // Only the first page grows in steps: small databases stay small. A long piece has a page for itself.
            let room = if self.pages.is_empty() { 256 } else { PAGE_BYTES };
            self.pages
                .push(LargeVec::with_capacity_in(room.max(len), SystemMemory));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        if page.capacity() - page.len() < len {
            page.reserve_exact(page.len().max(len).min(PAGE_BYTES - page.len()));
        }
        let at = number << OFFSET_BITS | page.len();
        memory::extend(page, piece);
        u32::try_from(at).expect("what a lane keeps of labels takes less than 4 GiB")
    }

    /// The bytes from `at` to the end of its page.
    #[inline]
    pub(crate) fn from(&self, at: u32) -> &[u8] {
        &self.pages[(at >> OFFSET_BITS) as usize][at as usize % PAGE_BYTES..]
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pages.iter().map(memory::held_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_of_any_length_come_back(lengths in prop::collection::vec(prop_oneof![0usize..300, 0usize..200_000], 1..60)) {
            let mut pieces = Pieces::default();
            let mut stored = Vec::new();
            for (length, byte) in lengths.into_iter().zip(0u8..) {
                let piece = vec![byte; length + 1];
                stored.push((pieces.store(&piece), piece));
            }
            for (at, piece) in stored {
                prop_assert!(pieces.from(at).starts_with(&piece));
            }
        }
    }

    #[test]
    fn small_pieces_leave_little_room() {
        let mut pieces = Pieces::default();
        for _ in 0..100_000 {
            pieces.store(&[2; 10]);
        }
        assert!(
            pieces.held_bytes() < 1_000_000 + PAGE_BYTES,
            "{}",
            pieces.held_bytes()
        );
    }
}
