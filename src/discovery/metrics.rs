//! Metrics of discovery, shared by all managers.

use super::kubernetes::KubernetesMetrics;
use crate::telemetry::{Counter, Family, Gauge, Histogram, Registry, Summary};

/// Metrics of discovery; make them once for all managers.
#[derive(Clone, Debug)]
pub struct DiscoveryMetrics {
    pub(super) failed_configs: Family<Gauge>,
    pub(super) discovered_targets: Family<Gauge>,
    pub(super) received_updates: Family<Counter>,
    pub(super) delayed_updates: Family<Counter>,
    pub(super) sent_updates: Family<Counter>,
    pub(super) last_update: Family<Gauge>,
    refresh_failures: Family<Counter>,
    refresh_duration: Family<Summary>,
    refresh_duration_histogram: Family<Histogram>,
    pub(super) file_read_errors: Counter,
    pub(super) file_watcher_errors: Counter,
    pub(super) file_scan_duration: Summary,
    pub(super) file_mtime: Family<Gauge>,
    pub(super) http_failures: Counter,
    pub(super) kubernetes: KubernetesMetrics,
    pub(super) dns_lookups: Counter,
    pub(super) dns_lookup_failures: Counter,
    pub(super) consul_failures: Counter,
    /// By `call` and `endpoint`.
    pub(super) consul_duration: Family<Summary>,
}

/// The quantiles of every summary here.
const QUANTILES: &[f64] = &[0.5, 0.9, 0.99];

impl DiscoveryMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        let consul_duration = registry.summaries(
            "prometheus_sd_consul_rpc_duration_seconds",
            "The duration of a Consul RPC call in seconds.",
            &["call", "endpoint"],
            QUANTILES,
        );
        for call in ["services", "service"] {
            // Made now, so that they are seen before anything is asked.
            consul_duration.with(&[call, "catalog"]);
        }
        Self {
            failed_configs: registry.gauges(
                "prometheus_sd_failed_configs",
                "Current number of service discovery configurations that failed to load.",
                &["name"],
            ),
            discovered_targets: registry.gauges(
                "prometheus_sd_discovered_targets",
                "Current number of discovered targets.",
                &["config", "name"],
            ),
            received_updates: registry.counters(
                "prometheus_sd_received_updates_total",
                "Total number of update events received from the SD providers.",
                &["name"],
            ),
            delayed_updates: registry.counters(
                "prometheus_sd_updates_delayed_total",
                "Total number of update events that couldn't be sent immediately.",
                &["name"],
            ),
            sent_updates: registry.counters(
                "prometheus_sd_updates_total",
                "Total number of update events sent to the SD consumers.",
                &["name"],
            ),
            last_update: registry.gauges(
                "prometheus_sd_last_update_timestamp_seconds",
                "Timestamp of the last update sent to the SD consumers.",
                &["config", "name"],
            ),
            refresh_failures: registry.counters(
                "prometheus_sd_refresh_failures_total",
                "Number of refresh failures for the given SD mechanism.",
                &["config", "mechanism"],
            ),
            refresh_duration: registry.summaries(
                "prometheus_sd_refresh_duration_seconds",
                "The duration of a refresh in seconds for the given SD mechanism.",
                &["config", "mechanism"],
                QUANTILES,
            ),
            refresh_duration_histogram: registry.histograms(
                "prometheus_sd_refresh_duration_histogram_seconds",
                "The duration of a refresh for the given SD mechanism.",
                &["mechanism"],
                &[0.01, 0.1, 1.0, 10.0],
            ),
            file_read_errors: registry.counter(
                "prometheus_sd_file_read_errors_total",
                "The number of File-SD read errors.",
            ),
            file_watcher_errors: registry.counter(
                "prometheus_sd_file_watcher_errors_total",
                "The number of File-SD errors caused by filesystem watch failures.",
            ),
            file_scan_duration: registry.summary(
                "prometheus_sd_file_scan_duration_seconds",
                "The duration of the File-SD scan in seconds.",
                QUANTILES,
            ),
            file_mtime: registry.gauges(
                "prometheus_sd_file_mtime_seconds",
                "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.",
                &["filename"],
            ),
            http_failures: registry.counter(
                "prometheus_sd_http_failures_total",
                "Number of HTTP service discovery refresh failures.",
            ),
            kubernetes: KubernetesMetrics::new(registry),
            dns_lookups: registry.counter("prometheus_sd_dns_lookups_total", "The number of DNS-SD lookups."),
            dns_lookup_failures: registry.counter(
                "prometheus_sd_dns_lookup_failures_total",
                "The number of DNS-SD lookup failures.",
            ),
            consul_failures: registry.counter(
                "prometheus_sd_consul_rpc_failures_total",
                "The number of Consul RPC call failures.",
            ),
            consul_duration,
        }
    }

    /// Those of one provider that asks again and again.
    pub(super) fn refresh(&self, mechanism: &str, job: &str) -> RefreshMetrics {
        RefreshMetrics {
            failures: self.refresh_failures.with(&[job, mechanism]),
            duration: self.refresh_duration.with(&[job, mechanism]),
            duration_histogram: self.refresh_duration_histogram.with(&[mechanism]),
        }
    }

    /// Forgets what is known of a job's provider that is gone.
    pub(super) fn forget_refresh(&self, mechanism: &str, job: &str) {
        self.refresh_failures.remove(&[job, mechanism]);
        self.refresh_duration.remove(&[job, mechanism]);
    }
}

/// Metrics of one provider that asks again and again.
#[derive(Clone, Debug)]
pub(super) struct RefreshMetrics {
    pub(super) failures: Counter,
    pub(super) duration: Summary,
    pub(super) duration_histogram: Histogram,
}
