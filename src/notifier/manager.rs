//! Takes alerts and hands them to the queues of all Alertmanagers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};
use tsdb::model::Labels;

use super::Alert;
use super::alertmanager::{AlertmanagerSet, relabelled};
use super::metrics::NotifierMetrics;
use crate::config::{AlertingConfig, RelabelConfig};
use crate::discovery::Discovered;
use crate::telemetry::Registry;

/// How alerts are sent.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many alerts may wait for one Alertmanager.
    pub queue_capacity: usize,
    /// How many alerts one request may hold.
    pub batch_size: usize,
    /// Whether those that wait are sent before the end.
    pub drain_on_shutdown: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_capacity: 10_000,
            batch_size: BATCH_SIZE_DEFAULT,
            drain_on_shutdown: true,
        }
    }
}

/// How many alerts one request may hold, unless told otherwise.
const BATCH_SIZE_DEFAULT: usize = 256;

/// Takes alerts and hands them to the queues of all Alertmanagers. Cloning shares it.
#[derive(Clone, Debug)]
pub struct NotifierManager {
    options: Options,
    metrics: NotifierMetrics,
    runtime: Handle,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    external_labels: Labels,
    rules: Vec<RelabelConfig>,
    /// By the name that discovery knows the section by: `config-0`.
    sets: BTreeMap<String, AlertmanagerSet>,
    /// Tasks of Alertmanagers that are gone.
    ending: Vec<JoinHandle<()>>,
    is_stopped: bool,
}

impl NotifierManager {
    /// A manager that sends on the runtime that it is made on, and knows nobody yet.
    pub fn new(mut options: Options, registry: &Registry) -> Self {
        if options.batch_size == 0 {
            options.batch_size = BATCH_SIZE_DEFAULT;
        }
        let state = Arc::new(Mutex::new(State::default()));
        let counted = Arc::clone(&state);
        registry.gauge_fn(
            "prometheus_notifications_alertmanagers_discovered",
            "The number of alertmanagers discovered and active.",
            move || counted.lock().active().len() as f64,
        );
        Self {
            metrics: NotifierMetrics::new(registry, options.queue_capacity),
            options,
            runtime: Handle::current(),
            state,
        }
    }

    /// The sections of `alerting` by the names that discovery is to use for them.
    pub fn sections(
        alerting: &AlertingConfig,
    ) -> impl Iterator<Item = (String, &crate::config::AlertmanagerConfig)> {
        let names = (0..).map(|at: usize| format!("config-{at}"));
        names.zip(&alerting.alertmanagers)
    }

    /// Follows a configuration. Sections that are the same keep their Alertmanagers and queues.
    ///
    /// # Errors
    /// When a section's HTTP client cannot be made; then nothing has changed.
    pub fn apply(&self, alerting: &AlertingConfig, external_labels: &Labels) -> Result<(), String> {
        let mut fresh = Vec::new();
        for (name, config) in Self::sections(alerting) {
            fresh.push((name, AlertmanagerSet::new(config)?));
        }
        let mut state = self.state.lock();
        let mut before: Vec<AlertmanagerSet> = std::mem::take(&mut state.sets).into_values().collect();
        for (name, set) in fresh {
            let same = before.iter().position(|known| known.config == set.config);
            let set = same.map_or(set, |at| before.swap_remove(at));
            state.sets.insert(name, set);
        }
        for mut gone in before {
            state.ending.extend(gone.stop());
        }
        state.rules.clone_from(&alerting.alert_relabel_configs);
        state.external_labels = external_labels.clone();
        Ok(())
    }

    /// Follows discovery until it ends or the manager is shut down.
    pub async fn follow(&self, mut discovered: watch::Receiver<Arc<Discovered>>) {
        loop {
            let latest = Arc::clone(&discovered.borrow_and_update());
            self.sync(&latest);
            if discovered.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends to those that were found from now on, and to no others.
    pub fn sync(&self, discovered: &Discovered) {
        let mut state = self.state.lock();
        if state.is_stopped {
            return;
        }
        let state = &mut *state;
        state.ending.retain(|task| !task.is_finished());
        for (name, groups) in discovered {
            let Some(set) = state.sets.get_mut(name) else {
                error!(id = %name, "couldn't sync alert manager set");
                continue;
            };
            let ending = set.sync(groups, &self.options, &self.metrics, &self.runtime);
            state.ending.extend(ending);
        }
    }

    /// Queues alerts for all Alertmanagers, with external labels and relabelled. Never waits.
    pub fn send(&self, alerts: Vec<Alert>) {
        let state = self.state.lock();
        if state.is_stopped {
            return;
        }
        let alerts: Vec<Arc<Alert>> = alerts.into_iter().map(Arc::new).collect();
        let alerts = relabelled(&alerts, &state.rules, &state.external_labels);
        if !alerts.is_empty() {
            state.sets.values().for_each(|set| set.send(&alerts));
        }
    }

    /// URLs of those that alerts are sent to.
    pub fn alertmanagers(&self) -> Vec<String> {
        self.state.lock().active()
    }

    /// URLs of those that relabelling dropped.
    pub fn dropped_alertmanagers(&self) -> Vec<String> {
        let state = self.state.lock();
        let sets = state.sets.values();
        sets.flat_map(|set| set.found().dropped.clone()).collect()
    }

    /// Takes no more alerts; returns when those that wait are sent, or dropped if so wished.
    pub async fn shutdown(&self) {
        info!("Stopping notification manager...");
        let ending = {
            let mut state = self.state.lock();
            state.is_stopped = true;
            let mut ending = std::mem::take(&mut state.ending);
            ending.extend(state.sets.values_mut().flat_map(AlertmanagerSet::stop));
            ending
        };
        for task in ending {
            if let Err(error) = task.await {
                error!(%error, "A notification task did not end well");
            }
        }
    }
}

impl State {
    fn active(&self) -> Vec<String> {
        let sets = self.sets.values();
        sets.flat_map(|set| set.found().active.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
