//! Metrics of the HTTP server: `prometheus_http_…`.

use crate::telemetry::{Counter, Family, Histogram, Registry};

/// Upper bounds of durations, in seconds, as Prometheus' server has them.
const DURATION_BOUNDS: [f64; 10] = [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0, 300.0];
/// Upper bounds of answer sizes, in bytes, as Prometheus' server has them.
const SIZE_BOUNDS: [f64; 8] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Counts requests by handler.
#[derive(Debug)]
pub(super) struct HttpMetrics {
    requests: Family<Counter>,
    durations: Family<Histogram>,
    sizes: Family<Histogram>,
}

impl HttpMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            requests: registry.counters(
                "prometheus_http_requests_total",
                "Counter of HTTP requests.",
                &["code", "handler"],
            ),
            durations: registry.histograms(
                "prometheus_http_request_duration_seconds",
                "Histogram of latencies for HTTP requests.",
                &["handler"],
                &DURATION_BOUNDS,
            ),
            sizes: registry.histograms(
                "prometheus_http_response_size_bytes",
                "Histogram of response size for HTTP requests.",
                &["handler"],
                &SIZE_BOUNDS,
            ),
        }
    }

    /// Notes one answered request; the size is unknown for streams.
    pub(super) fn note(&self, handler: &str, code: u16, seconds: f64, size_bytes: Option<u64>) {
        self.requests.with(&[&code.to_string(), handler]).inc();
        self.durations.with(&[handler]).observe(seconds);
        if let Some(size_bytes) = size_bytes {
            self.sizes.with(&[handler]).observe(size_bytes as f64);
        }
    }
}
