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
    HandOver(oneshot::Sender<Box<Recorder>>),
    /// Say when no scrape is under way any more; then mark everything stale in time.
    End(oneshot::Sender<()>),
}

/// What the steps of a target's life share, on whatever thread they run.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) common: Common,
    pub(super) config: Arc<ScrapeConfig>,
    pub(super) pool: Arc<PoolState>,
    pub(super) watched: Arc<Watched>,
    pub(super) target: Arc<Target>,
}

/// One target being scraped.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) life: Arc<Life>,
    pub(super) fetch: Box<dyn Fetch>,
    pub(super) recorder: RecorderPlace,
    pub(super) offset_seed: u64,
    pub(super) stop: oneshot::Receiver<Stop>,
    /// The pool is gone, or the server is shutting down.
    pub(super) cancelled: watch::Receiver<bool>,
}

/// Where the recorder is.
#[derive(Debug)]
pub(super) enum RecorderPlace {
    /// Here.
    Here(Box<Recorder>),
    /// With the ingest pool, which sends it back; lost if ingestion panics.
    Away(oneshot::Receiver<Box<Recorder>>),
}

impl Loop {
    pub(super) async fn run(mut self) {
        let interval_ns = self.life.target.interval_ms.saturating_mul(1_000_000);
        let now_ns = self.life.common.clock.now_ns();
        let wait = wait_ns(now_ns, interval_ns, self.life.target.hash, self.offset_seed);
        tokio::select! {
            biased;
            stop = &mut self.stop => return self.finish(stop.ok(), None).await,
            () = cancellation(&mut self.cancelled) => return,
            () = sleep(Duration::from_nanos(wait.unsigned_abs())) => {}
        }
        let mut ticker = self.ticker();
        let mut alignment = Alignment::starting_at(self.life.common.clock.now_ns(), interval_ns);
        let interval = format_ms(self.life.target.interval_ms);
        let length = self.life.common.metrics.interval_length.with(&[&interval]);
        let length_histogram = self
            .life
            .common
            .metrics
            .interval_length_histogram
            .with(&[&interval]);
        let mut last: Option<Instant> = None;
        loop {
            let at_ns = alignment.time_ns(self.life.common.clock.now_ns());
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
                () = cancellation(&mut self.cancelled) => {
                    // The scrape under way is stored before the pool counts as stopped.
                    self.recorder().await;
                    return;
                }
                _ = ticker.tick() => {}
            }
        }
    }

    fn ticker(&self) -> Interval {
        let interval = Duration::from_millis(self.life.target.interval_ms.unsigned_abs().max(1));
        let mut ticker = interval_at(tokio::time::Instant::now() + interval, interval);
        // One tick is kept for a scrape that took too long, as Go's ticker keeps one.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticker
    }

    /// Asks the target and has the answer stored. Does not wait for that: nobody needs to wake up when it
    /// is done, the next scrape finds the recorder back.
    async fn scrape(&mut self, at_ms: i64, started: Instant) {
        let answer = match &*self.life.pool.forbidden.load() {
            Some(reason) => Answer::Forbidden(String::clone(reason)),
            None => self.fetch.fetch().await,
        };
        self.ingest(move |life, recorder, bench| {
            let outcome = recorder.record(life.setting(at_ms), answer, started, bench);
            life.watched.report(at_ms, &outcome);
            life.log_failure(&outcome);
            if life.config.extra_scrape_metrics {
                life.common
                    .metrics
                    .duration
                    .observe(started.elapsed().as_secs_f64());
            }
        })
        .await;
    }

    /// Has the ingest pool do something with the recorder.
    async fn ingest(&mut self, job: impl FnOnce(&Life, &mut Recorder, &mut Workbench) + Send + 'static) {
        let mut recorder = self.recorder().await;
        let life = Arc::clone(&self.life);
        let back = self.life.common.ingest.submit(move |bench| {
            job(&life, &mut recorder, bench);
            recorder
        });
        self.recorder = RecorderPlace::Away(back);
    }

    /// The recorder, as soon as the ingest pool is done with it.
    async fn recorder(&mut self) -> Box<Recorder> {
        let nowhere = RecorderPlace::Away(oneshot::channel().1);
        let back = match std::mem::replace(&mut self.recorder, nowhere) {
            RecorderPlace::Here(recorder) => return recorder,
            RecorderPlace::Away(back) => back.await,
        };
        back.unwrap_or_else(|_| {
            let fresh = Box::new(Recorder::new(self.life.common.texts.clone()));
            self.life.watched.show(fresh.families());
            fresh
        })
    }

    async fn finish(mut self, stop: Option<Stop>, ticker: Option<Interval>) {
        let recorder = self.recorder().await;
        let done = match stop {
            // The receiver is gone only if its pool is.
            Some(Stop::HandOver(receiver)) => return drop(receiver.send(recorder)),
            Some(Stop::End(done)) => done,
            None => return,
        };
        self.recorder = RecorderPlace::Here(recorder);
        if done.send(()).is_err() {
            debug!(target = self.life.target.url, "Nobody waits for this loop");
        }
        // Without a scrape there is nothing to end.
        let Some(mut ticker) = ticker else { return };
        let tenth = Duration::from_millis(self.life.target.interval_ms.unsigned_abs()) / 10;
        let clock = Arc::clone(&self.life.common.clock);
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
        self.ingest(move |life, recorder, bench| recorder.end(life.setting(at_ms), bench))
            .await;
        self.recorder().await;
    }
}

impl Life {
    fn setting(&self, at_ms: i64) -> Setting<'_> {
        Setting {
            storage: &*self.common.storage,
            config: &self.config,
            target: &self.target,
            metrics: &self.common.metrics,
            at_ms,
            now_ms: self.common.clock.now_ms(),
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
}

/// Comes when the pool is cancelled or gone.
async fn cancellation(cancelled: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which is the same.
    drop(cancelled.wait_for(|&cancelled| cancelled).await);
}
