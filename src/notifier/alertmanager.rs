//! The Alertmanagers of one section of `alertmanagers`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::error;
use tsdb::model::{Labels, LabelsBuilder};

use super::metrics::NotifierMetrics;
use super::send::{SendLoop, Sender};
use super::{Alert, Options};
use crate::aws::{Environment, SigV4Signer};
use crate::config::{AlertmanagerConfig, HttpClientConfig, RelabelConfig};
use crate::discovery::TargetGroup;
use crate::http_client::HttpClient;
use crate::relabel::relabel;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__alerts_path__";

/// The Alertmanagers of one section, each with its queue.
#[derive(Debug)]
pub(super) struct AlertmanagerSet {
    pub(super) config: AlertmanagerConfig,
    sender: Sender,
    /// By URL, which makes each one unique.
    loops: BTreeMap<String, SendLoop>,
    found: Found,
}

/// URLs of Alertmanagers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Those that alerts are sent to.
    pub(super) active: Vec<String>,
    /// Those that relabelling dropped.
    pub(super) dropped: Vec<String>,
}

impl AlertmanagerSet {
    /// A set that waits to hear who belongs to it.
    pub(super) fn new(config: &AlertmanagerConfig) -> Result<Self, String> {
        let timeout = Duration::from_millis(u64::try_from(config.timeout_ms).unwrap_or(0));
        let client = client(config)?;
        Ok(Self {
            config: config.clone(),
            sender: Sender { client, timeout },
            loops: BTreeMap::new(),
            found: Found::default(),
        })
    }

    /// Who belongs to it.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// Begins to send to those that are new; the tasks that end with those that are gone.
    pub(super) fn sync(
        &mut self,
        groups: &[Arc<TargetGroup>],
        options: &Options,
        metrics: &NotifierMetrics,
        runtime: &Handle,
    ) -> Vec<JoinHandle<()>> {
        self.found = Found::default();
        for group in groups {
            match of_group(group, &self.config) {
                Ok(found) => {
                    self.found.active.extend(found.active);
                    self.found.dropped.extend(found.dropped);
                }
                Err(error) => error!(%error, "Creating discovered Alertmanagers failed"),
            }
        }
        let mut before = std::mem::take(&mut self.loops);
        self.found.active.retain(|url| {
            if self.loops.contains_key(url) {
                return false;
            }
            let start = || SendLoop::start(url, self.sender.clone(), options, metrics, runtime);
            let sending = before.remove(url).unwrap_or_else(start);
            self.loops.insert(url.clone(), sending);
            true
        });
        before.into_values().map(SendLoop::stop).collect()
    }

    /// Queues alerts for each of them, relabelled by the section's own rules.
    pub(super) fn send(&self, alerts: &[Arc<Alert>]) {
        if self.config.alert_relabel_configs.is_empty() {
            self.loops.values().for_each(|sending| sending.add(alerts));
            return;
        }
        let relabelled = relabelled(alerts, &self.config.alert_relabel_configs, &Labels::empty());
        if !relabelled.is_empty() {
            self.loops.values().for_each(|sending| sending.add(&relabelled));
        }
    }

    /// Stops all; the tasks that end with them.
    pub(super) fn stop(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.loops)
            .into_values()
            .map(SendLoop::stop)
            .collect()
    }
}

/// The client of a section, which signs if the section says so.
fn client(config: &AlertmanagerConfig) -> Result<HttpClient, String> {
    let options = &config.http_client;
    let client = match &config.sigv4 {
        None => HttpClient::new(options),
        Some(sigv4) => {
            // Options of the section are for its Alertmanagers, not for AWS.
            let aws = HttpClient::new(&HttpClientConfig::default()).map_err(|error| error.to_string())?;
            let signer = SigV4Signer::new(sigv4, aws, Environment::of_process());
            let signer = signer.map_err(|error| error.to_string())?;
            HttpClient::signed(options, Arc::new(signer))
        }
    };
    client.map_err(|error| error.to_string())
}

/// Alerts with external labels where they have none of that name, then relabelled; dropped ones are left out.
pub(super) fn relabelled(
    alerts: &[Arc<Alert>],
    rules: &[RelabelConfig],
    external_labels: &Labels,
) -> Vec<Arc<Alert>> {
    if rules.is_empty() && external_labels.is_empty() {
        return alerts.to_vec();
    }
    let one = |alert: &Arc<Alert>| {
        let mut labels = LabelsBuilder::from_labels(&alert.labels);
        for (name, value) in external_labels.iter() {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        relabel(rules, &mut labels).then(|| {
            let mut alert = Alert::clone(alert);
            alert.labels = labels.build();
            Arc::new(alert)
        })
    };
    alerts.iter().filter_map(one).collect()
}

/// Whether all entries of `group` can be Alertmanagers or are dropped.
///
/// # Errors
/// What is wrong with the first that cannot.
pub fn check_group(group: &TargetGroup, config: &AlertmanagerConfig) -> Result<(), String> {
    of_group(group, config).map(drop)
}

/// The Alertmanagers of a group; an address that is a URL spoils the group, as it does to Prometheus.
fn of_group(group: &TargetGroup, config: &AlertmanagerConfig) -> Result<Found, String> {
    let mut found = Found::default();
    for target in &group.targets {
        let mut labels = LabelsBuilder::from_labels(target);
        labels.set(SCHEME, &config.scheme);
        labels.set(PATH, &joined_path(&config.path_prefix));
        for (name, value) in group.labels.iter() {
            if target.get(name).is_none() {
                labels.set(name, value);
            }
        }
        let before = url(&labels);
        if !relabel(&config.relabel_configs, &mut labels) {
            found.dropped.push(before);
            continue;
        }
        let address = labels.get(ADDRESS).unwrap_or("");
        if address.contains('/') {
            return Err(format!("{address:?} is not a valid hostname"));
        }
        found.active.push(url(&labels));
    }
    Ok(found)
}

/// `/prefix/api/v2/alerts`, with `//`, `.` and `..` resolved as Go's `path.Join` does.
fn joined_path(prefix: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(["api", "v2", "alerts"]) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The URL that labels make, written as Go writes it.
fn url(labels: &LabelsBuilder) -> String {
    let value = |name| labels.get(name).unwrap_or("");
    let (scheme, host, path) = (value(SCHEME), value(ADDRESS), value(PATH));
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(scheme);
        url.push(':');
    }
    if !scheme.is_empty() || !host.is_empty() {
        url.push_str("//");
        url.push_str(host);
    }
    if !path.is_empty() && !path.starts_with('/') {
        url.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(byte.into()),
            _ if b"-_.~$&+,/:;=@".contains(&byte) => url.push(byte.into()),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests;
