//! Metrics of the HTTP server: `prometheus_http_…`.

use std::sync::OnceLock;

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

    /// What is noted of the requests that one handler answers.
    pub(super) fn handler(&self, name: &str) -> Noted {
        Noted {
            name: name.to_owned(),
            successes: OnceLock::new(),
            durations: OnceLock::new(),
            sizes: OnceLock::new(),
        }
    }

    /// Notes one answered request; the size is unknown for streams.
    pub(super) fn note(&self, of: &Noted, code: u16, seconds: f64, size_bytes: Option<u64>) {
        let requests = |code: &str| self.requests.with(&[code, &of.name]);
        match code {
            200 => of.successes.get_or_init(|| requests("200")).inc(),
            code => requests(&code.to_string()).inc(),
        }
        let durations = of.durations.get_or_init(|| self.durations.with(&[&of.name]));
        durations.observe(seconds);
        if let Some(size_bytes) = size_bytes {
            let sizes = of.sizes.get_or_init(|| self.sizes.with(&[&of.name]));
            sizes.observe(size_bytes as f64);
        }
    }
}

/// The metrics of one handler, made when it has something to count.
#[derive(Debug)]
pub(super) struct Noted {
    name: String,
    successes: OnceLock<Counter>,
    durations: OnceLock<Histogram>,
    sizes: OnceLock<Histogram>,
}
