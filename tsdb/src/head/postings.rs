//! Which series of a lane carry a label: sorted lists of ordinals, and the algebra on them.

use super::labels::LabelSets;
use crate::model::{MatchKind, Matcher};

/// The series of each pair.
#[derive(Default)]
pub(crate) struct Postings {
    lists: Vec<Vec<u32>>,
}

impl Postings {
    /// Notes that series `ordinal`, the largest up to now, carries `pair`.
    pub(crate) fn push(&mut self, pair: u32, ordinal: u32) {
        let pair = pair as usize;
        if self.lists.len() <= pair {
            self.lists.resize_with(pair + 1, Vec::new);
        }
        let list = &mut self.lists[pair];
        if list.len() == list.capacity() {
            // A quarter more at a time: lists are long-lived and there are many.
            list.reserve_exact((list.len() / 4).max(1));
        }
        list.push(ordinal);
    }

    /// The series that carry `pair`.
    pub(crate) fn list(&self, pair: u32) -> &[u32] {
        self.lists.get(pair as usize).map_or(&[], Vec::as_slice)
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let lists: usize = self.lists.iter().map(|list| list.capacity() * 4).sum();
        self.lists.capacity() * size_of::<Vec<u32>>() + lists
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
            Set::One(pair.map_or(&[], |pair| postings.list(pair)))
        } else {
            union(labels, postings, count, matcher, true)
        };
        if set.slice().is_empty() {
            return Vec::new();
        }
        wanted.push(set);
    }
    wanted.sort_by_key(|set| set.slice().len());
    let mut sets = wanted.into_iter();
    let mut found = match sets.next() {
        Some(Set::Many(list)) => list,
        Some(Set::One(list)) => list.to_vec(),
        None => (0..count).collect(),
    };
    for set in sets {
        intersect(&mut found, set.slice());
    }
    for set in unwanted {
        subtract(&mut found, set.slice());
    }
    found
}

enum Set<'a> {
    One(&'a [u32]),
    Many(Vec<u32>),
}

impl Set<'_> {
    fn slice(&self) -> &[u32] {
        match self {
            Self::One(list) => list,
            Self::Many(list) => list,
        }
    }
}

/// The series whose value of the matcher's label satisfies it, or does not.
fn union<'a>(
    labels: &LabelSets,
    postings: &'a Postings,
    count: u32,
    matcher: &Matcher,
    satisfied: bool,
) -> Set<'a> {
    let lists: Vec<&[u32]> = labels
        .pairs_of(matcher.name())
        .iter()
        .filter(|&&pair| {
            !postings.list(pair).is_empty() && matcher.matches(labels.words(pair).1) == satisfied
        })
        .map(|&pair| postings.list(pair))
        .collect();
    match lists[..] {
        [] => Set::One(&[]),
        [one] => Set::One(one),
        _ => Set::Many(merge(&lists, count)),
    }
}

/// Lists that share no series, as one.
fn merge(lists: &[&[u32]], count: u32) -> Vec<u32> {
    let total: usize = lists.iter().map(|list| list.len()).sum();
    if total < count as usize / 32 {
        let mut all = lists.concat();
        all.sort_unstable();
        return all;
    }
    let mut bits = vec![0u64; (count as usize).div_ceil(64)];
    for &ordinal in lists.iter().copied().flatten() {
        bits[ordinal as usize / 64] |= 1 << (ordinal % 64);
    }
    let mut all = Vec::with_capacity(total);
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
            let merged = merge(&[&first, &list(&b)], 400);
            prop_assert_eq!(merged, list(&(&a | &b)));
        }
    }
}
