//! Evaluates rules step by step and compares the alerts that fire with those expected.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::model::Labels;

use super::file::{AlertTest, TestFile, TestGroup};
use super::suite::{Suite, labels_of};
use super::{diff, report};
use crate::config::duration;
use crate::rules::{ALERT_NAME, Rule};
use crate::web::views::AlertState;

/// What is compared of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
}

/// Runs the rules from the start to the last time that anything is compared at.
///
/// # Errors
/// When a rule failed: then nothing more of this test is run.
pub(super) fn check(
    suite: &mut Suite,
    file: &TestFile,
    test: &TestGroup,
    wants_diff: bool,
) -> Result<Vec<String>, Vec<String>> {
    let mut by_time: BTreeMap<i64, Vec<&AlertTest>> = BTreeMap::new();
    for alert in &test.alert_rule_tests {
        if alert.alertname.is_empty() {
            let time = duration::format_ms(alert.eval_time_ms);
            let within = if test.name.is_empty() {
                String::new()
            } else {
                format!(" (in TestGroup {})", test.name)
            };
            return Err(vec![format!(
                "an item under alert_rule_test misses required attribute alertname at eval_time {time}{within}"
            )]);
        }
        by_time.entry(alert.eval_time_ms).or_default().push(alert);
    }
    let mut errors = Vec::new();
    let interval_ms = file.evaluation_interval_ms;
    let end_ms = test.eval_time_max_ms();
    let mut since_start_ms = 0;
    while since_start_ms <= end_ms {
        let at_ms = test.start_ms + since_start_ms;
        match suite.load_until(at_ms) {
            Ok(()) => {
                let failed = suite.evaluate(at_ms);
                if !failed.is_empty() {
                    errors.extend(failed);
                    return Err(errors);
                }
            }
            Err(error) => errors.push(error),
        }
        // A time between two evaluations is compared with the first of them.
        let next_ms = since_start_ms + interval_ms;
        for (_, alerts) in by_time.range(since_start_ms..next_ms) {
            compare(suite, test, alerts, wants_diff, &mut errors);
        }
        since_start_ms = next_ms;
    }
    Ok(errors)
}

fn compare(
    suite: &Suite,
    test: &TestGroup,
    alerts: &[&AlertTest],
    wants_diff: bool,
    errors: &mut Vec<String>,
) {
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.alertname.as_str()).collect();
    let mut firing: BTreeMap<&str, Vec<Shown>> = BTreeMap::new();
    for rule in suite.rules().filter(|rule| names.contains(rule.name())) {
        let Some(alerting) = Rule::as_alerting(rule) else {
            continue;
        };
        let shown = alerting
            .active_alerts()
            .into_iter()
            .filter(|alert| alert.state == AlertState::Firing);
        firing
            .entry(rule.name())
            .or_default()
            .extend(shown.map(|alert| Shown {
                labels: alert.labels,
                annotations: alert.annotations,
            }));
    }
    for alert in alerts {
        let mut got = firing.get(alert.alertname.as_str()).cloned().unwrap_or_default();
        let mut expected: Vec<Shown> = alert
            .expected
            .iter()
            .map(|expected| {
                let mut labels = expected.labels.clone();
                labels.insert(ALERT_NAME.to_owned(), alert.alertname.clone());
                Shown {
                    labels: labels_of(&labels),
                    annotations: labels_of(&expected.annotations),
                }
            })
            .collect();
        got.sort();
        expected.sort();
        if expected == got {
            continue;
        }
        let (name, time) = (&alert.alertname, duration::format_ms(alert.eval_time_ms));
        let within = if test.name.is_empty() {
            String::new()
        } else {
            format!("    name: {},\n", test.name)
        };
        errors.push(if wants_diff {
            let diff = report::indented(&diff::alerts(&expected, &got), "            ");
            format!("{within}    alertname: {name}, time: {time}, \n        diff: {diff}")
        } else {
            let (expected, got) = (report::alerts(&expected), report::alerts(&got));
            format!(
                "{within}    alertname: {name}, time: {time}, \n        exp:{expected}, \n        got:{got}"
            )
        });
    }
}
