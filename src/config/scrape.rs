//! `scrape_configs`: what to scrape, how, and what to keep of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tsdb::model::labels::{is_legacy_label_name, is_legacy_metric_name};

use super::discovery::DiscoveryConfigs;
use super::http_client::HttpClientConfig;
use super::relabel::RelabelConfig;

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

/// An exposition format that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// `PrometheusProto`
    PrometheusProto,
    /// `PrometheusText0.0.4`
    PrometheusText0_0_4,
    /// `PrometheusText1.0.0`
    PrometheusText1_0_0,
    /// `OpenMetricsText0.0.1`
    OpenMetricsText0_0_1,
    /// `OpenMetricsText1.0.0`
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// Every format: its name, and its media type in an `Accept` header. Sorted by name.
    pub const ALL: [(Self, &str, &str); 5] = [
        (
            Self::OpenMetricsText0_0_1,
            "OpenMetricsText0.0.1",
            "application/openmetrics-text;version=0.0.1",
        ),
        (
            Self::OpenMetricsText1_0_0,
            "OpenMetricsText1.0.0",
            "application/openmetrics-text;version=1.0.0",
        ),
        (
            Self::PrometheusProto,
            "PrometheusProto",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        ),
        (
            Self::PrometheusText0_0_4,
            "PrometheusText0.0.4",
            "text/plain;version=0.0.4",
        ),
        (
            Self::PrometheusText1_0_0,
            "PrometheusText1.0.0",
            "text/plain;version=1.0.0",
        ),
    ];

    /// What is asked for unless told otherwise.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// What is asked for unless told otherwise where native histograms are wanted.
    pub const DEFAULT_PROTO_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The format called `name`; case matters.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Its media type with parameters, for an `Accept` header.
    pub fn media_type(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        Self::ALL
            .into_iter()
            .find(|row| row.0 == self)
            .unwrap_or(Self::ALL[3])
    }
}

/// Which metric and label names are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidationScheme {
    /// Any UTF-8.
    #[default]
    Utf8,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    Legacy,
}

impl ValidationScheme {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Legacy => "legacy",
        }
    }

    /// Whether a label may be called `name`.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_label_name(name),
        }
    }

    /// Whether a metric may be called `name`.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_metric_name(name),
        }
    }
}

/// How a target is asked to write names that are not legacy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// As they are.
    AllowUtf8,
    /// Other characters become `_`.
    Underscores,
    /// `.` becomes `_dot_`, others `__`.
    Dots,
    /// `U__` and code points.
    Values,
}

impl EscapingScheme {
    /// Every scheme with its name, which is also what an `Accept` header says after `escaping=`.
    pub const ALL: [(&str, Self); 4] = [
        ("allow-utf-8", Self::AllowUtf8),
        ("underscores", Self::Underscores),
        ("dots", Self::Dots),
        ("values", Self::Values),
    ];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}
