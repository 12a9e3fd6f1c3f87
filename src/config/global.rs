//! `global`: the defaults of every job, and what all of the server's own data carries.

use std::path::PathBuf;

use tsdb::model::Labels;

use super::scrape::{EscapingScheme, ScrapeProtocol, ValidationScheme};

/// The section `global`, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalConfig {
    /// How often to scrape.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take.
    pub scrape_timeout_ms: i64,
    /// Formats to ask for, dearest first; `None` leaves it to each job.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// How often to evaluate rules; also the default step of subqueries.
    pub evaluation_interval_ms: i64,
    /// How far in the past rules look, by default.
    pub rule_query_offset_ms: i64,
    /// Where queries are logged.
    pub query_log_file: Option<PathBuf>,
    /// Where failed scrapes are logged.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Labels for the outside: federation, notifications, remote storage.
    pub external_labels: Labels,
    /// Largest body in bytes, 0 for any.
    pub body_size_limit_bytes: u64,
    /// Most samples of a scrape, 0 for any; likewise below.
    pub sample_limit: u64,
    /// Most targets of a job.
    pub target_limit: u64,
    /// Most labels of a sample.
    pub label_limit: u64,
    /// Longest label name in bytes.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes.
    pub label_value_length_limit: u64,
    /// How many dropped targets are remembered, 0 for all.
    pub keep_dropped_targets: u64,
    /// Which names are valid.
    pub metric_name_validation_scheme: ValidationScheme,
    /// How names are asked to be escaped; `None` follows the validation scheme.
    pub metric_name_escaping_scheme: Option<EscapingScheme>,
    /// Whether native histograms are scraped.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether classic histograms are kept beside native ones.
    pub always_scrape_classic_histograms: bool,
    /// Whether scrapes report their timeout, sample limit and body size too.
    pub extra_scrape_metrics: bool,
}

/// How often to scrape and evaluate, unless told otherwise.
pub const INTERVAL_MS_DEFAULT: i64 = 60_000;

/// How long a scrape may take, unless told otherwise.
pub const SCRAPE_TIMEOUT_MS_DEFAULT: i64 = 10_000;

impl Default for GlobalConfig {
    fn default() -> Self {
        Self {
            scrape_interval_ms: INTERVAL_MS_DEFAULT,
            scrape_timeout_ms: SCRAPE_TIMEOUT_MS_DEFAULT,
            scrape_protocols: None,
            evaluation_interval_ms: INTERVAL_MS_DEFAULT,
            rule_query_offset_ms: 0,
            query_log_file: None,
            scrape_failure_log_file: None,
            external_labels: Labels::empty(),
            body_size_limit_bytes: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: ValidationScheme::Utf8,
            metric_name_escaping_scheme: Some(EscapingScheme::AllowUtf8),
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
        }
    }
}
