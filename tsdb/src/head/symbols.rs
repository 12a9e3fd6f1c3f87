//! Words of labels, each kept once a lane.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// A lane's words: names and values of labels as numbers.
#[derive(Default)]
pub(crate) struct Symbols {
    text: String,
    /// Where each word ends in `text`.
    ends: Vec<u32>,
    lookup: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl Symbols {
    /// The number of `word`, given out now if it is new.
    pub(crate) fn intern(&mut self, word: &str) -> u32 {
        let hash = self.hasher.hash_one(word);
        if let Some(found) = self.probe(hash, word) {
            return found;
        }
        let at = u32::try_from(self.ends.len()).expect("a lane has fewer than 2^32 words");
        self.text.push_str(word);
        let end = u32::try_from(self.text.len()).expect("a lane's words take less than 4 GiB");
        self.ends.push(end);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.lookup
            .insert_unique(hash, at, |&at| hasher.hash_one(word_at(text, ends, at)));
        at
    }

    /// The number of `word`, if it is known.
    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        self.probe(self.hasher.hash_one(word), word)
    }

    fn probe(&self, hash: u64, word: &str) -> Option<u32> {
        self.lookup
            .find(hash, |&at| word_at(&self.text, &self.ends, at) == word)
            .copied()
    }

    /// The word of a number that this table gave out.
    pub(crate) fn word(&self, at: u32) -> &str {
        word_at(&self.text, &self.ends, at)
    }

    /// How many words.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A copy for reading numbers as words.
    pub(crate) fn copy(&self) -> Self {
        Self {
            text: self.text.clone(),
            ends: self.ends.clone(),
            ..Self::default()
        }
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.lookup.allocation_size()
    }
}

fn word_at<'a>(text: &'a str, ends: &[u32], at: u32) -> &'a str {
    let at = at as usize;
    let from = if at == 0 { 0 } else { ends[at - 1] as usize };
    &text[from..ends[at] as usize]
}
