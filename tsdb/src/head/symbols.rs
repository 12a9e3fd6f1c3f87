//! Words of labels, each kept once a lane.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::slab::Paged;
use crate::memory::SystemMemory;

/// Bits of an offset in a page of text, 64 KiB. A longer word has a page for itself.
const OFFSET_BITS: u32 = 16;

const PAGE_BYTES: usize = 1 << OFFSET_BITS;

/// A lane's words: names and values of labels as numbers.
#[derive(Default)]
pub(crate) struct Symbols {
    text: Text,
    lookup: HashTable<u32, SystemMemory>,
    hasher: foldhash::fast::RandomState,
}

impl Symbols {
    /// The number of `word`, given out now if it is new.
    pub(crate) fn intern(&mut self, word: &str) -> u32 {
        let hash = self.hasher.hash_one(word);
        if let Some(found) = self.probe(hash, word) {
            return found;
        }
        let at = u32::try_from(self.len()).expect("a lane has fewer than 2^32 words");
        self.text.push(word);
        let (text, hasher) = (&self.text, &self.hasher);
        self.lookup
            .insert_unique(hash, at, |&at| hasher.hash_one(text.word(at)));
        at
    }

    /// The number of `word`, if it is known.
    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        self.probe(self.hasher.hash_one(word), word)
    }

    fn probe(&self, hash: u64, word: &str) -> Option<u32> {
        self.lookup.find(hash, |&at| self.word(at) == word).copied()
    }

    /// The word of a number that this table gave out.
    #[inline]
    pub(crate) fn word(&self, at: u32) -> &str {
        self.text.word(at)
    }

    /// How many words.
    pub(crate) fn len(&self) -> usize {
        self.text.places.len()
    }

    /// A copy for reading numbers as words.
    pub(crate) fn copy(&self) -> Self {
        Self {
            text: self.text.clone(),
            ..Self::default()
        }
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.text.held_bytes() + self.lookup.allocation_size()
    }
}

/// Words one behind the other, in pages, so that growing copies nothing and leaves no room unused.
#[derive(Clone, Default)]
struct Text {
    pages: Vec<String>,
    /// Page and offset of each word; it ends where the next begins.
    places: Paged<u32>,
}

impl Text {
    fn push(&mut self, word: &str) {
        // A word begins in its page, also an empty one.
        let has_room = |page: &String| page.len() + word.len().max(1) <= PAGE_BYTES;
        if !self.pages.last().is_some_and(has_room) {
            // Only the first page grows in steps: small databases stay small.
            let room = if self.pages.is_empty() { 256 } else { PAGE_BYTES };
            self.pages.push(String::with_capacity(room.max(word.len())));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        if page.capacity() - page.len() < word.len() {
            page.reserve_exact(page.len().max(word.len()).min(PAGE_BYTES - page.len()));
        }
        let place = u32::try_from(number << OFFSET_BITS | page.len());
        self.places
            .push(place.expect("a lane's words take less than 4 GiB"));
        page.push_str(word);
    }

    #[inline]
    fn word(&self, at: u32) -> &str {
        let place = self.places[at];
        let (number, from) = ((place >> OFFSET_BITS) as usize, place as usize % PAGE_BYTES);
        let page = &self.pages[number];
        let next = (at as usize + 1 < self.places.len()).then(|| self.places[at + 1]);
        match next {
            Some(next) if (next >> OFFSET_BITS) as usize == number => &page[from..next as usize % PAGE_BYTES],
            _ => &page[from..],
        }
    }

    fn held_bytes(&self) -> usize {
        self.pages.iter().map(String::capacity).sum::<usize>() + self.places.held_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_of_any_length_come_back(words in prop::collection::vec(("[a-zé]{0,9}", prop_oneof![1usize..3, 1usize..20_000]), 1..60)) {
            let mut symbols = Symbols::default();
            let words: Vec<String> = words.iter().map(|(word, times)| word.repeat(*times)).collect();
            let numbers: Vec<u32> = words.iter().map(|word| symbols.intern(word)).collect();
            let copy = symbols.copy();
            for (word, number) in words.iter().zip(numbers) {
                prop_assert_eq!(symbols.word(number), word);
                prop_assert_eq!(symbols.find(word), Some(number));
                prop_assert_eq!(copy.word(number), word);
            }
        }
    }
}
