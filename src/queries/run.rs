//! One query from acceptance to answer, and other work that reads storage.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use promql::engine::{Answer, Engine, Progress, Query, QueryError, QueryOptions};
use promql::parser::Expr;
use tokio::sync::oneshot;
use tsdb::query::{Budget, Cancel, CancelReason, Charge, Queryable};

use super::active_file::Slot;
use super::register::{Entering, Ticket};
use super::{Class, Finished, Queries, Request, Times, Timings};

/// Bytes that a query's tree takes for each of its text, in the worst case.
const TREE_BYTES_A_BYTE: usize = 128;

/// Up to how many bytes of text are parsed where the query is asked; longer ones on the pool.
const PARSED_AT_ONCE_BYTES: usize = 16 << 10;

/// Tells the engine to stop when whoever asked has gone.
struct Watch {
    cancel: Cancel,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.cancel.cancel(CancelReason::Cancelled);
    }
}

/// How often a query that waits for its turn looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Ends when a query is to be stopped.
async fn cancelled(cancel: &Cancel) -> CancelReason {
    loop {
        if let Err(reason) = cancel.check() {
            return reason;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What a query takes with it from acceptance to answer.
struct Life {
    began: Instant,
    budget: Budget,
    progress: Progress,
    cancel: Cancel,
    ticket: Ticket,
}

/// Evaluates; a panic, which would be a mistake of the engine's, is an error of this query alone.
fn evaluate(
    engine: &Engine,
    storage: &dyn Queryable,
    query: Query<'_>,
    times: Times,
    options: &QueryOptions,
    budget: &Budget,
    cancel: &Cancel,
) -> Result<Answer, QueryError> {
    let run = || match times {
        Times::Instant { at_ms } => engine.instant(storage, query, at_ms, options, budget, cancel),
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } => engine.range(storage, query, start_ms, end_ms, step_ms, options, budget, cancel),
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(QueryError::unexpected("query evaluation ended in a panic")))
}

/// Nanoseconds since the first call.
fn stopwatch_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let since = FIRST.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn timings(answer: &Answer, queue_s: f64, eval_s: f64) -> Timings {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let times = answer.stats.times;
    Timings {
        queue_s,
        prepare_s: seconds(times.prepare_ns),
        inner_s: seconds(times.evaluate_ns),
        sort_s: seconds(times.sort_ns),
        eval_s,
    }
}

fn stopped() -> QueryError {
    QueryError::cancelled(CancelReason::ShuttingDown, "query execution")
}

impl Queries {
    /// Evaluates a query. Dropping the future cancels it.
    ///
    /// # Errors
    /// When the query is wrong, fails, takes too long or too much, or storage cannot be read.
    pub async fn run(&self, request: Request) -> Result<Finished, QueryError> {
        let life = self.enter(&request);
        self.metrics.running.add(1.0);
        let outcome = self.run_until(&request, &life).await;
        self.metrics.running.add(-1.0);
        self.conclude(&request, life, outcome)
    }

    /// Evaluates a query on this thread, without a queue: as rules ask. `query` is what `request` says, but
    /// perhaps parsed already. Ad hoc queries make room for it where memory is short.
    ///
    /// # Errors
    /// As [`Queries::run`].
    pub fn run_here(&self, query: Query<'_>, request: &Request) -> Result<Finished, QueryError> {
        loop {
            let life = self.enter(request);
            let _watched = self
                .deadlines
                .watch(life.began + self.limit(request), &life.cancel);
            let _active = self.note_active(request);
            self.metrics.running.add(1.0);
            let options = self.query_options(request, &life.progress);
            let Life { budget, cancel, .. } = &life;
            let answer = evaluate(
                &self.engine,
                &*self.storage,
                query,
                request.times,
                &options,
                budget,
                cancel,
            );
            self.metrics.running.add(-1.0);
            let eval_s = life.began.elapsed().as_secs_f64();
            let outcome = answer.map(|answer| (timings(&answer, 0.0, eval_s), answer));
            let is_crowded_out = outcome
                .as_ref()
                .err()
                .and_then(QueryError::over_budget)
                .is_some_and(|over| request.class != Class::AdHoc && self.options.shares.is_shared(over));
            if is_crowded_out && self.register.evict() {
                continue;
            }
            return self.conclude(request, life, outcome);
        }
    }

    /// Begins a query's life.
    fn enter(&self, request: &Request) -> Life {
        let began = Instant::now();
        let budget = self.options.shares.query(request.class);
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let ticket = self.register.enter(&Entering {
            text: &request.query,
            times: request.times,
            origin: &request.origin,
            class: request.class,
            budget: &budget,
            progress: &progress,
            cancel: &cancel,
            began,
            now_ms: jiff::Timestamp::now().as_millisecond(),
        });
        Life {
            began,
            budget,
            progress,
            cancel,
            ticket,
        }
    }

    /// Ends a query's life, but for the sending of its answer.
    fn conclude(
        &self,
        request: &Request,
        life: Life,
        outcome: Result<(Timings, Answer), QueryError>,
    ) -> Result<Finished, QueryError> {
        life.ticket.end(outcome.as_ref().err());
        if let Ok((timings, answer)) = &outcome {
            self.metrics.slices.observe(timings);
            self.metrics.samples.add(answer.stats.total_samples as f64);
        }
        let logged = outcome
            .as_ref()
            .map(|(timings, answer)| (*timings, &answer.stats));
        let took_s = life.began.elapsed().as_secs_f64();
        if self.log.write(request, logged, took_s).is_err() {
            self.metrics.log_failures.inc();
        }
        outcome.map(|(timings, answer)| Finished {
            answer,
            timings,
            ticket: Some(life.ticket),
        })
    }

    fn limit(&self, request: &Request) -> Duration {
        let limit = request.timeout.unwrap_or(self.options.timeout);
        limit.min(self.options.timeout)
    }

    fn query_options(&self, request: &Request, progress: &Progress) -> QueryOptions {
        QueryOptions {
            progress: Some(progress.clone()),
            stopwatch: Some(stopwatch_ns),
            workers: Some(self.pool.workers()),
            // The query log shows counts, too.
            uncounted: request.options.uncounted && !self.log.is_on(),
            ..request.options.clone()
        }
    }

    fn note_active(&self, request: &Request) -> Option<Slot> {
        let now_s = jiff::Timestamp::now().as_second();
        self.active.get()?.enter(&request.query, now_s)
    }

    async fn run_until(&self, request: &Request, life: &Life) -> Result<(Timings, Answer), QueryError> {
        let deadline = tokio::time::Instant::from_std(life.began + self.limit(request));
        // A wrong query is refused before it waits for anything.
        let text_bytes = request.query.len();
        let tree = life.budget.charge(text_bytes.saturating_mul(TREE_BYTES_A_BYTE))?;
        let expr = if text_bytes <= PARSED_AT_ONCE_BYTES {
            self.engine.parse(&request.query)?
        } else {
            let (engine, text) = (Arc::clone(&self.engine), request.query.clone());
            let parsed = self.beside(move || engine.parse(&text)).await;
            parsed.unwrap_or_else(|| Err(stopped()))?
        };
        if self.brief.contains(request)
            && let Ok(_slot) = self.gate.try_acquire()
        {
            return self.run_at_once(request, &expr, life);
        }
        let slot = tokio::select! {
            biased;
            slot = tokio::time::timeout_at(deadline, self.gate.acquire()) => slot.ok(),
            reason = cancelled(&life.cancel) => return Err(QueryError::cancelled(reason, "query queue")),
        };
        let Some(Ok(_slot)) = slot else {
            return Err(QueryError::cancelled(CancelReason::TimedOut, "query queue"));
        };
        let _active = self.note_active(request);
        let mut running = self.start(request, expr, tree, life);
        let finished = match tokio::time::timeout_at(deadline, &mut running).await {
            Ok(finished) => finished,
            Err(_elapsed) => {
                life.cancel.cancel(CancelReason::TimedOut);
                running.await
            }
        }
        .unwrap_or_else(|_| Err(stopped()));
        if let Ok((timings, _)) = &finished {
            self.brief.note(request, timings.eval_s);
        }
        finished
    }

    /// Evaluates a query on the runtime's own thread, as the brief ones are.
    fn run_at_once(
        &self,
        request: &Request,
        expr: &Expr,
        life: &Life,
    ) -> Result<(Timings, Answer), QueryError> {
        let deadline = life.began + self.limit(request);
        let _watched = self.deadlines.watch_on_runtime(deadline, &life.cancel);
        let _active = self.note_active(request);
        let options = self.query_options(request, &life.progress);
        let queued = life.began.elapsed();
        let answer = evaluate(
            &self.engine,
            &*self.storage,
            Query::Parsed(expr),
            request.times,
            &options,
            &life.budget,
            &life.cancel,
        );
        let eval_s = (life.began.elapsed() - queued).as_secs_f64();
        let is_right = answer.is_ok();
        self.brief
            .note(request, if is_right { eval_s } else { f64::INFINITY });
        answer.map(|answer| (timings(&answer, queued.as_secs_f64(), eval_s), answer))
    }

    /// Parses a query and does something with it, on the query threads if it is long; its tree has to fit into
    /// what a query may hold.
    ///
    /// # Errors
    /// When it is no query, or a too large one.
    pub async fn with_parsed<T: Send + 'static>(
        &self,
        text: String,
        work: impl FnOnce(Expr) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        let budget = self.options.shares.query(Class::AdHoc);
        let tree = budget.charge(text.len().saturating_mul(TREE_BYTES_A_BYTE))?;
        if text.len() <= PARSED_AT_ONCE_BYTES {
            return self.engine.parse(&text).map(work);
        }
        let engine = Arc::clone(&self.engine);
        let work = move || {
            let _tree = tree;
            engine.parse(&text).map(work)
        };
        self.beside(work).await.unwrap_or_else(|| Err(stopped()))
    }

    /// Runs something on the query threads that nobody need stop; nothing if the server is shutting down.
    pub async fn beside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, finished) = oneshot::channel();
        self.pool.submit(Class::AdHoc, move || {
            // Nobody listens any more when the asker has gone.
            drop(done.send(work()));
        });
        finished.await.ok()
    }

    fn start(
        &self,
        request: &Request,
        expr: Expr,
        tree: Charge,
        life: &Life,
    ) -> oneshot::Receiver<Result<(Timings, Answer), QueryError>> {
        let (done, running) = oneshot::channel();
        let (engine, storage) = (Arc::clone(&self.engine), Arc::clone(&self.storage));
        let (times, options) = (request.times, self.query_options(request, &life.progress));
        let (began, budget, cancel) = (life.began, life.budget.clone(), life.cancel.clone());
        self.pool.submit(request.class, move || {
            let _tree = tree;
            let queued = began.elapsed();
            let query = Query::Parsed(&expr);
            let answer = evaluate(&engine, &*storage, query, times, &options, &budget, &cancel);
            let eval_s = (began.elapsed() - queued).as_secs_f64();
            let queue_s = queued.as_secs_f64();
            drop(done.send(answer.map(|answer| (timings(&answer, queue_s, eval_s), answer))));
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
        let storage = Arc::clone(&self.storage);
        let budget = self.options.shares.query(Class::AdHoc);
        let watch = Watch {
            cancel: Cancel::new(),
        };
        let cancel = watch.cancel.clone();
        let mut running = Box::pin(self.beside(move || work(&*storage, &budget, &cancel)));
        let outcome = match tokio::time::timeout(self.options.timeout, &mut running).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                watch.cancel.cancel(CancelReason::TimedOut);
                running.await
            }
        };
        outcome.map_or_else(|| Err(stopped()), |outcome| outcome.map_err(QueryError::from))
    }
}
