//! Which Alertmanagers a section names.

use tsdb::model::Regex;

use super::*;
use crate::config::{RelabelAction, ValidationScheme};

fn group(targets: &[&[(&str, &str)]], labels: &[(&str, &str)]) -> TargetGroup {
    TargetGroup {
        source: "0".into(),
        targets: targets
            .iter()
            .map(|t| Labels::from_pairs(t.iter().copied()))
            .collect(),
        labels: Labels::from_pairs(labels.iter().copied()),
    }
}

fn rule(source: &str, regex: &str, target: &str, replacement: &str, action: RelabelAction) -> RelabelConfig {
    RelabelConfig {
        source_labels: vec![source.into()],
        separator: ";".into(),
        regex: Regex::wrapped(regex).unwrap(),
        regex_is_written: true,
        modulus: 0,
        target_label: target.into(),
        replacement: replacement.into(),
        action,
        name_validation_scheme: ValidationScheme::Utf8,
    }
}

#[test]
fn a_url_is_made_of_scheme_address_and_prefix() {
    let check = |prefix: &str, url: &str| {
        let config = AlertmanagerConfig {
            scheme: "https".into(),
            path_prefix: prefix.into(),
            ..AlertmanagerConfig::default()
        };
        let found = of_group(&group(&[&[("__address__", "AM:9093")]], &[]), &config).unwrap();
        assert_eq!(found.active, [url], "{prefix}");
    };
    check("", "https://AM:9093/api/v2/alerts");
    check("/", "https://AM:9093/api/v2/alerts");
    check("//x/../am/.", "https://AM:9093/am/api/v2/alerts");
    check("../é b", "https://AM:9093/%C3%A9%20b/api/v2/alerts");
}

#[test]
fn labels_of_the_group_yield_to_the_targets_and_rules_come_last() {
    let config = AlertmanagerConfig {
        relabel_configs: vec![
            rule("dc", "drop", "", "", RelabelAction::Drop),
            rule("path", "(.+)", "__alerts_path__", "$1", RelabelAction::Replace),
        ],
        ..AlertmanagerConfig::default()
    };
    let group = group(
        &[
            &[("__address__", "a:1")],
            &[("__address__", "b:1"), ("dc", "keep"), ("path", "other/path")],
            &[("__address__", "c:1"), ("dc", "keep")],
        ],
        &[("dc", "drop"), ("__scheme__", "https")],
    );
    let found = of_group(&group, &config).unwrap();
    assert_eq!(
        found.active,
        ["https://b:1/other/path", "https://c:1/api/v2/alerts"]
    );
    assert_eq!(found.dropped, ["https://a:1/api/v2/alerts"]);
}

#[test]
fn a_url_in_place_of_an_address_spoils_its_group() {
    let group = group(
        &[&[("__address__", "a:1")], &[("__address__", "http://b:1")]],
        &[],
    );
    let error = of_group(&group, &AlertmanagerConfig::default()).unwrap_err();
    assert_eq!(error, "\"http://b:1\" is not a valid hostname");
}

fn alert(labels: &[(&str, &str)]) -> Arc<Alert> {
    Arc::new(Alert {
        labels: Labels::from_pairs(labels.iter().copied()),
        annotations: Labels::empty(),
        starts_at_ms: 0,
        ends_at_ms: 0,
        generator_url: String::new(),
    })
}

#[test]
fn external_labels_are_added_where_missing_and_then_relabelled() {
    let external = Labels::from_pairs([("a", "ext"), ("b", "ext")]);
    let rules = [
        rule("b", "(.*)", "c", "$1-$1", RelabelAction::Replace),
        rule("a", "gone", "", "", RelabelAction::Drop),
    ];
    let alerts = [alert(&[("a", "own")]), alert(&[("a", "gone")])];
    let wanted = [alert(&[("a", "own"), ("b", "ext"), ("c", "ext-ext")])];
    assert_eq!(relabelled(&alerts, &rules, &external), wanted);
    assert_eq!(relabelled(&alerts, &[], &Labels::empty()), alerts);
}
