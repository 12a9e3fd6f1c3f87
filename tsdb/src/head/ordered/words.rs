//! The words that the series of all lanes use, in order, each once.

use super::{LaneOrder, UNUSED};
use crate::head::Head;
use crate::head::lane::LANES;
use crate::memory::{LargeVec, SystemMemory};

/// How many words are copied under one taking of their lane's lock.
const WORDS_AT_A_TIME: usize = 1024;

/// Calls `add_word` with every used word, ascending, and notes the positions that it says.
pub(super) fn place<E>(
    head: &Head,
    lanes: &mut [LaneOrder; LANES],
    mut add_word: impl FnMut(&str) -> Result<u32, E>,
) -> Result<(), E> {
    let mut words: [Words<'_>; LANES] = std::array::from_fn(|lane| Words::sorted(head, lane, &lanes[lane]));
    loop {
        let Some(first) = words.iter().filter_map(Words::peek).min() else {
            return Ok(());
        };
        let position = add_word(first)?;
        let have_it: [bool; LANES] = std::array::from_fn(|lane| words[lane].peek() == Some(first));
        for lane in (0..LANES).filter(|&lane| have_it[lane]) {
            lanes[lane].positions[words[lane].number() as usize] = position;
            words[lane].advance();
        }
    }
}

/// The used words of one lane, ascending.
struct Words<'a> {
    head: &'a Head,
    lane: usize,
    numbers: LargeVec<u32>,
    /// How many are behind.
    at: usize,
    /// Copies of those from `first` on, and where each ends.
    text: String,
    ends: Vec<usize>,
    first: usize,
}

impl<'a> Words<'a> {
    fn sorted(head: &'a Head, lane: usize, order: &LaneOrder) -> Self {
        let texts = head.lanes[lane].data.read().labels.symbols.copy();
        let used = (0u32..).zip(&order.positions);
        let used = used.filter(|&(_, &position)| position != UNUSED);
        let mut numbers = LargeVec::new_in(SystemMemory);
        numbers.extend(used.map(|(number, _)| number));
        numbers.sort_unstable_by(|&a, &b| texts.word(a).cmp(texts.word(b)));
        drop(texts);
        let mut words = Self {
            head,
            lane,
            numbers,
            at: 0,
            text: String::new(),
            ends: Vec::new(),
            first: 0,
        };
        words.copy_some();
        words
    }

    fn copy_some(&mut self) {
        let data = self.head.lanes[self.lane].data.read();
        let end = self.numbers.len().min(self.at + WORDS_AT_A_TIME);
        self.first = self.at;
        self.text.clear();
        self.ends.clear();
        for &number in &self.numbers[self.at..end] {
            self.text.push_str(data.labels.symbols.word(number));
            self.ends.push(self.text.len());
        }
    }

    fn peek(&self) -> Option<&str> {
        let at = self.at - self.first;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends.get(at).map(|&end| &self.text[from..end])
    }

    fn number(&self) -> u32 {
        self.numbers[self.at]
    }

    fn advance(&mut self) {
        self.at += 1;
        if self.at - self.first == self.ends.len() {
            self.copy_some();
        }
    }
}
