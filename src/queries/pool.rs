//! The threads that evaluate: few, niced, and always the most urgent query next.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tracing::{error, warn};

/// Who waits for a query, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// An alerting rule.
    Alert,
    /// A recording rule.
    Recording,
    /// A person or a dashboard.
    AdHoc,
}

impl Class {
    /// `alert`, `recording`, `ad hoc`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Recording => "recording",
            Self::AdHoc => "ad hoc",
        }
    }
}

const CLASSES: usize = 3;

/// Below the threads that scrape, above those that compact.
const NICE: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: [VecDeque<Job>; CLASSES],
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

/// The threads. Dropping lets them finish what runs and drops what waits.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting: usize = self.shared.queue.lock().jobs.iter().map(VecDeque::len).sum();
        write!(f, "Pool({waiting} waiting)")
    }
}

impl Pool {
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
        });
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("query-{number}"))
                .spawn(move || work(&shared))?;
        }
        Ok(Self { shared })
    }

    pub(super) fn submit(&self, class: Class, job: impl FnOnce() + Send + 'static) {
        self.shared.queue.lock().jobs[class as usize].push_back(Box::new(job));
        self.shared.filled.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.closed = true;
        queue.jobs.iter_mut().for_each(VecDeque::clear);
        self.shared.filled.notify_all();
    }
}

fn work(shared: &Shared) {
    if let Err(error) = rustix::process::nice(NICE) {
        warn!(%error, "Query threads keep the priority of the rest");
    }
    loop {
        let job = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(job) = queue.jobs.iter_mut().find_map(VecDeque::pop_front) {
                    break job;
                }
                if queue.closed {
                    return;
                }
                shared.filled.wait(&mut queue);
            }
        };
        // What else of the job there is, its receiver finds out that it is gone.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            error!("Work on a query thread ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn an_alert_overtakes_what_waits() {
        let pool = Pool::start(1).unwrap();
        let (hold, held) = mpsc::channel::<()>();
        let (begun, running) = mpsc::channel();
        pool.submit(Class::AdHoc, move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        });
        running.recv().unwrap();
        let (done, order) = mpsc::channel();
        for class in [Class::AdHoc, Class::Recording, Class::Alert] {
            let done = done.clone();
            pool.submit(class, move || done.send(class).unwrap());
        }
        hold.send(()).unwrap();
        let order: Vec<Class> = order.iter().take(3).collect();
        assert_eq!(order, [Class::Alert, Class::Recording, Class::AdHoc]);
    }
}
