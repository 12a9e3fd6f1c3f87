//! How the last reload of the configuration went.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::telemetry::{Counter, Gauge, Registry};

/// Outcome of the last reload, for metrics and the API.
#[derive(Debug)]
pub(super) struct ReloadState {
    success: Gauge,
    success_time: Gauge,
    last_ok: AtomicBool,
    last_ms: AtomicI64,
    pub(super) attempts: Counter,
}

impl ReloadState {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            success: registry.gauge(
                "prometheus_config_last_reload_successful",
                "Whether the last configuration reload attempt was successful.",
            ),
            success_time: registry.gauge(
                "prometheus_config_last_reload_success_timestamp_seconds",
                "Timestamp of the last successful configuration reload.",
            ),
            last_ok: AtomicBool::new(false),
            last_ms: AtomicI64::new(0),
            attempts: registry.counter(
                "deucalion_config_reloads_total",
                "How often the configuration was loaded, successfully or not.",
            ),
        }
    }

    pub(super) fn note(&self, ok: bool, now_ms: i64) {
        self.attempts.inc();
        self.success.set(f64::from(u8::from(ok)));
        self.last_ok.store(ok, Ordering::Relaxed);
        if ok {
            self.success_time.set(now_ms as f64 / 1000.0);
            self.last_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.last_ok.load(Ordering::Relaxed)
    }

    pub(super) fn last_ms(&self) -> i64 {
        self.last_ms.load(Ordering::Relaxed)
    }
}
