//! `consul_sd_configs`: the instances of the services in a Consul catalog.
//!
//! ```text
//! agent/self ─▶ datacenter
//! catalog/services  ◀─ blocks until the catalog changes ─┐
//!     └─ a watcher for each service that is wanted       │  every question carries the index of the
//!          health/service/NAME  ◀─ blocks until it does ─┘  last answer, and waits for another one
//!              └─▶ a group for each service
//! ```
//!
//! With the names of the services given, and no tag or filter, the catalog is not asked for. A question that
//! fails is asked again later; what was told before stands. Start with [`ConsulProvider`].

mod api;
mod catalog;
mod instances;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};
use tracing::error;

use self::api::{Api, Watching};
use super::DiscoveryMetrics;
use super::provider::{Provider, Updates};
use crate::config::ConsulSdConfig;
use crate::telemetry::{Counter, Summary};

/// How long nothing is asked after a failure.
const RETRY: Duration = Duration::from_secs(15);

/// Tells of the instances of services.
#[derive(Debug)]
pub(super) struct ConsulProvider(Consul);

/// What is watched, and how.
#[derive(Debug)]
struct Consul {
    api: Api,
    watching: Watching,
    /// As configured, or as the agent says.
    datacenter: String,
    /// The services that are wanted; all if empty.
    services: Vec<String>,
    /// A filter expression for the catalog.
    filter: String,
    /// A filter expression for the instances of a service.
    health_filter: String,
    tags: Vec<String>,
    tag_separator: String,
    /// The least time between two questions of the same kind.
    every: Duration,
    retry: Duration,
    failures: Counter,
    catalog_duration: Summary,
    service_duration: Summary,
}

impl ConsulProvider {
    pub(super) fn new(config: &ConsulSdConfig, metrics: &DiscoveryMetrics) -> Result<Self, String> {
        let environment = |name: &str| std::env::var(name).ok();
        let every = u64::try_from(config.refresh_interval_ms).unwrap_or(1).max(1);
        Ok(Self(Consul {
            api: Api::new(config, &environment)?,
            watching: Watching {
                allow_stale: config.allow_stale,
                node_meta: config.node_meta.clone(),
            },
            datacenter: config.datacenter.clone(),
            services: config.services.clone(),
            filter: config.filter.clone(),
            health_filter: config.health_filter.clone(),
            tags: config.tags.clone(),
            tag_separator: config.tag_separator.clone(),
            every: Duration::from_millis(every),
            retry: RETRY,
            failures: metrics.consul_failures.clone(),
            catalog_duration: metrics.consul_duration.with(&["services", "catalog"]),
            service_duration: metrics.consul_duration.with(&["service", "catalog"]),
        }))
    }
}

impl Provider for ConsulProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.watch(updates))
    }
}

impl Consul {
    async fn watch(mut self, updates: Updates) {
        while self.datacenter.is_empty() {
            match self.datacenter_of_agent().await {
                Ok(datacenter) => self.datacenter = datacenter,
                Err(error) => {
                    error!(%error, "Error retrieving datacenter name");
                    sleep(self.retry).await;
                }
            }
        }
        let consul = Arc::new(self);
        if consul.services.is_empty() || !consul.tags.is_empty() || !consul.filter.is_empty() {
            catalog::watch(&consul, &updates).await;
        } else {
            let services = consul.services.iter();
            let watchers = services.map(|name| instances::watch(&consul, name, &updates));
            futures_util::future::join_all(watchers).await;
        }
    }

    async fn datacenter_of_agent(&self) -> Result<String, String> {
        let told = self.api.get::<Value>(&["agent", "self"], &[]).await;
        let told = told.inspect_err(|_| self.failures.inc())?.value;
        match &told["Config"]["Datacenter"] {
            Value::String(datacenter) if !datacenter.is_empty() => Ok(datacenter.clone()),
            other => Err(format!("invalid value '{other}' for Config.Datacenter")),
        }
    }

    /// When the next question may be asked: on a grid, however long an answer took.
    fn ticks(&self) -> Interval {
        let mut ticks = interval_at(Instant::now() + self.every, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    }
}

#[cfg(test)]
mod tests;
