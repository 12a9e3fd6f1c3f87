//! Targets from groups, as Prometheus builds them.

use std::collections::BTreeMap;

use tsdb::model::{Labels, Regex};

use super::config;
use crate::config::relabel::{RelabelAction, RelabelConfig};
use crate::config::scrape::{ScrapeConfig, ValidationScheme};
use crate::discovery::TargetGroup;
use crate::scrape::target::Built;

fn build(config: &ScrapeConfig, labels: &[(&str, &str)]) -> Built {
    let group = TargetGroup {
        source: "file.json:0".into(),
        targets: vec![Labels::from_pairs(labels.iter().copied())],
        labels: Labels::from_pairs([("group", "g"), ("both", "group")]),
    };
    let mut built = Built::default();
    built.add(&group, config);
    built
}

#[test]
fn a_target_has_its_own_labels_the_groups_and_those_of_the_job() {
    let built = build(
        &config(),
        &[("__address__", "h:1"), ("both", "target"), ("__meta_m", "v")],
    );
    let target = &built.targets[0];
    assert_eq!(
        target.labels.to_string(),
        "{both=\"target\", group=\"g\", instance=\"h:1\", job=\"test\"}"
    );
    assert_eq!(
        target.discovered.to_string(),
        "{__address__=\"h:1\", __always_scrape_classic_histograms__=\"false\", \
         __convert_classic_histograms_to_nhcb__=\"false\", __meta_m=\"v\", __metrics_path__=\"/metrics\", \
         __scheme__=\"http\", __scrape_interval__=\"1s\", __scrape_native_histograms__=\"false\", \
         __scrape_timeout__=\"1s\", both=\"target\", group=\"g\", job=\"test\"}"
    );
    assert_eq!((target.interval_ms, target.timeout_ms), (1000, 1000));
}

#[test]
fn parameters_come_from_the_job_and_labels_override_their_first_value() {
    let config = ScrapeConfig {
        params: BTreeMap::from([("module".to_owned(), vec!["a".to_owned(), "b".to_owned()])]),
        ..config()
    };
    let plain = build(&config, &[("__address__", "h:1")]);
    assert_eq!(plain.targets[0].url, "http://h:1/metrics?module=a&module=b");
    assert_eq!(plain.targets[0].discovered.get("__param_module"), Some("a"));
    let labels = [
        ("__address__", "h:1"),
        ("__param_module", "x"),
        ("__param_target", "t"),
        ("__scheme__", "https"),
        ("__metrics_path__", "/probe"),
    ];
    let relabelled = build(&config, &labels);
    assert_eq!(
        relabelled.targets[0].url,
        "https://h:1/probe?module=x&module=b&target=t"
    );
}

#[track_caller]
fn check_failure(labels: &[(&str, &str)], problem: &str) {
    let built = build(&config(), labels);
    assert_eq!(
        built.failures,
        [format!("instance 0 in group file.json:0: {problem}")]
    );
}

#[test]
fn targets_that_cannot_be_scraped_are_refused_in_prometheus_words() {
    check_failure(&[("x", "y")], "no address");
    check_failure(&[("__address__", "h/p")], "\"h/p\" is not a valid hostname");
    let with = |name, value| [("__address__", "h:1"), (name, value)];
    check_failure(&with("__scrape_interval__", "0s"), "scrape interval cannot be 0");
    check_failure(
        &with("__scrape_timeout__", "2s"),
        "scrape timeout cannot be greater than scrape interval (\"2s\" > \"1s\")",
    );
    check_failure(
        &with("__scrape_interval__", "often"),
        "error parsing scrape interval: not a valid duration string: \"often\"",
    );
    check_failure(
        &with("__scrape_native_histograms__", "maybe"),
        "error parsing scrape native histograms: strconv.ParseBool: parsing \"maybe\": invalid syntax",
    );
}

#[test]
fn relabelling_may_drop_a_target_which_is_remembered_as_it_was_discovered() {
    let drop_all = RelabelConfig {
        source_labels: vec!["__address__".into()],
        separator: ";".into(),
        regex: Regex::anchored("h.*").unwrap(),
        regex_is_written: true,
        modulus: 0,
        target_label: String::new(),
        replacement: "$1".into(),
        action: RelabelAction::Drop,
        name_validation_scheme: ValidationScheme::Utf8,
    };
    let config = ScrapeConfig {
        relabel_configs: vec![drop_all],
        ..config()
    };
    let built = build(&config, &[("__address__", "h:1"), ("__meta_m", "v")]);
    assert!(built.targets.is_empty());
    assert_eq!(built.dropped[0].get("__meta_m"), Some("v"));
}

#[test]
fn targets_are_told_apart_by_labels_and_address() {
    let hash = |labels: &[(&str, &str)]| build(&config(), labels).targets[0].hash;
    let one = hash(&[("__address__", "h:1")]);
    assert_eq!(one, hash(&[("__address__", "h:1"), ("__meta_m", "v")]));
    assert_ne!(one, hash(&[("__address__", "h:2")]));
    assert_ne!(one, hash(&[("__address__", "h:1"), ("__param_x", "y")]));
}
