//! What is counted of following a cluster.
//!
//! The names say `workqueue` and stem from Prometheus' library; here they tell of the groups that are to be made.

use crate::config::KubernetesRole;
use crate::telemetry::{Counter, Family, Gauge, Registry, Summary};

use super::cluster::Event;

/// Metrics of all Kubernetes discoveries.
#[derive(Clone, Debug)]
pub(crate) struct KubernetesMetrics {
    events: Family<Counter>,
    pub(super) failures: Counter,
    requests: Family<Counter>,
    request_duration: Family<Summary>,
    depth: Family<Gauge>,
    items: Family<Counter>,
    latency: Family<Summary>,
    work_duration: Family<Summary>,
}

impl Event {
    const ALL: [Self; 3] = [Self::Add, Self::Delete, Self::Update];

    fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl KubernetesMetrics {
    /// Registers them, with every event of every role at zero.
    pub(crate) fn new(registry: &Registry) -> Self {
        let queue = &["queue_name"];
        let metrics = Self {
            events: registry.counters(
                "prometheus_sd_kubernetes_events_total",
                "The number of Kubernetes events handled.",
                &["role", "event"],
            ),
            failures: registry.counter(
                "prometheus_sd_kubernetes_failures_total",
                "The number of failed WATCH/LIST requests.",
            ),
            requests: registry.counters(
                "prometheus_sd_kubernetes_http_request_total",
                "Total number of HTTP requests to the Kubernetes API by status code.",
                &["status_code"],
            ),
            request_duration: registry.summaries(
                "prometheus_sd_kubernetes_http_request_duration_seconds",
                "Summary of latencies for HTTP requests to the Kubernetes API by endpoint.",
                &["endpoint"],
                &[],
            ),
            depth: registry.gauges(
                "prometheus_sd_kubernetes_workqueue_depth",
                "Current depth of the work queue.",
                queue,
            ),
            items: registry.counters(
                "prometheus_sd_kubernetes_workqueue_items_total",
                "Total number of items added to the work queue.",
                queue,
            ),
            latency: registry.summaries(
                "prometheus_sd_kubernetes_workqueue_latency_seconds",
                "How long an item stays in the work queue.",
                queue,
                &[],
            ),
            work_duration: registry.summaries(
                "prometheus_sd_kubernetes_workqueue_work_duration_seconds",
                "How long processing an item from the work queue takes.",
                queue,
                &[],
            ),
        };
        for role in KubernetesRole::all() {
            for event in Event::ALL {
                metrics.events.with(&[role.as_str(), event.as_str()]);
            }
        }
        metrics
    }

    /// Those of one discovery.
    pub(super) fn of_role(&self, role: KubernetesRole) -> RoleMetrics {
        let queue = [role.as_str()];
        RoleMetrics {
            events: self.events.clone(),
            depth: self.depth.with(&queue),
            items: self.items.with(&queue),
            latency: self.latency.with(&queue),
            work_duration: self.work_duration.with(&queue),
        }
    }

    /// Counts a request by the status of its answer; without one there was none.
    pub(super) fn count_request(&self, path: &str, status: Option<u16>, seconds: f64) {
        let status = status.map_or_else(|| "<error>".to_owned(), |status| status.to_string());
        self.requests.with(&[&status]).inc();
        self.request_duration.with(&[path]).observe(seconds);
    }
}

/// Metrics of one discovery.
#[derive(Clone, Debug)]
pub(super) struct RoleMetrics {
    events: Family<Counter>,
    pub(super) depth: Gauge,
    pub(super) items: Counter,
    pub(super) latency: Summary,
    pub(super) work_duration: Summary,
}

impl RoleMetrics {
    pub(super) fn count(&self, role: KubernetesRole, event: Event) {
        self.events.with(&[role.as_str(), event.as_str()]).inc();
    }
}
