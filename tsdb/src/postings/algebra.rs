//! Intersection, union and difference of ascending lists.

/// By how much longer the other list must be for searching to beat walking.
const GALLOP_RATIO: usize = 16;

/// Keeps in `set` what is in `other` too.
pub fn intersect<T: Copy + Ord>(set: &mut Vec<T>, other: &[T]) {
    if set.len() > other.len().saturating_mul(GALLOP_RATIO) {
        // The short list leads; what it finds in the long one is gathered at the front.
        let mut kept = 0;
        let mut from = 0;
        for &wanted in other {
            from += gallop(&set[from..], wanted);
            if set.get(from) == Some(&wanted) {
                set[kept] = wanted;
                kept += 1;
                from += 1;
            }
        }
        set.truncate(kept);
        return;
    }
    let mut rest = other;
    set.retain(|&candidate| {
        rest = &rest[advance(rest, candidate)..];
        rest.first() == Some(&candidate)
    });
}

/// Removes from `set` what is in `other`.
pub fn without<T: Copy + Ord>(set: &mut Vec<T>, other: &[T]) {
    let mut rest = other;
    set.retain(|&candidate| {
        rest = &rest[advance(rest, candidate)..];
        rest.first() != Some(&candidate)
    });
}

/// Makes one ascending list without repetition of lists that were appended one after the other.
pub fn union<T: Copy + Ord>(lists: &mut Vec<T>) {
    // The standard stable sort finds the ascending runs and merges them.
    lists.sort();
    lists.dedup();
}

/// How many of `rest` lie before `wanted`.
#[inline]
pub(crate) fn advance<T: Copy + Ord>(rest: &[T], wanted: T) -> usize {
    // Nearly always the next few decide it.
    match rest.iter().take(8).position(|&other| other >= wanted) {
        Some(near) => near,
        None => gallop(rest, wanted),
    }
}

/// How many of `list` lie before `wanted`: doubles the step, then halves it.
fn gallop<T: Copy + Ord>(list: &[T], wanted: T) -> usize {
    let mut step = 1;
    while step < list.len() && list[step] < wanted {
        step *= 2;
    }
    let from = step / 2;
    let end = (step + 1).min(list.len());
    from + list[from..end].partition_point(|&other| other < wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn list(from: &BTreeSet<u32>) -> Vec<u32> {
        from.iter().copied().collect()
    }

    fn any_set() -> impl Strategy<Value = BTreeSet<u32>> {
        prop_oneof![
            proptest::collection::btree_set(0u32..2000, 0..10),
            proptest::collection::btree_set(0u32..2000, 0..1000),
            proptest::collection::btree_set(500u32..600, 0..100),
        ]
    }

    proptest! {
        #[test]
        fn operations_are_those_of_sets(a in any_set(), b in any_set()) {
            let mut both = list(&a);
            intersect(&mut both, &list(&b));
            prop_assert_eq!(both, a.intersection(&b).copied().collect::<Vec<_>>());
            let mut left = list(&a);
            without(&mut left, &list(&b));
            prop_assert_eq!(left, a.difference(&b).copied().collect::<Vec<_>>());
            let mut either = list(&a);
            either.extend(&b);
            union(&mut either);
            prop_assert_eq!(either, a.union(&b).copied().collect::<Vec<_>>());
        }
    }
}
