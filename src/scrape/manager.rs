//! All pools: what the configuration asks for and discovery finds, brought together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::error;
use tsdb::batch::Appendable;
use tsdb::model::Labels;

use super::clock::Clock;
use super::failure_log::{FailureLog, open_all};
use super::ingest::IngestPool;
use super::metadata::Texts;
use super::metrics::ScrapeMetrics;
use super::pool::Pool;
use super::run::Common;
use super::schedule::{host_name, offset_seed};
use super::url::Outside;
use super::view::Targets;
use crate::config::scrape::{ScrapeConfig, ScrapeProtocol};
use crate::discovery::TargetGroup;
use crate::telemetry::Registry;

/// A configuration that cannot be applied; the text says why.
#[derive(Debug)]
pub struct ScrapeError {
    text: String,
}

impl std::fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ScrapeError {}

/// Scrapes. To be used within a tokio runtime.
#[derive(Debug)]
pub struct ScrapeManager {
    common: Common,
    targets: Targets,
    host: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: BTreeMap<String, Arc<ScrapeConfig>>,
    pools: BTreeMap<String, Pool>,
    failure_logs: BTreeMap<PathBuf, Arc<FailureLog>>,
    offset_seed: u64,
}

impl ScrapeManager {
    /// A manager without jobs that stores into `storage`.
    ///
    /// # Errors
    /// When the system refuses the threads for ingestion.
    pub fn new(
        storage: Arc<dyn Appendable>,
        registry: &Registry,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let metrics = ScrapeMetrics::new(registry);
        Ok(Self {
            targets: Targets::new(registry),
            common: Common {
                storage,
                clock,
                ingest: IngestPool::start()?,
                metrics,
                texts: Texts::default(),
            },
            host: host_name(),
            inner: Mutex::default(),
        })
    }

    /// What is scraped, for others to look at.
    pub fn targets(&self) -> Targets {
        self.targets.clone()
    }

    /// Says how this server is reached from outside, for the addresses that the web shows.
    pub fn set_outside(&self, outside: Outside) {
        *self.targets.outside.write() = outside;
    }

    /// Goes over to the jobs of a new configuration. Pools of unchanged jobs run on undisturbed.
    ///
    /// # Errors
    /// When a log cannot be opened or a job asks for what cannot be done: then nothing changes. When a
    /// pool cannot be reloaded, the others are.
    pub async fn apply(
        &self,
        jobs: &[Arc<ScrapeConfig>],
        external_labels: &Labels,
    ) -> Result<(), ScrapeError> {
        if let Some(text) = jobs.iter().find_map(|job| unsupported(job)) {
            return Err(ScrapeError { text });
        }
        let paths = jobs.iter().filter_map(|job| job.scrape_failure_log_file.as_ref());
        let failure_logs = open_all(paths).map_err(|text| ScrapeError { text })?;
        let mut inner = self.inner.lock().await;
        inner.failure_logs = failure_logs;
        inner.offset_seed = offset_seed(&self.host, external_labels);
        inner.jobs = jobs
            .iter()
            .map(|job| (job.job_name.clone(), Arc::clone(job)))
            .collect();
        let mut failed = false;
        for (name, mut pool) in std::mem::take(&mut inner.pools) {
            let Some(config) = inner.jobs.get(&name).map(Arc::clone) else {
                self.targets.pools.write().remove(&name);
                pool.stop().await;
                continue;
            };
            pool.log_failures_to(inner.failure_log(&config));
            if *pool.config() != config
                && let Err(error) = pool.reload(config).await
            {
                error!(%error, scrape_pool = name, "error reloading scrape pool");
                failed = true;
            }
            inner.pools.insert(name, pool);
        }
        match failed {
            true => Err(ScrapeError {
                text: "failed to apply the new configuration".to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Takes over what discovery has found: target groups by job name. Jobs that are not named keep what they have.
    pub async fn set_target_groups(&self, groups: impl IntoIterator<Item = (String, Vec<TargetGroup>)>) {
        let mut inner = self.inner.lock().await;
        for (name, groups) in groups {
            if !inner.pools.contains_key(&name) && !self.add_pool(&mut inner, &name) {
                continue;
            }
            if let Some(pool) = inner.pools.get_mut(&name) {
                let view = pool.sync(&groups).await;
                self.targets.pools.write().insert(name, view);
            }
        }
    }

    fn add_pool(&self, inner: &mut Inner, name: &str) -> bool {
        let Some(config) = inner.jobs.get(name).map(Arc::clone) else {
            error!(
                err = format!("invalid config id:{name}"),
                "error reloading target set"
            );
            return false;
        };
        let metrics = &self.common.metrics;
        metrics.pools.inc();
        let failure_log = inner.failure_log(&config);
        match Pool::new(self.common.clone(), config, inner.offset_seed, failure_log) {
            Ok(pool) => {
                inner.pools.insert(name.to_owned(), pool);
                true
            }
            Err(error) => {
                metrics.pools_failed.inc();
                let err = format!("error creating HTTP client: {error}");
                error!(err, scrape_pool = name, "error creating new scrape pool");
                false
            }
        }
    }

    /// Ends all scraping, after the scrapes under way, without stale markers: the server will be back.
    pub async fn stop(&self) {
        let pools = std::mem::take(&mut self.inner.lock().await.pools);
        let stops = pools.into_values().map(Pool::stop);
        futures_util::future::join_all(stops).await;
    }
}

impl Inner {
    fn failure_log(&self, config: &ScrapeConfig) -> Option<Arc<FailureLog>> {
        let path = config.scrape_failure_log_file.as_ref()?;
        self.failure_logs.get(path).map(Arc::clone)
    }
}

/// What a job asks for that cannot be done: nothing is accepted and then left out.
fn unsupported(job: &ScrapeConfig) -> Option<String> {
    let only_protobuf = job.scrape_protocols == [ScrapeProtocol::PrometheusProto];
    let asked = [
        (job.scrape_native_histograms, "scrape_native_histograms"),
        (
            job.convert_classic_histograms_to_nhcb,
            "convert_classic_histograms_to_nhcb",
        ),
        (only_protobuf, "scrape_protocols: [PrometheusProto]"),
    ];
    let (_, key) = asked.into_iter().find(|(asked, _)| *asked)?;
    let name = &job.job_name;
    Some(format!(
        "scrape config with job name {name:?}: {key} is not supported"
    ))
}
