//! `dns_sd_configs`: targets from the records of DNS names.
//!
//! ```text
//! names ─┬─ search list ─ servers, one after the other ─┬─ records            a group of them
//!        │    (resolv.conf, read each time)             ├─ no such name       an empty group
//!        └─ all at once                                 └─ nobody knows       nothing: the group of before stands
//! ```
//!
//! `wire` knows messages, `server` asks one server, [`lookup`] asks all of them for all permutations of a name.
//! Start with [`lookup::Resolver::lookup`].

mod lookup;
mod resolv_conf;
mod server;
mod wire;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::{error, warn};
use tsdb::model::{Labels, LabelsBuilder};

use self::lookup::Resolver;
use self::wire::Record;
use super::label::host_port;
use super::metrics::RefreshMetrics;
use super::provider::{Provider, Updates};
use super::refresh::{Refresh, keep_asking};
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::DnsSdConfig;
use crate::telemetry::Counter;

/// Tells of what DNS says.
#[derive(Debug)]
pub(super) struct DnsProvider {
    names: Names,
    every: Duration,
    metrics: RefreshMetrics,
}

/// Names that are looked up.
#[derive(Debug)]
struct Names {
    config: DnsSdConfig,
    resolver: Resolver,
    lookups: Counter,
    failures: Counter,
}

impl DnsProvider {
    pub(super) fn new(config: &DnsSdConfig, job: &str, metrics: &DiscoveryMetrics) -> Self {
        let every = u64::try_from(config.refresh_interval_ms).unwrap_or(1).max(1);
        Self {
            names: Names {
                config: config.clone(),
                resolver: Resolver {
                    resolv_conf: PathBuf::from("/etc/resolv.conf"),
                    port: 53,
                },
                lookups: metrics.dns_lookups.clone(),
                failures: metrics.dns_lookup_failures.clone(),
            },
            every: Duration::from_millis(every),
            metrics: metrics.refresh("dns", job),
        }
    }
}

impl Provider for DnsProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(keep_asking(self.names, self.every, self.metrics, updates))
    }
}

impl Refresh for Names {
    /// Never fails as a whole: a name that cannot be looked up is logged, and its group stands.
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, String> {
        let groups = join_all(self.config.names.iter().map(|name| self.group(name))).await;
        Ok(groups.into_iter().flatten().collect())
    }
}

impl Names {
    async fn group(&self, name: &str) -> Option<TargetGroup> {
        let records = self.resolver.lookup(name, self.config.record_type).await;
        self.lookups.inc();
        match records {
            Ok(records) => Some(TargetGroup {
                source: name.to_owned(),
                targets: records
                    .iter()
                    .filter_map(|record| self.target(name, record))
                    .collect(),
                labels: Labels::empty(),
            }),
            Err(error) => {
                self.failures.inc();
                error!(%error, "Error refreshing DNS targets");
                None
            }
        }
    }

    fn target(&self, name: &str, record: &Record) -> Option<Labels> {
        let mut labels = LabelsBuilder::new();
        let port = self.config.port;
        let address = match record {
            Record::Srv { target, port } => {
                labels
                    .set("__meta_dns_srv_record_target", target)
                    .set("__meta_dns_srv_record_port", &port.to_string());
                host_port(unrooted(target), port)
            }
            Record::Mx(target) => {
                labels.set("__meta_dns_mx_record_target", target);
                host_port(unrooted(target), port)
            }
            Record::Ns(target) => {
                labels.set("__meta_dns_ns_record_target", target);
                host_port(unrooted(target), port)
            }
            Record::Address(ip) => host_port(&ip.to_string(), port),
            // Names with aliases are answered with both.
            Record::Alias => return None,
            Record::Other(kind) => {
                warn!(name, record = kind, "Invalid record");
                return None;
            }
        };
        labels.set("__address__", &address).set("__meta_dns_name", name);
        Some(labels.build())
    }
}

/// A name without the dot at its end, as people write it.
fn unrooted(name: &str) -> &str {
    name.trim_end_matches('.')
}

#[cfg(test)]
mod tests;
