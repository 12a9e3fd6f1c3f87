//! `scrape_configs`: what to scrape, how, and what to keep of it.

pub mod names;
pub mod protocol;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use names::{EscapingScheme, ValidationScheme};
pub use protocol::ScrapeProtocol;
pub use written::WrittenScrape;

use super::discovery::DiscoveryConfigs;
use super::duration::format_ms;
use super::http_client::HttpClientConfig;
use super::path;
use super::relabel::{RelabelConfig, rules_to_out};
use super::size::format_bytes;
use super::yaml::write::{Out, OutMap};

/// One scrape job, with everything that it inherits from `global` filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeConfig {
    /// Its name, unique, the default of the label `job`.
    pub job_name: String,
    /// Whether labels of the page win over the target's.
    pub honor_labels: bool,
    /// Whether timestamps of the page are kept.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own end with a stale marker too.
    pub track_timestamps_staleness: bool,
    /// Query parameters, sorted by name.
    pub params: BTreeMap<String, Vec<String>>,
    /// How often to scrape.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take.
    pub scrape_timeout_ms: i64,
    /// Formats to ask for, dearest first.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// The format to assume when the target names none.
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    /// Whether native histograms are scraped.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms are kept beside native ones.
    pub always_scrape_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Where failed scrapes are logged.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// The path of the page.
    pub metrics_path: String,
    /// `http` or `https`; relabelling may write others, so it is a text.
    pub scheme: String,
    /// Whether a compressed answer is asked for.
    pub enable_compression: bool,
    /// Largest body in bytes, uncompressed; 0 for any.
    pub body_size_limit_bytes: u64,
    /// Most samples of a scrape, 0 for any; likewise below.
    pub sample_limit: u64,
    /// Most targets.
    pub target_limit: u64,
    /// Most labels of a sample.
    pub label_limit: u64,
    /// Longest label name in bytes.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes.
    pub label_value_length_limit: u64,
    /// Most buckets of a native histogram.
    pub native_histogram_bucket_limit: u64,
    /// Smallest growth from bucket to bucket of a native histogram.
    pub native_histogram_min_bucket_factor: f64,
    /// How many dropped targets are remembered, 0 for all.
    pub keep_dropped_targets: u64,
    /// Which names are valid.
    pub metric_name_validation_scheme: ValidationScheme,
    /// How names are asked to be escaped.
    pub metric_name_escaping_scheme: EscapingScheme,
    /// Whether scrapes report their timeout, sample limit and body size too.
    pub extra_scrape_metrics: bool,
    /// Where targets come from.
    pub discovery: DiscoveryConfigs,
    /// How to fetch.
    pub http_client: HttpClientConfig,
    /// Rules for targets.
    pub relabel_configs: Vec<RelabelConfig>,
    /// Rules for samples.
    pub metric_relabel_configs: Vec<RelabelConfig>,
}

impl ScrapeConfig {
    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        self.discovery.set_directory(directory);
        self.http_client.set_directory(directory);
        path::set_beside(directory, &mut self.scrape_failure_log_file);
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut params = OutMap::new();
        for (name, values) in &self.params {
            params.put(name, values.clone());
        }
        let mut map = OutMap::new();
        map.put("job_name", self.job_name.as_str())
            .put_unless_zero("honor_labels", self.honor_labels)
            .put("honor_timestamps", self.honor_timestamps)
            .put("track_timestamps_staleness", self.track_timestamps_staleness)
            .put_unless_zero("params", params)
            .put("scrape_interval", format_ms(self.scrape_interval_ms))
            .put("scrape_timeout", format_ms(self.scrape_timeout_ms))
            .put_unless_zero("scrape_protocols", protocol::to_out(&self.scrape_protocols))
            .put_unless_zero(
                "fallback_scrape_protocol",
                self.fallback_scrape_protocol.map_or("", ScrapeProtocol::as_str),
            )
            .put("scrape_native_histograms", self.scrape_native_histograms)
            .put(
                "always_scrape_classic_histograms",
                self.always_scrape_classic_histograms,
            )
            .put(
                "convert_classic_histograms_to_nhcb",
                self.convert_classic_histograms_to_nhcb,
            )
            .put_unless_zero(
                "scrape_failure_log_file",
                path::text(self.scrape_failure_log_file.as_ref()),
            )
            .put_unless_zero("metrics_path", self.metrics_path.as_str())
            .put_unless_zero("scheme", self.scheme.as_str())
            .put("enable_compression", self.enable_compression);
        self.write_limits(&mut map);
        map.put(
            "metric_name_validation_scheme",
            self.metric_name_validation_scheme.as_str(),
        )
        .put(
            "metric_name_escaping_scheme",
            self.metric_name_escaping_scheme.as_str(),
        )
        .put("extra_scrape_metrics", self.extra_scrape_metrics);
        self.http_client.write(&mut map);
        map.put_unless_zero("relabel_configs", rules_to_out(&self.relabel_configs))
            .put_unless_zero(
                "metric_relabel_configs",
                rules_to_out(&self.metric_relabel_configs),
            );
        self.discovery.write(&mut map);
        map.into()
    }

    fn write_limits(&self, map: &mut OutMap) {
        if self.body_size_limit_bytes != 0 {
            map.put(
                "body_size_limit",
                format_bytes(i64::try_from(self.body_size_limit_bytes).unwrap_or(i64::MAX)),
            );
        }
        map.put_unless_zero("sample_limit", self.sample_limit)
            .put_unless_zero("target_limit", self.target_limit)
            .put_unless_zero("label_limit", self.label_limit)
            .put_unless_zero("label_name_length_limit", self.label_name_length_limit)
            .put_unless_zero("label_value_length_limit", self.label_value_length_limit)
            .put_unless_zero(
                "native_histogram_bucket_limit",
                self.native_histogram_bucket_limit,
            )
            .put_unless_zero(
                "native_histogram_min_bucket_factor",
                self.native_histogram_min_bucket_factor,
            )
            .put_unless_zero("keep_dropped_targets", self.keep_dropped_targets);
    }
}
