//! `runtime`: tuning of a garbage collector that is not here; accepted and shown.

/// The section `runtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `gogc`; what `/api/v1/status/runtimeinfo` shows as `GOGC`.
    pub gogc: i64,
}

/// Go's percentage that Prometheus starts with unless `GOGC` says otherwise.
pub const GOGC_DEFAULT: i64 = 75;

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { gogc: GOGC_DEFAULT }
    }
}
