//! All destinations: begun and ended as the configuration has it, told of what is stored.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};
use tsdb::db::Db;
use tsdb::model::Labels;
use tsdb::wal::{Position, WalError, Watcher};

use super::client::Client;
use super::follow::Listener;
use super::metadata::MetadataSource;
use super::metrics::{WriteMetrics, raise};
use super::queue::{Core, Queue, Surroundings};
use super::rate::{Rate, TICK};
use crate::config::RemoteWriteConfig;
use crate::telemetry::{Gauge, Registry};

/// The log that is followed.
pub trait Log: Send + Sync + std::fmt::Debug {
    /// Where it ends now.
    fn end(&self) -> Position;

    /// A reader for which all behind `live_from` is live, or the segment that is being written.
    ///
    /// # Errors
    /// When the log cannot be listed.
    fn watch(&self, live_from: Option<Position>) -> Result<Watcher, WalError>;
}

impl Log for Db {
    fn end(&self) -> Position {
        self.wal_end()
    }

    fn watch(&self, live_from: Option<Position>) -> Result<Watcher, WalError> {
        self.watch_wal(live_from)
    }
}

/// Tells the time, in milliseconds since the Unix epoch.
#[derive(Clone)]
pub(super) struct Now(Arc<dyn Fn() -> i64 + Send + Sync>);

impl std::fmt::Debug for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Now")
    }
}

impl Now {
    pub(super) fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    pub(super) fn ms(&self) -> i64 {
        (self.0)()
    }
}

/// What of all that is stored matters to the number of shards.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) stored: Rate,
    highest_timestamp: Gauge,
}

impl Totals {
    pub(super) fn new(metrics: &WriteMetrics) -> Self {
        Self {
            stored: Rate::default(),
            highest_timestamp: metrics.highest_timestamp.clone(),
        }
    }

    pub(super) fn highest_timestamp_s(&self) -> f64 {
        self.highest_timestamp.get()
    }
}

/// How remote write is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the end of a destination may take.
    pub flush_deadline: Duration,
    /// Where reading and sending run.
    pub runtime: Handle,
    /// What targets say of their metrics.
    pub metadata: Arc<dyn MetadataSource>,
}

/// All destinations. Cloning shares them.
#[derive(Clone, Debug)]
pub struct RemoteWrite {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    now: Now,
    metrics: WriteMetrics,
    totals: Arc<Totals>,
    log: OnceLock<Arc<dyn Log>>,
    listeners: RwLock<Vec<Arc<Listener>>>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    external_labels: Labels,
    /// By the hash of their configuration.
    queues: HashMap<String, Queue>,
    ticker: Option<JoinHandle<()>>,
}

/// A section of the configuration that can be put into effect.
struct Checked {
    hash: String,
    config: Arc<RemoteWriteConfig>,
    client: Client,
}

fn checked(configs: &[Arc<RemoteWriteConfig>]) -> Result<Vec<Checked>, String> {
    let mut all: Vec<Checked> = Vec::with_capacity(configs.len());
    for config in configs {
        let hash = config.hash().map_err(|error| error.to_string())?;
        let url = config.shown_url();
        if all.iter().any(|other| other.hash == hash) {
            return Err(format!(
                "duplicate remote write configs are not allowed, found duplicate for URL: {url}"
            ));
        }
        let client = Client::new(config);
        all.push(Checked {
            hash,
            config: Arc::clone(config),
            client: client.map_err(|error| format!("remote_write to {url}: {error}"))?,
        });
    }
    Ok(all)
}

/// Whether the sections of a configuration can be put into effect.
///
/// # Errors
/// Why they cannot.
pub fn check(configs: &[Arc<RemoteWriteConfig>]) -> Result<(), String> {
    checked(configs).map(|_| ())
}

impl RemoteWrite {
    /// Without destinations.
    pub fn new(
        options: Options,
        registry: &Registry,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        let metrics = WriteMetrics::new(registry);
        let totals = Totals::new(&metrics);
        let inner = Inner {
            options,
            now: Now::new(now_ms),
            metrics,
            totals: Arc::new(totals),
            log: OnceLock::new(),
            listeners: RwLock::default(),
            state: tokio::sync::Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Says which log is followed. Only the first call counts.
    pub fn open(&self, log: Arc<dyn Log>) {
        let first = self.inner.log.set(log);
        debug_assert!(first.is_ok(), "the log is opened once");
    }

    /// Goes over to other destinations. Those whose configuration and external labels are the same are left
    /// alone; one that takes over from another of its name or address goes on where that one was.
    ///
    /// # Errors
    /// When the configuration cannot be put into effect: then nothing changes.
    pub async fn apply(
        &self,
        configs: &[Arc<RemoteWriteConfig>],
        external_labels: &Labels,
    ) -> Result<(), String> {
        let inner = &*self.inner;
        let wanted = checked(configs)?;
        let mut state = inner.state.lock().await;
        if wanted.is_empty() && state.queues.is_empty() {
            return Ok(());
        }
        let log = inner.log.get().ok_or("TSDB not ready")?;
        let around = Surroundings {
            runtime: inner.options.runtime.clone(),
            log: Arc::clone(log),
            totals: Arc::clone(&inner.totals),
            source: Arc::clone(&inner.options.metadata),
            flush_deadline: inner.options.flush_deadline,
            external_labels: external_labels.clone(),
        };
        let mut before = std::mem::take(&mut state.queues);
        let same_labels = state.external_labels == *external_labels;
        let mut fresh = Vec::new();
        for one in wanted {
            match before.remove(&one.hash) {
                Some(queue) if same_labels => {
                    queue.set_destination(Arc::new(one.client));
                    state.queues.insert(one.hash, queue);
                }
                Some(queue) => {
                    before.insert(one.hash.clone(), queue);
                    fresh.push(one);
                }
                None => fresh.push(one),
            }
        }
        let mut left = stop_all(before).await;
        for one in fresh {
            let name = one.config.remote_name(&one.hash);
            let resume = take_over(&mut left, name, &one.config.url);
            let core = Core::new(
                Arc::clone(&one.config),
                name,
                Arc::new(one.client),
                &inner.metrics,
                inner.now.clone(),
            );
            let queue = Queue::start(core, &inner.metrics, &around, resume).await;
            state.queues.insert(one.hash, queue);
        }
        state.external_labels = external_labels.clone();
        *inner.listeners.write() = state.queues.values().map(Queue::listener).collect();
        if state.ticker.is_none() {
            let totals = Arc::clone(&inner.totals);
            state.ticker = Some(inner.options.runtime.spawn(tick_forever(totals)));
        }
        Ok(())
    }

    /// Ends all destinations, each within the time that there is for it.
    pub async fn shutdown(&self) {
        let mut state = self.inner.state.lock().await;
        stop_all(std::mem::take(&mut state.queues)).await;
        self.inner.listeners.write().clear();
        if let Some(ticker) = state.ticker.take() {
            ticker.abort();
        }
    }

    /// Notes that so many samples and exemplars were stored, the newest of them of `highest_ms`.
    pub(super) fn note_stored(&self, samples: u64, exemplars: u64, highest_ms: i64) {
        let inner = &*self.inner;
        inner.totals.stored.add(samples + exemplars);
        inner.metrics.samples_in.add(samples as f64);
        inner.metrics.exemplars_in.add(exemplars as f64);
        raise(&inner.metrics.highest_timestamp, (highest_ms / 1000) as f64);
        for listener in &*inner.listeners.read() {
            listener.tell();
        }
    }
}

/// A destination that has ended.
struct Left {
    name: String,
    url: String,
    place: Option<Position>,
}

async fn stop_all(queues: HashMap<String, Queue>) -> Vec<Left> {
    let stops = queues.into_values().map(|queue| async {
        let (name, url) = (queue.name().to_owned(), queue.url().to_owned());
        let place = queue.stop().await;
        Left { name, url, place }
    });
    join_all(stops).await
}

/// Where the destination that is followed by the one of this name and address has ended.
fn take_over(left: &mut Vec<Left>, name: &str, url: &str) -> Option<Position> {
    let same_name = left.iter().position(|one| one.name == name);
    let at = same_name.or_else(|| left.iter().position(|one| one.url == url))?;
    left.swap_remove(at).place
}

/// Lets the rates of all that is stored move on.
pub(super) async fn tick_forever(totals: Arc<Totals>) {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    loop {
        ticks.tick().await;
        totals.stored.tick();
    }
}

#[cfg(test)]
mod tests;
