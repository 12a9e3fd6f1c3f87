//! The configuration: text → positioned YAML tree → as written → as meant.
//!
//! `config` is data: it imports no component, opens no socket and starts nothing. Everything that a
//! file says and this server cannot do is refused by name and position; every mistake is reported,
//! not only the first.
//!
//! Start with [`Config::load`].

pub mod alerting;
pub mod discovery;
pub mod duration;
pub mod expand;
pub mod global;
pub mod http_client;
pub mod relabel;
pub mod runtime;
pub mod scrape;
pub mod secret;
pub mod storage;
pub mod tls;

use std::path::PathBuf;
use std::sync::Arc;

pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use discovery::{DiscoveryConfigs, FileSdConfig, HttpSdConfig, StaticGroup};
pub use expand::ExpandEnv;
pub use global::GlobalConfig;
pub use http_client::{Authorization, BasicAuth, HttpClientConfig, HttpHeader};
pub use relabel::{RelabelAction, RelabelConfig};
pub use runtime::RuntimeConfig;
pub use scrape::{EscapingScheme, ScrapeConfig, ScrapeProtocol, ValidationScheme};
pub use secret::Secret;
pub use storage::{RetentionConfig, StorageConfig, TsdbConfig};
pub use tls::{TlsConfig, TlsVersion};

/// A whole configuration, valid, defaults and inheritance filled in, paths made absolute or relative
/// to the working directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `global`.
    pub global: GlobalConfig,
    /// `runtime`.
    pub runtime: RuntimeConfig,
    /// `alerting`.
    pub alerting: AlertingConfig,
    /// `rule_files`: paths and patterns.
    pub rule_files: Vec<PathBuf>,
    /// `scrape_config_files`: paths and patterns.
    pub scrape_config_files: Vec<PathBuf>,
    /// `scrape_configs` of the main file.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// The jobs of the files that `scrape_config_files` names.
    pub imported_scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// `storage`.
    pub storage: StorageConfig,
}

impl Config {
    /// All scrape jobs: the main file's, then those of `scrape_config_files`.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<ScrapeConfig>> {
        self.scrape_configs.iter().chain(&self.imported_scrape_configs)
    }
}
