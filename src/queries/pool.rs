//! The threads that evaluate: few, niced, and always the most urgent query next. One that is idle is lent to
//! a query that runs, and taken back as soon as another waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};
use promql::engine::Workers;
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

/// What a thread's stack may become: a query may be a thousand levels deep, and each is evaluated on top of
/// the one around it. Only what was used of it is memory.
const STACK_BYTES: usize = 128 << 20;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: [VecDeque<Job>; CLASSES],
    /// What threads are lent for; never more than there are idle threads.
    lent: VecDeque<Job>,
    /// Threads that wait.
    idle: usize,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// Queries that wait for a thread.
    waiting: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} waiting)", self.waiting.load(Ordering::Relaxed))
    }
}

impl Workers for Shared {
    fn lend(&self, job: Job) -> bool {
        let mut queue = self.queue.lock();
        let promised = queue.lent.len() + self.waiting.load(Ordering::Relaxed);
        if queue.idle <= promised || queue.closed {
            return false;
        }
        queue.lent.push_back(job);
        self.filled.notify_one();
        true
    }

    fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// The threads. Dropping lets them finish what runs and drops what waits.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            waiting: AtomicUsize::new(0),
        });
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("query-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared))?;
        }
        Ok(Self { shared })
    }

    pub(super) fn submit(&self, class: Class, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue.lock();
        queue.jobs[class as usize].push_back(Box::new(job));
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        self.shared.filled.notify_one();
    }

    /// Its idle threads, for a query that runs on one of them.
    pub(super) fn workers(&self) -> Arc<dyn Workers> {
        Arc::clone(&self.shared) as _
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.closed = true;
        queue.jobs.iter_mut().for_each(VecDeque::clear);
        queue.lent.clear();
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
                    shared.waiting.fetch_sub(1, Ordering::Relaxed);
                    break job;
                }
                if let Some(job) = queue.lent.pop_front() {
                    break job;
                }
                if queue.closed {
                    return;
                }
                queue.idle += 1;
                shared.filled.wait(&mut queue);
                queue.idle -= 1;
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

    #[test]
    fn a_thread_is_lent_only_while_it_is_idle() {
        let pool = Pool::start(1).unwrap();
        let workers = pool.workers();
        let (hold, held) = mpsc::channel::<()>();
        let (begun, running) = mpsc::channel();
        // Whether the thread waits already is its own affair.
        let lent = Arc::new(parking_lot::Mutex::new(Some(move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        })));
        loop {
            let lent = Arc::clone(&lent);
            if workers.lend(Box::new(move || lent.lock().take().unwrap()())) {
                break;
            }
            std::thread::yield_now();
        }
        running.recv().unwrap();
        assert!(!workers.lend(Box::new(|| ())));
        assert!(!workers.are_wanted());
        let (done, answered) = mpsc::channel();
        pool.submit(Class::AdHoc, move || done.send(()).unwrap());
        assert!(workers.are_wanted());
        hold.send(()).unwrap();
        answered.recv().unwrap();
        assert!(!workers.are_wanted());
    }
}
