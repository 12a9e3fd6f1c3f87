//! Label sets of a lane: each `name="value"` pair is a number, a series is a run of such numbers.
//!
//! ```text
//! pairs   17 = (__name__, up)   23 = (instance, a:9100)   24 = (job, node)
//! series  3 17 23 24            as variable-length bytes, one run behind the other
//! ```
//!
//! A pair also owns the list of the series that carry it: see [`super::postings`].

use std::hash::BuildHasher;

use hashbrown::{HashMap, HashTable};

use super::matched::Matched;
use super::pieces::Pieces;
use super::slab::Paged;
use super::symbols::Symbols;
use crate::encoding::varint;
use crate::memory::{self, LargeVec, SystemMemory};

/// The pairs of a lane, and label sets made of them.
#[derive(Default)]
pub(crate) struct LabelSets {
    pub(crate) symbols: Symbols,
    /// (name, value) of each pair.
    pairs: Paged<(u32, u32)>,
    by_words: HashTable<u32, SystemMemory>,
    hasher: foldhash::fast::RandomState,
    /// Pairs of each name, in the order of their making.
    by_name: HashMap<u32, LargeVec<u32>, foldhash::fast::RandomState>,
    /// Label sets: a count, then pairs.
    runs: Pieces,
    /// Which pairs patterns match.
    pub(crate) matched: Matched,
}

impl LabelSets {
    /// The pair of these words, made if need be.
    pub(crate) fn pair(&mut self, name: &str, value: &str) -> u32 {
        let hash = self.hasher.hash_one((name, value));
        if let Some(found) = self.probe(hash, name, value) {
            return found;
        }
        let words = (self.symbols.intern(name), self.symbols.intern(value));
        let at = u32::try_from(self.pairs.len()).expect("a lane has fewer than 2^32 pairs");
        self.pairs.push(words);
        let (pairs, symbols, hasher) = (&self.pairs, &self.symbols, &self.hasher);
        self.by_words.insert_unique(hash, at, |&at| {
            let (name, value) = pairs[at];
            hasher.hash_one((symbols.word(name), symbols.word(value)))
        });
        let of_name = self.by_name.entry(words.0);
        of_name.or_insert_with(|| LargeVec::new_in(SystemMemory)).push(at);
        at
    }

    /// The pair of these words, if there is one.
    pub(crate) fn find_pair(&self, name: &str, value: &str) -> Option<u32> {
        self.probe(self.hasher.hash_one((name, value)), name, value)
    }

    fn probe(&self, hash: u64, name: &str, value: &str) -> Option<u32> {
        self.by_words
            .find(hash, |&at| self.words(at) == (name, value))
            .copied()
    }

    /// How many pairs there are.
    pub(crate) fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The words of a pair.
    pub(crate) fn words(&self, pair: u32) -> (&str, &str) {
        let (name, value) = self.pairs[pair];
        (self.symbols.word(name), self.symbols.word(value))
    }

    /// All names with their pairs.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.by_name
            .iter()
            .map(|(&name, pairs)| (self.symbols.word(name), pairs.as_slice()))
    }

    /// The pairs of a name.
    pub(crate) fn pairs_of(&self, name: &str) -> &[u32] {
        self.symbols
            .find(name)
            .and_then(|name| self.by_name.get(&name))
            .map_or(&[], LargeVec::as_slice)
    }

    /// Writes a label set down; returns where.
    pub(crate) fn store(&mut self, run: &[u8]) -> u32 {
        self.runs.store(run)
    }

    /// The pairs of the label set at `at`.
    pub(crate) fn run(&self, at: u32) -> Run<'_> {
        let bytes = self.runs.from(at);
        let (left, len) = varint::read_uvarint(bytes).unwrap_or((0, 0));
        Run {
            bytes: &bytes[len..],
            left,
        }
    }

    /// The label set at `at` as it was stored.
    pub(crate) fn stored(&self, at: u32) -> &[u8] {
        let bytes = self.runs.from(at);
        let mut run = self.run(at);
        run.by_ref().for_each(drop);
        &bytes[..bytes.len() - run.bytes.len()]
    }

    /// Whether the label set at `at` is `run`. A run says itself where it ends, so that none begins another.
    pub(crate) fn is_run(&self, at: u32, run: &[u8]) -> bool {
        self.runs.from(at).starts_with(run)
    }

    /// The labels of the label set at `at`.
    pub(crate) fn labels(&self, at: u32) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.run(at).map(|pair| self.words(pair))
    }

    /// A copy of the label sets as numbers of words, without the words.
    pub(crate) fn copy_sets(&self) -> Self {
        Self {
            pairs: self.pairs.clone(),
            runs: self.runs.clone(),
            ..Self::default()
        }
    }

    /// The numbers of a pair's words.
    pub(crate) fn word_numbers(&self, pair: u32) -> (u32, u32) {
        self.pairs[pair]
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let names = self.by_name.values().map(|pairs| memory::held_bytes(pairs) + 40);
        self.symbols.held_bytes()
            + self.pairs.held_bytes()
            + self.by_words.allocation_size()
            + names.sum::<usize>()
            + self.runs.held_bytes()
            + self.matched.held_bytes()
    }
}

/// Writes pairs as [`LabelSets::store`] takes them.
pub(crate) fn encode_run(pairs: &[u32], into: &mut Vec<u8>) {
    into.clear();
    varint::put_uvarint(into, pairs.len() as u64);
    for &pair in pairs {
        varint::put_uvarint(into, u64::from(pair));
    }
}

/// Pairs of one label set.
#[derive(Clone, Debug)]
pub(crate) struct Run<'a> {
    bytes: &'a [u8],
    left: u64,
}

impl Iterator for Run<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let (pair, len) = varint::read_uvarint(self.bytes)?;
        self.bytes = &self.bytes[len..];
        u32::try_from(pair).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Run<'_> {}
