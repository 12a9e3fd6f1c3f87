//! A store in plain vectors: what tests and the query-language scripts run on.
//!
//! It follows the doors' contracts and nothing else: no limits, no files, every append in order or refused.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, RwLock};

use super::{
    Budget, Cancel, Charge, Columns, Cursor, QueryError, Queryable, Read, ReadSource, Roster, RosterBuilder,
    Selection, Vocabulary,
};
use crate::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef, Verdict};
use crate::model::{Labels, Matcher};

/// Series with all their samples, in the order of their creation. Cloning shares the store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    inner: Arc<RwLock<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    series: Vec<Arc<Series>>,
    /// Where each label set stands in `series`.
    by_labels: HashMap<Labels, usize>,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Labels,
    samples: Columns,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn snapshot(&self) -> Vec<Arc<Series>> {
        self.inner
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .series
            .clone()
    }
}

fn matches(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .all(|m| m.matches(labels.get(m.name()).unwrap_or("")))
}

fn has_samples(series: &Series, from_ms: i64, through_ms: i64) -> bool {
    let first = series.samples.t_ms.partition_point(|&t| t < from_ms);
    series.samples.t_ms.get(first).is_some_and(|&t| t <= through_ms)
}

#[derive(Debug)]
struct Snapshot {
    all: Vec<Arc<Series>>,
    /// One list of series a roster.
    found: Vec<Vec<Arc<Series>>>,
    /// What each roster takes.
    charges: Vec<Charge>,
}

impl Snapshot {
    fn charged(
        &mut self,
        want: &Selection,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
    ) -> Result<Roster, QueryError> {
        let roster = self.select(want, vocabulary);
        let held = roster.held_bytes() + roster.len() * size_of::<Arc<Series>>();
        let charge = budget.charge(held).map_err(QueryError::from);
        self.charges.push(charge.map_err(|error| error.about(want))?);
        vocabulary.account(budget)?;
        Ok(roster)
    }

    fn select(&mut self, want: &Selection, vocabulary: &mut Vocabulary) -> Roster {
        let mut found: Vec<Arc<Series>> = self
            .all
            .iter()
            .filter(|s| matches(&s.labels, &want.matchers) && has_samples(s, want.from_ms, want.through_ms))
            .map(Arc::clone)
            .collect();
        if want.sorted {
            found.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        let mut roster = RosterBuilder::default();
        for series in &found {
            roster.push(
                series
                    .labels
                    .iter()
                    .map(|(n, v)| (vocabulary.intern(n), vocabulary.intern(v))),
            );
        }
        self.found.push(found);
        roster.build()
    }
}

impl ReadSource for Snapshot {
    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(SnapshotCursor { found: &self.found })
    }

    fn more(
        &mut self,
        want: &Selection,
        _index: usize,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Roster, QueryError> {
        cancel.check()?;
        self.charged(want, vocabulary, budget)
    }
}

struct SnapshotCursor<'a> {
    found: &'a [Vec<Arc<Series>>],
}

impl Cursor for SnapshotCursor<'_> {
    fn read(
        &mut self,
        roster: usize,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        into.clear();
        let samples = &self.found[roster][series].samples;
        let first = samples.t_ms.partition_point(|&t| t < from_ms);
        let end = samples.t_ms.partition_point(|&t| t <= through_ms);
        if first >= end {
            return Ok(());
        }
        into.t_ms.extend_from_slice(&samples.t_ms[first..end]);
        into.v.extend_from_slice(&samples.v[first..end]);
        if !samples.start_ms.is_empty() {
            into.start_ms.extend_from_slice(&samples.start_ms[first..end]);
        }
        let (first, end) = (
            u32::try_from(first).unwrap_or(u32::MAX),
            u32::try_from(end).unwrap_or(u32::MAX),
        );
        for (row, histogram) in &samples.histograms {
            if (first..end).contains(row) {
                into.histograms.push((row - first, histogram.clone()));
            }
        }
        Ok(())
    }
}

impl Queryable for MemoryStore {
    fn open(&self, want: &[Selection], budget: &Budget, cancel: &Cancel) -> Result<Read, QueryError> {
        cancel.check()?;
        let mut snapshot = Snapshot {
            all: self.snapshot(),
            found: Vec::new(),
            charges: Vec::new(),
        };
        let mut vocabulary = Vocabulary::default();
        let rosters = want
            .iter()
            .map(|selection| snapshot.charged(selection, &mut vocabulary, budget))
            .collect::<Result<_, _>>()?;
        Ok(Read::new(rosters, vocabulary, Box::new(snapshot)))
    }

    fn label_names(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        cancel.check()?;
        let mut names = BTreeSet::new();
        for series in self.matching(from_ms, through_ms, matchers) {
            names.extend(series.labels.iter().map(|(name, _)| name.to_owned()));
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        cancel.check()?;
        let found = self.matching(from_ms, through_ms, matchers);
        let values: BTreeSet<String> = found
            .iter()
            .filter_map(|s| s.labels.get(name).map(str::to_owned))
            .collect();
        Ok(values.into_iter().collect())
    }
}

impl MemoryStore {
    fn matching(&self, from_ms: i64, through_ms: i64, matchers: &[Vec<Matcher>]) -> Vec<Arc<Series>> {
        let wanted = |s: &Arc<Series>| {
            has_samples(s, from_ms, through_ms)
                && (matchers.is_empty() || matchers.iter().any(|m| matches(&s.labels, m)))
        };
        self.snapshot().into_iter().filter(wanted).collect()
    }
}

impl MemoryStore {
    /// Adds samples to the series with these labels, made if it does not exist yet.
    ///
    /// # Errors
    /// When the set is empty, or samples are older than or differ from what is there.
    pub fn fill(&self, labels: &Labels, samples: &Columns) -> Result<(), String> {
        let mut batch = Batch::timed();
        let series = self
            .resolve(labels, &mut batch)
            .map_err(|error| error.to_string())?;
        let mut histograms = samples.histograms.iter().peekable();
        for (row, (&t_ms, v)) in samples.t_ms.iter().zip(&samples.v).enumerate() {
            match histograms.next_if(|(at, _)| *at as usize == row) {
                Some((_, histogram)) => batch.push_histogram_at(series, t_ms, histogram.clone()),
                None => batch.push_at(series, t_ms, v.to_bits()),
            }
        }
        if !samples.start_ms.is_empty() {
            batch.start_ms = Some(samples.start_ms.clone());
        }
        let receipt = self
            .append(&mut batch, &AppendOptions::default())
            .map_err(|error| error.to_string())?;
        match receipt.out_of_order + receipt.duplicate {
            0 => Ok(()),
            refused => Err(format!(
                "{refused} samples are older than or differ from what is loaded"
            )),
        }
    }
}

fn judge(samples: &Columns, at_ms: i64, bits: u64) -> Verdict {
    match (samples.t_ms.last(), samples.v.last()) {
        (Some(&last_ms), _) if last_ms > at_ms => Verdict::OutOfOrder,
        (Some(&last_ms), Some(last)) if last_ms == at_ms && last.to_bits() == bits => Verdict::Repeated,
        (Some(&last_ms), _) if last_ms == at_ms => Verdict::Duplicate,
        _ => Verdict::Accepted,
    }
}

impl Appendable for MemoryStore {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        if labels.is_empty() {
            return Err(AppendError::invalid_labels("empty labelset"));
        }
        let mut inner = self
            .inner
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(&at) = inner.by_labels.get(labels) {
            return Ok(SeriesRef(at as u64 + 1));
        }
        inner.series.push(Arc::new(Series {
            labels: labels.clone(),
            samples: Columns::default(),
        }));
        let count = inner.series.len();
        inner.by_labels.insert(labels.clone(), count - 1);
        batch.created.push(SeriesRef(count as u64));
        Ok(SeriesRef(count as u64))
    }

    fn append(&self, batch: &mut Batch, _options: &AppendOptions) -> Result<Receipt, AppendError> {
        let mut inner = self
            .inner
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut receipt = Receipt::default();
        let mut histograms = batch.histograms.iter().peekable();
        batch.verdict.clear();
        // Last times before this batch, of series that it added to.
        let mut before_ms: HashMap<SeriesRef, Option<i64>> = HashMap::new();
        for row in 0..batch.len() {
            let at_ms = batch.row_at_ms(row);
            let histogram = histograms
                .next_if(|(at, _)| *at as usize == row)
                .map(|(_, h)| h.clone());
            let slot = usize::try_from(batch.refs[row].0)
                .ok()
                .and_then(|r| r.checked_sub(1));
            let Some(series) = slot.and_then(|slot| inner.series.get_mut(slot)) else {
                receipt.unknown_series += 1;
                batch.verdict.push(Verdict::UnknownSeries);
                continue;
            };
            let samples = &mut Arc::make_mut(series).samples;
            let bits = batch.bits[row];
            let is_overtaken = match (before_ms.get(&batch.refs[row]), samples.t_ms.last()) {
                (Some(&before_ms), Some(&last_ms)) => {
                    last_ms >= at_ms && before_ms.is_none_or(|t_ms| t_ms < at_ms)
                }
                _ => false,
            };
            let verdict = match is_overtaken {
                true => Verdict::Overtaken,
                false => judge(samples, at_ms, bits),
            };
            match verdict {
                Verdict::Accepted => {
                    receipt.accepted += 1;
                    before_ms
                        .entry(batch.refs[row])
                        .or_insert(samples.t_ms.last().copied());
                    match histogram {
                        Some(histogram) => samples.push_histogram(at_ms, histogram),
                        None => samples.push(at_ms, f64::from_bits(bits)),
                    }
                    if let Some(starts) = &batch.start_ms {
                        // Rows before the first that knew are unknown.
                        samples.start_ms.resize(samples.t_ms.len() - 1, 0);
                        samples.start_ms.push(starts.get(row).copied().unwrap_or(0));
                    } else if !samples.start_ms.is_empty() {
                        samples.start_ms.push(0);
                    }
                }
                Verdict::Repeated | Verdict::Overtaken => receipt.accepted += 1,
                Verdict::Duplicate => receipt.duplicate += 1,
                _ => receipt.out_of_order += 1,
            }
            batch.verdict.push(verdict);
        }
        batch.created.clear();
        Ok(receipt)
    }

    fn judge(&self, batch: &mut Batch) {
        let all = self.snapshot();
        batch.verdict.clear();
        for row in 0..batch.len() {
            let slot = usize::try_from(batch.refs[row].0)
                .ok()
                .and_then(|r| r.checked_sub(1));
            let verdict = match slot.and_then(|slot| all.get(slot)) {
                Some(series) => judge(&series.samples, batch.row_at_ms(row), batch.bits[row]),
                None => Verdict::UnknownSeries,
            };
            batch.verdict.push(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(samples: &[(&str, i64, f64)]) -> MemoryStore {
        let store = MemoryStore::new();
        for &(name, at_ms, value) in samples {
            let mut batch = Batch::at(at_ms);
            let series = store
                .resolve(&Labels::from_pairs([("__name__", name)]), &mut batch)
                .unwrap();
            batch.push(series, value.to_bits());
            store.append(&mut batch, &AppendOptions::default()).unwrap();
        }
        store
    }

    fn read(store: &MemoryStore, name: &str, from_ms: i64, through_ms: i64) -> Vec<(i64, f64)> {
        let want = Selection::new(vec![Matcher::equal("__name__", name)], from_ms, through_ms);
        let read = store.open(&[want], &Budget::unlimited(), &Cancel::new()).unwrap();
        let mut columns = Columns::default();
        let mut all = Vec::new();
        for series in 0..read.rosters[0].len() {
            read.cursor()
                .read(0, series, from_ms, through_ms, &mut columns)
                .unwrap();
            all.extend(columns.t_ms.iter().copied().zip(columns.v.iter().copied()));
        }
        all
    }

    #[test]
    fn a_range_holds_both_its_ends() {
        let store = store(&[("a", 1, 1.0), ("a", 2, 2.0), ("a", 3, 3.0), ("b", 2, 9.0)]);
        assert_eq!(read(&store, "a", 1, 2), [(1, 1.0), (2, 2.0)]);
    }

    #[test]
    fn a_series_without_samples_in_the_range_is_not_found() {
        let store = store(&[("a", 1, 1.0)]);
        let want = Selection::new(vec![Matcher::equal("__name__", "a")], 2, 3);
        let read = store.open(&[want], &Budget::unlimited(), &Cancel::new()).unwrap();
        assert!(read.rosters[0].is_empty());
    }

    #[test]
    fn an_older_sample_is_refused_and_an_equal_one_is_taken_silently() {
        let store = store(&[("a", 5, 1.0)]);
        let mut batch = Batch::timed();
        let series = store
            .resolve(&Labels::from_pairs([("__name__", "a")]), &mut batch)
            .unwrap();
        for (at_ms, value) in [(4, 1.0f64), (5, 1.0), (5, 2.0), (6, 2.0)] {
            batch.push_at(series, at_ms, value.to_bits());
        }
        let receipt = store.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(
            batch.verdict,
            [
                Verdict::OutOfOrder,
                Verdict::Repeated,
                Verdict::Duplicate,
                Verdict::Accepted
            ]
        );
        assert_eq!(
            (receipt.accepted, receipt.out_of_order, receipt.duplicate),
            (2, 1, 1)
        );
    }
}
