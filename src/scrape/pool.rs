//! The targets of one job, each with its loop.
//!
//! A new configuration restarts the loops; what they remember goes along if the configuration would have
//! made the same series of the same pages. New target groups start and stop loops, others run on.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use tokio::sync::{oneshot, watch};
use tracing::error;

use super::cycle::Recorder;
use super::failure_log::FailureLog;
use super::fetch::{Fetch, HttpFetch};
use super::run::{Common, Life, Loop, PoolState, RecorderPlace, Stop};
use super::status::Watched;
use super::target::{Built, Target};
use super::view::PoolView;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::scrape::ScrapeConfig;
use crate::discovery::TargetGroup;
use crate::http_client::{HttpClient, HttpError};

/// A job being scraped.
#[derive(Debug)]
pub(super) struct Pool {
    common: Common,
    config: Arc<ScrapeConfig>,
    client: HttpClient,
    unix_clients: HashMap<PathBuf, HttpClient>,
    state: Arc<PoolState>,
    offset_seed: u64,
    loops: HashMap<u64, Running>,
    /// Targets' hashes as discovery ordered them.
    order: Vec<u64>,
    cancel: watch::Sender<bool>,
}

#[derive(Debug)]
struct Running {
    watched: Arc<Watched>,
    stop: oneshot::Sender<Stop>,
    ended: tokio::task::JoinHandle<()>,
}

impl Pool {
    pub(super) fn new(
        common: Common,
        config: Arc<ScrapeConfig>,
        offset_seed: u64,
        failure_log: Option<Arc<FailureLog>>,
    ) -> Result<Self, HttpError> {
        let client = HttpClient::new(&config.http_client)?;
        let limit = common.metrics.target_limit.with(&[&config.job_name]);
        limit.set(config.target_limit as f64);
        let pool = Self {
            common,
            config,
            client,
            unix_clients: HashMap::new(),
            state: Arc::default(),
            offset_seed,
            loops: HashMap::new(),
            order: Vec::new(),
            cancel: watch::Sender::new(false),
        };
        pool.log_failures_to(failure_log);
        Ok(pool)
    }

    pub(super) fn config(&self) -> &Arc<ScrapeConfig> {
        &self.config
    }

    pub(super) fn log_failures_to(&self, failure_log: Option<Arc<FailureLog>>) {
        self.state.failure_log.store(failure_log);
    }

    /// Takes over the targets of `groups`: starts loops of new ones, ends those of targets that are gone.
    pub(super) async fn sync(&mut self, groups: &[TargetGroup]) -> PoolView {
        let started = Instant::now();
        let mut built = Built::default();
        for group in groups {
            built.add(group, &self.config);
        }
        for failure in &built.failures {
            error!(
                err = failure,
                scrape_pool = self.config.job_name,
                "Creating target failed"
            );
        }
        let config = Arc::clone(&self.config);
        let job = [&*config.job_name];
        let metrics = self.common.metrics.clone();
        metrics.sync_failed.with(&job).add(built.failures.len() as f64);

        self.order.clear();
        let mut wanted = HashSet::new();
        for target in built.targets {
            if !wanted.insert(target.hash) {
                continue;
            }
            self.order.push(target.hash);
            match self.loops.get(&target.hash) {
                Some(running) => running.watched.rediscover(&target.discovered),
                None => self.start(Arc::new(target)),
            }
        }
        self.forget_sockets();
        let gone = self.loops.extract_if(|hash, _| !wanted.contains(hash));
        let gone: Vec<Running> = gone.map(|(_, running)| running).collect();
        metrics.targets.with(&job).set(wanted.len() as f64);
        self.check_target_limit();
        // Should a target come back, its old loop has stored everything by then.
        end_all(gone).await;

        let seconds = started.elapsed().as_secs_f64();
        metrics.sync_length.with(&job).observe(seconds);
        metrics.sync_length_histogram.with(&job).observe(seconds);
        metrics.syncs.with(&job).inc();
        self.view(built.dropped)
    }

    fn view(&self, mut dropped: Vec<tsdb::model::Labels>) -> PoolView {
        let dropped_count = dropped.len();
        match usize::try_from(self.config.keep_dropped_targets) {
            Ok(0) | Err(_) => {}
            Ok(kept) => dropped.truncate(kept),
        }
        let watched = self.order.iter().filter_map(|hash| self.loops.get(hash));
        PoolView {
            active: watched.map(|running| Arc::clone(&running.watched)).collect(),
            dropped,
            dropped_count,
        }
    }

    /// Goes on under another configuration, with the targets that there are until they are discovered anew.
    pub(super) async fn reload(&mut self, config: Arc<ScrapeConfig>) -> Result<(), HttpError> {
        let started = Instant::now();
        let metrics = self.common.metrics.clone();
        metrics.reloads.inc();
        self.client = HttpClient::new(&config.http_client).inspect_err(|_| metrics.reloads_failed.inc())?;
        self.unix_clients.clear();
        let keeps_cache = makes_the_same_series(&self.config, &config);
        self.config = config;
        let limit = metrics.target_limit.with(&[&self.config.job_name]);
        limit.set(self.config.target_limit as f64);
        self.check_target_limit();

        let old: Vec<Running> = self.loops.drain().map(|(_, running)| running).collect();
        let mut handed_over = Vec::new();
        let mut ended = Vec::new();
        for running in old {
            let watched = Arc::clone(&running.watched);
            if keeps_cache {
                let (sender, recorder) = oneshot::channel();
                if running.stop.send(Stop::HandOver(sender)).is_err() {
                    tracing::warn!(target = watched.target().url, "A scrape loop ended by itself");
                }
                handed_over.push((watched, recorder));
            } else {
                ended.push(running);
                handed_over.push((watched, oneshot::channel().1));
            }
        }
        end_all(ended).await;
        for (watched, recorder) in handed_over {
            self.start_watched(watched, recorder.await.ok());
        }
        let interval = format_ms(self.config.scrape_interval_ms);
        metrics
            .reload_length
            .with(&[&interval])
            .observe(started.elapsed().as_secs_f64());
        Ok(())
    }

    fn start(&mut self, target: Arc<Target>) {
        let recorder = Box::new(Recorder::new(self.common.texts.clone()));
        let watched = Arc::new(Watched::new(target, recorder.families()));
        self.start_watched(watched, Some(recorder));
    }

    fn start_watched(&mut self, watched: Arc<Watched>, recorder: Option<Box<Recorder>>) {
        let target = watched.target();
        let recorder = recorder.unwrap_or_else(|| Box::new(Recorder::new(self.common.texts.clone())));
        watched.show(recorder.families());
        let (stop, stopped) = oneshot::channel();
        let life = Life {
            common: self.common.clone(),
            config: Arc::clone(&self.config),
            pool: Arc::clone(&self.state),
            watched: Arc::clone(&watched),
            target: Arc::clone(&target),
        };
        let scraping = Loop {
            life: Arc::new(life),
            fetch: self.fetch(&target),
            recorder: RecorderPlace::Here(recorder),
            offset_seed: self.offset_seed,
            stop: stopped,
            cancelled: self.cancel.subscribe(),
        };
        let running = Running {
            watched,
            stop,
            ended: tokio::spawn(scraping.run()),
        };
        self.loops.insert(target.hash, running);
    }

    fn fetch(&mut self, target: &Target) -> Box<dyn Fetch> {
        let client = match &target.unix_socket {
            None => Ok(self.client.clone()),
            Some(path) => self.unix_client(path).map_err(|error| {
                let path = path.display();
                format!("creating unix socket scrape client for \"{path}\": {error}")
            }),
        };
        Box::new(HttpFetch::new(client, target, &self.config))
    }

    /// A client for each socket, since connections are pooled by host.
    fn unix_client(&mut self, path: &PathBuf) -> Result<HttpClient, HttpError> {
        if let Some(client) = self.unix_clients.get(path) {
            return Ok(client.clone());
        }
        let client = HttpClient::through_unix_socket(&self.config.http_client, path.clone())?;
        self.unix_clients.insert(path.clone(), client.clone());
        Ok(client)
    }

    fn forget_sockets(&mut self) {
        let used: HashSet<PathBuf> = self
            .loops
            .iter()
            .filter(|(hash, _)| self.order.contains(hash))
            .filter_map(|(_, running)| running.watched.target().unix_socket.clone())
            .collect();
        self.unix_clients.retain(|path, _| used.contains(path));
    }

    fn check_target_limit(&self) {
        let (count, limit) = (self.loops.len(), self.config.target_limit);
        let exceeded = limit > 0 && count as u64 > limit;
        if exceeded {
            self.common.metrics.exceeded_target_limit.inc();
        }
        let reason =
            exceeded.then(|| format!("target_limit exceeded (number of targets: {count}, limit: {limit})"));
        self.state.forbidden.store(reason.map(Arc::new));
    }

    /// Ends all loops without stale markers, after the scrapes that are under way.
    pub(super) async fn stop(self) {
        self.cancel.send_replace(true);
        for running in self.loops.into_values() {
            // A panic inside was reported when it happened.
            drop(running.ended.await);
        }
        self.common.metrics.forget_job(&self.config.job_name);
    }
}

/// Tells the loops to end and waits until none of them scrapes any more. Stale markers come later.
async fn end_all(gone: Vec<Running>) {
    let mut quiet = Vec::new();
    for running in gone {
        let (sender, receiver) = oneshot::channel();
        if running.stop.send(Stop::End(sender)).is_ok() {
            quiet.push(receiver);
        }
    }
    for receiver in quiet {
        drop(receiver.await);
    }
}

/// Whether both configurations make the same series of a page: they may differ in timing and fetching.
fn makes_the_same_series(one: &ScrapeConfig, other: &ScrapeConfig) -> bool {
    let essence = |config: &ScrapeConfig| ScrapeConfig {
        scrape_interval_ms: 0,
        scrape_timeout_ms: 0,
        sample_limit: 0,
        http_client: HttpClientConfig::default(),
        ..config.clone()
    };
    essence(one) == essence(other)
}
