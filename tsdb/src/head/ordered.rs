//! The head's series in label order: what writing a block takes.
//!
//! Each lane's label tables are copied under its lock (they are small), ranked and sorted outside of it;
//! the lanes are then merged like rosters. Ordinals stay good as long as nothing is collected.

use std::sync::Arc;

use super::Head;
use super::labels::LabelSets;
use super::lane::LANES;
use super::read::{HeadReader, has_chunks, has_late};
use crate::query::source::SeriesReader;
use crate::query::{Budget, Columns, QueryError};

/// Series of all lanes that have chunks in a range, in label order.
pub(crate) struct Ordered<'a> {
    head: &'a Head,
    lanes: [LaneOrder; LANES],
    from_ms: i64,
    through_ms: i64,
    part: Part,
    reader: HeadReader,
}

/// Which samples of the series are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Those that came in order.
    InOrder,
    /// Those that came out of order and were cut.
    Cut,
    /// All, whenever they came.
    All,
}

#[derive(Default)]
struct LaneOrder {
    labels: LabelSets,
    /// (labels, ordinal), in label order.
    series: Vec<(u32, u32)>,
    next: usize,
}

impl LaneOrder {
    fn sort(&mut self) {
        let labels = &self.labels;
        let count = u32::try_from(labels.pair_count()).unwrap_or(u32::MAX);
        let mut by_text: Vec<u32> = (0..count).collect();
        by_text.sort_by(|&a, &b| labels.words(a).cmp(&labels.words(b)));
        let mut ranks = vec![0; by_text.len()];
        for (rank, pair) in (0u32..).zip(by_text) {
            ranks[pair as usize] = rank;
        }
        // Comparing ranks pair by pair is comparing labels: within a lane a pair's rank is its text's.
        let key = |at: u32| labels.run(at).map(|pair| ranks[pair as usize]);
        self.series.sort_unstable_by(|a, b| key(a.0).cmp(key(b.0)));
    }

    fn peek(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let &(at, _) = self.series.get(self.next)?;
        Some(self.labels.labels(at))
    }
}

impl<'a> Ordered<'a> {
    /// The series of `head` that may have samples in `from_ms ..= through_ms`.
    pub(crate) fn new(head: &'a Head, part: Part, from_ms: i64, through_ms: i64) -> Result<Self, QueryError> {
        let mut lanes: [LaneOrder; LANES] = Default::default();
        for (lane, order) in head.lanes.iter().zip(&mut lanes) {
            {
                let data = lane.data.read();
                order.labels = data.labels.copy();
                let is_here = |&o: &u32| match part {
                    Part::InOrder => has_chunks(&data, o, from_ms, through_ms),
                    Part::Cut => has_late(&data, o, from_ms, through_ms),
                    Part::All => {
                        has_chunks(&data, o, from_ms, through_ms) || has_late(&data, o, from_ms, through_ms)
                    }
                };
                let here = (0..data.count()).filter(is_here);
                order.series = here.map(|o| (data.cold[o].labels_at, o)).collect();
            }
            order.sort();
        }
        let files = Arc::clone(&head.files.read());
        Ok(Self {
            head,
            lanes,
            from_ms,
            through_ms,
            part,
            reader: HeadReader::new(files, from_ms, &Budget::unlimited())?,
        })
    }

    /// Calls `each` with every word that the series use, ascending, each once.
    pub(crate) fn each_word<E>(&self, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let mut words: Vec<&str> = Vec::new();
        for lane in &self.lanes {
            let mut used = vec![false; lane.labels.symbols.len()];
            for &(at, _) in &lane.series {
                for pair in lane.labels.run(at) {
                    let (name, value) = lane.labels.word_numbers(pair);
                    (used[name as usize], used[value as usize]) = (true, true);
                }
            }
            words.extend(
                (0..)
                    .zip(used)
                    .filter(|(_, used)| *used)
                    .map(|(at, _)| lane.labels.symbols.word(at)),
            );
        }
        words.sort_unstable();
        words.dedup();
        words.into_iter().try_for_each(&mut each)
    }

    /// The next series: fills `labels` and the samples in range.
    pub(crate) fn next(
        &mut self,
        labels: &mut Vec<(String, String)>,
        samples: &mut Columns,
    ) -> Result<bool, QueryError> {
        let mut first: Option<usize> = None;
        for lane in 0..LANES {
            let Some(labels) = self.lanes[lane].peek() else {
                continue;
            };
            let earlier = first
                .and_then(|first| self.lanes[first].peek())
                .is_none_or(|best| labels.lt(best));
            if earlier {
                first = Some(lane);
            }
        }
        let Some(lane) = first else { return Ok(false) };
        let order = &mut self.lanes[lane];
        let (at, ordinal) = order.series[order.next];
        order.next += 1;
        labels.clear();
        labels.extend(order.labels.labels(at).map(|(n, v)| (n.to_owned(), v.to_owned())));
        self.reader.clear();
        let data = self.head.lanes[lane].data.read();
        let (from_ms, through_ms) = (self.from_ms, self.through_ms);
        match self.part {
            Part::InOrder => self.reader.note(0, &data, ordinal, from_ms, through_ms),
            Part::Cut => self.reader.note_cut(0, &data, ordinal, from_ms, through_ms),
            Part::All => {
                self.reader.note(0, &data, ordinal, from_ms, through_ms);
                self.reader.note_late(&data, ordinal, from_ms, through_ms);
            }
        }
        drop(data);
        samples.clear();
        self.reader.read(0, self.from_ms, self.through_ms, samples)?;
        Ok(true)
    }
}
