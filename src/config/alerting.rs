//! `alerting`: which Alertmanagers hear of alerts, and under which labels.

use super::discovery::DiscoveryConfigs;
use super::http_client::HttpClientConfig;
use super::relabel::RelabelConfig;

/// The section `alerting`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertingConfig {
    /// Rules for alerts on their way to every Alertmanager; external labels are already there.
    pub alert_relabel_configs: Vec<RelabelConfig>,
    /// The Alertmanagers. The n-th is known as `config-n`.
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// One section of `alertmanagers`; the API version is always v2.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Where they are.
    pub discovery: DiscoveryConfigs,
    /// How to speak to them.
    pub http_client: HttpClientConfig,
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before `/api/v2/alerts`.
    pub path_prefix: String,
    /// How long a request may take.
    pub timeout_ms: i64,
    /// Rules for the Alertmanagers found.
    pub relabel_configs: Vec<RelabelConfig>,
    /// Rules for alerts on their way to these.
    pub alert_relabel_configs: Vec<RelabelConfig>,
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self {
            discovery: DiscoveryConfigs::default(),
            http_client: HttpClientConfig::default(),
            scheme: "http".into(),
            path_prefix: String::new(),
            timeout_ms: 10_000,
            relabel_configs: Vec::new(),
            alert_relabel_configs: Vec::new(),
        }
    }
}
