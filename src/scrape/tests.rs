//! Scraping observed from outside: pages go in, samples are read from a store.

mod cycle;
mod loops;
mod model;
mod no_room;
mod targets;

use std::collections::BTreeMap;

use tsdb::model::{Labels, MatchKind, Matcher, is_stale};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use crate::config::discovery::DiscoveryConfigs;
use crate::config::http_client::HttpClientConfig;
use crate::config::scrape::{EscapingScheme, ScrapeConfig, ScrapeProtocol, ValidationScheme};

/// A job `test` with everything at its default.
pub(super) fn config() -> ScrapeConfig {
    ScrapeConfig {
        job_name: "test".into(),
        honor_labels: false,
        honor_timestamps: true,
        track_timestamps_staleness: false,
        params: BTreeMap::new(),
        scrape_interval_ms: 1000,
        scrape_timeout_ms: 1000,
        scrape_protocols: ScrapeProtocol::DEFAULT.to_vec(),
        fallback_scrape_protocol: None,
        scrape_native_histograms: false,
        always_scrape_classic_histograms: false,
        convert_classic_histograms_to_nhcb: false,
        scrape_failure_log_file: None,
        metrics_path: "/metrics".into(),
        scheme: "http".into(),
        enable_compression: true,
        body_size_limit_bytes: 0,
        sample_limit: 0,
        target_limit: 0,
        label_limit: 0,
        label_name_length_limit: 0,
        label_value_length_limit: 0,
        native_histogram_bucket_limit: 0,
        native_histogram_min_bucket_factor: 0.0,
        keep_dropped_targets: 0,
        metric_name_validation_scheme: ValidationScheme::Utf8,
        metric_name_escaping_scheme: EscapingScheme::AllowUtf8,
        extra_scrape_metrics: false,
        discovery: DiscoveryConfigs::default(),
        http_client: HttpClientConfig::default(),
        relabel_configs: Vec::new(),
        metric_relabel_configs: Vec::new(),
    }
}

/// All samples by series, as `(ms, value)`; a stale marker is `None`.
pub(super) type Stored = BTreeMap<Labels, Vec<(i64, Option<f64>)>>;

/// Reads everything from a store.
pub(super) fn stored(store: &MemoryStore) -> Stored {
    let all = Matcher::new(MatchKind::NotEqual, "__name__", "").unwrap();
    let want = Selection::new(vec![all], i64::MIN, i64::MAX);
    let read = store.open(&[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    let mut out = Stored::new();
    for series in 0..read.rosters[0].len() {
        let mut cursor = read.cursor();
        cursor.read(0, series, i64::MIN, i64::MAX, &mut columns).unwrap();
        let values = columns.v.iter().map(|&v| (!is_stale(v)).then_some(v));
        let samples = columns.t_ms.iter().copied().zip(values).collect();
        out.insert(read.labels(0, series), samples);
    }
    out
}

/// Reads the samples of the series that is written `text` without the target's labels `instance` and `job`.
pub(super) fn samples(store: &MemoryStore, text: &str) -> Vec<(i64, Option<f64>)> {
    let short = |labels: &Labels| {
        let pairs = labels
            .iter()
            .filter(|(name, _)| !matches!(*name, "instance" | "job"));
        let rest: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        rest.join(",")
    };
    let all = stored(store);
    let found = all.iter().find(|(labels, _)| short(labels) == text);
    found.map(|(_, samples)| samples.clone()).unwrap_or_default()
}

/// The value of a metric without labels among the server's own.
pub(super) fn own_metric(registry: &crate::telemetry::Registry, name: &str) -> String {
    let text = registry.render();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1))
        .unwrap_or("none")
        .to_owned()
}
