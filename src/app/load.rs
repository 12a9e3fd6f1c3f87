//! Reading everything that a configuration consists of, before anything of it is put into effect.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Flags;
use crate::config::document::Reading;
use crate::config::load::{Defaults, LoadOptions, RETENTION_MS_DEFAULT};
use crate::config::{Config, DiscoveryConfigs, ExpandEnv, RetentionConfig, ScrapeConfig, path};
use crate::http_client::HttpClient;
use crate::notifier::NotifierManager;
use crate::remote;
use crate::rules::{self, GroupSpec};

/// How configurations are read; what flags say about it.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    pub(super) file: PathBuf,
    expand_env: ExpandEnv,
    defaults: Defaults,
    parser: promql::parser::ParserOptions,
}

/// A whole configuration, read and checked.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) config: Arc<Config>,
    pub(super) jobs: Vec<Arc<ScrapeConfig>>,
    pub(super) groups: Vec<GroupSpec>,
    pub(super) yaml: String,
    /// Changes when any file of the configuration does.
    pub(super) checksum: u64,
}

/// Variables of the environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Loader {
    pub(super) fn new(flags: &Flags, file: PathBuf, parser: promql::parser::ParserOptions) -> Self {
        let expand_env = ExpandEnv::ALL
            .iter()
            .find(|(name, _)| *name == flags.text("config.expand-env"));
        let time_ms = flags.duration_ms("storage.tsdb.retention.time");
        let size_bytes = flags.bytes("storage.tsdb.retention.size").max(0).unsigned_abs();
        let time_ms = if time_ms == 0 && size_bytes == 0 {
            RETENTION_MS_DEFAULT
        } else {
            time_ms
        };
        let defaults = Defaults {
            retention: RetentionConfig {
                time_ms,
                size_bytes,
                percentage: 0.0,
            },
            extra_scrape_metrics: flags.features.has("extra-scrape-metrics"),
            ..Defaults::default()
        };
        Self {
            file,
            expand_env: expand_env.map_or(ExpandEnv::Off, |(_, rule)| *rule),
            defaults,
            parser,
        }
    }

    /// Reads the file and all files that it names, and makes sure that it can be put into effect.
    ///
    /// # Errors
    /// Everything that is wrong, as one text.
    pub(super) fn load(&self) -> Result<Loaded, String> {
        let options = LoadOptions {
            defaults: self.defaults.clone(),
            ..LoadOptions::default()
        }
        .with_environment(self.expand_env, &environment);
        let config = Config::load(&self.file, &options).map_err(|errors| errors.to_string())?;
        let jobs: Vec<Arc<ScrapeConfig>> = config.jobs().map(Arc::clone).collect();
        let rule_files = rule_files(&config)?;
        let loading = rules::file::Loading {
            reading: Reading {
                expand_env: ExpandEnv::Off,
                ..options.reading
            },
            scheme: config.global.metric_name_validation_scheme,
            parser: self.parser,
            interval_ms: config.global.evaluation_interval_ms,
        };
        let groups = rules::file::load(&rule_files, &loading).map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        check_clients(&config, &jobs)?;
        let yaml = config.to_yaml().map_err(|error| error.to_string())?;
        let checksum = self.checksum(&config, &rule_files);
        Ok(Loaded {
            config: Arc::new(config),
            jobs,
            groups,
            yaml,
            checksum,
        })
    }

    /// The checksum of the configuration as it stands in the files now; `None` while it cannot be read.
    pub(super) fn checksum_now(&self) -> Option<u64> {
        let options = LoadOptions {
            defaults: self.defaults.clone(),
            ..LoadOptions::default()
        }
        .with_environment(self.expand_env, &environment);
        let config = Config::load(&self.file, &options).ok()?;
        let rule_files = rule_files(&config).ok()?;
        Some(self.checksum(&config, &rule_files))
    }

    fn checksum(&self, config: &Config, rule_files: &[PathBuf]) -> u64 {
        let mut hasher = foldhash::fast::FixedState::default().build_hasher();
        let mut add = |path: &Path| {
            hasher.write(path.as_os_str().as_encoded_bytes());
            hasher.write(&std::fs::read(path).unwrap_or_default());
        };
        add(&self.file);
        rule_files.iter().for_each(|path| add(path));
        let imported = config
            .scrape_config_files
            .iter()
            .filter_map(|pattern| path::matching(pattern).ok());
        imported.flatten().for_each(|path| add(&path));
        hasher.finish()
    }
}

fn rule_files(config: &Config) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for pattern in &config.rule_files {
        let found = path::matching(pattern)
            .map_err(|error| format!("error retrieving rule files for {}: {error}", pattern.display()))?;
        files.extend(found);
    }
    Ok(files)
}

/// Clients are made once for the test, so that a certificate that cannot be read is found before
/// anything has changed.
fn check_clients(config: &Config, jobs: &[Arc<ScrapeConfig>]) -> Result<(), String> {
    for job in jobs {
        HttpClient::new(&job.http_client)
            .map_err(|error| format!("error creating HTTP client for job {}: {error}", job.job_name))?;
    }
    for (name, section) in NotifierManager::sections(&config.alerting) {
        HttpClient::new(&section.http_client)
            .map_err(|error| format!("error creating HTTP client for alertmanagers {name}: {error}"))?;
    }
    remote::write::check(&config.remote_write)?;
    Ok(())
}

impl Loaded {
    /// What is to be discovered for scraping, by job.
    pub(super) fn scrape_discovery(&self) -> BTreeMap<String, DiscoveryConfigs> {
        self.jobs
            .iter()
            .map(|job| (job.job_name.clone(), job.discovery.clone()))
            .collect()
    }

    /// What is to be discovered for notifications, by section.
    pub(super) fn notify_discovery(&self) -> BTreeMap<String, DiscoveryConfigs> {
        NotifierManager::sections(&self.config.alerting)
            .map(|(name, section)| (name, section.discovery.clone()))
            .collect()
    }
}
