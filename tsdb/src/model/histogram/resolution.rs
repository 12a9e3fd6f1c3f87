//! Merging buckets, so that a histogram has a schema that all of today's code knows.

use super::Span;

/// Bucket numbers: each step of the schema halves the resolution.
fn target_index(index: i64, by: u32) -> i64 {
    ((index - 1) >> by) + 1
}

/// Merges absolute bucket counts to a schema lower by `by`.
pub(super) fn reduce<B: Copy + std::ops::AddAssign>(
    spans: &[Span],
    buckets: impl Iterator<Item = B>,
    by: u32,
) -> (Vec<Span>, Vec<B>) {
    let (mut merged, mut counts) = (Vec::<Span>::new(), Vec::<B>::new());
    let mut last = 0i64;
    let mut at = 0i64;
    let indexes = spans.iter().flat_map(|span| {
        at += i64::from(span.offset);
        let from = at;
        at += i64::from(span.length);
        from..at
    });
    for (index, count) in indexes.zip(buckets) {
        let target = target_index(index, by);
        match (merged.last_mut(), counts.last_mut()) {
            (Some(_), Some(same)) if target == last => {
                *same += count;
                continue;
            }
            (Some(span), _) if target == last + 1 => span.length += 1,
            (before, _) => {
                let gap = if before.is_some() {
                    target - last - 1
                } else {
                    target
                };
                merged.push(Span {
                    // Indexes shrink towards zero, so that what fitted fits.
                    offset: i32::try_from(gap).unwrap_or(i32::MAX),
                    length: 1,
                });
            }
        }
        counts.push(count);
        last = target;
    }
    (merged, counts)
}

/// Sums of differences.
pub(super) fn absolute(deltas: &[i64]) -> impl Iterator<Item = i64> + '_ {
    deltas.iter().scan(0i64, |sum, delta| {
        *sum = sum.wrapping_add(*delta);
        Some(*sum)
    })
}

/// Differences of counts.
pub(super) fn differences(counts: Vec<i64>) -> Vec<i64> {
    let mut before = 0;
    counts
        .into_iter()
        .map(|count| {
            let delta = count - before;
            before = count;
            delta
        })
        .collect()
}
