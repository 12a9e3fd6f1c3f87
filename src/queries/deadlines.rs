//! Ends queries when their time is up that are evaluated where nobody else keeps time: those of rules, and the
//! brief ones, which are evaluated on a thread of a runtime.
//!
//! A thread sleeps until the first deadline it knows of; most queries end long before theirs, and it is not
//! woken for them. A brief query has two: at the first, the runtime is told to go on with another thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tsdb::query::{Cancel, CancelReason};

/// How long a thread of a runtime may be taken up before another one takes over.
const RELIEVED_AFTER: Duration = Duration::from_millis(10);

/// What is due at a deadline.
enum Due {
    /// The query's end.
    Stop(Cancel),
    /// Another thread for the runtime; the end only at this time.
    Relieve(Handle, Instant, Cancel),
}

#[derive(Default)]
struct State {
    /// By deadline, and by number where several are equal.
    watched: BTreeMap<(Instant, u64), Due>,
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
    number: u64,
    /// When something is or was due.
    deadlines: [Instant; 2],
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
        self.add([deadline; 2], Due::Stop(cancel.clone()))
    }

    /// Sets `cancel` at `deadline`; long before, has the runtime that this thread belongs to go on without it.
    pub(super) fn watch_on_runtime(&self, deadline: Instant, cancel: &Cancel) -> Watched {
        let Ok(runtime) = Handle::try_current() else {
            return self.watch(deadline, cancel);
        };
        let relieved = deadline.min(Instant::now() + RELIEVED_AFTER);
        let due = Due::Relieve(runtime, deadline, cancel.clone());
        self.add([relieved, deadline], due)
    }

    fn add(&self, deadlines: [Instant; 2], due: Due) -> Watched {
        let mut state = self.shared.state.lock();
        state.last += 1;
        let number = state.last;
        state.watched.insert((deadlines[0], number), due);
        if state.wakes.is_none_or(|wakes| deadlines[0] < wakes) {
            self.shared.changed.notify_one();
        }
        Watched {
            shared: Arc::clone(&self.shared),
            number,
            deadlines,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        for deadline in self.deadlines {
            state.watched.remove(&(deadline, self.number));
        }
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
            let number = first.key().1;
            match first.remove() {
                Due::Stop(cancel) => cancel.cancel(CancelReason::TimedOut),
                Due::Relieve(runtime, deadline, cancel) => {
                    // A task from outside wakes a thread that waits; with nothing more to do it then waits
                    // for the network in the place of the one that is taken up.
                    drop(runtime.spawn(async {}));
                    state.watched.insert((deadline, number), Due::Stop(cancel));
                }
            }
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

    #[test]
    fn a_runtime_whose_thread_is_taken_up_goes_on_with_another() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let deadlines = Deadlines::start().expect("a thread");
        let (late, quick) = (Cancel::new(), Cancel::new());
        let (end, ended) = std::sync::mpsc::channel();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        // The task that is run holds its thread until the network has been heard.
        let taken_up = runtime.spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(600);
            drop(deadlines.watch_on_runtime(deadline, &quick));
            let _watched = deadlines.watch_on_runtime(deadline, &late);
            ended.recv().expect("the other task");
            assert!(late.check().is_ok() && quick.check().is_ok());
        });
        runtime.spawn(async move {
            listener.accept().await.expect("a connection");
            end.send(()).expect("the first task");
        });
        drop(std::net::TcpStream::connect(address).expect("a connection"));
        runtime.block_on(taken_up).expect("no panic");
    }
}
