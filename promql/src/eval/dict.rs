//! Label sets of one query as numbers: equal sets have equal numbers, so that grouping, matching and the
//! search for duplicates compare numbers. Text appears for regexes, sorting and output.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use tsdb::model::{Labels, METRIC_NAME};
use tsdb::query::{Budget, Charge, OverBudget, Sym, Vocabulary};

/// The label that type-and-unit-labels keeps a metric's kind in.
const KIND: &str = "__type__";
/// Likewise its unit.
const UNIT: &str = "__unit__";

/// A label set of a [`Dict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SetId(pub(crate) u32);

impl SetId {
    /// The set without labels.
    pub(crate) const EMPTY: Self = Self(0);
}

/// All words and label sets that a query has met.
#[derive(Debug)]
pub(crate) struct Dict {
    pub(crate) words: Vocabulary,
    /// `__name__`
    pub(crate) name: Sym,
    /// `__type__`
    pub(crate) kind: Sym,
    /// `__unit__`
    pub(crate) unit: Sym,
    /// Whether stored series have `__type__` or `__unit__`.
    pub(crate) has_kinds: bool,
    pairs: Vec<(Sym, Sym)>,
    ends: Vec<u32>,
    lookup: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    scratch: Vec<(Sym, Sym)>,
    /// What a budget was charged for the sets.
    charge: Option<Charge>,
}

impl Dict {
    pub(crate) fn new(mut words: Vocabulary) -> Self {
        let has_kinds = words.find(KIND).is_some() || words.find(UNIT).is_some();
        let (name, kind, unit) = (words.intern(METRIC_NAME), words.intern(KIND), words.intern(UNIT));
        let mut dict = Self {
            words,
            name,
            kind,
            unit,
            has_kinds,
            pairs: Vec::new(),
            ends: Vec::new(),
            lookup: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            scratch: Vec::new(),
            charge: None,
        };
        dict.intern(&[]);
        dict
    }

    /// Charges for what it holds by now: to be called now and then while it grows.
    pub(crate) fn account(&mut self, budget: &Budget) -> Result<(), OverBudget> {
        self.words.account(budget)?;
        let held = self.pairs.capacity() * size_of::<(Sym, Sym)>()
            + self.ends.capacity() * size_of::<u32>()
            + self.lookup.allocation_size();
        match &mut self.charge {
            Some(charge) => charge.resize(held),
            None => {
                self.charge = Some(budget.charge(held)?);
                Ok(())
            }
        }
    }

    /// The number of a set, sorted by the names' text.
    pub(crate) fn intern(&mut self, set: &[(Sym, Sym)]) -> SetId {
        let hash = self.hasher.hash_one(set);
        let (pairs, ends) = (&self.pairs, &self.ends);
        if let Some(&found) = self.lookup.find(hash, |&id| slice(pairs, ends, id) == set) {
            return SetId(found);
        }
        let id = u32::try_from(self.ends.len()).expect("a query meets fewer than 2^32 label sets");
        self.pairs.extend_from_slice(set);
        self.ends
            .push(u32::try_from(self.pairs.len()).expect("a query meets fewer than 2^32 labels"));
        let (pairs, ends, hasher) = (&self.pairs, &self.ends, &self.hasher);
        self.lookup
            .insert_unique(hash, id, |&id| hasher.hash_one(slice(pairs, ends, id)));
        SetId(id)
    }

    /// The labels of a set, sorted by name.
    pub(crate) fn pairs(&self, set: SetId) -> &[(Sym, Sym)] {
        slice(&self.pairs, &self.ends, set.0)
    }

    /// The value of label `name`, [`Sym::EMPTY`] if absent.
    pub(crate) fn value(&self, set: SetId, name: Sym) -> Sym {
        self.pairs(set)
            .iter()
            .find(|(n, _)| *n == name)
            .map_or(Sym::EMPTY, |(_, value)| *value)
    }

    /// The text of label `name`, empty if absent.
    pub(crate) fn text(&self, set: SetId, name: Sym) -> &str {
        self.words.text(self.value(set, name))
    }

    /// The metric name, empty if there is none.
    pub(crate) fn metric_name(&self, set: SetId) -> &str {
        self.text(set, self.name)
    }

    /// The set of those labels whose name satisfies `wanted`.
    pub(crate) fn filter(&mut self, set: SetId, wanted: impl Fn(Sym) -> bool) -> SetId {
        let all = slice(&self.pairs, &self.ends, set.0);
        if all.iter().all(|(name, _)| wanted(*name)) {
            return set;
        }
        let mut kept = std::mem::take(&mut self.scratch);
        kept.clear();
        kept.extend(all.iter().copied().filter(|(name, _)| wanted(*name)));
        let id = self.intern(&kept);
        self.scratch = kept;
        id
    }

    /// Only the labels called one of `names`.
    pub(crate) fn keep(&mut self, set: SetId, names: &[Sym]) -> SetId {
        self.filter(set, |name| names.contains(&name))
    }

    /// All labels but those called one of `names`.
    pub(crate) fn without(&mut self, set: SetId, names: &[Sym]) -> SetId {
        self.filter(set, |name| !names.contains(&name))
    }

    /// Without metric name, type and unit: what arithmetic and most functions leave.
    pub(crate) fn drop_metadata(&mut self, set: SetId) -> SetId {
        let (name, kind, unit) = (self.name, self.kind, self.unit);
        self.filter(set, |n| n != name && n != kind && n != unit)
    }

    /// With `name` set to `value`, or removed if that is empty.
    pub(crate) fn with(&mut self, set: SetId, name: Sym, value: Sym) -> SetId {
        if self.value(set, name) == value {
            return set;
        }
        let mut pairs = std::mem::take(&mut self.scratch);
        pairs.clear();
        pairs.extend(self.pairs(set).iter().copied().filter(|(n, _)| *n != name));
        if value != Sym::EMPTY {
            let text = self.words.text(name);
            let at = pairs.partition_point(|(n, _)| self.words.text(*n) < text);
            pairs.insert(at, (name, value));
        }
        let id = self.intern(&pairs);
        self.scratch = pairs;
        id
    }

    /// A set from text.
    pub(crate) fn set_of<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> SetId {
        let mut set = SetId::EMPTY;
        for (name, value) in pairs {
            let (name, value) = (self.words.intern(name), self.words.intern(value));
            set = self.with(set, name, value);
        }
        set
    }

    /// The set as text.
    pub(crate) fn labels(&self, set: SetId) -> Labels {
        self.words.labels(self.pairs(set))
    }

    /// The numbers of label names.
    pub(crate) fn names<'t>(&mut self, names: impl IntoIterator<Item = &'t String>) -> Vec<Sym> {
        names.into_iter().map(|name| self.words.intern(name)).collect()
    }
}

fn slice<'p>(pairs: &'p [(Sym, Sym)], ends: &[u32], id: u32) -> &'p [(Sym, Sym)] {
    let id = id as usize;
    let from = if id == 0 { 0 } else { ends[id - 1] as usize };
    &pairs[from..ends[id] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict() -> Dict {
        Dict::new(Vocabulary::default())
    }

    #[test]
    fn equal_sets_have_equal_numbers_however_they_came_about() {
        let mut dict = dict();
        let all = dict.set_of([("__name__", "up"), ("job", "node"), ("a", "1")]);
        let bare = dict.set_of([("a", "1"), ("job", "node")]);
        assert_eq!(dict.drop_metadata(all), bare);
        let job = dict.words.intern("job");
        assert_eq!(dict.keep(all, &[job]), dict.set_of([("job", "node")]));
    }

    #[test]
    fn setting_a_label_keeps_the_order_of_names_and_an_empty_value_removes() {
        let mut dict = dict();
        let set = dict.set_of([("b", "1")]);
        let (a, x) = (dict.words.intern("a"), dict.words.intern("x"));
        let both = dict.with(set, a, x);
        assert_eq!(dict.labels(both).to_string(), r#"{a="x", b="1"}"#);
        assert_eq!(dict.with(both, a, Sym::EMPTY), set);
    }
}
