//! Series evaluated ahead of their turn by other threads.
//!
//! What can be computed of a series without looking at any other (reading it, the values of its windows) is
//! done run by run, wherever a thread is free; the query's own thread takes the runs strictly in the order
//! of the roster and does everything else. So the answer does not depend on who computed what.
//!
//! ```text
//! roster      │ run 0 │ run 1 │ run 2 │ run 3 │ run 4 │ …
//! own thread   compute  ──────── fold 0, 1 ─ compute ─ fold 2, 3 …
//! lent thread           compute  compute     compute
//! ```
//!
//! Start with [`Eval::each_ahead`].

use std::ops::Range;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::limits::Holding;
use super::{Eval, SampleCount};
use crate::engine::{QueryError, Workers};

/// The most series of a run.
const RUN_SERIES_MAX: usize = 64;
/// The most values of a run, unless one series has more.
const RUN_VALUES_MAX: usize = 64 * 1024;
/// A roster is cut into so many runs at least, so that none keeps the others waiting for long.
const RUNS_MIN: usize = 16;
/// How many runs may be computed and not yet taken.
const RUNS_AHEAD_MAX: usize = 8;
/// A chunk is decoded whole, however little of it is wanted.
const SAMPLES_PER_SERIES_MIN: i64 = 120;
/// The usual time between samples.
const INTERVAL_MS: i64 = 15_000;

/// What one run came to.
pub(crate) struct Run<T> {
    /// One of each series that has something, in order.
    pub(crate) items: Vec<T>,
    /// Why there are no more.
    pub(crate) failed: Option<QueryError>,
    /// What the items are charged for.
    pub(crate) held: Option<Holding>,
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            failed: None,
            held: None,
        }
    }
}

/// Computes the series of a range of the roster; knows nothing of the query's own thread.
pub(crate) type Work<T> = dyn Fn(Range<usize>) -> Run<T> + Send + Sync;

impl<'r> Eval<'r> {
    /// Who may help with `series` series over so long a time, if that is worth it.
    pub(crate) fn helpers(&self, series: usize, from_ms: i64, through_ms: i64) -> Option<Arc<dyn Workers>> {
        let workers = self.workers.as_ref()?;
        let each = (through_ms.saturating_sub(from_ms) / INTERVAL_MS).max(SAMPLES_PER_SERIES_MIN);
        let samples = usize::try_from(each).ok()?.saturating_mul(series);
        let counts_steps = matches!(
            self.samples,
            SampleCount {
                per_step: Some(_),
                ..
            }
        );
        let is_alone = counts_steps || self.trace.is_some();
        (series > 1 && samples >= workers.samples_min() && !is_alone).then(|| Arc::clone(workers))
    }

    /// Computes `series` series of `steps` values by `work` and hands what comes of each to `take`, in order.
    pub(crate) fn each_ahead<T: Send + 'static>(
        &mut self,
        workers: &Arc<dyn Workers>,
        (series, steps): (usize, usize),
        work: Arc<Work<T>>,
        mut take: impl FnMut(&mut Self, T) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let most = (RUN_VALUES_MAX / steps.max(1)).clamp(1, RUN_SERIES_MAX);
        let run_series = (series / RUNS_MIN).clamp(1, most);
        let shared = Arc::new(Shared {
            work,
            series,
            run_series,
            state: Mutex::new(State {
                next: 0,
                taken: 0,
                done: Vec::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let close = Close(&shared);
        let runs = series.div_ceil(run_series);
        for _ in 1..runs {
            let (help, lender) = (Arc::clone(&shared), Arc::clone(workers));
            if !workers.lend(Box::new(move || help.compute_ahead(&*lender))) {
                break;
            }
        }
        for run in 0..runs {
            self.cancel.check()?;
            let done = shared.wait_for(run);
            for item in done.items {
                take(self, item)?;
            }
            if let Some(error) = done.failed {
                return Err(error);
            }
        }
        drop(close);
        Ok(())
    }
}

struct Shared<T> {
    work: Arc<Work<T>>,
    series: usize,
    run_series: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The first run that nobody has begun.
    next: usize,
    /// The first run that was not taken.
    taken: usize,
    /// Runs computed and not taken; nothing for one that was given up.
    done: Vec<(usize, Option<Run<T>>)>,
    closed: bool,
}

/// Sends helpers away, however the query's own thread leaves.
struct Close<'s, T>(&'s Shared<T>);

impl<T> Drop for Close<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

/// A run begun by a helper, given up unless it is finished.
struct Begun<'s, T> {
    shared: &'s Shared<T>,
    run: usize,
    result: Option<Run<T>>,
}

impl<T> Drop for Begun<'_, T> {
    fn drop(&mut self) {
        self.shared.state.lock().done.push((self.run, self.result.take()));
        self.shared.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn runs(&self) -> usize {
        self.series.div_ceil(self.run_series)
    }

    fn compute(&self, run: usize) -> Run<T> {
        let from = run * self.run_series;
        (self.work)(from..(from + self.run_series).min(self.series))
    }

    /// What a helper does until it is sent away or wanted elsewhere.
    fn compute_ahead(&self, lender: &dyn Workers) {
        loop {
            let run = {
                let mut state = self.state.lock();
                loop {
                    if state.closed || state.next >= self.runs() {
                        return;
                    }
                    if state.next < state.taken + RUNS_AHEAD_MAX {
                        break;
                    }
                    if lender.are_wanted() {
                        return;
                    }
                    self.changed.wait(&mut state);
                }
                state.next += 1;
                state.next - 1
            };
            let mut begun = Begun {
                shared: self,
                run,
                result: None,
            };
            begun.result = Some(self.compute(run));
            drop(begun);
            if lender.are_wanted() {
                return;
            }
        }
    }

    /// The query's own thread computes, too, while what it waits for is not there.
    fn wait_for(&self, run: usize) -> Run<T> {
        let mut state = self.state.lock();
        loop {
            if let Some(at) = state.done.iter().position(|(done, _)| *done == run) {
                let (_, result) = state.done.swap_remove(at);
                state.taken = run + 1;
                drop(state);
                self.changed.notify_all();
                return result.unwrap_or_else(|| self.compute(run));
            }
            if state.next == run {
                state.next = run + 1;
                state.taken = run + 1;
                drop(state);
                self.changed.notify_all();
                return self.compute(run);
            }
            if state.next < self.runs() && state.next < run + RUNS_AHEAD_MAX {
                let other = state.next;
                state.next += 1;
                drop(state);
                let result = self.compute(other);
                state = self.state.lock();
                state.done.push((other, Some(result)));
                continue;
            }
            self.changed.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
