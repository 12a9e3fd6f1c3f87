//! Where targets come from: one file a mechanism.
//!
//! Built are `static_configs`, `file_sd_configs` and `http_sd_configs`; every other mechanism of
//! Prometheus is refused by its name (see [`super::refuse`]).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::http_client::HttpClientConfig;

/// The discoveries of one scrape job or Alertmanager section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiscoveryConfigs {
    /// `static_configs`.
    pub static_configs: Vec<StaticGroup>,
    /// `file_sd_configs`.
    pub file_sd_configs: Vec<FileSdConfig>,
    /// `http_sd_configs`.
    pub http_sd_configs: Vec<HttpSdConfig>,
}

/// A group of targets written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticGroup {
    /// Their addresses (`__address__`).
    pub targets: Vec<String>,
    /// Labels of them all.
    pub labels: BTreeMap<String, String>,
}

/// Targets from files that are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSdConfig {
    /// Paths, `*` allowed in the last element.
    pub files: Vec<PathBuf>,
    /// How often the files are read again even if nothing was noticed.
    pub refresh_interval_ms: i64,
}

/// Targets from an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSdConfig {
    /// What to GET; an HTTP or HTTPS URL with a host.
    pub url: String,
    /// How often.
    pub refresh_interval_ms: i64,
    /// How.
    pub http_client: HttpClientConfig,
}
