//! The words of one query: label names and values as small numbers.

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::{Budget, Charge, OverBudget};
use crate::model::Labels;

/// A word of one query's [`Vocabulary`]. Equal words have equal numbers; the numbers' order means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u32);

impl Sym {
    /// The empty word, which every vocabulary holds first.
    pub const EMPTY: Self = Self(0);
}

/// All label names and values that a query has met.
pub struct Vocabulary {
    text: String,
    /// Where each word ends in `text`.
    ends: Vec<usize>,
    lookup: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// What a budget was charged for it.
    charge: Option<Charge>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        let mut empty = Self {
            text: String::new(),
            ends: Vec::new(),
            lookup: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            charge: None,
        };
        empty.intern("");
        empty
    }
}

impl Vocabulary {
    /// The number of `word`, given out now if it is new.
    pub fn intern(&mut self, word: &str) -> Sym {
        let hash = self.hasher.hash_one(word);
        let (text, ends) = (&self.text, &self.ends);
        if let Some(&found) = self.lookup.find(hash, |&at| word_at(text, ends, at) == word) {
            return Sym(found);
        }
        let at = u32::try_from(self.ends.len()).expect("a query meets fewer than 2^32 words");
        self.text.push_str(word);
        self.ends.push(self.text.len());
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.lookup
            .insert_unique(hash, at, |&at| hasher.hash_one(word_at(text, ends, at)));
        Sym(at)
    }

    /// The number of `word`, if the query has met it.
    pub fn find(&self, word: &str) -> Option<Sym> {
        let hash = self.hasher.hash_one(word);
        self.lookup
            .find(hash, |&at| word_at(&self.text, &self.ends, at) == word)
            .map(|&at| Sym(at))
    }

    /// The text of `sym`.
    ///
    /// # Panics
    /// When `sym` is of another vocabulary.
    pub fn text(&self, sym: Sym) -> &str {
        word_at(&self.text, &self.ends, sym.0)
    }

    /// How many words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never true: the empty word is always there.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes held.
    pub fn held_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.lookup.allocation_size()
    }

    /// Charges `budget` for what it holds by now: to be called now and then while it grows.
    ///
    /// # Errors
    /// When the budget does not suffice.
    pub fn account(&mut self, budget: &Budget) -> Result<(), OverBudget> {
        let held = self.held_bytes();
        match &mut self.charge {
            Some(charge) => charge.resize(held),
            None => {
                self.charge = Some(budget.charge(held)?);
                Ok(())
            }
        }
    }

    /// Label pairs as text. `pairs` are sorted by name, as rosters keep them.
    pub fn labels(&self, pairs: &[(Sym, Sym)]) -> Labels {
        Labels::from_sorted(
            pairs
                .iter()
                .map(|&(name, value)| (self.text(name), self.text(value))),
        )
    }
}

fn word_at<'a>(text: &'a str, ends: &[usize], at: u32) -> &'a str {
    let at = at as usize;
    let from = if at == 0 { 0 } else { ends[at - 1] };
    &text[from..ends[at]]
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vocabulary({} words)", self.len())
    }
}
