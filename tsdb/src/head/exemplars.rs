//! Exemplars: the last so many of all series, in a ring. Where the ring is full the one that came first goes.
//!
//! Times, duplicates and what is too late are judged as in Prometheus, by the newest exemplar of the series.

use std::collections::VecDeque;

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::model::{Exemplar, Labels, Matcher};

/// How many characters the labels of one exemplar may have together.
pub const EXEMPLAR_LABEL_CHARS_MAX: usize = 128;

/// The exemplars of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    /// The series' labels.
    pub labels: Labels,
    /// By time; each has one.
    pub exemplars: Vec<Exemplar>,
}

/// What becomes of an exemplar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExemplarVerdict {
    /// It is stored.
    Stored,
    /// It is there already.
    Duplicate,
    /// Its series has a later one.
    OutOfOrder,
    /// Its labels are too long.
    LabelsTooLong,
    /// Exemplars are not stored at all.
    Disabled,
}

/// The ring; shared by all lanes.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    max: usize,
    /// (series, exemplar), in the order of their coming from `next` on, once it is full.
    slots: Vec<(Labels, Exemplar)>,
    next: usize,
    /// Slots of each series, by time.
    series: HashMap<Labels, VecDeque<usize>>,
    /// How much earlier than the newest of its series an exemplar may be.
    window_ms: i64,
}

fn at_ms(exemplar: &Exemplar) -> i64 {
    exemplar.at_ms.unwrap_or(0)
}

impl Inner {
    fn judge(&self, series: &Labels, new: &Exemplar) -> ExemplarVerdict {
        if self.max == 0 {
            return ExemplarVerdict::Disabled;
        }
        let chars = |text: &str| text.chars().count();
        let len: usize = new.labels.iter().map(|(n, v)| chars(n) + chars(v)).sum();
        if len > EXEMPLAR_LABEL_CHARS_MAX {
            return ExemplarVerdict::LabelsTooLong;
        }
        let newest = self.series.get(series).and_then(VecDeque::back);
        let Some((_, newest)) = newest.and_then(|&slot| self.slots.get(slot)) else {
            return ExemplarVerdict::Stored;
        };
        if newest.labels == new.labels
            && newest.at_ms == new.at_ms
            && newest.value.to_bits() == new.value.to_bits()
        {
            return ExemplarVerdict::Duplicate;
        }
        let (t, last) = (at_ms(new), at_ms(newest));
        let is_early = t < last && t <= last.saturating_sub(self.window_ms);
        let hash = |exemplar: &Exemplar| exemplar.labels.hash_xxh64();
        let is_less = t == last
            && (new.value < newest.value || (new.value == newest.value && hash(new) < hash(newest)));
        match is_early || is_less {
            true => ExemplarVerdict::OutOfOrder,
            false => ExemplarVerdict::Stored,
        }
    }

    /// Where among the exemplars of its series a new one goes; `None` if one of its time is there and it is not
    /// the newest.
    fn place(&self, slots: &VecDeque<usize>, t_ms: i64) -> Option<usize> {
        let time = |slot: usize| at_ms(&self.slots[slot].1);
        let behind = slots.partition_point(|&slot| time(slot) <= t_ms);
        let is_last = behind == slots.len();
        let same = behind
            .checked_sub(1)
            .is_some_and(|before| time(slots[before]) == t_ms);
        (is_last || !same).then_some(behind)
    }

    fn add(&mut self, series: &Labels, new: Exemplar) -> ExemplarVerdict {
        let verdict = self.judge(series, &new);
        if verdict != ExemplarVerdict::Stored {
            return verdict;
        }
        let t_ms = at_ms(&new);
        if let Some(slots) = self.series.get(series)
            && self.place(slots, t_ms).is_none()
        {
            return ExemplarVerdict::Duplicate;
        }
        let slot = if self.slots.len() < self.max {
            self.slots.push((series.clone(), new));
            self.slots.len() - 1
        } else {
            let slot = self.next;
            self.next = (self.next + 1) % self.max;
            self.forget(slot);
            self.slots[slot] = (series.clone(), new);
            slot
        };
        let mut slots = self.series.remove(series).unwrap_or_default();
        let place = self.place(&slots, t_ms).unwrap_or(slots.len());
        slots.insert(place, slot);
        self.series.insert(series.clone(), slots);
        ExemplarVerdict::Stored
    }

    /// Takes a slot out of its series' list.
    fn forget(&mut self, slot: usize) {
        let series = &self.slots[slot].0;
        if let Some(slots) = self.series.get_mut(series) {
            slots.retain(|&at| at != slot);
            if slots.is_empty() {
                self.series.remove(series);
            }
        }
    }
}

impl Ring {
    /// Changes how many are kept; of more than that the last to come stay. 0 stores none.
    pub(crate) fn resize(&self, max: usize) {
        let inner = &mut *self.inner.write();
        if inner.max == max {
            return;
        }
        inner.slots.rotate_left(inner.next);
        let gone = inner.slots.len().saturating_sub(max);
        inner.slots.drain(..gone);
        inner.slots.shrink_to(max);
        (inner.next, inner.max) = (0, max);
        inner.series.clear();
        for slot in 0..inner.slots.len() {
            let series = inner.slots[slot].0.clone();
            let t_ms = at_ms(&inner.slots[slot].1);
            let mut slots = inner.series.remove(&series).unwrap_or_default();
            let behind = slots.partition_point(|&at: &usize| at_ms(&inner.slots[at].1) <= t_ms);
            slots.insert(behind, slot);
            inner.series.insert(series, slots);
        }
    }

    /// Changes how much earlier than the newest of its series an exemplar may be.
    pub(crate) fn set_window_ms(&self, window_ms: i64) {
        self.inner.write().window_ms = window_ms.max(0);
    }

    /// Whether any are stored.
    pub(crate) fn is_enabled(&self) -> bool {
        self.inner.read().max > 0
    }

    /// All exemplars with the labels of their series, in the order of their coming.
    pub(crate) fn all(&self) -> Vec<(Labels, Exemplar)> {
        let inner = self.inner.read();
        let (later, earlier) = inner.slots.split_at(inner.next);
        earlier.iter().chain(later).cloned().collect()
    }

    /// What would become of an exemplar.
    pub(crate) fn judge(&self, series: &Labels, new: &Exemplar) -> ExemplarVerdict {
        self.inner.read().judge(series, new)
    }

    /// Stores an exemplar, which has a time.
    pub(crate) fn add(&self, series: &Labels, new: Exemplar) -> ExemplarVerdict {
        self.inner.write().add(series, new)
    }

    /// Exemplars in `from_ms ..= through_ms` of the series that satisfy any of `matchers`, by labels.
    pub(crate) fn select(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
    ) -> Vec<SeriesExemplars> {
        let inner = self.inner.read();
        let is_wanted = |labels: &Labels| {
            let all = |set: &Vec<Matcher>| set.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or("")));
            matchers.iter().any(all)
        };
        let mut found: Vec<SeriesExemplars> = inner
            .series
            .iter()
            .filter(|(labels, _)| is_wanted(labels))
            .map(|(labels, slots)| SeriesExemplars {
                labels: labels.clone(),
                exemplars: slots
                    .iter()
                    .map(|&slot| &inner.slots[slot].1)
                    .filter(|exemplar| (from_ms..=through_ms).contains(&at_ms(exemplar)))
                    .cloned()
                    .collect(),
            })
            .filter(|series| !series.exemplars.is_empty())
            .collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    /// How it stands: exemplars kept at most, kept now, of how many series, time of the one that goes next.
    pub(crate) fn status(&self) -> ExemplarStatus {
        let inner = self.inner.read();
        let first = match inner.slots.len() < inner.max {
            true => inner.slots.first(),
            false => inner.slots.get(inner.next),
        };
        ExemplarStatus {
            max: inner.max,
            stored: inner.slots.len(),
            series: inner.series.len(),
            oldest_ms: first.map(|(_, exemplar)| at_ms(exemplar)),
        }
    }
}

/// How the store of exemplars stands; each field is explained by the metric that shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExemplarStatus {
    /// `prometheus_tsdb_exemplar_max_exemplars`
    pub max: usize,
    /// `prometheus_tsdb_exemplar_exemplars_in_storage`
    pub stored: usize,
    /// `prometheus_tsdb_exemplar_series_with_exemplars_in_storage`
    pub series: usize,
    /// `prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds`, in milliseconds.
    pub oldest_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExemplarVerdict::{Disabled, Duplicate, LabelsTooLong, OutOfOrder, Stored};

    fn exemplar(at_ms: i64, value: f64) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs([("trace", "x")]),
            value,
            at_ms: Some(at_ms),
        }
    }

    fn series(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    fn ring(max: usize) -> Ring {
        let ring = Ring::default();
        ring.resize(max);
        ring
    }

    fn times(ring: &Ring, name: &str) -> Vec<i64> {
        let found = ring.select(i64::MIN, i64::MAX, &[vec![Matcher::equal("__name__", name)]]);
        let exemplars = found.iter().flat_map(|series| &series.exemplars);
        exemplars.map(at_ms).collect()
    }

    #[test]
    fn the_first_to_come_go_first_whatever_their_series() {
        let ring = ring(3);
        for (name, t) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
            assert_eq!(ring.add(&series(name), exemplar(t, 1.0)), Stored);
        }
        assert_eq!((times(&ring, "a"), times(&ring, "b")), (vec![2, 3], vec![1]));
        ring.add(&series("c"), exemplar(9, 1.0));
        assert_eq!((times(&ring, "a"), times(&ring, "b")), (vec![2, 3], vec![]));
        assert_eq!(
            ring.status(),
            ExemplarStatus {
                max: 3,
                stored: 3,
                series: 2,
                oldest_ms: Some(2)
            }
        );
        ring.resize(2);
        assert_eq!((times(&ring, "a"), times(&ring, "c")), (vec![3], vec![9]));
        ring.resize(4);
        ring.add(&series("a"), exemplar(4, 1.0));
        assert_eq!(times(&ring, "a"), [3, 4]);
    }

    #[test]
    fn what_is_there_or_comes_late_is_not_stored() {
        let ring = ring(10);
        let add = |t, v| ring.add(&series("a"), exemplar(t, v));
        assert_eq!(add(5, 2.0), Stored);
        assert_eq!(add(5, 2.0), Duplicate);
        assert_eq!(add(5, 1.0), OutOfOrder);
        assert_eq!(add(5, 3.0), Stored);
        assert_eq!(add(4, 3.0), OutOfOrder);
        ring.set_window_ms(10);
        let add = |t, v| ring.add(&series("a"), exemplar(t, v));
        assert_eq!(add(2, 3.0), Stored);
        assert_eq!(add(2, 9.0), Duplicate);
        assert_eq!(add(-5, 9.0), OutOfOrder);
        assert_eq!(times(&ring, "a"), [2, 5, 5]);
    }

    #[test]
    fn labels_have_128_characters_together_at_most() {
        let ring = ring(1);
        let long = |len: usize| Exemplar {
            labels: Labels::from_pairs([("t", "ä".repeat(len).as_str())]),
            ..exemplar(1, 1.0)
        };
        assert_eq!(ring.judge(&series("a"), &long(127)), Stored);
        assert_eq!(ring.judge(&series("a"), &long(128)), LabelsTooLong);
        assert_eq!(Ring::default().judge(&series("a"), &long(1)), Disabled);
    }
}
