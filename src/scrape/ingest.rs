//! The ingest pool: the threads on which answers are unpacked, read and committed.
//!
//! Two, so that they take the work off the network's threads and keep their buffers warm: a thread has one
//! workbench, which every target uses in turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::cycle::Workbench;

/// How many threads ingest.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&mut Workbench) + Send>;

/// The pool; its threads end with the last handle.
#[derive(Clone, Debug)]
pub(super) struct IngestPool {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("jobs", &self.state.lock().jobs.len())
            .finish()
    }
}

impl IngestPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn start() -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        for number in 0..THREADS {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("ingest-{number}"))
                .spawn(move || queue.work())?;
        }
        let handle = Arc::new(Handle { queue });
        Ok(Self { handle })
    }

    /// Has `job` done on one of the threads. Its result never comes if it panics.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Workbench) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |bench| {
            // Nobody waits any more when the server is shutting down.
            drop(sender.send(job(bench)));
        });
        let queue = &self.handle.queue;
        queue.state.lock().jobs.push_back(job);
        queue.filled.notify_one();
        receiver
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.filled.notify_all();
    }
}

impl Queue {
    fn work(&self) {
        let mut bench = Workbench::default();
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| job(&mut bench))).is_err() {
                tracing::error!("A scrape's ingestion panicked; its target begins anew");
                bench = Workbench::default();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            self.filled.wait(&mut state);
        }
    }
}
