//! Following the log for one destination: series are noted, samples handed to the shards.
//!
//! A word from whoever stores makes it read on; if no word comes it looks every now and then. When the log
//! cannot be read it tries again a little later.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};
use tsdb::encoding::DecodeError;
use tsdb::wal::record::{Kind, exemplars, samples, series};
use tsdb::wal::watch::series_of;
use tsdb::wal::{Position, Seen, WalError, Watcher};

use super::encode;
use super::manager::Log;
use super::metrics::{Reason, WatchMetrics};
use super::pick::{LeftOut, Picker};
use super::queue::Core;
use super::send::Item;
use super::series::SeriesTable;
use super::shards::Shards;
use crate::telemetry::Counter;

/// After so long without a word the log is read anyway.
const READ_EVERY: Duration = Duration::from_secs(15);

/// How often it is looked for a new checkpoint.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// How long after an error it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The first pause when the shards are full.
const FULL_PAUSE_MIN: Duration = Duration::from_millis(5);

/// After so many records other tasks have a turn.
const RECORDS_A_TURN: usize = 64;

/// Hears that something was stored.
#[derive(Debug)]
pub(super) struct Listener {
    wake: Notify,
    is_told: AtomicBool,
    skipped: Counter,
}

impl Listener {
    pub(super) fn new(skipped: Counter) -> Self {
        Self {
            wake: Notify::new(),
            is_told: AtomicBool::new(false),
            skipped,
        }
    }

    /// Something was stored. Telling it again before it was heard costs nothing.
    pub(super) fn tell(&self) {
        if self.is_told.swap(true, Ordering::AcqRel) {
            self.skipped.inc();
        } else {
            self.wake.notify_one();
        }
    }

    async fn told(&self) {
        self.wake.notified().await;
    }

    /// What is told from now on is news.
    fn hear(&self) {
        self.is_told.store(false, Ordering::Release);
    }
}

/// Reads the log for one destination.
#[derive(Debug)]
pub(super) struct Follower {
    core: Arc<Core>,
    shards: Arc<Shards>,
    log: Arc<dyn Log>,
    listener: Arc<Listener>,
    series: SeriesTable,
    metrics: WatchMetrics,
    /// Up to where the log was handed to the shards; none before it was read that far.
    place: Arc<Mutex<Option<Position>>>,
    /// What a record held, on its way to the shards.
    pending: VecDeque<(u64, Item)>,
    /// Counts of the kinds of records, by the kind's number.
    records: [Option<Counter>; 16],
}

/// What stands against reading on.
enum Trouble {
    /// With the log's files.
    Log(WalError),
    /// With a record.
    Record(DecodeError),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl From<WalError> for Trouble {
    fn from(error: WalError) -> Self {
        Self::Log(error)
    }
}

/// The series of a new checkpoint, being read.
type Collecting = JoinHandle<Result<(u32, Vec<u64>), WalError>>;

impl Follower {
    pub(super) fn new(
        core: Arc<Core>,
        shards: Arc<Shards>,
        log: Arc<dyn Log>,
        listener: Arc<Listener>,
        series: SeriesTable,
        metrics: WatchMetrics,
        place: Arc<Mutex<Option<Position>>>,
    ) -> Self {
        Self {
            core,
            shards,
            log,
            listener,
            series,
            metrics,
            place,
            pending: VecDeque::new(),
            records: Default::default(),
        }
    }

    /// Follows the log until told to quit, then to the end that it has by then. Samples behind `resume` are
    /// sent; without it those that are younger than now.
    pub(super) async fn run(mut self, mut resume: Option<Position>, mut quit: watch::Receiver<bool>) {
        info!(queue = self.core.name, "Starting WAL watcher");
        loop {
            let Err(trouble) = self.tail(resume, &mut quit).await else {
                break;
            };
            error!(queue = self.core.name, err = %trouble, "error tailing WAL");
            let reached = *self.place.lock();
            resume = match &trouble {
                // The log went on without us: what is left of it is sent.
                Trouble::Log(error) if !error.is_corruption() => reached.or(resume),
                // What cannot be read now can never be: the next segment may do.
                _ => reached.or(resume).map(|place| Position {
                    segment: place.segment + 1,
                    offset: 0,
                }),
            };
            tokio::select! {
                _ = quit.wait_for(|quit| *quit) => break,
                () = sleep(RETRY_AFTER) => {}
            }
        }
        self.metrics.forget();
        info!(queue = self.core.name, "WAL watcher stopped");
    }

    async fn tail(
        &mut self,
        resume: Option<Position>,
        quit: &mut watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        info!(queue = self.core.name, "Replaying WAL");
        let after_ms = match resume {
            Some(_) => i64::MIN,
            None => self.core.now_ms(),
        };
        let mut watcher = self.log.watch(resume)?;
        let mut checkpoints = interval(CHECKPOINT_EVERY);
        checkpoints.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut collecting: Option<Collecting> = None;
        loop {
            let is_over = *quit.borrow_and_update();
            self.listener.hear();
            self.read(&mut watcher, after_ms).await?;
            if is_over {
                return Ok(());
            }
            tokio::select! {
                () = self.listener.told() => {}
                () = sleep(READ_EVERY) => {}
                _ = quit.changed() => {}
                _ = checkpoints.tick(), if collecting.is_none() => {
                    collecting = self.begin_collecting(&mut watcher);
                }
                Some(found) = ready(&mut collecting) => {
                    collecting = None;
                    self.collect(found);
                }
            }
        }
    }

    /// Reads on to the end that the log has now.
    async fn read(&mut self, watcher: &mut Watcher, after_ms: i64) -> Result<(), Trouble> {
        let end = self.log.end();
        let mut records = 0;
        while let Some(seen) = watcher.next(end)? {
            let is_live = seen.is_live;
            if let Err(error) = self.take(seen, after_ms) {
                self.metrics.decode_failures.inc();
                return Err(Trouble::Record(error));
            }
            self.hand_over().await;
            if is_live {
                *self.place.lock() = Some(watcher.position());
            }
            records += 1;
            if records % RECORDS_A_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        // All before the end is read, also where the log is only beginning to be live.
        *self.place.lock() = Some(watcher.position());
        self.metrics.current_segment.set(f64::from(end.segment));
        Ok(())
    }

    /// Notes the series of a record and makes its samples pending.
    fn take(&mut self, seen: Seen<'_>, after_ms: i64) -> Result<(), DecodeError> {
        let kind = Kind::of(seen.record);
        self.count_record(kind);
        match kind {
            Some(Kind::Series) => series::decode(seen.record, |id, labels| {
                self.series.store(id, labels, seen.segment);
            }),
            Some(Kind::Samples) if seen.is_live => self.take_samples(seen.record, after_ms),
            Some(Kind::Exemplars) if seen.is_live && self.core.config.send_exemplars => {
                self.take_exemplars(seen.record)
            }
            Some(_) => Ok(()),
            None => {
                self.metrics.decode_failures.inc();
                Ok(())
            }
        }
    }

    /// Exemplars of any time: they may be older than the samples beside them.
    fn take_exemplars(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let mut picker = Picker::new(&self.series, &mut self.pending, self.core.oldest_ms());
        let decoded = exemplars::decode(record, |id, exemplar| {
            let own_labels = encode::labels(exemplar.labels.iter());
            let at_ms = exemplar.at_ms.unwrap_or_default();
            picker.put(id, at_ms, exemplar.value.to_bits(), Some(own_labels));
        });
        let left_out = picker.left_out;
        self.note_left_out(&left_out);
        decoded
    }

    fn take_samples(&mut self, record: &[u8], after_ms: i64) -> Result<(), DecodeError> {
        let mut picker = Picker::new(&self.series, &mut self.pending, self.core.oldest_ms());
        let decoded = samples::decode(record, |id, at_ms, bits| {
            if at_ms > after_ms {
                picker.put(id, at_ms, bits, None);
            }
        });
        let left_out = picker.left_out;
        self.note_left_out(&left_out);
        decoded
    }

    fn note_left_out(&self, left_out: &LeftOut) {
        let core = &self.core;
        core.note_dropped(Reason::TooOld, left_out.old);
        core.note_dropped(Reason::DroppedSeries, left_out.dropped);
        core.note_dropped(Reason::UnknownSeries, left_out.unknown);
        let message = "Dropped sample for series that was not explicitly dropped via relabelling";
        if left_out.unknown.all() > 0 && core.repeats.is_new(message) {
            let unknown = left_out.unknown_ref;
            info!(remote_name = core.name, url = core.url, r#ref = unknown, message);
        }
    }

    /// Waits until the shards have taken all that is pending.
    async fn hand_over(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pause = FULL_PAUSE_MIN;
        let pause_max = Duration::from_millis(self.core.config.queue.max_backoff_ms.unsigned_abs());
        while !self.shards.enqueue(&mut self.pending) {
            self.core.metrics.enqueue_retries.inc();
            tokio::select! {
                () = self.shards.has_room() => {}
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(pause_max.max(FULL_PAUSE_MIN));
        }
    }

    fn count_record(&mut self, kind: Option<Kind>) {
        let number = kind.map_or(0, |kind| kind as usize);
        let name = kind.map_or("unknown", Kind::as_str);
        if let Some(counter) = self.records.get_mut(number) {
            counter
                .get_or_insert_with(|| self.metrics.records_read(name))
                .inc();
        }
    }

    /// Begins to read a checkpoint that is new, for the series that it still has.
    fn begin_collecting(&self, watcher: &mut Watcher) -> Option<Collecting> {
        let found = watcher.newer_checkpoint().unwrap_or_else(|error| {
            self.warn_of_checkpoint(&error);
            None
        });
        let (number, files): (u32, Vec<PathBuf>) = found?;
        let fs = watcher.fs();
        Some(tokio::task::spawn_blocking(move || {
            let mut kept = Vec::new();
            for file in files {
                series_of(&*fs, &file, |id| kept.push(id))?;
            }
            Ok((number, kept))
        }))
    }

    fn collect(&mut self, found: Result<(u32, Vec<u64>), WalError>) {
        match found {
            Ok((number, kept)) => self.series.forget_before(number, &kept),
            Err(error) => self.warn_of_checkpoint(&error),
        }
    }

    fn warn_of_checkpoint(&self, error: &WalError) {
        warn!(queue = self.core.name, err = %error, "Error process checkpoint");
    }
}

/// What comes of reading a checkpoint; never, if none is read.
async fn ready(collecting: &mut Option<Collecting>) -> Option<Result<(u32, Vec<u64>), WalError>> {
    match collecting {
        // A reading that broke off tells of nothing to forget.
        Some(task) => Some(task.await.unwrap_or_else(|_| Ok((0, Vec::new())))),
        None => std::future::pending().await,
    }
}
