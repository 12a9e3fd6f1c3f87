//! Which series a selection found, with their labels as symbols.

use super::Sym;

/// The series of one selection. A series is known by its position here.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Where each series' labels end in `pairs`.
    ends: Vec<u32>,
    /// (name, value), sorted by the name's text within a series.
    pairs: Vec<(Sym, Sym)>,
}

impl Roster {
    /// How many series.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none matched.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The labels of series `series`, sorted by name.
    pub fn labels(&self, series: usize) -> &[(Sym, Sym)] {
        let from = if series == 0 {
            0
        } else {
            self.ends[series - 1] as usize
        };
        &self.pairs[from..self.ends[series] as usize]
    }

    /// Bytes held, as a query's budget counts them.
    pub fn held_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u32>() + self.pairs.capacity() * size_of::<(Sym, Sym)>()
    }
}

/// Fills a [`Roster`], series by series.
#[derive(Debug, Default)]
pub struct RosterBuilder {
    roster: Roster,
}

impl RosterBuilder {
    /// Adds the next series; `pairs` sorted by the name's text.
    pub fn push(&mut self, pairs: impl IntoIterator<Item = (Sym, Sym)>) {
        self.roster.pairs.extend(pairs);
        let end = u32::try_from(self.roster.pairs.len()).expect("a selection has fewer than 2^32 labels");
        self.roster.ends.push(end);
    }

    /// Bytes held up to now.
    pub fn held_bytes(&self) -> usize {
        self.roster.held_bytes()
    }

    /// The finished roster.
    pub fn build(self) -> Roster {
        self.roster
    }
}
