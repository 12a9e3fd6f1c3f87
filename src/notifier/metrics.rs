//! Metrics of notification.

use crate::telemetry::{Counter, Family, Gauge, Histogram, Registry, Summary};

/// Those of all Alertmanagers; each has its members under its URL.
#[derive(Clone, Debug)]
pub(super) struct NotifierMetrics {
    latency: Family<Summary>,
    latency_histogram: Family<Histogram>,
    errors: Family<Counter>,
    sent: Family<Counter>,
    dropped: Family<Counter>,
    queue_length: Family<Gauge>,
}

const LABEL: &[&str] = &["alertmanager"];

impl NotifierMetrics {
    pub(super) fn new(registry: &Registry, queue_capacity: usize) -> Self {
        let capacity = registry.gauge(
            "prometheus_notifications_queue_capacity",
            "The capacity of the alert notifications queue.",
        );
        capacity.set(queue_capacity as f64);
        Self {
            latency: registry.summaries(
                "prometheus_notifications_latency_seconds",
                "Latency quantiles for sending alert notifications.",
                LABEL,
                &[0.5, 0.9, 0.99],
            ),
            latency_histogram: registry.histograms(
                "prometheus_notifications_latency_histogram_seconds",
                "Latency histogram for sending alert notifications.",
                LABEL,
                &[0.01, 0.1, 1.0, 10.0],
            ),
            errors: registry.counters(
                "prometheus_notifications_errors_total",
                "Total number of sent alerts affected by errors.",
                LABEL,
            ),
            sent: registry.counters(
                "prometheus_notifications_sent_total",
                "Total number of alerts sent.",
                LABEL,
            ),
            dropped: registry.counters(
                "prometheus_notifications_dropped_total",
                "Total number of alerts dropped due to errors when sending to Alertmanager.",
                LABEL,
            ),
            queue_length: registry.gauges(
                "prometheus_notifications_queue_length",
                "The number of alert notifications in the queue.",
                LABEL,
            ),
        }
    }

    /// Those of one Alertmanager. All but the latencies are seen from now on.
    pub(super) fn of(&self, url: &str) -> LoopMetrics {
        LoopMetrics {
            errors: self.errors.with(&[url]),
            sent: self.sent.with(&[url]),
            dropped: self.dropped.with(&[url]),
            queue_length: self.queue_length.with(&[url]),
        }
    }

    /// Notes how long a batch took.
    pub(super) fn observe_latency(&self, url: &str, seconds: f64) {
        self.latency.with(&[url]).observe(seconds);
        self.latency_histogram.with(&[url]).observe(seconds);
    }

    /// Drops those of an Alertmanager that is gone.
    pub(super) fn forget(&self, url: &str) {
        self.latency.remove(&[url]);
        self.latency_histogram.remove(&[url]);
        self.errors.remove(&[url]);
        self.sent.remove(&[url]);
        self.dropped.remove(&[url]);
        self.queue_length.remove(&[url]);
    }
}

/// Those of one Alertmanager.
#[derive(Debug)]
pub(super) struct LoopMetrics {
    pub(super) errors: Counter,
    pub(super) sent: Counter,
    pub(super) dropped: Counter,
    pub(super) queue_length: Gauge,
}
