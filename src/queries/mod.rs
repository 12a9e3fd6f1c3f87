//! Running queries: the gate, the time limit, the threads, the memory, the statistics and the log around the
//! engine.
//!
//! ```text
//! ask ─gate (--query.max-concurrency)→ pool (2 threads, alert > recording > ad hoc) ─engine→ answer
//!   ├── brief the last time: on the thread that asks ─────────────────────────────────┘
//!   └── deadline, asker gone, canceled, evicted ──→ Cancel
//! rule ─ on its own thread ──────────────────────────────────────────────────────────engine→ answer
//! ```
//!
//! All of them stand in the [`Register`] and hold memory of their [`Shares`]. This module knows no HTTP and
//! no rules; both bring it a [`Request`]. Start with [`Queries::run`] and [`Queries::run_here`].

mod active_file;
mod brief;
mod deadlines;
mod log;
mod pool;
mod register;
mod run;
mod shares;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use promql::engine::{Answer, Engine, QueryOptions};
use tokio::sync::Semaphore;
use tracing::error;
use tsdb::query::{CancelReason, Queryable};

use crate::telemetry::{Counter, Gauge, Registry, Summary};

use active_file::ActiveFile;
use brief::Brief;
use deadlines::Deadlines;
pub use log::{Origin, QueryLog};
pub use pool::Class;
use pool::Pool;
pub use register::{QueryView, Register, Ticket};
pub use shares::Shares;

/// How queries are run.
#[derive(Clone, Debug)]
pub struct QueriesOptions {
    /// `--query.timeout`
    pub timeout: Duration,
    /// `--query.max-concurrency`
    pub max_concurrency: usize,
    /// Threads that evaluate.
    pub threads: usize,
    /// Bytes that queries may hold.
    pub shares: Shares,
}

/// One query.
#[derive(Clone, Debug)]
pub struct Request {
    /// The text.
    pub query: String,
    /// When it is evaluated.
    pub times: Times,
    /// What the engine is told.
    pub options: QueryOptions,
    /// Shortens the time limit.
    pub timeout: Option<Duration>,
    /// Who waits for it.
    pub class: Class,
    /// Where it came from, for the query log.
    pub origin: Origin,
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub enum Times {
    /// At one time.
    Instant {
        /// The time.
        at_ms: i64,
    },
    /// At many.
    Range {
        /// The first.
        start_ms: i64,
        /// The last possible.
        end_ms: i64,
        /// From one to the next; more than 0.
        step_ms: i64,
    },
}

/// An answer and how long it took.
#[derive(Debug)]
pub struct Finished {
    /// The answer.
    pub answer: Answer,
    /// How long it waited and ran.
    pub timings: Timings,
    /// Keeps the query listed until its answer is sent.
    pub ticket: Option<Ticket>,
}

/// How long a query waited and ran, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// In the gate and the pool's queue.
    pub queue_s: f64,
    /// Finding the series.
    pub prepare_s: f64,
    /// Computing.
    pub inner_s: f64,
    /// Putting the answer in order.
    pub sort_s: f64,
    /// In the engine.
    pub eval_s: f64,
}

/// Runs queries.
#[derive(Debug)]
pub struct Queries {
    engine: Arc<Engine>,
    storage: Arc<dyn Queryable>,
    options: QueriesOptions,
    gate: Semaphore,
    pool: Pool,
    deadlines: Deadlines,
    brief: Brief,
    register: Arc<Register>,
    active: OnceLock<ActiveFile>,
    log: QueryLog,
    metrics: Metrics,
}

/// How long queries spent with each part of theirs.
#[derive(Debug)]
struct Slices {
    queue: Summary,
    prepare: Summary,
    inner: Summary,
    sort: Summary,
}

impl Slices {
    fn new(registry: &Registry) -> Self {
        let slices = registry.summaries(
            "prometheus_engine_query_duration_seconds",
            "Query timings",
            &["slice"],
            &[0.5, 0.9, 0.99],
        );
        Self {
            queue: slices.with(&["queue_time"]),
            prepare: slices.with(&["prepare_time"]),
            inner: slices.with(&["inner_eval"]),
            sort: slices.with(&["result_sort"]),
        }
    }

    fn observe(&self, timings: &Timings) {
        self.queue.observe(timings.queue_s);
        self.prepare.observe(timings.prepare_s);
        self.inner.observe(timings.inner_s);
        self.sort.observe(timings.sort_s);
    }
}

#[derive(Debug)]
struct Metrics {
    running: Gauge,
    /// Of each part of [`Timings`].
    slices: Slices,
    samples: Counter,
    log_failures: Counter,
    log_enabled: Gauge,
}

impl Metrics {
    fn new(registry: &Registry, max_concurrency: usize) -> Self {
        registry
            .gauge(
                "prometheus_engine_queries_concurrent_max",
                "The max number of concurrent queries.",
            )
            .set(max_concurrency as f64);
        Self {
            running: registry.gauge(
                "prometheus_engine_queries",
                "The current number of queries being executed or waiting.",
            ),
            slices: Slices::new(registry),
            samples: registry.counter(
                "prometheus_engine_query_samples_total",
                "The total number of samples loaded by all queries.",
            ),
            log_failures: registry.counter(
                "prometheus_engine_query_log_failures_total",
                "The number of query log failures.",
            ),
            log_enabled: registry.gauge("prometheus_engine_query_log_enabled", "State of the query log."),
        }
    }
}

impl Queries {
    /// A runner over `storage`. Starts its threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(
        engine: Arc<Engine>,
        storage: Arc<dyn Queryable>,
        options: QueriesOptions,
        registry: &Registry,
    ) -> std::io::Result<Self> {
        Ok(Self {
            engine,
            storage,
            gate: Semaphore::new(options.max_concurrency.max(1)),
            pool: Pool::start(options.threads)?,
            deadlines: Deadlines::start()?,
            brief: Brief::default(),
            register: Arc::default(),
            active: OnceLock::new(),
            log: QueryLog::default(),
            metrics: Metrics::new(registry, options.max_concurrency),
            options,
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What is queried.
    pub fn storage(&self) -> &Arc<dyn Queryable> {
        &self.storage
    }

    /// The query log, which a reload of the configuration opens and closes.
    pub fn log(&self) -> &QueryLog {
        &self.log
    }

    /// Tells the metrics whether the query log is on.
    pub fn note_log_enabled(&self, enabled: bool) {
        self.metrics.log_enabled.set(f64::from(u8::from(enabled)));
    }

    /// What queries may hold.
    pub fn shares(&self) -> &Shares {
        &self.options.shares
    }

    /// The queries that run and ran.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Notes running queries in a file of the data directory from now on, and logs which ran when the server
    /// that had it before ended. Without the file queries run all the same.
    pub fn keep_active_file(&self, dir: &Path) {
        match ActiveFile::create(dir, self.options.max_concurrency) {
            // The first stays.
            Ok(file) => drop(self.active.set(file)),
            Err(error) => error!(
                component = "activeQueryTracker", dir = %dir.display(), err = %error,
                "Running queries are not noted: the active-query file cannot be made"
            ),
        }
    }

    /// Stops all queries, also those that come later: the server is shutting down.
    pub fn close(&self) {
        self.register.close(CancelReason::ShuttingDown);
    }
}
