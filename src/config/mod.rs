//! The configuration: text → positioned YAML tree → as written → as meant.
//!
//! ```text
//! prometheus.yml ─ document ─► yaml::Node ─ decode ─► Written… ─ resolve(global) ─► Config ─ to_yaml ─► text
//!                  (yaml, expand)          (keys, types)        (inheritance)
//! ```
//!
//! `config` is data: it imports no component, opens no socket and starts nothing. Everything that a
//! file says and this server cannot do is refused by name and position ([`refuse`]); every mistake is
//! reported, not only the first.
//!
//! Start with [`Config::load`].

pub mod alerting;
pub mod custom_headers;
pub mod discovery;
pub mod document;
pub mod duration;
pub mod errors;
pub mod expand;
pub mod global;
pub mod http_client;
pub mod key_pair;
pub mod label_set;
pub mod load;
pub mod oauth2;
pub mod otlp;
pub mod own_file;
pub mod path;
pub mod proxy;
pub mod quote;
pub mod refuse;
pub mod relabel;
pub mod remote_auth;
pub mod remote_read;
pub mod remote_write;
pub mod rule_file;
pub mod runtime;
pub mod scrape;
pub mod sd_file;
pub mod secret;
pub mod sigv4;
pub mod size;
pub mod storage;
pub mod tls;
pub mod tracing;
pub mod url;
pub mod uuid;
pub mod watch;
pub mod web_file;
pub mod yaml;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use discovery::{
    AttachMetadata, ConsulSdConfig, DiscoveryConfigs, DnsRecordType, DnsSdConfig, DockerFilter,
    DockerSdConfig, DockerSwarmRole, DockerSwarmSdConfig, Ec2Filter, Ec2SdConfig, FileSdConfig, HttpSdConfig,
    KubernetesRole, KubernetesSdConfig, KubernetesSelector, SdConfig, StaticGroup,
};
pub use errors::{ConfigError, ConfigErrors};
pub use expand::ExpandEnv;
pub use global::GlobalConfig;
pub use http_client::{Authorization, BasicAuth, HttpClientConfig, HttpHeader};
pub use load::{Defaults, LoadOptions};
pub use oauth2::OAuth2;
pub use otlp::OtlpConfig;
pub use own_file::OwnConfig;
pub use proxy::ProxyConfig;
pub use relabel::{RelabelAction, RelabelConfig};
pub use remote_read::RemoteReadConfig;
pub use remote_write::{MetadataConfig, QueueConfig, RemoteWriteConfig};
pub use rule_file::{Rule, RuleFile, RuleFileError, RuleGroup};
pub use runtime::RuntimeConfig;
pub use scrape::{EscapingScheme, ScrapeConfig, ScrapeProtocol, ValidationScheme};
pub use secret::Secret;
pub use sigv4::SigV4Config;
pub use storage::{RetentionConfig, StorageConfig, TsdbConfig};
pub use tls::{TlsConfig, TlsVersion};
pub use tracing::TracingConfig;
pub use web_file::WebConfig;

use yaml::write::{Out, OutMap};

/// A whole configuration, valid, defaults and inheritance filled in, paths absolute or relative to the
/// working directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `global`.
    pub global: GlobalConfig,
    /// `runtime`.
    pub runtime: RuntimeConfig,
    /// `alerting`.
    pub alerting: AlertingConfig,
    /// `rule_files`: paths and patterns; [`path::matching`] finds the files.
    pub rule_files: Vec<PathBuf>,
    /// `scrape_config_files`: paths and patterns.
    pub scrape_config_files: Vec<PathBuf>,
    /// `scrape_configs` of the main file.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// The jobs of the files that `scrape_config_files` names.
    pub imported_scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// `storage`.
    pub storage: StorageConfig,
    /// `tracing`.
    pub tracing: Option<TracingConfig>,
    /// `remote_read`.
    pub remote_read: Vec<RemoteReadConfig>,
    /// `otlp`.
    pub otlp: OtlpConfig,
    /// `remote_write`
    pub remote_write: Vec<Arc<RemoteWriteConfig>>,
    /// What deserves a line in the log.
    pub warnings: Vec<String>,
}

impl Config {
    /// All scrape jobs: the main file's, then those of `scrape_config_files`.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<ScrapeConfig>> {
        self.scrape_configs.iter().chain(&self.imported_scrape_configs)
    }

    /// The effective configuration as `/api/v1/status/config` shows it: defaults filled in, secrets hidden.
    ///
    /// Files of `scrape_config_files` are named in it, their jobs are not.
    ///
    /// # Errors
    /// When a text cannot be written as YAML, which no text read from YAML is.
    pub fn to_yaml(&self) -> Result<String, yaml::write::WriteError> {
        let paths = |files: &[PathBuf]| -> Out {
            Out::List(files.iter().map(|file| path::text(Some(file)).into()).collect())
        };
        let jobs = self.scrape_configs.iter().map(|job| job.to_out()).collect();
        let remote_write = self.remote_write.iter().map(|one| one.to_out()).collect();
        let readers = self.remote_read.iter().map(|reader| reader.to_out()).collect();
        let tracing = self.tracing.as_ref().map_or(Out::Null, TracingConfig::to_out);
        let mut map = OutMap::new();
        map.put("global", self.global.to_out())
            .put("runtime", self.runtime.to_out())
            .put_unless_zero("alerting", self.alerting.to_out())
            .put_unless_zero("rule_files", paths(&self.rule_files))
            .put_unless_zero("scrape_config_files", paths(&self.scrape_config_files))
            .put_unless_zero("scrape_configs", Out::List(jobs))
            .put("storage", self.storage.to_out())
            .put_unless_zero("tracing", tracing)
            .put_unless_zero("remote_write", Out::List(remote_write))
            .put_unless_zero("remote_read", Out::List(readers))
            .put_unless_zero("otlp", self.otlp.to_out());
        yaml::write::write(&map.into())
    }
}
