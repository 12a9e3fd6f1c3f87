//! Ends queries of rules when their time is up: those are evaluated where nobody else keeps time.
//!
//! A thread sleeps until the first deadline it knows of; most queries end long before theirs, and it is not
//! woken for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tsdb::query::{Cancel, CancelReason};

#[derive(Default)]
struct State {
    /// By deadline, and by number where several are equal.
    watched: BTreeMap<(Instant, u64), Cancel>,
    last: u64,
    /// When the thread wakes; never if nothing is.
    wakes: Option<Instant>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Watches over deadlines. Dropping ends the thread.
pub(super) struct Deadlines {
    shared: Arc<Shared>,
}

/// A deadline that is watched until this is dropped.
pub(super) struct Watched {
    shared: Arc<Shared>,
    key: (Instant, u64),
}

impl std::fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deadlines({} watched)", self.shared.state.lock().watched.len())
    }
}

impl Deadlines {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let watching = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("query-deadline".to_owned())
            .spawn(move || watch(&watching))?;
        Ok(Self { shared })
    }

    /// Sets `cancel` at `deadline`.
    pub(super) fn watch(&self, deadline: Instant, cancel: &Cancel) -> Watched {
        let mut state = self.shared.state.lock();
        state.last += 1;
        let key = (deadline, state.last);
        state.watched.insert(key, cancel.clone());
        if state.wakes.is_none_or(|wakes| deadline < wakes) {
            self.shared.changed.notify_one();
        }
        Watched {
            shared: Arc::clone(&self.shared),
            key,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.state.lock().watched.remove(&self.key);
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

fn watch(shared: &Shared) {
    let mut state = shared.state.lock();
    while !state.closed {
        let now = Instant::now();
        while let Some(first) = state.watched.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().cancel(CancelReason::TimedOut);
        }
        state.wakes = state.watched.keys().next().map(|key| key.0);
        match state.wakes {
            Some(at) => drop(shared.changed.wait_until(&mut state, at)),
            None => shared.changed.wait(&mut state),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_up_for_those_that_are_still_watched() {
        let deadlines = Deadlines::start().expect("a thread");
        let (late, quick, patient) = (Cancel::new(), Cancel::new(), Cancel::new());
        let soon = Instant::now() + Duration::from_millis(20);
        let _patient = deadlines.watch(soon + Duration::from_secs(600), &patient);
        let _late = deadlines.watch(soon, &late);
        drop(deadlines.watch(soon, &quick));
        while late.check().is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(late.check(), Err(CancelReason::TimedOut));
        assert!(quick.check().is_ok() && patient.check().is_ok());
    }
}
