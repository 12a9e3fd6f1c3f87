//! Which series of a lane carry a label: sorted lists of ordinals, and the algebra on them.

mod list;

use list::{List, Run};

use super::labels::LabelSets;
use super::slab::Paged;
use crate::model::{MatchKind, Matcher};

/// The series of each pair.
#[derive(Default)]
pub(crate) struct Postings {
    lists: Paged<List>,
}

/// Of a pair without series.
static NONE: List = List::One(Run { first: 0, end: 0 });

impl Postings {
    /// Notes that series `ordinal`, the largest up to now, carries `pair`.
    pub(crate) fn push(&mut self, pair: u32, ordinal: u32) {
        while self.lists.len() <= pair as usize {
            self.lists.push(List::default());
        }
        self.lists[pair].push(ordinal);
    }

    /// The series that carry `pair`.
    pub(crate) fn list(&self, pair: u32) -> &List {
        if pair as usize >= self.lists.len() {
            return &NONE;
        }
        &self.lists[pair]
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let lists: usize = self.lists.iter().map(List::held_bytes).sum();
        self.lists.held_bytes() + lists
    }
}

/// The series among `count` that satisfy all `matchers`, ascending.
pub(crate) fn select(labels: &LabelSets, postings: &Postings, count: u32, matchers: &[Matcher]) -> Vec<u32> {
    let mut wanted: Vec<Set<'_>> = Vec::new();
    let mut unwanted: Vec<Set<'_>> = Vec::new();
    for matcher in matchers {
        // A series without the label satisfies some matchers: those only take series away.
        if matcher.matches_empty() {
            unwanted.push(union(labels, postings, count, matcher, false));
            continue;
        }
        let set = if matcher.kind() == MatchKind::Equal {
            let pair = labels.find_pair(matcher.name(), matcher.value());
            Set::One(pair.map_or(&NONE, |pair| postings.list(pair)))
        } else {
            union(labels, postings, count, matcher, true)
        };
        if set.len() == 0 {
            return Vec::new();
        }
        wanted.push(set);
    }
    wanted.sort_by_key(Set::len);
    let mut sets = wanted.into_iter();
    let mut found = match sets.next() {
        Some(Set::Many(list)) => list,
        Some(Set::One(list)) => list.to_vec(),
        None => (0..count).collect(),
    };
    for set in sets {
        set.keep(&mut found, true);
    }
    for set in unwanted {
        set.keep(&mut found, false);
    }
    found
}

enum Set<'a> {
    One(&'a List),
    Many(Vec<u32>),
}

impl Set<'_> {
    fn len(&self) -> usize {
        match self {
            Self::One(list) => list.len(),
            Self::Many(list) => list.len(),
        }
    }

    /// Leaves of `found` what is here, or what is not.
    fn keep(&self, found: &mut Vec<u32>, inside: bool) {
        match self {
            Self::One(list) => keep_runs(found, list, inside),
            Self::Many(list) if inside => intersect(found, list),
            Self::Many(list) => subtract(found, list),
        }
    }
}

/// Leaves of `found` what is in `list`, or what is not.
fn keep_runs(found: &mut Vec<u32>, list: &List, inside: bool) {
    let mut runs = list.runs();
    let mut run = runs.next();
    found.retain(|&ordinal| {
        while run.is_some_and(|run| run.end <= ordinal) {
            runs.skip_to(ordinal);
            run = runs.next();
        }
        run.is_some_and(|run| run.first <= ordinal) == inside
    });
}

/// The series whose value of the matcher's label satisfies it, or does not.
fn union<'a>(
    labels: &LabelSets,
    postings: &'a Postings,
    count: u32,
    matcher: &Matcher,
    satisfied: bool,
) -> Set<'a> {
    let lists: Vec<&List> = pairs(labels, matcher, satisfied)
        .map(|pair| postings.list(pair))
        .filter(|list| !list.is_empty())
        .collect();
    match lists[..] {
        [] => Set::One(&NONE),
        [one] => Set::One(one),
        _ => Set::Many(merge(&lists, count)),
    }
}

/// The pairs whose value satisfies the matcher, or does not. Patterns that are texts are looked up, others are
/// asked once about each value.
fn pairs<'l>(
    labels: &'l LabelSets,
    matcher: &'l Matcher,
    satisfied: bool,
) -> Box<dyn Iterator<Item = u32> + 'l> {
    let all = labels.pairs_of(matcher.name());
    let word = |pair: u32| labels.words(pair).1;
    let Some(regex) = matcher.regex() else {
        return Box::new(
            all.iter()
                .copied()
                .filter(move |&pair| matcher.matches(word(pair)) == satisfied),
        );
    };
    let takes_matching = (matcher.kind() == MatchKind::Regex) == satisfied;
    if takes_matching && let Some(texts) = regex.set_matches() {
        let found = texts
            .iter()
            .filter_map(|text| labels.find_pair(matcher.name(), text));
        return Box::new(found);
    }
    let matching = labels.matched.pairs(matcher, all, word);
    if takes_matching {
        return Box::new((0..matching.len()).map(move |at| matching[at]));
    }
    let mut next = 0;
    Box::new(all.iter().copied().filter(move |pair| {
        // Both ascend.
        let is_matching = matching.get(next) == Some(pair);
        next += usize::from(is_matching);
        !is_matching
    }))
}

/// Lists that share no series, as one.
fn merge(lists: &[&List], count: u32) -> Vec<u32> {
    let total: usize = lists.iter().map(|list| list.len()).sum();
    let mut all = Vec::with_capacity(total);
    let runs = lists.iter().flat_map(|list| list.runs());
    if total < count as usize / 32 {
        runs.for_each(|run| all.extend(run.first..run.end));
        all.sort_unstable();
        return all;
    }
    let mut bits = vec![0u64; (count as usize).div_ceil(64)];
    for run in runs {
        for ordinal in run.first..run.end {
            bits[ordinal as usize / 64] |= 1 << (ordinal % 64);
        }
    }
    for (at, mut word) in (0u32..).zip(bits) {
        while word != 0 {
            all.push(at * 64 + word.trailing_zeros());
            word &= word - 1;
        }
    }
    all
}

/// The first place in `list` at or after `from` whose value is at least `value`, by doubling steps.
fn gallop(list: &[u32], from: usize, value: u32) -> usize {
    let mut step = 1;
    let mut low = from;
    while low + step < list.len() && list[low + step] < value {
        low += step;
        step *= 2;
    }
    let end = (low + step + 1).min(list.len());
    low + list[low..end].partition_point(|&v| v < value)
}

fn intersect(found: &mut Vec<u32>, other: &[u32]) {
    let mut at = 0;
    found.retain(|&ordinal| {
        at = gallop(other, at.min(other.len()), ordinal);
        other.get(at) == Some(&ordinal)
    });
}

fn subtract(found: &mut Vec<u32>, other: &[u32]) {
    let mut at = 0;
    found.retain(|&ordinal| {
        at = gallop(other, at.min(other.len()), ordinal);
        other.get(at) != Some(&ordinal)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_behave_as_sets(
            a in prop::collection::btree_set(0u32..400, 0..200),
            b in prop::collection::btree_set(0u32..400, 0..200),
        ) {
            let list = |set: &std::collections::BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            let (mut both, mut first) = (list(&a), list(&a));
            intersect(&mut both, &list(&b));
            subtract(&mut first, &list(&b));
            prop_assert_eq!(both, list(&(&a & &b)));
            prop_assert_eq!(&first, &list(&(&a - &b)));
            let runs = |ordinals: &[u32]| {
                let mut list = List::default();
                ordinals.iter().for_each(|&ordinal| list.push(ordinal));
                list
            };
            let merged = merge(&[&runs(&first), &runs(&list(&b))], 400);
            prop_assert_eq!(merged, list(&(&a | &b)));
            for inside in [true, false] {
                let mut kept = list(&a);
                keep_runs(&mut kept, &runs(&list(&b)), inside);
                prop_assert_eq!(kept, list(&if inside { &a & &b } else { &a - &b }));
            }
        }
    }
}
