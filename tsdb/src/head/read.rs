//! Reading the head: what a selection finds is noted down under the lanes' locks and decoded afterwards.
//!
//! Noted down are the places of closed chunks and the bytes of open ones, so that a reader neither blocks
//! a writer nor sees what comes later, and a collection may take away what it still reads. All selections
//! of a query are noted down at one instant.

mod reader;

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLockReadGuard;

pub(crate) use reader::HeadReader;

use super::Head;
use super::lane::{LANES, LaneData};
use super::lookup::Address;
use super::postings;
use crate::model::Matcher;
use crate::query::source::{Order, Selected, Source};
use crate::query::{Budget, Cancel, QueryError, RosterBuilder, Selection, Sym, Vocabulary};

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
        let mut find = |want: &Selection| {
            let mut selecting = Selecting {
                lanes: &lanes,
                words: &mut words,
                from_ms: want.from_ms.max(head_from_ms),
                want,
                reader: HeadReader::new(Arc::clone(&files), head_from_ms, budget)?,
                budget,
            };
            let found = selecting.find(cancel)?;
            let _found = budget.charge(found.capacity() * size_of::<(u64, Address)>())?;
            let roster = selecting.note(&found, vocabulary, cancel)?;
            Ok(Selected {
                roster,
                order: if want.sorted { Order::Labels } else { Order::Source },
                reader: Box::new(selecting.reader),
            })
        };
        want.iter()
            .map(|want| find(want).map_err(|error: QueryError| error.about(want)))
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
        let order = std::sync::atomic::Ordering::Acquire;
        let (late_from, late_through) = (self.late_min_ms.load(order), self.late_max_ms.load(order));
        (from.min(late_from), through.max(late_through))
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
    budget: &'a Budget,
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
        let mut words_charge = self.budget.charge(0)?;
        for (row, &(_, at)) in found.iter().enumerate() {
            if row % 1024 == 0 {
                cancel.check()?;
                self.reader.roster_bytes = roster.held_bytes();
                self.reader.charge()?;
                vocabulary.account(self.budget)?;
                words_charge.resize(self.words.iter().map(|words| words.allocation_size()).sum())?;
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
        vocabulary.account(self.budget)?;
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
        .list_from(ordinal, data.cold[ordinal].closed, from_ms)
        .any(|(_, chunk)| chunk.min_ms <= through_ms)
}

/// Whether a series may have samples in the range that came out of order.
pub(crate) fn has_late(data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) -> bool {
    let late = data.late.get(&ordinal);
    late.is_some_and(|late| late.touches(from_ms, through_ms))
}
