//! Running queries: the gate, the time limit, the threads, the statistics and the log around the engine.
//!
//! ```text
//! ask ─gate (--query.max-concurrency)→ pool (2 threads, alert > recording > ad hoc) ─engine→ answer
//!   └── deadline or asker gone ─────────────→ Cancel
//! ```
//!
//! This module knows no HTTP and no rules; both bring it a [`Request`]. Start with [`Queries::run`].

mod log;
mod pool;

use std::sync::Arc;
use std::time::{Duration, Instant};

use promql::engine::{Answer, Engine, QueryError, QueryOptions};
use promql::parser::Expr;
use tokio::sync::{Semaphore, oneshot};
use tsdb::query::{Budget, Cancel, CancelReason, Queryable};

use crate::telemetry::{Counter, Family, Gauge, Registry, Summary};

pub use log::{Origin, QueryLog};
pub use pool::Class;
use pool::Pool;

/// How queries are run.
#[derive(Clone, Debug)]
pub struct QueriesOptions {
    /// `--query.timeout`
    pub timeout: Duration,
    /// `--query.max-concurrency`
    pub max_concurrency: usize,
    /// Threads that evaluate.
    pub threads: usize,
    /// Bytes that all queries together may hold.
    pub budget: Budget,
    /// Bytes that one query may hold.
    pub budget_bytes_per_query: usize,
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
}

/// How long a query waited and ran, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// In the gate and the pool's queue.
    pub queue_s: f64,
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
    log: QueryLog,
    metrics: Metrics,
}

#[derive(Debug)]
struct Metrics {
    running: Gauge,
    slices: Family<Summary>,
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
        let metrics = Self {
            running: registry.gauge(
                "prometheus_engine_queries",
                "The current number of queries being executed or waiting.",
            ),
            slices: registry.summaries(
                "prometheus_engine_query_duration_seconds",
                "Query timings",
                &["slice"],
                &[0.5, 0.9, 0.99],
            ),
            samples: registry.counter(
                "prometheus_engine_query_samples_total",
                "The total number of samples loaded by all queries.",
            ),
            log_failures: registry.counter(
                "prometheus_engine_query_log_failures_total",
                "The number of query log failures.",
            ),
            log_enabled: registry.gauge("prometheus_engine_query_log_enabled", "State of the query log."),
        };
        for slice in ["inner_eval", "prepare_time", "queue_time", "result_sort"] {
            metrics.slices.with(&[slice]);
        }
        metrics
    }
}

/// Tells the engine to stop when whoever asked has gone.
struct Watch {
    cancel: Cancel,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.cancel.cancel(CancelReason::Cancelled);
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
            log: QueryLog::default(),
            metrics: Metrics::new(registry, options.max_concurrency),
            options,
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
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

    /// Evaluates a query. Dropping the future cancels it.
    ///
    /// # Errors
    /// When the query is wrong, fails, takes too long or too much, or storage cannot be read.
    pub async fn run(&self, request: Request) -> Result<Finished, QueryError> {
        let began = Instant::now();
        let limit = request
            .timeout
            .map_or(self.options.timeout, |t| t.min(self.options.timeout));
        let deadline = tokio::time::Instant::from_std(began + limit);
        self.metrics.running.add(1.0);
        let outcome = self.run_until(&request, began, deadline).await;
        self.metrics.running.add(-1.0);
        if let Ok(finished) = &outcome {
            self.metrics
                .slices
                .with(&["queue_time"])
                .observe(finished.timings.queue_s);
            self.metrics
                .slices
                .with(&["inner_eval"])
                .observe(finished.timings.eval_s);
            self.metrics
                .samples
                .add(finished.answer.stats.total_samples as f64);
        }
        if self.log.write(&request, &outcome).is_err() {
            self.metrics.log_failures.inc();
        }
        outcome
    }

    async fn run_until(
        &self,
        request: &Request,
        began: Instant,
        deadline: tokio::time::Instant,
    ) -> Result<Finished, QueryError> {
        // A wrong query is refused before it waits for anything.
        let expr = self.engine.parse(&request.query)?;
        let slot = tokio::time::timeout_at(deadline, self.gate.acquire()).await;
        let Ok(Ok(_slot)) = slot else {
            return Err(QueryError::cancelled(CancelReason::TimedOut, "query queue"));
        };
        let watch = Watch {
            cancel: Cancel::new(),
        };
        let mut running = self.start(request, expr, began, watch.cancel.clone());
        let finished = match tokio::time::timeout_at(deadline, &mut running).await {
            Ok(finished) => finished,
            Err(_elapsed) => {
                watch.cancel.cancel(CancelReason::TimedOut);
                running.await
            }
        };
        finished.unwrap_or_else(|_| {
            Err(QueryError::cancelled(
                CancelReason::ShuttingDown,
                "query execution",
            ))
        })
    }

    fn start(
        &self,
        request: &Request,
        expr: Expr,
        began: Instant,
        cancel: Cancel,
    ) -> oneshot::Receiver<Result<Finished, QueryError>> {
        let (done, running) = oneshot::channel();
        let (engine, storage) = (Arc::clone(&self.engine), Arc::clone(&self.storage));
        let budget = self
            .options
            .budget
            .child("query's", self.options.budget_bytes_per_query);
        let (times, mut options) = (request.times, request.options.clone());
        options.workers = Some(self.pool.workers());
        self.pool.submit(request.class, move || {
            let queued = began.elapsed();
            let (query, options) = (&expr, &options);
            let source: &dyn Queryable = &*storage;
            let answer = match times {
                Times::Instant { at_ms } => engine.instant(source, query, at_ms, options, &budget, &cancel),
                Times::Range {
                    start_ms,
                    end_ms,
                    step_ms,
                } => engine.range(
                    source, query, start_ms, end_ms, step_ms, options, &budget, &cancel,
                ),
            };
            let eval_s = (began.elapsed() - queued).as_secs_f64();
            let timings = Timings {
                queue_s: queued.as_secs_f64(),
                eval_s,
            };
            // Nobody listens any more when the asker has gone.
            let _gone = done.send(answer.map(|answer| Finished { answer, timings }));
        });
        running
    }

    /// Runs something that blocks (a look-up of labels, say) on the query threads.
    ///
    /// # Errors
    /// A timeout when it takes longer than queries may; what `work` says otherwise.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Queryable, &Budget, &Cancel) -> Result<T, tsdb::query::QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (done, mut running) = oneshot::channel();
        let storage = Arc::clone(&self.storage);
        let budget = self
            .options
            .budget
            .child("query's", self.options.budget_bytes_per_query);
        let watch = Watch {
            cancel: Cancel::new(),
        };
        let cancel = watch.cancel.clone();
        self.pool.submit(Class::AdHoc, move || {
            let _gone = done.send(work(&*storage, &budget, &cancel));
        });
        let outcome = match tokio::time::timeout(self.options.timeout, &mut running).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                watch.cancel.cancel(CancelReason::TimedOut);
                running.await
            }
        };
        match outcome {
            Ok(outcome) => outcome.map_err(QueryError::from),
            Err(_) => Err(QueryError::cancelled(
                CancelReason::ShuttingDown,
                "query execution",
            )),
        }
    }
}
