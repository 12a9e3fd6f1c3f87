//! The life of one target: wait for its place in the interval, scrape, wait, scrape, … and end.
//!
//! ```text
//! offset ─ scrape ─ tick ─ scrape ─ tick ─ … ─ Stop::HandOver ─→ the recorder goes to the next loop
//!                                            ├ Stop::End ─ tick ─ tick ─ 10 % ─→ stale markers
//!                                            └ cancelled (pool or server gone) ─→ nothing
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::{oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep};
use tracing::debug;
use tsdb::batch::Appendable;

use super::answer::Answer;
use super::clock::Clock;
use super::cycle::{Outcome, Recorder, Setting, Workbench};
use super::failure_log::FailureLog;
use super::fetch::Fetch;
use super::ingest::IngestPool;
use super::metadata::Texts;
use super::metrics::ScrapeMetrics;
use super::schedule::{Alignment, wait_ns};
use super::status::Watched;
use super::target::Target;
use crate::config::duration::format_ms;
use crate::config::scrape::ScrapeConfig;

/// What all loops of the server share.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) storage: Arc<dyn Appendable>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ingest: IngestPool,
    pub(super) metrics: ScrapeMetrics,
    pub(super) texts: Texts,
}

/// What all loops of a pool share and what may change while they run.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    /// Why no target may be scraped.
    pub(super) forbidden: ArcSwapOption<String>,
    pub(super) failure_log: ArcSwapOption<FailureLog>,
}

/// How a loop is to end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Give the recorder to who goes on; no stale markers.
    HandOver(oneshot::Sender<Recorder>),
    /// Say when no scrape is under way any more; then mark everything stale in time.
    End(oneshot::Sender<()>),
}

/// One target being scraped.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) common: Common,
    pub(super) config: Arc<ScrapeConfig>,
    pub(super) pool: Arc<PoolState>,
    pub(super) watched: Arc<Watched>,
    pub(super) target: Arc<Target>,
    pub(super) fetch: Box<dyn Fetch>,
    /// Away while the ingest pool has it; lost if ingestion panics.
    pub(super) recorder: Option<Recorder>,
    pub(super) offset_seed: u64,
    pub(super) stop: oneshot::Receiver<Stop>,
    /// The pool is gone, or the server is shutting down.
    pub(super) cancelled: watch::Receiver<bool>,
}

impl Loop {
    pub(super) async fn run(mut self) {
        let interval_ns = self.target.interval_ms.saturating_mul(1_000_000);
        let now_ns = self.common.clock.now_ns();
        let wait = wait_ns(now_ns, interval_ns, self.target.hash, self.offset_seed);
        tokio::select! {
            biased;
            stop = &mut self.stop => return self.finish(stop.ok(), None).await,
            () = cancellation(&mut self.cancelled) => return,
            () = sleep(Duration::from_nanos(wait.unsigned_abs())) => {}
        }
        let mut ticker = self.ticker();
        let mut alignment = Alignment::starting_at(self.common.clock.now_ns(), interval_ns);
        let interval = format_ms(self.target.interval_ms);
        let length = self.common.metrics.interval_length.with(&[&interval]);
        let length_histogram = self.common.metrics.interval_length_histogram.with(&[&interval]);
        let mut last: Option<Instant> = None;
        loop {
            let at_ns = alignment.time_ns(self.common.clock.now_ns());
            let started = Instant::now();
            if let Some(last) = last {
                let seconds = (started - last).as_secs_f64();
                length.observe(seconds);
                length_histogram.observe(seconds);
            }
            last = Some(started);
            self.scrape(at_ns.div_euclid(1_000_000), started).await;
            tokio::select! {
                biased;
                stop = &mut self.stop => return self.finish(stop.ok(), Some(ticker)).await,
                () = cancellation(&mut self.cancelled) => return,
                _ = ticker.tick() => {}
            }
        }
    }

    fn ticker(&self) -> Interval {
        let interval = Duration::from_millis(self.target.interval_ms.unsigned_abs().max(1));
        let mut ticker = interval_at(tokio::time::Instant::now() + interval, interval);
        // One tick is kept for a scrape that took too long, as Go's ticker keeps one.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticker
    }

    async fn scrape(&mut self, at_ms: i64, started: Instant) {
        let answer = match &*self.pool.forbidden.load() {
            Some(reason) => Answer::Forbidden(String::clone(reason)),
            None => self.fetch.fetch().await,
        };
        let outcome = self
            .ingest(move |recorder, setting, bench| {
                let setting = Setting { at_ms, ..setting };
                recorder.record(setting, answer, started, bench)
            })
            .await;
        let Some(outcome) = outcome else { return };
        self.watched.report(at_ms, &outcome);
        self.log_failure(&outcome);
        if self.config.extra_scrape_metrics {
            self.common
                .metrics
                .duration
                .observe(started.elapsed().as_secs_f64());
        }
    }

    fn log_failure(&self, outcome: &Outcome) {
        let Some(error) = outcome.error.as_ref().filter(|_| outcome.fetch_failed) else {
            return;
        };
        debug!(
            error,
            scrape_pool = self.config.job_name,
            target = self.target.url,
            "Scrape failed"
        );
        if let Some(log) = &*self.pool.failure_log.load() {
            let now_ms = self.common.clock.now_ms();
            log.write(now_ms, &self.config.job_name, &self.target.url, error);
        }
    }

    /// Does something with the recorder on the ingest pool.
    async fn ingest<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Recorder, Setting<'_>, &mut Workbench) -> T + Send + 'static,
    ) -> Option<T> {
        let mut recorder = match self.recorder.take() {
            Some(recorder) => recorder,
            None => {
                let fresh = Recorder::new(self.common.texts.clone());
                self.watched.show(fresh.families());
                fresh
            }
        };
        let (storage, clock) = (Arc::clone(&self.common.storage), Arc::clone(&self.common.clock));
        let (config, target) = (Arc::clone(&self.config), Arc::clone(&self.target));
        let metrics = self.common.metrics.clone();
        let done = self.common.ingest.run(move |bench| {
            let now_ms = clock.now_ms();
            let setting = Setting {
                storage: &*storage,
                config: &config,
                target: &target,
                metrics: &metrics,
                at_ms: now_ms,
                now_ms,
            };
            let result = job(&mut recorder, setting, bench);
            (recorder, result)
        });
        let (recorder, result) = done.await?;
        self.recorder = Some(recorder);
        Some(result)
    }

    async fn finish(mut self, stop: Option<Stop>, ticker: Option<Interval>) {
        let done = match stop {
            // The receiver is gone only if its pool is.
            Some(Stop::HandOver(receiver)) => {
                return self.recorder.map_or((), |recorder| drop(receiver.send(recorder)));
            }
            Some(Stop::End(done)) => done,
            None => return,
        };
        if done.send(()).is_err() {
            debug!(target = self.target.url, "Nobody waits for this loop");
        }
        // Without a scrape there is nothing to end.
        let Some(mut ticker) = ticker else { return };
        let tenth = Duration::from_millis(self.target.interval_ms.unsigned_abs()) / 10;
        let clock = Arc::clone(&self.common.clock);
        let waited = async {
            ticker.tick().await;
            let at_ms = clock.now_ms();
            // Should the target have been made anew, its samples are stored by then, and win.
            ticker.tick().await;
            sleep(tenth).await;
            at_ms
        };
        let at_ms = tokio::select! {
            biased;
            () = cancellation(&mut self.cancelled) => return,
            at_ms = waited => at_ms,
        };
        let ended = self.ingest(move |recorder, setting, bench| {
            recorder.end(Setting { at_ms, ..setting }, bench);
        });
        ended.await;
    }
}

/// Comes when the pool is cancelled or gone.
async fn cancellation(cancelled: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which is the same.
    drop(cancelled.wait_for(|&cancelled| cancelled).await);
}
