//! Metrics about ourselves, under Prometheus' names, so that its dashboards and mixin alerts work unchanged.
//!
//! A component makes its metrics from a [`Registry`] when it is built and keeps the handles; `/metrics`
//! asks the registry for [`Registry::render`]. Handles are cheap to clone and safe to share.
//!
//! What has no counterpart in Prometheus is prefixed `deucalion_`.

mod metric;
pub mod process;
mod registry;

pub use metric::{Counter, Gauge, Histogram, Summary};
pub use registry::{Family, ReadFn, Registry};
