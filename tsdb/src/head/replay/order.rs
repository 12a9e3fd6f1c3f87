//! Records of samples in the order that keeps memory near: those of the same series one after the other.
//!
//! ```text
//! log       a 12:00 │ b 12:00 │ c 12:00 │ a 12:15 │ b 12:15 │ c 12:15      a, b, c: the series of a target
//! done      a 12:00 │ a 12:15 │ b 12:00 │ b 12:15 │ c 12:00 │ c 12:15
//! ```
//!
//! Records change places only where no series can be in both: the ranges of their numbers are apart. Samples of
//! different series know nothing of each other, so that what comes of it is the same.

use super::work::{Samples, Step};

/// Brings records of the same series together, as far as nothing else stands between them.
pub(super) fn bring_together(steps: &mut [Step]) {
    let is_samples = |step: &Step| matches!(step, Step::Samples(_));
    for run in steps.chunk_by_mut(|a, b| is_samples(a) && is_samples(b)) {
        if run.len() > 2 {
            reorder(run);
        }
    }
}

fn samples(step: &Step) -> &Samples {
    match step {
        Step::Samples(samples) => samples,
        _ => unreachable!("only records of samples change places"),
    }
}

/// Sorts records by groups whose ranges of numbers are apart; within a group their order stays.
fn reorder(run: &mut [Step]) {
    let mut by_first: Vec<usize> = (0..run.len()).collect();
    by_first.sort_unstable_by_key(|&at| samples(&run[at]).first);
    let mut groups = vec![0; run.len()];
    let (mut group, mut end) = (0, 0);
    for &at in &by_first {
        let Samples { first, last, .. } = *samples(&run[at]);
        if first > end {
            group += 1;
        }
        end = end.max(last);
        groups[at] = group;
    }
    by_first.sort_unstable_by_key(|&at| (groups[at], at));
    let sorted: Vec<Samples> = by_first.iter().map(|&at| samples(&run[at]).clone()).collect();
    for (step, samples) in run.iter_mut().zip(sorted) {
        *step = Step::Samples(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record's place in the log is told by where it stands in the text.
    fn record(at: usize, (first, more): (u64, u64)) -> Step {
        Step::Samples(Samples {
            first,
            last: first + more,
            record: at..at + 1,
        })
    }

    #[track_caller]
    fn check(ranges: &[(u64, u64)], order: &[usize]) {
        let mut steps: Vec<Step> = ranges.iter().enumerate().map(|(at, &r)| record(at, r)).collect();
        bring_together(&mut steps);
        let came: Vec<usize> = steps.iter().map(|step| samples(step).record.start).collect();
        assert_eq!(came, order);
    }

    #[test]
    fn scrapes_of_a_target_follow_each_other() {
        let (a, b) = ((1, 99), (101, 99));
        check(&[b, a, b, a], &[1, 3, 0, 2]);
    }

    #[test]
    fn records_that_may_share_a_series_stay_in_their_order() {
        check(&[(5, 5), (1, 4), (5, 5)], &[0, 1, 2]);
        check(&[(5, 5), (1, 3), (5, 5)], &[1, 0, 2]);
    }

    #[test]
    fn nothing_passes_a_step_of_another_kind() {
        let mut steps = vec![
            record(0, (9, 1)),
            record(1, (9, 1)),
            record(2, (9, 1)),
            Step::Rows(1),
        ];
        steps.extend((4..7).map(|at| record(at, (1, 1))));
        bring_together(&mut steps);
        assert!(matches!(steps[3], Step::Rows(1)));
        assert_eq!(samples(&steps[0]).record, 0..1);
    }

    proptest! {
        #[test]
        fn of_any_two_that_may_share_a_series_the_earlier_comes_first(
            ranges in prop::collection::vec((1u64..60, 0u64..8), 0..40),
        ) {
            let mut steps: Vec<Step> = ranges.iter().enumerate().map(|(at, &r)| record(at, r)).collect();
            bring_together(&mut steps);
            let came: Vec<&Samples> = steps.iter().map(samples).collect();
            let mut all: Vec<usize> = came.iter().map(|s| s.record.start).collect();
            for (at, earlier) in came.iter().enumerate() {
                for later in &came[at..] {
                    let apart = earlier.last < later.first || later.last < earlier.first;
                    prop_assert!(apart || earlier.record.start <= later.record.start);
                }
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..ranges.len()).collect::<Vec<_>>());
        }
    }
}
