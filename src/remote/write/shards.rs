//! The shards of a destination: each a queue of batches and a task that sends them one after the other.
//!
//! ```text
//! enqueue ─▶ number % shards ─▶ partial ─ full ─▶ ready … ready ─▶ task: send
//!                                  └── after batch_send_deadline ──┘
//! ```
//!
//! A shard whose ready batches are as many as its capacity allows takes nothing that would fill another. To
//! have another number of shards all of them are stopped, which empties them, and others begin.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::error;

use super::metrics::raise;
use super::queue::Core;
use super::send::{Counts, Item, Sender};

/// All shards of a destination.
#[derive(Debug)]
pub(super) struct Shards {
    core: Arc<Core>,
    runtime: Handle,
    inner: Mutex<Inner>,
    /// There may be room again.
    room: Notify,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    lanes: Vec<Lane>,
    /// What is in the lanes or being sent.
    held: Counts,
    is_closing: bool,
}

#[derive(Debug, Default)]
struct Lane {
    partial: Vec<Item>,
    ready: VecDeque<Vec<Item>>,
    /// Batches whose memory is used again.
    spare: Vec<Vec<Item>>,
    wake: Arc<Notify>,
}

impl Lane {
    /// A full batch is ready, an empty one begins.
    fn finish_partial(&mut self) {
        let next = self.spare.pop().unwrap_or_default();
        self.ready.push_back(std::mem::replace(&mut self.partial, next));
        self.wake.notify_one();
    }
}

/// What a shard's task does next.
enum Next {
    Send(Vec<Item>),
    Wait,
    End,
}

impl Shards {
    /// Without shards; see [`Shards::start`].
    pub(super) fn new(core: Arc<Core>, runtime: Handle) -> Self {
        Self {
            core,
            runtime,
            inner: Mutex::default(),
            room: Notify::new(),
            tasks: tokio::sync::Mutex::default(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.inner.lock().lanes.len()
    }

    /// Begins with `count` shards, where there are none or all are stopped.
    pub(super) async fn start(self: &Arc<Self>, count: usize) {
        let mut tasks = self.tasks.lock().await;
        let lanes: Vec<Lane> = (0..count).map(|_| Lane::default()).collect();
        let wakes: Vec<Arc<Notify>> = lanes.iter().map(|lane| Arc::clone(&lane.wake)).collect();
        *self.inner.lock() = Inner {
            lanes,
            ..Inner::default()
        };
        let metrics = &self.core.metrics;
        metrics.shards.set(count as f64);
        metrics.samples_pending.set(0.0);
        metrics.exemplars_pending.set(0.0);
        for (number, wake) in wakes.into_iter().enumerate() {
            let run = Arc::clone(self).run(number, wake);
            tasks.spawn_on(run, &self.runtime);
        }
        self.room.notify_one();
    }

    /// Takes nothing any more, sends what is there until `deadline`, then gives the rest up.
    pub(super) async fn stop(&self, deadline: Instant) {
        {
            let mut inner = self.inner.lock();
            inner.is_closing = true;
            for lane in &mut inner.lanes {
                if !lane.partial.is_empty() {
                    lane.finish_partial();
                }
                lane.wake.notify_one();
            }
        }
        let mut tasks = self.tasks.lock().await;
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout_at(deadline, all).await.is_ok() {
            return;
        }
        tasks.shutdown().await;
        let lost = std::mem::take(&mut self.inner.lock().held);
        let (core, metrics) = (&self.core, &self.core.metrics);
        metrics.samples_pending.add(-(lost.samples as f64));
        metrics.exemplars_pending.add(-(lost.exemplars as f64));
        metrics.samples_failed.add(lost.samples as f64);
        metrics.exemplars_failed.add(lost.exemplars as f64);
        for (what, count) in [("samples", lost.samples), ("exemplars", lost.exemplars)] {
            if count > 0 {
                error!(
                    remote_name = core.name,
                    url = core.url,
                    what,
                    count,
                    "Failed to flush all on shutdown"
                );
            }
        }
    }

    /// Takes items, each with its series' number, from the front as long as there is room for them; whether
    /// all were taken.
    pub(super) fn enqueue(&self, items: &mut VecDeque<(u64, Item)>) -> bool {
        let config = &self.core.config.queue;
        let batch_len = config.max_samples_per_send;
        let ready_max = (config.capacity / batch_len).max(1);
        let (mut taken, mut highest_ms) = (Counts::default(), i64::MIN);
        let mut inner = self.inner.lock();
        let shards = inner.lanes.len() as u64;
        while let Some((id, _)) = items.front() {
            if inner.is_closing || shards == 0 {
                break;
            }
            // Below the number of lanes, which is a usize.
            let lane = &mut inner.lanes[(id % shards) as usize];
            if lane.partial.len() + 1 >= batch_len && lane.ready.len() >= ready_max {
                break;
            }
            let Some((_, item)) = items.pop_front() else { break };
            taken.add(item.is_exemplar());
            highest_ms = highest_ms.max(item.at_ms);
            if lane.partial.capacity() == 0 {
                lane.partial.reserve_exact(batch_len);
            }
            lane.partial.push(item);
            if lane.partial.len() >= batch_len {
                lane.finish_partial();
            }
        }
        if taken.all() > 0 {
            inner.held.samples += taken.samples;
            inner.held.exemplars += taken.exemplars;
            drop(inner);
            let metrics = &self.core.metrics;
            metrics.samples_pending.add(taken.samples as f64);
            metrics.exemplars_pending.add(taken.exemplars as f64);
            raise(&metrics.highest_timestamp, (highest_ms / 1000) as f64);
        }
        items.is_empty()
    }

    /// Waits until there may be room.
    pub(super) async fn has_room(&self) {
        self.room.notified().await;
    }

    /// The life of shard `number`.
    async fn run(self: Arc<Self>, number: usize, wake: Arc<Notify>) {
        let config = &self.core.config.queue;
        let patience = Duration::from_millis(config.batch_send_deadline_ms.max(1).unsigned_abs());
        let mut sender = Sender::default();
        let mut until = Instant::now() + patience;
        loop {
            let mut next = self.next(number, false);
            if matches!(next, Next::Wait) {
                tokio::select! {
                    () = wake.notified() => continue,
                    () = sleep_until(until) => next = self.next(number, true),
                }
            }
            match next {
                Next::Send(batch) => {
                    sender.send(&self.core, &batch).await;
                    self.give_back(number, batch);
                }
                Next::Wait => {}
                Next::End => return,
            }
            until = Instant::now() + patience;
        }
    }

    /// The next batch of a shard; `is_due` says that one that is not full will do.
    fn next(&self, number: usize, is_due: bool) -> Next {
        let mut inner = self.inner.lock();
        let is_closing = inner.is_closing;
        let Some(lane) = inner.lanes.get_mut(number) else {
            return Next::End;
        };
        if let Some(batch) = lane.ready.pop_front() {
            self.room.notify_one();
            return Next::Send(batch);
        }
        if is_closing {
            return Next::End;
        }
        if is_due && !lane.partial.is_empty() {
            let next = lane.spare.pop().unwrap_or_default();
            self.room.notify_one();
            return Next::Send(std::mem::replace(&mut lane.partial, next));
        }
        Next::Wait
    }

    /// A batch is done with.
    fn give_back(&self, number: usize, mut batch: Vec<Item>) {
        let done = Counts::of(&batch);
        let metrics = &self.core.metrics;
        metrics.samples_pending.add(-(done.samples as f64));
        metrics.exemplars_pending.add(-(done.exemplars as f64));
        batch.clear();
        let mut inner = self.inner.lock();
        inner.held.samples = inner.held.samples.saturating_sub(done.samples);
        inner.held.exemplars = inner.held.exemplars.saturating_sub(done.exemplars);
        if let Some(lane) = inner.lanes.get_mut(number) {
            lane.spare.push(batch);
        }
    }
}
