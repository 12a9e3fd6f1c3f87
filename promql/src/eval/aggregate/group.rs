//! Which group a series belongs to.

use hashbrown::HashMap;
use tsdb::query::Sym;

use crate::eval::dict::{Dict, SetId};
use crate::eval::series::Series;
use crate::plan::node::Aggregate;

/// Gives each series its group.
#[derive(Debug)]
pub(super) struct Grouping {
    names: Vec<Sym>,
    without: bool,
    groups: HashMap<SetId, usize, foldhash::fast::RandomState>,
    /// The labels of each group.
    pub(super) sets: Vec<SetId>,
}

impl Grouping {
    pub(super) fn new(dict: &mut Dict, aggregate: &Aggregate) -> Self {
        let mut names = dict.names(&aggregate.grouping);
        if aggregate.without {
            names.push(dict.name);
        }
        // A name may be written any number of times.
        names.sort_unstable();
        names.dedup();
        Self {
            names,
            without: aggregate.without,
            groups: HashMap::default(),
            sets: Vec::new(),
        }
    }

    /// Adds a label to be grouped by.
    pub(super) fn add(&mut self, name: Sym) {
        if !self.without {
            self.names.push(name);
        }
    }

    /// Bytes held, but for a few names.
    pub(super) fn held_bytes(&self) -> usize {
        self.groups.allocation_size() + self.sets.capacity() * size_of::<SetId>()
    }

    /// The labels of the group that `set` belongs to.
    pub(super) fn labels(&self, dict: &mut Dict, set: SetId) -> SetId {
        if self.without {
            dict.without(set, &self.names)
        } else if self.names.is_empty() {
            SetId::EMPTY
        } else {
            dict.keep(set, &self.names)
        }
    }

    /// The group of a series, numbered in order of appearance.
    pub(super) fn of(&mut self, dict: &mut Dict, set: SetId) -> usize {
        let labels = self.labels(dict, set);
        let next = self.sets.len();
        let group = *self.groups.entry(labels).or_insert(next);
        if group == next {
            self.sets.push(labels);
        }
        group
    }
}

/// Whether a group's name is to be dropped in the end: what holds for its members at its last step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DropName {
    /// One more than the last step at which a member had a value.
    until: usize,
    drop: bool,
}

impl DropName {
    pub(super) fn take(&mut self, series: &Series) {
        if !series.drop_name && self.until >= series.v.len() {
            return;
        }
        let last = (0..series.v.len()).rev().find(|&step| series.is_present(step));
        let until = last.map_or(0, |step| step + 1);
        if until > self.until {
            (self.until, self.drop) = (until, series.drop_name);
        } else if until == self.until {
            self.drop |= series.drop_name;
        }
    }

    pub(super) fn get(self) -> bool {
        self.drop
    }
}
