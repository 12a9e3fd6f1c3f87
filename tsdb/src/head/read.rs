//! Reading the head: what a selection finds is noted down under the lanes' locks and decoded afterwards.
//!
//! Noted down are the places of closed chunks and the bytes of open ones, so that a reader neither blocks
//! a writer nor sees what comes later, and a collection may take away what it still reads. All selections
//! of a query are noted down at one instant.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLockReadGuard;

use super::Head;
use super::arena::Slot;
use super::chunk_files::{self, FileMap};
use super::lane::{LANES, LaneData};
use super::late::{LateChunk, LatePlace};
use super::lookup::Address;
use super::postings;
use super::slab::Place;
use crate::chunk::chain::chain_columns;
use crate::chunk::encode::encode;
use crate::chunk::{Encoding, decode_all};
use crate::model::Matcher;
use crate::query::source::{Order, Selected, SeriesReader, Source};
use crate::query::{Budget, Cancel, Charge, Columns, QueryError, RosterBuilder, Selection, Sym, Vocabulary};

type Lanes<'a> = [RwLockReadGuard<'a, LaneData>; LANES];

/// Words of a lane's pairs in the query's vocabulary.
type Words = [HashMap<u32, (Sym, Sym), foldhash::fast::RandomState>; LANES];

impl Head {
    fn lock_for_reading(&self) -> Lanes<'_> {
        std::array::from_fn(|lane| self.lanes[lane].data.read())
    }

    /// What `want` finds, all of it at one instant.
    pub(crate) fn select_all(
        &self,
        want: &[Selection],
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Vec<Selected>, QueryError> {
        let lanes = self.lock_for_reading();
        let head_from_ms = self.time_range_ms().map_or(i64::MAX, |(from, _)| from);
        let files = Arc::clone(&self.files.read());
        let mut words = Words::default();
        want.iter()
            .map(|want| {
                let mut selecting = Selecting {
                    lanes: &lanes,
                    words: &mut words,
                    from_ms: want.from_ms.max(head_from_ms),
                    want,
                    reader: HeadReader::new(Arc::clone(&files), head_from_ms, budget)?,
                };
                let found = selecting.find(cancel)?;
                let roster = selecting.note(&found, vocabulary, cancel)?;
                Ok(Selected {
                    roster,
                    order: if want.sorted { Order::Labels } else { Order::Source },
                    reader: Box::new(selecting.reader),
                })
            })
            .collect()
    }

    fn each_matching(&self, matchers: &[Matcher], mut each: impl FnMut(&LaneData, &[u32])) {
        for lane in &self.lanes {
            let data = lane.data.read();
            let found = postings::select(&data.labels, &data.postings, data.count(), matchers);
            each(&data, &found);
        }
    }
}

impl Source for Head {
    fn time_range_ms(&self) -> (i64, i64) {
        let (from, through) = Head::time_range_ms(self).unwrap_or((i64::MAX, i64::MIN));
        match self.late_min_ms.load(std::sync::atomic::Ordering::Acquire) {
            i64::MAX => (from, through),
            // What comes out of order is not later than the latest sample.
            late => (from.min(late), through.max(late)),
        }
    }

    fn select(
        self: Arc<Self>,
        want: &Selection,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Selected, QueryError> {
        let mut found = self.select_all(std::slice::from_ref(want), vocabulary, budget, cancel)?;
        match found.pop() {
            Some(selected) => Ok(selected),
            None => unreachable!("one selection was asked for"),
        }
    }

    fn label_names(&self, matchers: &[Matcher], cancel: &Cancel) -> Result<Vec<String>, QueryError> {
        cancel.check()?;
        let mut names = std::collections::BTreeSet::new();
        self.each_matching(matchers, |data, found| {
            if matchers.is_empty() {
                names.extend(data.labels.names().map(|(name, _)| name.to_owned()));
                return;
            }
            let mut pairs = hashbrown::HashSet::new();
            for &ordinal in found {
                pairs.extend(data.labels.run(data.cold[ordinal].labels_at));
            }
            names.extend(pairs.iter().map(|&pair| data.labels.words(pair).0.to_owned()));
        });
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        cancel.check()?;
        let mut values = std::collections::BTreeSet::new();
        self.each_matching(matchers, |data, found| {
            let of_name = data.labels.pairs_of(name);
            if matchers.is_empty() {
                let used = of_name
                    .iter()
                    .filter(|&&pair| !data.postings.list(pair).is_empty());
                values.extend(used.map(|&pair| data.labels.words(pair).1.to_owned()));
                return;
            }
            for &ordinal in found {
                let mut labels = data.labels.labels(data.cold[ordinal].labels_at);
                if let Some((_, value)) = labels.find(|(n, _)| *n == name)
                    && !values.contains(value)
                {
                    values.insert(value.to_owned());
                }
            }
        });
        Ok(values.into_iter().collect())
    }
}

struct Selecting<'a> {
    lanes: &'a Lanes<'a>,
    words: &'a mut Words,
    want: &'a Selection,
    from_ms: i64,
    reader: HeadReader,
}

impl Selecting<'_> {
    /// The series that match and may have samples in the range, in the order of the roster.
    fn find(&self, cancel: &Cancel) -> Result<Vec<(u64, Address)>, QueryError> {
        let mut found = Vec::new();
        for (lane, data) in self.lanes.iter().enumerate() {
            cancel.check()?;
            let ordinals = postings::select(&data.labels, &data.postings, data.count(), &self.want.matchers);
            let here = ordinals.into_iter().filter(|&o| {
                (self.from_ms <= self.want.through_ms
                    && has_chunks(data, o, self.from_ms, self.want.through_ms))
                    || has_late(data, o, self.want.from_ms, self.want.through_ms)
            });
            found.extend(here.map(|o| (data.cold[o].series, Address::new(lane, o))));
        }
        if self.want.sorted {
            found.sort_by(|a, b| self.labels(a.1).cmp(self.labels(b.1)));
        } else {
            // Stable sorting finds the runs that the lanes are.
            found.sort_by_key(|&(series, _)| series);
        }
        Ok(found)
    }

    fn labels(&self, at: Address) -> impl Iterator<Item = (&str, &str)> {
        let data = &self.lanes[at.lane()];
        data.labels.labels(data.cold[at.ordinal()].labels_at)
    }

    fn note(
        &mut self,
        found: &[(u64, Address)],
        vocabulary: &mut Vocabulary,
        cancel: &Cancel,
    ) -> Result<crate::query::Roster, QueryError> {
        let mut roster = RosterBuilder::default();
        for (row, &(_, at)) in found.iter().enumerate() {
            if row % 1024 == 0 {
                cancel.check()?;
                self.reader.charge()?;
            }
            let data = &self.lanes[at.lane()];
            let words = &mut self.words[at.lane()];
            roster.push(data.labels.run(data.cold[at.ordinal()].labels_at).map(|pair| {
                *words.entry(pair).or_insert_with(|| {
                    let (name, value) = data.labels.words(pair);
                    (vocabulary.intern(name), vocabulary.intern(value))
                })
            }));
            if !self.want.labels_only {
                let through_ms = self.want.through_ms;
                self.reader
                    .note(row, data, at.ordinal(), self.from_ms, through_ms);
                self.reader
                    .note_late(data, at.ordinal(), self.want.from_ms, through_ms);
            }
        }
        let roster = roster.build();
        self.reader.roster_bytes = roster.held_bytes();
        self.reader.charge()?;
        Ok(roster)
    }
}

pub(crate) fn has_chunks(data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) -> bool {
    let hot = &data.hot[ordinal];
    if hot.last_t_ms < from_ms {
        return false;
    }
    // Most queries reach up to now: then the first sample's time, which is far, need not be looked up.
    if hot.is_open()
        && (hot.last_t_ms <= through_ms || data.open_from_ms(ordinal).is_some_and(|from| from <= through_ms))
    {
        return true;
    }
    data.closed
        .list(data.cold[ordinal].closed)
        .take_while(|(_, chunk)| chunk.max_ms >= from_ms)
        .any(|(_, chunk)| chunk.min_ms <= through_ms)
}

/// Whether a series may have samples in the range that came out of order.
pub(crate) fn has_late(data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) -> bool {
    let late = data.late.get(&ordinal);
    late.is_some_and(|late| late.touches(from_ms, through_ms))
}

#[derive(Clone, Copy)]
enum At {
    File {
        number: u32,
        offset: u32,
    },
    Copied {
        from: usize,
        len: usize,
        encoding: Encoding,
    },
}

#[derive(Clone, Copy)]
struct Noted {
    min_ms: i64,
    max_ms: i64,
    at: At,
    is_late: bool,
}

/// Samples of the series that one selection found.
pub(crate) struct HeadReader {
    files: FileMap,
    /// What lies before is not the head's any more.
    head_from_ms: i64,
    /// Where each series' chunks end in `chunks`.
    ends: Vec<usize>,
    chunks: Vec<Noted>,
    copied: Vec<u8>,
    tombstones: HashMap<usize, Vec<(i64, i64)>>,
    roster_bytes: usize,
    charge: Charge,
}

impl fmt::Debug for HeadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadReader({} series)", self.ends.len())
    }
}

impl HeadReader {
    pub(crate) fn new(files: FileMap, head_from_ms: i64, budget: &Budget) -> Result<Self, QueryError> {
        Ok(Self {
            files,
            head_from_ms,
            ends: Vec::new(),
            chunks: Vec::new(),
            copied: Vec::new(),
            tombstones: HashMap::new(),
            roster_bytes: 0,
            charge: budget.charge(0)?,
        })
    }

    fn charge(&mut self) -> Result<(), QueryError> {
        let held = self.roster_bytes
            + self.ends.capacity() * size_of::<usize>()
            + self.chunks.capacity() * size_of::<Noted>()
            + self.copied.capacity();
        Ok(self.charge.resize(held)?)
    }

    pub(crate) fn note(&mut self, row: usize, data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) {
        let first = self.chunks.len();
        let closed = data.closed.list(data.cold[ordinal].closed);
        for (held, chunk) in closed.take_while(|(_, chunk)| chunk.max_ms >= from_ms) {
            if chunk.min_ms > through_ms {
                continue;
            }
            let at = match chunk.place {
                Place::File { number, offset } => At::File { number, offset },
                Place::Memory(slot, len) => self.copy(data, slot, usize::from(len), chunk.samples),
                Place::Held => match data.closed.held(held) {
                    Some((encoding, bytes)) => self.copy_bytes(encoding, bytes),
                    None => unreachable!("a chunk that is held is in the table"),
                },
            };
            self.chunks.push(Noted {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                at,
                is_late: false,
            });
        }
        self.chunks[first..].reverse();
        let hot = &data.hot[ordinal];
        if let Some(min_ms) = data.open_from_ms(ordinal)
            && min_ms <= through_ms
            && hot.last_t_ms >= from_ms
        {
            let at = match data.histograms.get(&ordinal) {
                Some(open) => {
                    let (encoding, bytes, ..) = open.chunk();
                    self.copy_bytes(encoding, bytes)
                }
                None => self.copy(data, hot.slot, hot.chunk_len(), hot.samples),
            };
            self.chunks.push(Noted {
                min_ms,
                max_ms: hot.last_t_ms,
                at,
                is_late: false,
            });
        }
        self.ends.push(self.chunks.len());
        if let Some(intervals) = data.tombstones.get(&ordinal) {
            self.tombstones.insert(row, intervals.clone());
        }
    }

    /// Notes down what came out of order of the series that was noted last.
    pub(crate) fn note_late(&mut self, data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) {
        let Some(late) = data.late.get(&ordinal) else {
            return;
        };
        self.note_late_chunks(&late.closed, from_ms, through_ms);
        for chunk in encode(&late.open_columns(), usize::MAX) {
            if chunk.min_ms <= through_ms && from_ms <= chunk.max_ms {
                let at = self.copy_bytes(chunk.encoding, &chunk.bytes);
                self.push_late(chunk.min_ms, chunk.max_ms, at);
            }
        }
    }

    fn note_late_chunks(&mut self, chunks: &[LateChunk], from_ms: i64, through_ms: i64) {
        for chunk in chunks {
            if chunk.min_ms <= through_ms && from_ms <= chunk.max_ms {
                let at = match &chunk.place {
                    LatePlace::Memory(encoding, bytes) => self.copy_bytes(*encoding, bytes),
                    &LatePlace::File { number, offset } => At::File { number, offset },
                };
                self.push_late(chunk.min_ms, chunk.max_ms, at);
            }
        }
    }

    fn push_late(&mut self, min_ms: i64, max_ms: i64, at: At) {
        self.chunks.push(Noted {
            min_ms,
            max_ms,
            at,
            is_late: true,
        });
        if let Some(end) = self.ends.last_mut() {
            *end = self.chunks.len();
        }
    }

    /// Notes down a series with nothing but what was cut of its samples that came out of order.
    pub(crate) fn note_cut(&mut self, row: usize, data: &LaneData, ordinal: u32, from_ms: i64, to_ms: i64) {
        self.ends.push(self.chunks.len());
        if let Some(late) = data.late.get(&ordinal) {
            self.note_late_chunks(&late.closed[..late.cut], from_ms, to_ms);
        }
        if let Some(intervals) = data.tombstones.get(&ordinal) {
            self.tombstones.insert(row, intervals.clone());
        }
    }

    /// Chunks that overlap, put together as Prometheus does it: in the order of their first times.
    fn read_merged(
        &self,
        series: usize,
        noted: &[Noted],
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let mut order: Vec<&Noted> = noted.iter().collect();
        order.sort_by_key(|noted| (noted.min_ms, noted.is_late));
        let mut runs = Vec::with_capacity(order.len());
        for noted in order {
            let mut run = Columns::default();
            self.read_chunk(noted, from_ms, through_ms, &mut run)?;
            runs.push(run);
        }
        let row = into.len();
        chain_columns(&runs.iter().collect::<Vec<_>>(), into);
        self.remove_deleted(series, row, into);
        Ok(())
    }

    fn read_chunk(
        &self,
        noted: &Noted,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let from_ms = match noted.is_late {
            true => from_ms,
            false => from_ms.max(self.head_from_ms),
        };
        if noted.max_ms < from_ms || noted.min_ms > through_ms {
            return Ok(());
        }
        let row = into.len();
        let (encoding, bytes) = self.bytes(noted.at)?;
        decode_all(encoding, bytes, into).map_err(QueryError::storage)?;
        into.trim(row, from_ms, through_ms);
        Ok(())
    }

    fn remove_deleted(&self, series: usize, row: usize, into: &mut Columns) {
        if let Some(intervals) = self.tombstones.get(&series) {
            let is_deleted = |t_ms| intervals.iter().any(|&(from, to)| (from..=to).contains(&t_ms));
            into.retain_from(row, |t_ms| !is_deleted(t_ms));
        }
    }

    /// Forgets all series, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.chunks.clear();
        self.copied.clear();
        self.tombstones.clear();
    }

    fn copy(&mut self, data: &LaneData, slot: Slot, len: usize, samples: u16) -> At {
        let from = self.copied.len();
        data.arena.copy(slot, len, samples, &mut self.copied);
        let encoding = Encoding::Xor;
        At::Copied { from, len, encoding }
    }

    fn copy_bytes(&mut self, encoding: Encoding, bytes: &[u8]) -> At {
        let (from, len) = (self.copied.len(), bytes.len());
        self.copied.extend_from_slice(bytes);
        At::Copied { from, len, encoding }
    }

    fn bytes(&self, at: At) -> Result<(Encoding, &[u8]), QueryError> {
        match at {
            At::Copied { from, len, encoding } => Ok((encoding, &self.copied[from..from + len])),
            At::File { number, offset } => {
                let file: Option<&[u8]> = self.files.get(&number).map(|file| (**file).as_ref());
                file.and_then(|file| chunk_files::data(file, offset))
                    .ok_or_else(|| {
                        QueryError::storage(format!("chunks_head/{number:06}: no chunk at offset {offset}"))
                    })
            }
        }
    }
}

impl SeriesReader for HeadReader {
    fn read(
        &self,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let first = if series == 0 { 0 } else { self.ends[series - 1] };
        let noted = &self.chunks[first..self.ends[series]];
        if noted.iter().any(|noted| noted.is_late) {
            return self.read_merged(series, noted, from_ms, through_ms, into);
        }
        for noted in noted {
            let row = into.len();
            self.read_chunk(noted, from_ms, through_ms, into)?;
            self.remove_deleted(series, row, into);
        }
        Ok(())
    }
}
