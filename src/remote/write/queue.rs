//! One destination: a reader of the log, shards that send, and what keeps their number right.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tracing::{info, warn};
use tsdb::model::Labels;
use tsdb::wal::Position;

use super::client::{Destination, Refusal, Written};
use super::follow::{Follower, Listener};
use super::manager::{Log, Now, Totals};
use super::metadata::{self, MetadataSource};
use super::metrics::{QueueMetrics, Reason, WriteMetrics};
use super::rate::{Rate, TICK};
use super::repeats::Repeats;
use super::reshard::{self, Load};
use super::send::Counts;
use super::series::SeriesTable;
use super::shards::Shards;
use crate::config::RemoteWriteConfig;

/// What all tasks of a destination share.
#[derive(Debug)]
pub(super) struct Core {
    /// How it is called.
    pub(super) name: String,
    /// Where it is, without a password.
    pub(super) url: String,
    pub(super) config: Arc<RemoteWriteConfig>,
    pub(super) metrics: QueueMetrics,
    pub(super) repeats: Repeats,
    destination: RwLock<Arc<dyn Destination>>,
    now: Now,
    sent: Rate,
    dropped: Rate,
    sending_ns: Rate,
    /// When something was sent or given up last, in seconds.
    last_send_s: AtomicI64,
    /// Until when the number of shards stays, in seconds.
    no_reshard_before_s: AtomicI64,
}

impl Core {
    pub(super) fn new(
        config: Arc<RemoteWriteConfig>,
        name: &str,
        destination: Arc<dyn Destination>,
        metrics: &WriteMetrics,
        now: Now,
    ) -> Self {
        let url = config.shown_url();
        let metrics = metrics.of_queue(name, &url);
        let queue = &config.queue;
        metrics.shard_capacity.set(queue.capacity as f64);
        metrics.shards_max.set(queue.max_shards as f64);
        metrics.shards_min.set(queue.min_shards as f64);
        metrics.shards_desired.set(queue.min_shards as f64);
        metrics
            .max_samples_per_send
            .set(queue.max_samples_per_send as f64);
        Self {
            name: name.to_owned(),
            url,
            metrics,
            repeats: Repeats::default(),
            destination: RwLock::new(destination),
            now,
            sent: Rate::default(),
            dropped: Rate::default(),
            sending_ns: Rate::default(),
            last_send_s: AtomicI64::new(0),
            no_reshard_before_s: AtomicI64::new(0),
            config,
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now.ms()
    }

    /// Samples before this are too old.
    pub(super) fn oldest_ms(&self) -> i64 {
        match self.config.queue.sample_age_limit_ms {
            0 => i64::MIN,
            limit_ms => self.now.ms().saturating_sub(limit_ms),
        }
    }

    /// One attempt to send a request.
    pub(super) async fn store(&self, body: Bytes, attempt: u32) -> Result<Written, Refusal> {
        let (destination, began) = (Arc::clone(&*self.destination.read()), Instant::now());
        let outcome = destination.store(body, attempt, &self.now).await;
        self.metrics.send_duration.observe(began.elapsed().as_secs_f64());
        outcome
    }

    /// Notes that a batch is done with, be it sent or given up.
    pub(super) fn note_sent(&self, counts: Counts, took: Duration) {
        self.sent.add(counts.all());
        self.sending_ns
            .add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.last_send_s.store(self.now.ms() / 1000, Ordering::Relaxed);
    }

    /// Counts what is not sent.
    pub(super) fn note_dropped(&self, reason: Reason, counts: Counts) {
        if counts.samples > 0 {
            self.metrics.samples_dropped(reason).add(counts.samples as f64);
        }
        if counts.exemplars > 0 {
            self.metrics
                .exemplars_dropped(reason)
                .add(counts.exemplars as f64);
        }
        if reason != Reason::TooOld {
            self.dropped.add(counts.all());
        }
    }

    /// Keeps the number of shards for a while.
    pub(super) fn forbid_resharding(&self, time: Duration) {
        let time_ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let until_s = self.now.ms().saturating_add(time_ms) / 1000;
        self.no_reshard_before_s.fetch_max(until_s, Ordering::Relaxed);
    }

    /// The number of shards that there should be, where there are `shards`; none if it is to stay.
    fn other_shards(&self, shards: usize, totals: &Totals) -> Option<usize> {
        for rate in [&self.sent, &self.dropped, &self.sending_ns] {
            rate.tick();
        }
        let load = Load {
            stored: totals.stored.per_second(),
            sent: self.sent.per_second(),
            dropped: self.dropped.per_second(),
            sending_s: self.sending_ns.per_second() / 1e9,
            delay_s: totals.highest_timestamp_s() - self.metrics.highest_sent_timestamp.get(),
        };
        let desired = reshard::desired(&load, shards, &self.config.queue);
        if let Some(exact) = desired.exact {
            self.metrics.shards_desired.set(exact);
        }
        if desired.shards == shards {
            return None;
        }
        let now_s = self.now.ms() / 1000;
        let last_send_s = self.last_send_s.load(Ordering::Relaxed);
        if last_send_s < now_s - TICK.as_secs().cast_signed() {
            warn!(
                remote_name = self.name,
                url = self.url,
                last_send_s,
                "Skipping resharding, last successful send was beyond threshold"
            );
            return None;
        }
        if now_s < self.no_reshard_before_s.load(Ordering::Relaxed) {
            warn!(
                remote_name = self.name,
                url = self.url,
                "Skipping resharding, resharding is disabled while waiting for recoverable errors"
            );
            return None;
        }
        Some(desired.shards)
    }
}

/// A destination that is being sent to.
#[derive(Debug)]
pub(super) struct Queue {
    core: Arc<Core>,
    shards: Arc<Shards>,
    listener: Arc<Listener>,
    /// Up to where the log was handed to the shards.
    place: Arc<Mutex<Option<Position>>>,
    quit: watch::Sender<bool>,
    follower: JoinHandle<()>,
    resharder: JoinHandle<()>,
    metadata: Option<JoinHandle<()>>,
    flush_deadline: Duration,
}

/// What a queue needs besides its configuration.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) runtime: Handle,
    pub(super) log: Arc<dyn Log>,
    pub(super) totals: Arc<Totals>,
    pub(super) source: Arc<dyn MetadataSource>,
    pub(super) flush_deadline: Duration,
    pub(super) external_labels: Labels,
}

impl Queue {
    /// Begins to send what is stored from now on, or what stands behind `resume` in the log.
    pub(super) async fn start(
        core: Core,
        metrics: &WriteMetrics,
        around: &Surroundings,
        resume: Option<Position>,
    ) -> Self {
        let core = Arc::new(core);
        let (quit, quits) = watch::channel(false);
        let shards = Arc::new(Shards::new(Arc::clone(&core), around.runtime.clone()));
        shards.start(core.config.queue.min_shards).await;
        let watch_metrics = metrics.of_watch(&core.name);
        let listener = Arc::new(Listener::new(watch_metrics.notifications_skipped.clone()));
        let place = Arc::new(Mutex::new(resume));
        let rules = core.config.write_relabel_configs.clone();
        let follower = Follower::new(
            Arc::clone(&core),
            Arc::clone(&shards),
            Arc::clone(&around.log),
            Arc::clone(&listener),
            SeriesTable::new(around.external_labels.clone(), rules),
            watch_metrics,
            Arc::clone(&place),
        );
        let follower = around.runtime.spawn(follower.run(resume, quits.clone()));
        let metadata = core.config.metadata.send.then(|| {
            let source = Arc::clone(&around.source);
            let send = metadata::send_until(Arc::clone(&core), source, quits.clone());
            around.runtime.spawn(send)
        });
        let resharder = reshard_until(
            Arc::clone(&core),
            Arc::clone(&shards),
            Arc::clone(&around.totals),
            around.flush_deadline,
            quits,
        );
        Self {
            resharder: around.runtime.spawn(resharder),
            flush_deadline: around.flush_deadline,
            core,
            shards,
            listener,
            place,
            quit,
            follower,
            metadata,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.core.name
    }

    pub(super) fn url(&self) -> &str {
        &self.core.config.url
    }

    /// Who is to be told of what is stored.
    pub(super) fn listener(&self) -> Arc<Listener> {
        Arc::clone(&self.listener)
    }

    /// Goes on with another client: a secret may have changed.
    pub(super) fn set_destination(&self, destination: Arc<dyn Destination>) {
        *self.core.destination.write() = destination;
    }

    /// Sends all that is stored by now, within the time that there is for it; up to where it has come.
    pub(super) async fn stop(self) -> Option<Position> {
        let core = &self.core;
        info!(
            remote_name = core.name,
            url = core.url,
            "Stopping remote storage..."
        );
        let deadline = Instant::now() + self.flush_deadline;
        self.quit.send_replace(true);
        // It may be exchanging the shards, which it has to finish.
        let _ended = self.resharder.await;
        for mut task in [Some(self.follower), self.metadata].into_iter().flatten() {
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                // Cancelled is what it is to be.
                let _cancelled = task.await;
            }
        }
        self.shards.stop(deadline).await;
        core.metrics.forget();
        info!(remote_name = core.name, url = core.url, "Remote storage stopped.");
        *self.place.lock()
    }
}

/// Thinks over the number of shards at each tick.
async fn reshard_until(
    core: Arc<Core>,
    shards: Arc<Shards>,
    totals: Arc<Totals>,
    flush_deadline: Duration,
    mut quit: watch::Receiver<bool>,
) {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = quit.wait_for(|quit| *quit) => return,
            _ = ticks.tick() => {}
        }
        let before = shards.len();
        let Some(after) = core.other_shards(before, &totals) else {
            continue;
        };
        info!(
            remote_name = core.name,
            url = core.url,
            from = before,
            to = after,
            "Remote storage resharding"
        );
        // All are emptied first, so that samples of a series stay in order.
        shards.stop(Instant::now() + flush_deadline).await;
        shards.start(after).await;
    }
}
