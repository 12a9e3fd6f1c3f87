//! The head's series in label order: what writing a block takes.
//!
//! Of each lane only numbers are kept: the words that its series use, where they stand among those of the block, and
//! the series in order. Texts and label sets are copied for sorting, a lane at a time, outside of its lock; the lanes
//! are then merged. Ordinals and words stay good as long as nothing is collected, and what is made meanwhile comes
//! behind them.

mod words;

use std::sync::Arc;

use smallvec::SmallVec;

use super::Head;
use super::labels::LabelSets;
use super::lane::{LANES, LaneData};
use super::read::{HeadReader, has_chunks, has_late};
use crate::memory::{LargeVec, SystemMemory};
use crate::query::source::SeriesReader;
use crate::query::{Budget, Columns, QueryError};

/// How many series are looked at under one taking of their lane's lock.
const RUN_SERIES: u32 = 2048;

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

/// A label: where its name and its value stand among the words.
type Label = (u32, u32);

struct LaneOrder {
    /// Where each word of the lane stands among all that are used, [`UNUSED`] if it is not.
    positions: LargeVec<u32>,
    /// Ordinals, in label order.
    series: LargeVec<u32>,
    next: usize,
    /// The labels of the next series; as words ascend, they compare as their texts do.
    labels: SmallVec<[Label; 16]>,
}

const UNUSED: u32 = u32::MAX;

impl LaneOrder {
    /// The series of a lane that `is_here` picks, in the order of their making, and which words they use.
    fn find(head: &Head, lane: usize, is_here: impl Fn(&LaneData, u32) -> bool) -> Self {
        let lane = &head.lanes[lane].data;
        let (count, words) = {
            let data = lane.read();
            (data.count(), data.labels.symbols.len())
        };
        let mut series = LargeVec::new_in(SystemMemory);
        let mut positions = LargeVec::new_in(SystemMemory);
        positions.resize(words, UNUSED);
        for from in (0..count).step_by(RUN_SERIES as usize) {
            let data = lane.read();
            for ordinal in (from..count.min(from + RUN_SERIES)).filter(|&o| is_here(&data, o)) {
                series.push(ordinal);
                for pair in data.labels.run(data.cold[ordinal].labels_at) {
                    let (name, value) = data.labels.word_numbers(pair);
                    (positions[name as usize], positions[value as usize]) = (0, 0);
                }
            }
        }
        Self {
            positions,
            series,
            next: 0,
            labels: SmallVec::new(),
        }
    }

    /// Sorts the series by their labels, once the words' positions are known.
    fn sort(&mut self, head: &Head, lane: usize) {
        let (labels, mut series) = {
            let data = head.lanes[lane].data.read();
            let mut series = LargeVec::with_capacity_in(self.series.len(), SystemMemory);
            series.extend(self.series.iter().map(|&o| (data.cold[o].labels_at, o)));
            (data.labels.copy_sets(), series)
        };
        let ranks = self.rank(&labels);
        // Comparing ranks pair by pair is comparing labels.
        let key = |at: u32| labels.run(at).map(|pair| ranks[pair as usize]);
        series.sort_unstable_by(|a: &(u32, u32), b| key(a.0).cmp(key(b.0)));
        for (here, (_, ordinal)) in self.series.iter_mut().zip(series) {
            *here = ordinal;
        }
    }

    /// Where each pair stands among those of its lane.
    fn rank(&self, labels: &LabelSets) -> LargeVec<u32> {
        let count = u32::try_from(labels.pair_count()).unwrap_or(u32::MAX);
        let mut order = LargeVec::with_capacity_in(count as usize, SystemMemory);
        order.extend(0..count);
        order.sort_unstable_by_key(|&pair| self.label(labels, pair));
        let mut ranks = LargeVec::with_capacity_in(count as usize, SystemMemory);
        ranks.resize(count as usize, 0);
        for (rank, pair) in (0..).zip(order) {
            ranks[pair as usize] = rank;
        }
        ranks
    }

    fn label(&self, labels: &LabelSets, pair: u32) -> Label {
        let (name, value) = labels.word_numbers(pair);
        // A word made since is of no series here.
        let position = |word: u32| self.positions.get(word as usize).copied().unwrap_or(UNUSED);
        (position(name), position(value))
    }

    /// Looks up the labels of the next series, if there is one.
    fn look_ahead(&mut self, data: &LaneData) {
        let mut found = std::mem::take(&mut self.labels);
        found.clear();
        if let Some(&ordinal) = self.series.get(self.next) {
            let run = data.labels.run(data.cold[ordinal].labels_at);
            found.extend(run.map(|pair| self.label(&data.labels, pair)));
        }
        self.labels = found;
    }

    fn peek(&self) -> Option<&[Label]> {
        (self.next < self.series.len()).then_some(&self.labels)
    }
}

impl<'a> Ordered<'a> {
    /// The series of `head` that may have samples in `from_ms ..= through_ms`. Calls `add_word` with every word that
    /// they use, ascending, each once; it says where the word stands, which ascends, too.
    ///
    /// # Errors
    /// Those of `add_word`, or if the budget is exhausted.
    pub(crate) fn new<E: From<QueryError>>(
        head: &'a Head,
        part: Part,
        from_ms: i64,
        through_ms: i64,
        add_word: impl FnMut(&str) -> Result<u32, E>,
    ) -> Result<Self, E> {
        let is_here = |data: &LaneData, o: u32| match part {
            Part::InOrder => has_chunks(data, o, from_ms, through_ms),
            Part::Cut => has_late(data, o, from_ms, through_ms),
            Part::All => has_chunks(data, o, from_ms, through_ms) || has_late(data, o, from_ms, through_ms),
        };
        let mut lanes: [_; LANES] = std::array::from_fn(|lane| LaneOrder::find(head, lane, is_here));
        words::place(head, &mut lanes, add_word)?;
        for (lane, order) in lanes.iter_mut().enumerate() {
            order.sort(head, lane);
            order.look_ahead(&head.lanes[lane].data.read());
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

    /// The next series: fills `labels`, as positions of words, and the samples in range.
    pub(crate) fn next(
        &mut self,
        labels: &mut Vec<Label>,
        samples: &mut Columns,
    ) -> Result<bool, QueryError> {
        let peeked = (0..LANES).filter_map(|lane| Some((self.lanes[lane].peek()?, lane)));
        let Some((first, lane)) = peeked.min() else {
            return Ok(false);
        };
        labels.clear();
        labels.extend_from_slice(first);
        let order = &mut self.lanes[lane];
        let ordinal = order.series[order.next];
        order.next += 1;
        self.reader.clear();
        let data = self.head.lanes[lane].data.read();
        order.look_ahead(&data);
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
