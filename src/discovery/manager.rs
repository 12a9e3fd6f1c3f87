//! Runs the providers of all jobs and publishes what they found.
//!
//! ```text
//! apply(jobs)  starts providers that are new, keeps those whose configuration is the same, stops the rest
//! provider     tells ──▶ its groups change ──▶ news
//! publisher    news ──▶ waits 0.1 s … 5 s for more ──▶ job → groups, to whoever watches
//! ```
//!
//! Jobs with the same configuration share a provider. The reader sees the latest state, never a backlog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::error;

use super::TargetGroup;
use super::backoff::Backoff;
use super::metrics::DiscoveryMetrics;
use super::provider::{Provider, ProviderConfig, Updates};
use crate::config::DiscoveryConfigs;

/// The groups of each job; a job without targets is there too.
pub type Discovered = BTreeMap<String, Vec<Arc<TargetGroup>>>;

/// How a manager works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name in metrics: `scrape` or `notify`.
    pub name: &'static str,
    /// How long news are held back at most while they keep coming.
    pub hold_back_max: Duration,
}

impl Options {
    /// As Prometheus: news are held back for five seconds at most.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            hold_back_max: Duration::from_secs(5),
        }
    }
}

/// Runs the providers of all jobs. Dropping it stops them.
#[derive(Debug)]
pub struct Manager {
    shared: Arc<Shared>,
    /// Publishes; stopped with the manager.
    publisher: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    metrics: DiscoveryMetrics,
    running: Mutex<Vec<Running>>,
    /// Something changed since the last publication.
    is_changed: AtomicBool,
    news: Notify,
    published: watch::Sender<Arc<Discovered>>,
}

/// A provider at work. Dropping it stops it.
#[derive(Debug)]
struct Running {
    config: ProviderConfig,
    jobs: BTreeSet<String>,
    /// What it told last, by source.
    groups: Arc<Mutex<Groups>>,
    task: JoinHandle<()>,
}

type Groups = BTreeMap<String, Arc<TargetGroup>>;

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.publisher.abort();
        self.shared.running.lock().clear();
    }
}

impl Manager {
    /// A manager without jobs, and where it publishes. Must be called on a runtime.
    pub fn start(options: Options, metrics: &DiscoveryMetrics) -> (Self, watch::Receiver<Arc<Discovered>>) {
        let (published, watching) = watch::channel(Arc::default());
        let shared = Arc::new(Shared {
            options,
            metrics: metrics.clone(),
            running: Mutex::default(),
            is_changed: AtomicBool::new(false),
            news: Notify::new(),
            published,
        });
        metrics.failed_configs.with(&[shared.options.name]).set(0.0);
        for counters in [
            &metrics.received_updates,
            &metrics.delayed_updates,
            &metrics.sent_updates,
        ] {
            // Made now, so that they are seen before they count.
            counters.with(&[shared.options.name]);
        }
        let publisher = tokio::spawn(publish(Arc::clone(&shared)));
        (Self { shared, publisher }, watching)
    }

    /// Runs the providers of `jobs` and no others; those whose configuration is the same go on.
    ///
    /// A provider that cannot be built is logged and counted; the job has its others.
    pub fn apply(&self, jobs: &BTreeMap<String, DiscoveryConfigs>) {
        let shared = &self.shared;
        let mut wanted: Vec<(ProviderConfig, BTreeSet<String>)> = Vec::new();
        for (job, configs) in jobs {
            for config in ProviderConfig::of_job(configs) {
                match wanted.iter_mut().find(|(known, _)| *known == config) {
                    Some((_, jobs)) => drop(jobs.insert(job.clone())),
                    None => wanted.push((config, BTreeSet::from([job.clone()]))),
                }
            }
        }
        let mut failed = 0;
        let mut running = shared.running.lock();
        let mut before = std::mem::take(&mut *running);
        // Before any is built, for one that comes may be counted under the names of one that goes.
        for known in &before {
            let still = wanted.iter().find(|(config, _)| *config == known.config);
            shared.forget(known, |job| still.is_none_or(|(_, jobs)| !jobs.contains(job)));
        }
        for (config, jobs) in wanted {
            if let Some(at) = before.iter().position(|known| known.config == config) {
                let mut known = before.swap_remove(at);
                known.jobs = jobs;
                running.push(known);
                continue;
            }
            let job = jobs.first().map_or("", String::as_str);
            match config.build(job, &shared.metrics) {
                Ok(provider) => running.push(self.run(provider, config, jobs)),
                Err(error) => {
                    let kind = config.mechanism();
                    error!(%error, r#type = kind, config = job, "Cannot create service discovery");
                    failed += 1;
                }
            }
        }
        let gone: BTreeSet<&String> = before.iter().flat_map(|gone| &gone.jobs).collect();
        for job in gone.into_iter().filter(|job| !jobs.contains_key(*job)) {
            shared
                .metrics
                .discovered_targets
                .remove(&[job, shared.options.name]);
            shared.metrics.last_update.remove(&[job, shared.options.name]);
        }
        drop(running);
        let failed_configs = shared.metrics.failed_configs.with(&[shared.options.name]);
        failed_configs.set(f64::from(failed));
        // Readers expect the full state after a reload, also if nothing is new.
        shared.tell();
    }

    fn run(&self, provider: Box<dyn Provider>, config: ProviderConfig, jobs: BTreeSet<String>) -> Running {
        let groups = Arc::new(Mutex::default());
        let (updates, heard) = Updates::channel();
        let listening = listen(Arc::clone(&self.shared), Arc::clone(&groups), heard);
        let task = tokio::spawn(async move {
            tokio::join!(provider.run(updates), listening);
        });
        Running {
            config,
            jobs,
            groups,
            task,
        }
    }
}

/// Keeps a provider's groups as it tells of them.
async fn listen(
    shared: Arc<Shared>,
    groups: Arc<Mutex<Groups>>,
    mut heard: mpsc::Receiver<Vec<TargetGroup>>,
) {
    let received = shared.metrics.received_updates.with(&[shared.options.name]);
    while let Some(told) = heard.recv().await {
        received.inc();
        {
            let mut groups = groups.lock();
            for group in told {
                if group.targets.is_empty() {
                    groups.remove(&group.source);
                } else {
                    groups.insert(group.source.clone(), Arc::new(group));
                }
            }
        }
        shared.tell();
    }
}

/// Publishes news, holding them back the longer the more of them come.
async fn publish(shared: Arc<Shared>) {
    let longest = shared.options.hold_back_max;
    let sent = shared.metrics.sent_updates.with(&[shared.options.name]);
    let mut backoff = Backoff::new(longest);
    let mut last_sent: Option<Instant> = None;
    loop {
        shared.news.notified().await;
        if last_sent.is_none_or(|at| at.elapsed() > longest) {
            backoff.reset();
        }
        sleep(backoff.next()).await;
        if shared.is_changed.swap(false, Ordering::AcqRel) {
            sent.inc();
            shared.published.send_replace(Arc::new(shared.all_groups()));
            last_sent = Some(Instant::now());
        }
    }
}

impl Shared {
    fn tell(&self) {
        self.is_changed.store(true, Ordering::Release);
        self.news.notify_one();
    }

    fn all_groups(&self) -> Discovered {
        let mut all = Discovered::new();
        for provider in &*self.running.lock() {
            let groups: Vec<Arc<TargetGroup>> = provider.groups.lock().values().map(Arc::clone).collect();
            for job in &provider.jobs {
                all.entry(job.clone())
                    .or_default()
                    .extend(groups.iter().map(Arc::clone));
            }
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_s = now.unwrap_or_default().as_secs_f64();
        for (job, groups) in &all {
            let labels = [job.as_str(), self.options.name];
            let targets: usize = groups.iter().map(|group| group.targets.len()).sum();
            self.metrics.discovered_targets.with(&labels).set(targets as f64);
            self.metrics.last_update.with(&labels).set(now_s);
        }
        all
    }

    /// Drops the metrics of a provider's refreshes for those of its jobs that have left it.
    fn forget(&self, provider: &Running, has_left: impl Fn(&String) -> bool) {
        for job in provider.jobs.iter().filter(|job| has_left(job)) {
            self.metrics.forget_refresh(provider.config.mechanism(), job);
        }
    }
}

#[cfg(test)]
mod tests;
