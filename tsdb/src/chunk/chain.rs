//! Ascending runs of samples made into one, each time once.
//!
//! Where two runs have a sample of the same time, one of them is left out. Which one is visible when they
//! differ, so that it is decided exactly as Prometheus does: by the order of the runs and the mechanics of
//! Go's `container/heap`, of which [`GoHeap`] is the counterpart.

use std::ops::Range;

use crate::model::Columns;

/// Times of one run, ascending, and which run it is.
#[derive(Clone, Copy, Debug)]
struct Rest<'a> {
    run: usize,
    /// How many of the run's rows are behind.
    row: usize,
    t_ms: &'a [i64],
}

impl Rest<'_> {
    /// Drops so many rows.
    fn skip(self, rows: usize) -> Self {
        Self {
            run: self.run,
            row: self.row + rows,
            t_ms: &self.t_ms[rows..],
        }
    }
}

/// Calls `take` with (run, rows) of the samples of all runs, ascending, no time twice. Each run is ascending.
pub fn chain(runs: &[&[i64]], mut take: impl FnMut(usize, Range<usize>)) {
    let mut all = runs.iter().copied().enumerate();
    let Some((_, first)) = all.next() else {
        return;
    };
    let mut waiting = GoHeap::new(|a: &Rest<'_>, b: &Rest<'_>| a.t_ms[0] < b.t_ms[0]);
    for (run, t_ms) in all.filter(|(_, t_ms)| !t_ms.is_empty()) {
        waiting.push(Rest { run, row: 0, t_ms });
    }
    // The run being read; what it holds is yet to be judged.
    let mut current = Rest {
        run: 0,
        row: 0,
        t_ms: first,
    };
    let mut last_ms = None;
    loop {
        while current.t_ms.first().is_some_and(|&t| Some(t) == last_ms) {
            current = current.skip(1);
        }
        let until = waiting.top().map(|run| run.t_ms[0]);
        // Rows before any other run's next: they are taken as they stand.
        let free = match until {
            Some(until) => current.t_ms.iter().take_while(|&&t| t < until).count(),
            None => current.t_ms.len(),
        };
        if free > 0 {
            take(current.run, current.row..current.row + free);
        }
        last_ms = current.t_ms[..free].last().copied().or(last_ms);
        current = current.skip(free);
        // Another is first now, or has a sample of the same time and then goes first too.
        if !current.t_ms.is_empty() {
            waiting.push(current);
        }
        let Some(next) = waiting.pop() else { return };
        current = next;
        if Some(current.t_ms[0]) != last_ms {
            take(current.run, current.row..current.row + 1);
            last_ms = Some(current.t_ms[0]);
        }
        current = current.skip(1);
    }
}

/// Appends the samples of all runs, ascending, no time twice; histograms forget what they knew of resets where
/// the run changes.
pub fn chain_columns(runs: &[&Columns], into: &mut Columns) {
    let times: Vec<&[i64]> = runs.iter().map(|run| &run.t_ms[..]).collect();
    let mut before = None;
    chain(&times, |run, rows| {
        let (row, end) = (into.len(), rows.end);
        into.append_rows(runs[run], rows.clone());
        if before != Some((run, rows.start)) && before.is_some() {
            into.forget_reset(row);
        }
        before = Some((run, end));
    });
}

/// A binary heap that moves equal items exactly as Go's `container/heap` does.
#[derive(Debug)]
pub(crate) struct GoHeap<T, F> {
    items: Vec<T>,
    less: F,
}

impl<T, F: Fn(&T, &T) -> bool> GoHeap<T, F> {
    pub(crate) fn new(less: F) -> Self {
        Self {
            items: Vec::new(),
            less,
        }
    }

    pub(crate) fn top(&self) -> Option<&T> {
        self.items.first()
    }

    pub(crate) fn push(&mut self, item: T) {
        self.items.push(item);
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !(self.less)(&self.items[at], &self.items[parent]) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            self.push(item);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= last {
                break;
            }
            let right = child + 1;
            if right < last && (self.less)(&self.items[right], &self.items[child]) {
                child = right;
            }
            if !(self.less)(&self.items[child], &self.items[at]) {
                break;
            }
            self.items.swap(at, child);
            at = child;
        }
        self.items.pop()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Samples with the number of their run.
    fn chained(runs: &[&[i64]]) -> Vec<(i64, usize)> {
        let mut found = Vec::new();
        chain(runs, |run, rows| {
            found.extend(rows.map(|row| (runs[run][row], run)))
        });
        found
    }

    #[test]
    fn runs_that_do_not_overlap_follow_each_other() {
        assert_eq!(
            chained(&[&[3, 4], &[1, 2], &[]]),
            [(1, 1), (2, 1), (3, 0), (4, 0)]
        );
        assert_eq!(chained(&[]), []);
        assert_eq!(chained(&[&[], &[]]), []);
    }

    #[test]
    fn of_two_equal_times_the_waiting_run_is_taken() {
        assert_eq!(chained(&[&[1, 2, 3], &[1, 2, 3]]), [(1, 1), (2, 1), (3, 1)]);
        assert_eq!(chained(&[&[2, 3], &[1, 2, 3]]), [(1, 1), (2, 0), (3, 0)]);
        assert_eq!(chained(&[&[1, 5, 9], &[5, 7]]), [(1, 0), (5, 1), (7, 1), (9, 0)]);
    }

    proptest! {
        #[test]
        fn every_time_comes_once_and_in_order(runs in proptest::collection::vec(
            proptest::collection::btree_set(-50i64..50, 0..30), 0..6,
        )) {
            let lists: Vec<Vec<i64>> = runs.iter().map(|run| run.iter().copied().collect()).collect();
            let found = chained(&lists.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let all: BTreeSet<i64> = runs.iter().flatten().copied().collect();
            prop_assert_eq!(found.iter().map(|sample| sample.0).collect::<Vec<_>>(), Vec::from_iter(all));
            prop_assert!(found.iter().all(|&(t, run)| runs[run].contains(&t)));
        }
    }
}
