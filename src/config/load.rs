//! Loading a configuration: the main file, then the files of `scrape_config_files`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alerting::AlertingConfig;
use super::document::{self, Reading};
use super::errors::ConfigErrors;
use super::global::GlobalConfig;
use super::otlp::OtlpConfig;
use super::path;
use super::remote_read;
use super::remote_write;
use super::runtime::{GOGC_DEFAULT, RuntimeConfig};
use super::scrape::{ScrapeConfig, WrittenScrape};
use super::storage::{RetentionConfig, StorageConfig};
use super::tracing::TracingConfig;
use super::yaml::{Decoder, Fields, Node};
use super::{Config, ExpandEnv};
use crate::config::quote::quoted;

/// What a configuration falls back to where flags and environment decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// What `storage.tsdb.retention` is if it is not written.
    pub retention: RetentionConfig,
    /// What `runtime.gogc` is if it is not written (`GOGC`).
    pub gogc: i64,
    /// What `extra_scrape_metrics` is if it is not written.
    pub extra_scrape_metrics: bool,
    /// Whether protobuf is asked for first unless `scrape_protocols` is written.
    pub prefers_protobuf: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            retention: RetentionConfig {
                time_ms: RETENTION_MS_DEFAULT,
                ..RetentionConfig::default()
            },
            gogc: GOGC_DEFAULT,
            extra_scrape_metrics: false,
            prefers_protobuf: false,
        }
    }
}

/// How long samples are kept if neither flag nor file says anything: 15 days.
pub const RETENTION_MS_DEFAULT: i64 = 15 * 24 * 3_600_000;

/// How a configuration is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions<'a> {
    /// Expansion of variables, the environment, and how strict to be.
    pub reading: Reading<'a>,
    /// What is not written.
    pub defaults: Defaults,
    /// Whether the file is for a server that only scrapes and forwards.
    pub is_agent: bool,
}

impl Default for LoadOptions<'_> {
    /// Strict, nothing expanded, an empty environment.
    fn default() -> Self {
        Self {
            reading: Reading::STRICT,
            defaults: Defaults::default(),
            is_agent: false,
        }
    }
}

impl<'a> LoadOptions<'a> {
    /// With an environment, which external labels always see, and variables expanded elsewhere by `rule`.
    pub fn with_environment(
        mut self,
        rule: ExpandEnv,
        environment: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        self.reading.expand_env = rule;
        self.reading.environment = environment;
        self
    }
}

impl Config {
    /// Loads a file and the files it names, checks everything and puts paths in place.
    ///
    /// # Errors
    /// Everything that is wrong, in every file.
    pub fn load(file: &Path, options: &LoadOptions<'_>) -> Result<Self, ConfigErrors> {
        let mut config = Self::load_alone(file, options)?;
        config.import(options)?;
        Ok(config)
    }

    /// Loads a file and puts paths in place; [`Self::import`] is to follow.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load_alone(file: &Path, options: &LoadOptions<'_>) -> Result<Self, ConfigErrors> {
        let bytes = std::fs::read(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
        let mut config = Self::parse_bytes(&bytes, file, options)?;
        config.set_directory(&path::directory_of(file));
        Ok(config)
    }

    /// Reads the text of a file called `file`; paths stay as written, no other file is read.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(text: &str, file: &Path, options: &LoadOptions<'_>) -> Result<Self, ConfigErrors> {
        Self::parse_bytes(text.as_bytes(), file, options)
    }

    fn parse_bytes(bytes: &[u8], file: &Path, options: &LoadOptions<'_>) -> Result<Self, ConfigErrors> {
        let config = document::decode(file, bytes, options.reading, |root, decoder| {
            Self::decode(root, options, decoder)
        })?;
        match options.is_agent {
            true => config.checked_for_agent(file),
            false => Ok(config),
        }
    }

    /// Refuses what an agent, which neither stores nor evaluates, cannot do.
    fn checked_for_agent(self, file: &Path) -> Result<Self, ConfigErrors> {
        let alerts = &self.alerting;
        let refused = [
            (
                "alerting",
                !alerts.alertmanagers.is_empty() || !alerts.alert_relabel_configs.is_empty(),
            ),
            ("rule_files", !self.rule_files.is_empty()),
            ("remote_read", !self.remote_read.is_empty()),
        ];
        let refused = refused.into_iter().filter(|(_, is_written)| *is_written);
        let errors = refused
            .map(|(key, _)| ConfigErrors::of_file(file, format!("field {key} is not allowed in agent mode")))
            .reduce(|mut all, more| {
                all.extend(more);
                all
            });
        errors.map_or(Ok(self), Err)
    }

    fn decode(root: Option<&Node>, options: &LoadOptions<'_>, decoder: &mut Decoder) -> Self {
        let mut warnings = Vec::new();
        let mut fields = root.and_then(|root| decoder.fields(root, "config.plain"));
        let mark_of = |key| fields.as_ref().map(|fields| fields.key_mark_of(key));
        let read_mark = mark_of("remote_read").unwrap_or_default();
        let tracing_mark = mark_of("tracing").unwrap_or_default();
        let mut take = |key: &str| fields.as_mut().and_then(|fields| fields.take(key));
        let global = GlobalConfig::decode(
            take("global"),
            &options.defaults,
            options.reading.environment,
            &mut warnings,
            decoder,
        );
        let scheme = global.metric_name_validation_scheme;
        let runtime = RuntimeConfig::decode(take("runtime"), options.defaults.gogc, decoder);
        let storage = StorageConfig::decode(take("storage"), &options.defaults.retention, decoder);
        let rule_files = decode_patterns(take("rule_files"), "invalid rule file path", decoder);
        let scrape_config_files = decode_patterns(
            take("scrape_config_files"),
            "invalid scrape config file path",
            decoder,
        );
        let jobs = take("scrape_configs").map_or_else(Vec::new, |node| decode_jobs(node, decoder));
        let scrape_configs = resolve_jobs(jobs, &global, decoder);
        let alerting = take("alerting").map(|node| AlertingConfig::decode(node, scheme, decoder));
        let remote_write = take("remote_write").map_or_else(Vec::new, |node| {
            remote_write::decode(node, scheme, options.reading.environment, decoder)
        });
        let remote_read = take("remote_read").map(|node| remote_read::decode_all(node, decoder));
        let tracing = take("tracing").and_then(|node| TracingConfig::decode(node, decoder));
        let otlp = take("otlp").map(|node| OtlpConfig::decode(node, scheme, decoder));
        if let Some(fields) = fields {
            decoder.finish(fields, &[]);
        }
        let reads = remote_read.as_ref().is_some_and(|all| !all.is_empty());
        for (is_written, mark, key) in [
            (reads, read_mark, "remote_read"),
            (tracing.is_some(), tracing_mark, "tracing"),
        ] {
            if is_written {
                decoder.unbuilt(mark, key);
            }
        }
        Self {
            global,
            runtime,
            alerting: alerting.unwrap_or_default(),
            rule_files,
            scrape_config_files,
            scrape_configs,
            imported_scrape_configs: Vec::new(),
            storage,
            tracing,
            remote_read: remote_read.unwrap_or_default(),
            otlp: otlp.unwrap_or_default(),
            remote_write: remote_write.into_iter().map(Arc::new).collect(),
            warnings,
        }
    }

    fn set_directory(&mut self, directory: &Path) {
        self.global.set_directory(directory);
        self.alerting.set_directory(directory);
        if let Some(tracing) = &mut self.tracing {
            tracing.set_directory(directory);
        }
        for reader in &mut self.remote_read {
            reader.set_directory(directory);
        }
        for file in self.rule_files.iter_mut().chain(&mut self.scrape_config_files) {
            *file = path::beside(directory, file);
        }
        for job in &mut self.scrape_configs {
            Arc::make_mut(job).set_directory(directory);
        }
        for one in &mut self.remote_write {
            Arc::make_mut(one).set_directory(directory);
        }
    }

    /// Reads the files of `scrape_config_files`; job names are unique over all of them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn import(&mut self, options: &LoadOptions<'_>) -> Result<(), ConfigErrors> {
        let mut first_in: HashMap<String, String> = self
            .scrape_configs
            .iter()
            .map(|job| (job.job_name.clone(), "main config file".to_owned()))
            .collect();
        let mut imported = Vec::new();
        let mut errors: Option<ConfigErrors> = None;
        let mut note = |more: ConfigErrors| match &mut errors {
            Some(errors) => errors.extend(more),
            None => errors = Some(more),
        };
        for pattern in &self.scrape_config_files {
            let files = match path::matching(pattern) {
                Ok(files) => files,
                Err(text) => {
                    let shown = pattern.display().to_string();
                    let text = format!(
                        "error retrieving scrape config files for {shown}: {text}",
                        shown = quoted(&shown)
                    );
                    note(ConfigErrors::of_file(pattern, text));
                    continue;
                }
            };
            for file in files {
                match read_jobs(&file, &self.global, &mut first_in, options) {
                    Ok(jobs) => imported.extend(jobs),
                    Err(more) => note(more),
                }
            }
        }
        self.imported_scrape_configs = imported;
        errors.map_or(Ok(()), Err)
    }
}

/// The jobs of a file that holds nothing else.
fn read_jobs(
    file: &Path,
    global: &GlobalConfig,
    first_in: &mut HashMap<String, String>,
    options: &LoadOptions<'_>,
) -> Result<Vec<Arc<ScrapeConfig>>, ConfigErrors> {
    let bytes = std::fs::read(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
    let mut jobs = document::decode(file, &bytes, options.reading, |root, decoder| {
        let mut fields: Option<Fields<'_>> =
            root.and_then(|root| decoder.fields(root, "config.ScrapeConfigs"));
        let node = fields.as_mut().and_then(|fields| fields.take("scrape_configs"));
        let written = node.map_or_else(Vec::new, |node| decode_jobs(node, decoder));
        if let Some(fields) = fields {
            decoder.finish(fields, &[]);
        }
        let mut jobs = Vec::with_capacity(written.len());
        for job in written {
            let (name, mark) = (job.job_name().to_owned(), job.mark);
            match first_in.get(&name) {
                Some(first) => decoder.mistake_of_file(
                    mark,
                    format!(
                        "found multiple scrape configs with job name {name}, first found in {first}",
                        name = quoted(&name)
                    ),
                ),
                None => {
                    first_in.insert(name, quoted(&absolute(file).to_string_lossy()));
                }
            }
            jobs.push(Arc::new(job.resolve(global, decoder)));
        }
        jobs
    })?;
    for job in &mut jobs {
        Arc::make_mut(job).set_directory(&path::directory_of(file));
    }
    Ok(jobs)
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn decode_jobs(node: &Node, decoder: &mut Decoder) -> Vec<WrittenScrape> {
    let items = decoder.items(node, "[]*config.ScrapeConfig").unwrap_or_default();
    items
        .iter()
        .filter_map(|item| WrittenScrape::decode(item, decoder))
        .collect()
}

/// Fills in what jobs inherit, and refuses a name used twice.
fn resolve_jobs(
    written: Vec<WrittenScrape>,
    global: &GlobalConfig,
    decoder: &mut Decoder,
) -> Vec<Arc<ScrapeConfig>> {
    let mut jobs: Vec<Arc<ScrapeConfig>> = Vec::with_capacity(written.len());
    let mut names = std::collections::HashSet::new();
    for job in written {
        let name = job.job_name().to_owned();
        if !name.is_empty() && names.contains(&name) {
            decoder.mistake_of_file(
                job.mark,
                format!(
                    "found multiple scrape configs with job name {name}",
                    name = quoted(&name)
                ),
            );
        }
        names.insert(name);
        jobs.push(Arc::new(job.resolve(global, decoder)));
    }
    jobs
}

fn decode_patterns(node: Option<&Node>, refusal: &str, decoder: &mut Decoder) -> Vec<PathBuf> {
    let Some(node) = node else { return Vec::new() };
    let mut patterns = Vec::new();
    for item in decoder.items(node, "[]string").unwrap_or_default() {
        let Some(text) = decoder.string(item) else {
            continue;
        };
        if path::has_wildcards_only_at_the_end(&text) {
            patterns.push(PathBuf::from(text));
        } else {
            let text = format!("{refusal} {text}", text = quoted(&text));
            decoder.checks_of_file(|decoder| decoder.mistake_in(item, text));
        }
    }
    patterns
}
