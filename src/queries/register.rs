//! Which queries run, and which of the last hour cost most: to be listed, and to be stopped.
//!
//! A query stands here from its acceptance until its answer is sent: a [`Ticket`] keeps it. Start with
//! [`Register::enter`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use promql::engine::{ErrorKind, Phase, Progress, QueryError};
use tsdb::query::{Budget, Cancel, CancelReason};

use super::{Class, Origin, Times};

/// How many finished queries are kept.
const RECENT_MAX: usize = 100;

/// How long a finished query is kept.
const RECENT_FOR: Duration = Duration::from_secs(3600);

/// Bytes of a query's text that are kept.
const TEXT_BYTES_MAX: usize = 4096;

/// How many bytes held weigh as much as a second of time.
const BYTES_A_SECOND: f64 = 256.0 * 1024.0 * 1024.0;

/// How long a query that was told to stop may take to do so.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What is known of a query, running or finished.
#[derive(Clone, Debug)]
pub struct QueryView {
    /// Its number, since the start of the server.
    pub id: u64,
    /// Its text, the beginning if that is long.
    pub text: String,
    /// How long the text is.
    pub text_bytes: usize,
    /// When it is evaluated.
    pub times: Times,
    /// Where it came from.
    pub origin: Origin,
    /// Who waits for it.
    pub class: Class,
    /// When it began, ms since the epoch.
    pub started_ms: i64,
    /// How long it has run, or ran.
    pub took_s: f64,
    /// What it is at, or how it ended.
    pub state: &'static str,
    /// Bytes held now.
    pub held_bytes: usize,
    /// The most bytes held.
    pub peak_bytes: usize,
    /// Samples held now.
    pub held_samples: usize,
    /// The most samples held.
    pub peak_samples: usize,
    /// Why it failed.
    pub error: Option<String>,
}

impl QueryView {
    /// What it cost: seconds, and bytes as if they were.
    pub fn cost(&self) -> f64 {
        cost(self.took_s, self.peak_bytes)
    }
}

fn cost(took_s: f64, peak_bytes: usize) -> f64 {
    took_s + peak_bytes as f64 / BYTES_A_SECOND
}

/// What is told of a query that enters.
#[derive(Clone, Debug)]
pub(super) struct Entering<'a> {
    pub(super) text: &'a str,
    pub(super) times: Times,
    pub(super) origin: &'a Origin,
    pub(super) class: Class,
    pub(super) budget: &'a Budget,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    pub(super) began: Instant,
    pub(super) now_ms: i64,
}

#[derive(Debug)]
struct Running {
    /// As it was when it entered; what changes is asked for.
    view: QueryView,
    began: Instant,
    budget: Budget,
    progress: Progress,
    cancel: Cancel,
    ended: OnceLock<(f64, Option<(ErrorKind, String)>)>,
}

impl Running {
    fn took_s(&self) -> f64 {
        let ended = self.ended.get();
        ended.map_or_else(|| self.began.elapsed().as_secs_f64(), |(took_s, _)| *took_s)
    }

    /// See [`QueryView::cost`].
    fn cost(&self) -> f64 {
        cost(self.took_s(), self.budget.peak_bytes())
    }

    fn view(&self) -> QueryView {
        let ended = self.ended.get();
        let error = ended.and_then(|(_, error)| error.as_ref());
        let state = match (ended, error, self.progress.phase()) {
            (_, Some((ErrorKind::Cancelled, _)), _) => "canceled",
            (_, Some((ErrorKind::Timeout, _)), _) => "timed out",
            (_, Some(_), _) => "failed",
            (Some(_), None, _) => "answering",
            (None, None, Phase::Answered) => "answering",
            (None, None, phase) => phase.as_str(),
        };
        QueryView {
            took_s: self.took_s(),
            state,
            held_bytes: self.budget.held_bytes(),
            peak_bytes: self.budget.peak_bytes(),
            held_samples: self.progress.held_samples(),
            peak_samples: self.progress.peak_samples(),
            error: error.map(|(_, text)| text.clone()),
            ..self.view.clone()
        }
    }
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    running: BTreeMap<u64, Arc<Running>>,
    recent: Vec<(Instant, QueryView)>,
    /// What a query must cost more than, and until when, if as many are kept as may be: most queries cost
    /// less, and are not compared with each of those.
    bar: Option<(f64, Instant)>,
    /// Set when no more queries are wanted.
    closed: Option<CancelReason>,
}

/// The queries that run, and the most expensive ones of the last hour.
#[derive(Debug, Default)]
pub struct Register {
    state: Mutex<State>,
    left: Condvar,
}

/// A query's place in the register. Dropping it ends the query.
#[derive(Debug)]
pub struct Ticket {
    register: Arc<Register>,
    running: Arc<Running>,
}

impl Register {
    /// Takes a query in.
    pub(super) fn enter(self: &Arc<Self>, entering: &Entering<'_>) -> Ticket {
        let mut end = entering.text.len().min(TEXT_BYTES_MAX);
        while !entering.text.is_char_boundary(end) {
            end -= 1;
        }
        let mut state = self.state.lock();
        state.last_id += 1;
        if let Some(reason) = state.closed {
            entering.cancel.cancel(reason);
        }
        let running = Arc::new(Running {
            view: QueryView {
                id: state.last_id,
                text: entering.text[..end].to_owned(),
                text_bytes: entering.text.len(),
                times: entering.times,
                origin: entering.origin.clone(),
                class: entering.class,
                started_ms: entering.now_ms,
                took_s: 0.0,
                state: Phase::Waiting.as_str(),
                held_bytes: 0,
                peak_bytes: 0,
                held_samples: 0,
                peak_samples: 0,
                error: None,
            },
            began: entering.began,
            budget: entering.budget.clone(),
            progress: entering.progress.clone(),
            cancel: entering.cancel.clone(),
            ended: OnceLock::new(),
        });
        state.running.insert(running.view.id, Arc::clone(&running));
        Ticket {
            register: Arc::clone(self),
            running,
        }
    }

    /// The queries that run, the oldest first.
    pub fn running(&self) -> Vec<QueryView> {
        let running: Vec<Arc<Running>> = self.state.lock().running.values().cloned().collect();
        running.iter().map(|running| running.view()).collect()
    }

    /// The queries of the last hour that cost most, the most expensive first.
    pub fn recent(&self) -> Vec<QueryView> {
        let mut state = self.state.lock();
        state.forget_old();
        let mut found: Vec<QueryView> = state.recent.iter().map(|(_, view)| view.clone()).collect();
        drop(state);
        found.sort_by(|a, b| b.cost().total_cmp(&a.cost()));
        found
    }

    /// Stops a query; whether there is one of this number.
    pub fn cancel(&self, id: u64) -> bool {
        let running = self.state.lock().running.get(&id).cloned();
        running.is_some_and(|running| {
            running.cancel.cancel(CancelReason::Cancelled);
            true
        })
    }

    /// Stops all queries, also those that come later.
    pub(super) fn close(&self, reason: CancelReason) {
        let mut state = self.state.lock();
        state.closed = Some(reason);
        for running in state.running.values() {
            running.cancel.cancel(reason);
        }
    }

    /// Stops the ad hoc query that holds most and waits until it has; whether there was one.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state.lock();
        let is_left = |running: &&Arc<Running>| {
            running.view.class == Class::AdHoc
                && running.budget.held_bytes() > 0
                && running.cancel.check().is_ok()
        };
        let heaviest = state.running.values().filter(is_left);
        let Some(heaviest) = heaviest
            .max_by_key(|running| running.budget.held_bytes())
            .cloned()
        else {
            return false;
        };
        heaviest.cancel.cancel(CancelReason::Evicted);
        let until = Instant::now() + STOP_WITHIN;
        while state.running.contains_key(&heaviest.view.id) {
            if self.left.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        true
    }
}

impl State {
    fn forget_old(&mut self) {
        self.recent.retain(|(ended, _)| ended.elapsed() < RECENT_FOR);
        self.bar = None;
    }

    /// Keeps a finished query, if it is among the most expensive.
    fn keep(&mut self, running: &Running) {
        let now = Instant::now();
        let cost = running.cost();
        if self.bar.is_some_and(|(bar, until)| cost <= bar && now < until) {
            return;
        }
        if self.recent.len() >= RECENT_MAX {
            self.forget_old();
        }
        if self.recent.len() >= RECENT_MAX {
            match self.cheapest() {
                Some((at, cheapest)) if cheapest < cost => drop(self.recent.swap_remove(at)),
                _ => return self.raise_bar(),
            }
        }
        let mut view = running.view();
        if view.state == "answering" {
            view.state = "answered";
        }
        (view.held_bytes, view.held_samples) = (0, 0);
        self.recent.push((now, view));
        self.raise_bar();
    }

    /// Which of those kept cost least, and how much.
    fn cheapest(&self) -> Option<(usize, f64)> {
        let costs = self.recent.iter().map(|(_, view)| view.cost()).enumerate();
        costs.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Notes what the next query must cost to be kept.
    fn raise_bar(&mut self) {
        self.bar = None;
        if self.recent.len() >= RECENT_MAX
            && let Some((_, cheapest)) = self.cheapest()
            && let Some(oldest) = self.recent.iter().map(|(ended, _)| *ended).min()
        {
            self.bar = Some((cheapest, oldest + RECENT_FOR));
        }
    }
}

impl Ticket {
    /// Notes that the engine is done with the query. It stays listed while its answer is sent.
    pub(super) fn end(&self, error: Option<&QueryError>) {
        let error = error.map(|error| (error.kind(), error.to_string()));
        let took_s = self.running.began.elapsed().as_secs_f64();
        // The first end counts.
        let _is_first = self.running.ended.set((took_s, error));
    }

    /// Why the query is to be stopped, if it is.
    pub fn is_cancelled(&self) -> bool {
        self.running.cancel.check().is_err()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Whoever asked has gone, or has all of the answer.
        self.running.cancel.cancel(CancelReason::Cancelled);
        if self.running.ended.get().is_none() {
            let gone = QueryError::cancelled(CancelReason::Cancelled, "query execution");
            self.end(Some(&gone));
        }
        let mut state = self.register.state.lock();
        state.running.remove(&self.running.view.id);
        state.keep(&self.running);
        drop(state);
        self.register.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Around {
        register: Arc<Register>,
        budget: Budget,
        cancel: Cancel,
    }

    impl Around {
        fn new() -> Self {
            Self {
                register: Arc::default(),
                budget: Budget::unlimited(),
                cancel: Cancel::new(),
            }
        }

        fn enter(&self, text: &str) -> Ticket {
            self.register.enter(&Entering {
                text,
                times: Times::Instant { at_ms: 0 },
                origin: &Origin::Internal,
                class: Class::AdHoc,
                budget: &self.budget,
                progress: &Progress::new(),
                cancel: &self.cancel,
                began: Instant::now(),
                now_ms: 1,
            })
        }
    }

    #[test]
    fn a_query_is_listed_while_it_runs_and_remembered_afterwards() {
        let around = Around::new();
        let ticket = around.enter("up");
        let held = around.budget.charge(1000).expect("no limit");
        let running = around.register.running();
        assert_eq!(
            (running[0].id, running[0].held_bytes, running[0].state),
            (1, 1000, "waiting")
        );
        drop(held);
        ticket.end(None);
        assert_eq!(around.register.running()[0].state, "answering");
        drop(ticket);
        assert!(around.register.running().is_empty());
        let recent = around.register.recent();
        assert_eq!((recent[0].peak_bytes, recent[0].state), (1000, "answered"));
    }

    #[test]
    fn the_most_expensive_are_remembered() {
        let around = Around::new();
        drop(around.budget.charge(1 << 30).expect("no limit"));
        drop(around.enter("expensive"));
        let cheap = Around {
            register: Arc::clone(&around.register),
            ..Around::new()
        };
        for _ in 0..2 * RECENT_MAX {
            drop(cheap.enter("cheap"));
        }
        let recent = around.register.recent();
        assert_eq!((recent.len(), &*recent[0].text), (RECENT_MAX, "expensive"));
        for _ in 0..2 {
            drop(around.enter("expensive"));
            drop(cheap.enter("cheap"));
        }
        let recent = around.register.recent();
        let texts = recent.iter().map(|view| &*view.text);
        assert_eq!(texts.filter(|&text| text == "expensive").count(), 3);
        assert_eq!(recent.len(), RECENT_MAX);
    }

    #[test]
    fn a_running_query_is_told_to_stop_and_none_of_another_number() {
        let around = Around::new();
        let ticket = around.enter("up");
        assert!(!around.register.cancel(7));
        assert!(around.register.cancel(1));
        assert!(ticket.is_cancelled());
    }

    #[test]
    fn a_long_text_is_kept_in_part() {
        let around = Around::new();
        let _ticket = around.enter(&"é".repeat(TEXT_BYTES_MAX));
        let running = around.register.running();
        assert_eq!(running[0].text.len(), TEXT_BYTES_MAX);
        assert_eq!(running[0].text_bytes, 2 * TEXT_BYTES_MAX);
    }
}
