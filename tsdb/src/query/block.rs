//! A block as a [`Source`].

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::budget::Steps;
use super::source::{Order, Selected, SeriesReader, Source};
use super::{Budget, Cancel, Charge, Columns, QueryError, RosterBuilder, Selection, Sym, Vocabulary};
use crate::block::{Block, Intervals, Tombstones};
use crate::chunk::{Encoding, decode_all, decode_range};
use crate::fs::FileError;
use crate::index::{ChunkMeta, IndexReader};
use crate::model::Matcher;
use crate::postings::{intersect, matching};

/// After how many series the budget and the wish to cancel are looked at.
const SERIES_BETWEEN_CHECKS: usize = 256;

impl From<FileError> for QueryError {
    fn from(error: FileError) -> Self {
        Self::storage(error)
    }
}

impl Source for Block {
    fn time_range_ms(&self) -> (i64, i64) {
        let meta = self.meta();
        (meta.min_ms, meta.max_ms.saturating_sub(1))
    }

    fn select(
        self: Arc<Self>,
        want: &Selection,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Selected, QueryError> {
        self.found(want, vocabulary, budget, cancel)
            .map_err(|error| error.about(want))
    }

    fn label_names(&self, matchers: &[Matcher], cancel: &Cancel) -> Result<Vec<String>, QueryError> {
        if matchers.is_empty() {
            return Ok(self.index().label_names().map(str::to_owned).collect());
        }
        let mut names = HashSet::new();
        self.each_matching(matchers, cancel, |labels| {
            names.extend(labels.iter().map(|pair| pair.0))
        })?;
        self.sorted_texts(names)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        let index = self.index();
        if name.is_empty() {
            return Ok(Vec::new());
        }
        if matchers.is_empty() {
            let values = index.values_from(name, "")?;
            let values = values
                .map(|value| value.map(|(text, _)| text.to_owned()))
                .collect::<Result<_, _>>()?;
            index.check_whole()?;
            return Ok(values);
        }
        let candidates = matching(index, matchers)?;
        // A list of postings a value, or an entry a series, whichever are fewer.
        if index.value_count(name) < candidates.len() {
            return self.values_that_meet(name, &candidates, cancel);
        }
        let mut values = HashSet::new();
        let Some(wanted) = index.find_symbol(name)? else {
            return Ok(Vec::new());
        };
        self.each(&candidates, cancel, |labels| {
            values.extend(labels.iter().filter(|pair| pair.0 == wanted).map(|pair| pair.1));
        })?;
        self.sorted_texts(values)
    }
}

impl Block {
    fn found(
        self: Arc<Self>,
        want: &Selection,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Selected, QueryError> {
        let candidates = matching(self.index(), &want.matchers)?;
        let tombstones = self.tombstones();
        let mut charge = budget.charge(candidates.len() * size_of::<u32>())?;
        let mut words = Words::new(self.index(), vocabulary, budget)?;
        let mut roster = RosterBuilder::default();
        let mut series = Vec::with_capacity(candidates.len());
        let (mut labels, mut chunks) = (Vec::new(), Vec::new());
        let mut uncharged = 0;
        for (at, candidate) in candidates.into_iter().enumerate() {
            if at % SERIES_BETWEEN_CHECKS == 0 {
                cancel.check()?;
                charge.grow(std::mem::take(&mut uncharged))?;
                words.account(budget)?;
            }
            labels.clear();
            chunks.clear();
            self.index().series(candidate, &mut labels, &mut chunks)?;
            let deleted = tombstones.get(u64::from(candidate));
            if !chunks
                .iter()
                .any(|chunk| is_wanted(chunk, want.from_ms, want.through_ms, deleted))
            {
                continue;
            }
            roster.push(words.translate(&labels)?.iter().copied());
            series.push(candidate);
            uncharged += labels.len() * size_of::<(Sym, Sym)>() + size_of::<u32>();
        }
        charge.grow(uncharged)?;
        words.account(budget)?;
        self.index().check_whole()?;
        drop(words);
        Ok(Selected {
            roster: roster.build(),
            order: Order::Labels,
            reader: Box::new(BlockSeries {
                block: self,
                series,
                tombstones,
                charge,
            }),
        })
    }

    /// Values of a label that some of `candidates` have.
    fn values_that_meet(
        &self,
        name: &str,
        candidates: &[u32],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        let mut values = Vec::new();
        let mut list = Vec::new();
        for entry in self.index().values_from(name, "")? {
            cancel.check()?;
            let (value, place) = entry?;
            list.clear();
            self.index().postings_at(place, &mut list)?;
            intersect(&mut list, candidates);
            if !list.is_empty() {
                values.push(value.to_owned());
            }
        }
        self.index().check_whole()?;
        Ok(values)
    }

    fn each_matching(
        &self,
        matchers: &[Matcher],
        cancel: &Cancel,
        see: impl FnMut(&[(u32, u32)]),
    ) -> Result<(), QueryError> {
        self.each(&matching(self.index(), matchers)?, cancel, see)
    }

    fn each(
        &self,
        series: &[u32],
        cancel: &Cancel,
        mut see: impl FnMut(&[(u32, u32)]),
    ) -> Result<(), QueryError> {
        let (mut labels, mut chunks) = (Vec::new(), Vec::new());
        for (at, &series) in series.iter().enumerate() {
            if at % SERIES_BETWEEN_CHECKS == 0 {
                cancel.check()?;
            }
            labels.clear();
            chunks.clear();
            self.index().series(series, &mut labels, &mut chunks)?;
            see(&labels);
        }
        Ok(())
    }

    /// The texts of symbols, sorted.
    fn sorted_texts(&self, symbols: HashSet<u32>) -> Result<Vec<String>, QueryError> {
        let mut symbols: Vec<u32> = symbols.into_iter().collect();
        // Symbols ascend as their texts do.
        symbols.sort_unstable();
        let texts = symbols
            .into_iter()
            .map(|at| self.index().symbol(at).map(str::to_owned));
        let texts = texts.collect::<Result<_, _>>()?;
        self.index().check_whole()?;
        Ok(texts)
    }
}

/// A block's symbols as words of a query.
struct Words<'a> {
    index: &'a IndexReader,
    vocabulary: &'a mut Vocabulary,
    known: HashMap<u32, Sym, foldhash::fast::RandomState>,
    pairs: Vec<(Sym, Sym)>,
    charge: Charge,
}

impl<'a> Words<'a> {
    fn new(
        index: &'a IndexReader,
        vocabulary: &'a mut Vocabulary,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            index,
            vocabulary,
            known: HashMap::default(),
            pairs: Vec::new(),
            charge: budget.charge(0)?,
        })
    }

    /// Charges what the words take by now.
    fn account(&mut self, budget: &Budget) -> Result<(), QueryError> {
        self.charge.resize(self.known.allocation_size())?;
        Ok(self.vocabulary.account(budget)?)
    }

    fn translate(&mut self, labels: &[(u32, u32)]) -> Result<&[(Sym, Sym)], FileError> {
        self.pairs.clear();
        for &(name, value) in labels {
            let pair = (self.word(name)?, self.word(value)?);
            self.pairs.push(pair);
        }
        Ok(&self.pairs)
    }

    fn word(&mut self, symbol: u32) -> Result<Sym, FileError> {
        if let Some(&known) = self.known.get(&symbol) {
            return Ok(known);
        }
        let word = self.vocabulary.intern(self.index.symbol(symbol)?);
        self.known.insert(symbol, word);
        Ok(word)
    }
}

/// Whether a chunk may have samples in the range that are not deleted.
fn is_wanted(chunk: &ChunkMeta, from_ms: i64, through_ms: i64, deleted: Option<&Intervals>) -> bool {
    chunk.overlaps(from_ms, through_ms) && !deleted.is_some_and(|d| d.cover(chunk.min_ms, chunk.max_ms))
}

/// The series that one selection found in a block.
#[derive(Debug)]
struct BlockSeries {
    block: Arc<Block>,
    series: Vec<u32>,
    /// As of the selection.
    tombstones: Arc<Tombstones>,
    charge: Charge,
}

impl SeriesReader for BlockSeries {
    fn read(
        &self,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let series = self.series[series];
        let deleted = self.tombstones.get(u64::from(series));
        let mut chunks = Vec::new();
        self.block.index().chunks(series, &mut chunks)?;
        let mut held = Steps::new(self.charge.budget());
        for chunk in &chunks {
            if chunk.min_ms > through_ms {
                break;
            }
            if !is_wanted(chunk, from_ms, through_ms, deleted) {
                continue;
            }
            let begin = into.len();
            self.decode(chunk, from_ms, through_ms, into)?;
            self.block.segments().check_whole_at(chunk.at)?;
            into.trim(begin, from_ms, through_ms);
            if let Some(deleted) = deleted
                && deleted.touch(chunk.min_ms, chunk.max_ms)
            {
                remove_deleted(into, begin, deleted);
            }
            held.grow(into.bytes_from(begin))?;
        }
        Ok(self.block.index().check_whole()?)
    }
}

impl BlockSeries {
    fn decode(
        &self,
        chunk: &ChunkMeta,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let segments = self.block.segments();
        let stored = segments.chunk(chunk.at)?;
        let is_whole = from_ms <= chunk.min_ms && chunk.max_ms <= through_ms;
        match Encoding::from_u8(stored.encoding) {
            Some(encoding) => Ok(match is_whole {
                true => decode_all(encoding, stored.data, into),
                false => decode_range(encoding, stored.data, from_ms, through_ms, into),
            }
            .map_err(|error| segments.damaged(chunk.at, error.to_string()))?),
            None => {
                let text = format!("chunk encoding {} is not known", stored.encoding);
                Err(segments.unsupported(chunk.at, text).into())
            }
        }
    }
}

/// Drops the rows from row `begin` on that were deleted.
fn remove_deleted(columns: &mut Columns, begin: usize, deleted: &Intervals) {
    let mut intervals = deleted.as_slice().iter().peekable();
    columns.retain_from(begin, |t_ms| {
        while intervals.next_if(|interval| interval.max_ms < t_ms).is_some() {}
        intervals.peek().is_none_or(|interval| t_ms < interval.min_ms)
    });
}

#[cfg(test)]
mod tests;
