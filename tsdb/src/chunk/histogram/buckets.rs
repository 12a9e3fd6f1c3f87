//! Which buckets one histogram has and another lacks, and filling them in with zeros.

use crate::model::Span;

/// Empty buckets to be put in before bucket `before` of a list; `first` is the number of the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insert {
    pub(super) before: usize,
    pub(super) count: usize,
    pub(super) first: i64,
}

/// The numbers of the buckets that spans stand for.
pub(super) fn indexes(spans: &[Span]) -> impl Iterator<Item = i64> + '_ {
    let mut end = 0i64;
    spans.iter().flat_map(move |span| {
        let from = end + i64::from(span.offset);
        end = from + i64::from(span.length);
        from..end
    })
}

/// What is missing in two lists of buckets to be of one layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// To be put into the earlier list.
    pub(super) forward: Vec<Insert>,
    /// To be put into the later list.
    pub(super) backward: Vec<Insert>,
}

impl Difference {
    fn note(inserts: &mut Vec<Insert>, before: usize, index: i64) {
        match inserts.last_mut() {
            Some(last) if last.before == before && last.first + last.count as i64 == index => last.count += 1,
            _ => inserts.push(Insert {
                before,
                count: 1,
                first: index,
            }),
        }
    }
}

/// Compares an earlier histogram's buckets with a later one's. `None` when a count fell, or a bucket that
/// counted something is missing: there was a reset.
pub(super) fn counters<C: PartialOrd + Default + Copy>(
    earlier: (&[Span], &[C]),
    later: (&[Span], &[C]),
) -> Option<Difference> {
    let mut a = indexes(earlier.0).zip(earlier.1.iter().copied()).peekable();
    let mut b = indexes(later.0).zip(later.1.iter().copied()).peekable();
    let (mut a_at, mut b_at) = (0, 0);
    let mut found = Difference::default();
    loop {
        let (in_a, in_b) = (a.peek().copied(), b.peek().copied());
        match (in_a, in_b) {
            (None, None) => return Some(found),
            (Some((index, count)), Some((same, count_now))) if index == same => {
                if count > count_now {
                    return None;
                }
                a.next();
                b.next();
                (a_at, b_at) = (a_at + 1, b_at + 1);
            }
            (Some((index, count)), other) if other.is_none_or(|(other, _)| index < other) => {
                if count != C::default() {
                    return None;
                }
                Difference::note(&mut found.backward, b_at, index);
                a.next();
                a_at += 1;
            }
            (_, Some((index, _))) => {
                Difference::note(&mut found.forward, a_at, index);
                b.next();
                b_at += 1;
            }
            (Some(_), None) => unreachable!("the case before takes it"),
        }
    }
}

/// Compares the buckets of two gauges, whatever they count.
pub(super) fn gauges(earlier: &[Span], later: &[Span]) -> Difference {
    let zeros = |spans: &[Span]| vec![0u8; indexes(spans).count()];
    let compared = counters((earlier, &zeros(earlier)), (later, &zeros(later)));
    compared.unwrap_or_else(|| unreachable!("zeros do not fall"))
}

/// The spans with buckets filled in. Spans are as few as can be where something was filled in.
pub(super) fn widen_spans(spans: &[Span], inserts: &[Insert]) -> Vec<Span> {
    if inserts.is_empty() {
        return spans.to_vec();
    }
    let mut all: Vec<i64> = indexes(spans).collect();
    all.extend(
        inserts
            .iter()
            .flat_map(|insert| (0..insert.count as i64).map(|n| insert.first + n)),
    );
    all.sort_unstable();
    let mut widened: Vec<Span> = Vec::new();
    let mut end = 0;
    for index in all {
        match widened.last_mut() {
            Some(span) if index == end => span.length += 1,
            _ => widened.push(Span {
                // Gaps come of offsets that fitted.
                offset: i32::try_from(index - end).unwrap_or(i32::MAX),
                length: 1,
            }),
        }
        end = index + 1;
    }
    widened
}

/// The counts with zeros filled in.
pub(super) fn widen<C: Copy + Default>(counts: &[C], inserts: &[Insert]) -> Vec<C> {
    let added: usize = inserts.iter().map(|insert| insert.count).sum();
    let mut widened = Vec::with_capacity(counts.len() + added);
    let mut inserts = inserts.iter().peekable();
    for at in 0..=counts.len() {
        while let Some(insert) = inserts.next_if(|insert| insert.before == at) {
            widened.extend(std::iter::repeat_n(C::default(), insert.count));
        }
        widened.extend(counts.get(at));
    }
    widened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(all: &[(i32, u32)]) -> Vec<Span> {
        let span = |&(offset, length)| Span { offset, length };
        all.iter().map(span).collect()
    }

    #[test]
    fn new_buckets_and_empty_ones_are_found_on_both_sides() {
        // Buckets 0, 1, 4, 8 and 0, 1, 2, 8, 9; bucket 4 counted nothing.
        let earlier = (&spans(&[(0, 2), (2, 1), (3, 1)])[..], &[6, 3, 0, 2][..]);
        let later = (&spans(&[(0, 3), (5, 2)])[..], &[6, 4, 1, 2, 7][..]);
        let found = counters(earlier, later).unwrap();
        let insert = |before, count, first| Insert { before, count, first };
        assert_eq!(found.forward, [insert(2, 1, 2), insert(4, 1, 9)]);
        assert_eq!(found.backward, [insert(3, 1, 4)]);
        assert_eq!(widen(earlier.1, &found.forward), [6, 3, 0, 0, 2, 0]);
        let widened = widen_spans(later.0, &found.backward);
        assert_eq!(widened, spans(&[(0, 3), (1, 1), (3, 2)]));
        assert_eq!(widen(later.1, &found.backward), [6, 4, 1, 0, 2, 7]);
        assert_eq!(widen_spans(earlier.0, &found.forward), widened);
    }

    #[test]
    fn a_bucket_that_fell_or_vanished_is_a_reset() {
        let two = spans(&[(0, 2)]);
        assert_eq!(counters((&two, &[2, 3]), (&two, &[2, 2])), None);
        assert_eq!(counters((&two, &[2, 3]), (&spans(&[(0, 1)]), &[2])), None);
        assert!(counters((&two, &[2, 0]), (&spans(&[(0, 1)]), &[2])).is_some());
    }
}
