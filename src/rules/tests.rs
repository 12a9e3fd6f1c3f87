//! Groups over the real engine and a store in memory; time is whatever the test says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use parking_lot::Mutex;
use promql::engine::{Engine, EngineOptions};
use promql::parser::ParserOptions;
use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::model::{Labels, Matcher, is_stale};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use super::file::{self, Loading};
use super::*;
use crate::config::document::Reading;
use crate::config::scrape::ValidationScheme;
use crate::telemetry::Registry;
use crate::web::views::{AlertState, RulesView};

const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Default)]
struct Sent(Mutex<Vec<SentAlert>>);

impl AlertSink for Sent {
    fn send(&self, alerts: Vec<SentAlert>) {
        self.0.lock().extend(alerts);
    }
}

/// Minutes and values; a marker is `None`.
type Points = Vec<(i64, Option<f64>)>;

/// A store, what was sent, and the options that groups get.
struct Server {
    store: MemoryStore,
    sent: Arc<Sent>,
    registry: Registry,
    options: Options,
}

impl Server {
    fn new() -> Self {
        let store = MemoryStore::new();
        let sent = Arc::new(Sent::default());
        let registry = Registry::new();
        let engine = Arc::new(Engine::new(EngineOptions::default()));
        let evaluate = EngineEvaluate::new(
            engine,
            Arc::new(store.clone()),
            Budget::unlimited(),
            Cancel::new(),
        );
        let options = Options {
            evaluate: Arc::new(evaluate),
            appendable: Arc::new(store.clone()),
            sink: Arc::clone(&sent) as Arc<dyn AlertSink>,
            external_url: Some("http://prometheus.example".to_owned()),
            outage_tolerance_ms: 60 * MINUTE_MS,
            grace_period_ms: 10 * MINUTE_MS,
            resend_delay_ms: MINUTE_MS,
            query_offset_ms: Arc::new(AtomicI64::new(0)),
            concurrent_evaluations: None,
            metrics: Metrics::new(&registry),
        };
        Self {
            store,
            sent,
            registry,
            options,
        }
    }

    /// Stores samples of one series, a minute apart from 0 on; `_` is a gap.
    #[track_caller]
    fn load(&self, series: &str) {
        let (labels, values) = promql::parser::series::parse_series(series).unwrap();
        for (minute, value) in (0i64..).zip(values) {
            if let promql::parser::series::SequenceValue::Float(v) = value {
                self.store(&labels, minute * MINUTE_MS, v);
            }
        }
    }

    fn store(&self, labels: &Labels, t_ms: i64, v: f64) {
        let mut batch = Batch::at(t_ms);
        let series = self.store.resolve(labels, &mut batch).unwrap();
        batch.push(series, v.to_bits());
        self.store.append(&mut batch, &AppendOptions::default()).unwrap();
    }

    #[track_caller]
    fn spec(&self, rules: &str) -> GroupSpec {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.yml");
        std::fs::write(&path, format!("groups:\n- name: g\n  rules:\n{rules}")).unwrap();
        let mut groups = load(&path).unwrap();
        let mut spec = groups.remove(0);
        spec.file = "rules.yml".to_owned();
        spec
    }

    #[track_caller]
    fn group(&self, rules: &str) -> Group {
        Group::new(
            self.spec(rules),
            &spec::External::default(),
            true,
            self.options.clone(),
        )
    }

    /// Samples of the series that all `matchers` select, markers as `None`.
    fn samples(&self, name: &str) -> Vec<(String, Points)> {
        let want = Selection {
            sorted: true,
            ..Selection::new(vec![Matcher::equal("__name__", name)], 0, i64::MAX)
        };
        let read = self
            .store
            .open(&[want], &Budget::unlimited(), &Cancel::new())
            .unwrap();
        let mut columns = Columns::default();
        let mut cursor = read.cursor();
        let mut all = Vec::new();
        for series in 0..read.rosters[0].len() {
            cursor.read(0, series, 0, i64::MAX, &mut columns).unwrap();
            let samples = columns.t_ms.iter().zip(&columns.v);
            let samples = samples
                .map(|(t, v)| (t / MINUTE_MS, (!is_stale(*v)).then_some(*v)))
                .collect();
            all.push((read.labels(0, series).to_string(), samples));
        }
        all
    }
}

fn load(path: &Path) -> Result<Vec<GroupSpec>, Vec<crate::config::rule_file::RuleFileError>> {
    let loading = Loading {
        reading: Reading::STRICT,
        scheme: ValidationScheme::Utf8,
        parser: ParserOptions::default(),
        interval_ms: MINUTE_MS,
    };
    file::load(&[path.to_owned()], &loading)
}

#[track_caller]
fn check_states(group: &Group, minute: i64, expected: &[(&str, AlertState)]) {
    group.evaluate(minute * MINUTE_MS);
    let rule = group.rules()[0].as_alerting().unwrap();
    let given: Vec<_> = rule
        .active_alerts()
        .into_iter()
        .map(|alert| (alert.labels.get("instance").unwrap_or("").to_owned(), alert.state))
        .collect();
    let expected: Vec<_> = expected.iter().map(|(i, s)| ((*i).to_owned(), *s)).collect();
    assert_eq!(given, expected, "minute {minute}");
}

use AlertState::{Firing, Inactive, Pending};

#[test]
fn an_alert_is_pending_for_as_long_as_asked_then_fires_and_is_resolved() {
    let server = Server::new();
    server.load("up{instance='a'} 0x4 1x20");
    let group = server.group("  - alert: Down\n    expr: up == 0\n    for: 2m\n");
    check_states(&group, 0, &[("a", Pending)]);
    check_states(&group, 1, &[("a", Pending)]);
    check_states(&group, 2, &[("a", Firing)]);
    check_states(&group, 4, &[("a", Firing)]);
    check_states(&group, 5, &[]);
    assert_eq!(group.rules()[0].as_alerting().unwrap().state(), Inactive);
}

#[test]
fn a_pending_alert_that_ceases_is_forgotten_at_once() {
    let server = Server::new();
    server.load("up{instance='a'} 0 1 0x9");
    let group = server.group("  - alert: Down\n    expr: up == 0\n    for: 2m\n");
    check_states(&group, 0, &[("a", Pending)]);
    check_states(&group, 1, &[]);
    check_states(&group, 2, &[("a", Pending)]);
    check_states(&group, 3, &[("a", Pending)]);
    check_states(&group, 4, &[("a", Firing)]);
    assert!(
        server
            .sent
            .0
            .lock()
            .iter()
            .all(|alert| alert.starts_at_ms == 4 * MINUTE_MS)
    );
}

#[test]
fn a_firing_alert_may_be_kept_firing_for_a_while() {
    let server = Server::new();
    server.load("up{instance='a'} 0 1x20");
    let group = server.group("  - alert: Down\n    expr: up == 0\n    keep_firing_for: 2m\n");
    check_states(&group, 0, &[("a", Firing)]);
    check_states(&group, 1, &[("a", Firing)]);
    let since = group.rules()[0].as_alerting().unwrap().active_alerts()[0].keep_firing_since_ms;
    assert_eq!(since, Some(MINUTE_MS));
    check_states(&group, 2, &[("a", Firing)]);
    check_states(&group, 3, &[]);
}

#[test]
fn alerts_are_written_as_series_that_end_with_their_state() {
    let server = Server::new();
    server.load("up{instance='a'} 0x3 1x20");
    let group =
        server.group("  - alert: Down\n    expr: up == 0\n    for: 2m\n    labels: {severity: page}\n");
    for minute in 0..6 {
        group.evaluate(minute * MINUTE_MS);
    }
    let one = Some(1.0);
    let name = |state: &str| {
        format!(
            "{{__name__=\"ALERTS\", alertname=\"Down\", alertstate=\"{state}\", instance=\"a\", severity=\"page\"}}"
        )
    };
    assert_eq!(
        server.samples("ALERTS"),
        [
            (name("firing"), vec![(2, one), (3, one), (4, None)]),
            (name("pending"), vec![(0, one), (1, one), (2, None)]),
        ]
    );
    let since = Some(0.0);
    assert_eq!(
        server.samples("ALERTS_FOR_STATE")[0].1,
        vec![(0, since), (1, since), (2, since), (3, since), (4, None)]
    );
}

#[test]
fn alerts_are_sent_when_they_fire_each_minute_after_and_a_quarter_of_an_hour_when_resolved() {
    let server = Server::new();
    server.load("up{instance='a'} 0x3 1x60");
    let group = server.group("  - alert: Down\n    expr: up == 0\n");
    for minute in 0..25 {
        group.evaluate(minute * MINUTE_MS);
    }
    let sent = server.sent.0.lock();
    assert_eq!(sent[0].starts_at_ms, 0);
    assert_eq!(sent[0].ends_at_ms, 4 * MINUTE_MS);
    assert_eq!(
        sent[0].generator_url,
        "http://prometheus.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
    );
    // A minute has passed, not more than a minute: every other evaluation sends.
    let ends: Vec<i64> = sent.iter().map(|alert| alert.ends_at_ms / MINUTE_MS).collect();
    assert_eq!(ends[..2], [4, 6]);
    assert!(
        ends[2..].iter().all(|&end| end == 4),
        "resolved at minute 4: {ends:?}"
    );
    assert_eq!(ends.len(), 2 + 8, "{ends:?}");
}

#[test]
fn labels_and_annotations_are_templates_over_the_sample() {
    let server = Server::new();
    server.load("disk{instance='a', job='node'} 0.25x9");
    let group = server.group(
        "  - alert: Full\n    expr: disk < 0.5\n    labels: {level: '{{ $value }}', job: '', none: '{{ $labels.x }}'}\n    \
         annotations: {text: '{{ $labels.instance }} has {{ $value | humanizePercentage }}', empty: '{{ $labels.x }}', \
         bad: '{{ .Foo }}'}\n",
    );
    group.evaluate(0);
    let alert = group.rules()[0].as_alerting().unwrap().active_alerts().remove(0);
    assert_eq!(
        alert.labels.to_string(),
        r#"{alertname="Full", instance="a", level="0.25"}"#
    );
    assert_eq!(alert.annotations.get("text"), Some("a has 25%"));
    assert_eq!(alert.annotations.get("empty"), Some(""));
    assert!(
        alert
            .annotations
            .get("bad")
            .unwrap()
            .starts_with("<error expanding template: error executing")
    );
    let text = server.registry.render();
    assert!(
        text.contains("prometheus_template_text_expansions_total 6\n"),
        "{text}"
    );
    assert!(
        text.contains("prometheus_template_text_expansion_failures_total 1\n"),
        "{text}"
    );
}

#[test]
fn a_recording_takes_the_rules_name_and_labels_and_ends_series_that_vanish() {
    let server = Server::new();
    server.load("up{instance='a', job='x'} 1 1 1 1");
    server.load("up{instance='b', job='x'} 1 stale 1 1");
    let group = server.group("  - record: up:copy\n    expr: up\n    labels: {job: '', source: rule}\n");
    for minute in 0..3 {
        group.evaluate(minute * MINUTE_MS);
    }
    let one = Some(1.0);
    assert_eq!(
        server.samples("up:copy"),
        [
            (
                r#"{__name__="up:copy", instance="a", source="rule"}"#.to_owned(),
                vec![(0, one), (1, one), (2, one)]
            ),
            (
                r#"{__name__="up:copy", instance="b", source="rule"}"#.to_owned(),
                vec![(0, one), (1, None), (2, one)]
            ),
        ]
    );
}

#[track_caller]
fn check_error(rules: &str, expected: &str) {
    let server = Server::new();
    server.load("up{instance='a', job='x'} 1 1 1 1");
    server.load("up{instance='b', job='x'} 1 1 1 1");
    let group = server.group(rules);
    group.evaluate(0);
    let status = group.rules()[0].status();
    assert_eq!(
        (status.last_error.as_str(), status.is_healthy),
        (expected, Some(false))
    );
    assert!(server.samples("r").is_empty() && server.samples("ALERTS").is_empty());
    let text = server.registry.render();
    assert!(
        text.contains("prometheus_rule_evaluation_failures_total{rule_group=\"rules.yml;g\"} 1\n"),
        "{text}"
    );
}

#[test]
fn a_rule_that_fails_says_why_and_stores_nothing() {
    check_error(
        "  - record: r\n    expr: sum by (job, instance) (up)\n    labels: {instance: same}\n",
        "vector contains metrics with the same labelset after applying rule labels",
    );
    check_error(
        "  - alert: A\n    expr: up\n    labels: {instance: same}\n",
        "vector contains metrics with the same labelset after applying alert labels",
    );
    check_error(
        "  - record: r\n    expr: '\"text\"'\n",
        "rule result is not a vector or scalar",
    );
    check_error(
        "  - record: r\n    expr: up\n  limit: 1\n",
        "exceeded limit of 1 with 2 series",
    );
    check_error(
        "  - alert: A\n    expr: up\n  limit: 1\n",
        "exceeded limit of 1 with 2 alerts",
    );
}

#[test]
fn a_failing_evaluation_ends_no_series() {
    let server = Server::new();
    server.load("up{instance='a'} 1x9");
    server.load("up{instance='b'} _ 1 stale");
    let group = server.group("  - record: r\n    expr: up\n    labels: {instance: same}\n");
    for minute in 0..3 {
        group.evaluate(minute * MINUTE_MS);
    }
    assert_eq!(server.samples("r")[0].1, vec![(0, Some(1.0)), (2, Some(1.0))]);
}

#[test]
fn an_offset_moves_the_question_and_the_answer_into_the_past() {
    let server = Server::new();
    server.load("up 0+1x9");
    let group = server.group("  - record: r\n    expr: up\n  query_offset: 2m\n");
    group.evaluate(5 * MINUTE_MS);
    assert_eq!(server.samples("r")[0].1, vec![(3, Some(3.0))]);
}

#[test]
fn rules_see_what_the_rules_before_them_wrote() {
    let server = Server::new();
    server.load("up 1x9");
    let group = server.group("  - record: a\n    expr: up + 1\n  - record: b\n    expr: a + 1\n");
    group.evaluate(0);
    assert_eq!(server.samples("b")[0].1, vec![(0, Some(3.0))]);
}

#[test]
fn a_changed_group_takes_over_alerts_and_ends_series_of_rules_that_are_gone() {
    let server = Server::new();
    server.load("up{instance='a'} 0x20");
    let old = server.group("  - alert: Down\n    expr: up == 0\n    for: 2m\n  - record: r\n    expr: up\n");
    old.evaluate(0);
    let new = server.group("  - alert: Down\n    expr: up < 1\n    for: 2m\n");
    assert!(!old.spec().is_same(new.spec()));
    new.copy_state(&old);
    check_states(&new, 2, &[("a", Firing)]);
    assert_eq!(server.samples("r")[0].1, vec![(0, Some(0.0)), (2, None)]);
}

#[test]
fn a_longer_for_puts_a_firing_alert_back_to_pending() {
    let server = Server::new();
    server.load("up{instance='a'} 0x20");
    let old = server.group("  - alert: Down\n    expr: up == 0\n");
    check_states(&old, 0, &[("a", Firing)]);
    let new = server.group("  - alert: Down\n    expr: up == 0\n    for: 5m\n");
    new.copy_state(&old);
    check_states(&new, 1, &[("a", Pending)]);
    check_states(&new, 5, &[("a", Firing)]);
}

#[test]
fn a_group_that_is_gone_ends_all_its_series() {
    let server = Server::new();
    server.load("up{instance='a'} 0x20");
    let group = server.group("  - record: r\n    expr: up\n");
    group.evaluate(0);
    group.end_all_series(3 * MINUTE_MS);
    assert_eq!(server.samples("r")[0].1, vec![(0, Some(0.0)), (3, None)]);
}

/// An alert with `for: 30m` that was active since minute 0 when the server went down at `down` and came
/// back at `up`: since when does it count as active?
#[track_caller]
fn check_restore(down: i64, up: i64, expected: i64) {
    let server = Server::new();
    let labels = [
        ("__name__", "ALERTS_FOR_STATE"),
        ("alertname", "Down"),
        ("instance", "a"),
        ("value", "0"),
    ];
    for minute in 0..=down {
        server.store(&Labels::from_pairs(labels), minute * MINUTE_MS, 0.0);
    }
    let series = Labels::from_pairs([("__name__", "up"), ("instance", "a")]);
    for minute in up..up + 3 {
        server.store(&series, minute * MINUTE_MS, 0.0);
    }
    let rules = "  - alert: Down\n    expr: up == 0\n    for: 30m\n    labels: {value: '{{ $value }}'}\n";
    let group = Group::new(
        server.spec(rules),
        &spec::External::default(),
        false,
        server.options.clone(),
    );
    group.evaluate(up * MINUTE_MS);
    group.evaluate((up + 1) * MINUTE_MS);
    assert!(
        server.samples("ALERTS").is_empty(),
        "nothing is written before the restore"
    );
    group.restore((up + 1) * MINUTE_MS);
    let alert = &group.rules()[0].as_alerting().unwrap().active_alerts()[0];
    assert_eq!(alert.active_at_ms / MINUTE_MS, expected);
    group.evaluate((up + 2) * MINUTE_MS);
    assert_eq!(server.samples("ALERTS").len(), 1);
}

#[test]
fn an_alert_that_fired_before_a_restart_fires_again_at_once() {
    check_restore(40, 50, 0);
}

#[test]
fn an_alert_that_was_about_to_fire_waits_for_the_grace_period() {
    // 5 minutes were left, 10 are granted: it fires at 51 + 10.
    check_restore(25, 50, 61 - 30);
}

#[test]
fn an_alert_that_was_pending_goes_on_where_it_was() {
    // 20 minutes were left, counted from the restore at 51.
    check_restore(10, 50, 41);
}

#[test]
fn an_alert_seen_too_long_ago_begins_anew() {
    check_restore(10, 100, 100);
}

#[track_caller]
fn check_batches(rules: &str, expected: Option<&[&[usize]]>) {
    let server = Server::new();
    let group = server.group(rules);
    let given = order::batches(group.rules());
    let expected = expected.map(|batches| batches.iter().map(|batch| batch.to_vec()).collect());
    assert_eq!(given, expected);
}

#[test]
fn independent_rules_come_first_and_those_in_between_one_by_one() {
    check_batches(
        "  - record: a\n    expr: up\n  - record: b\n    expr: a\n  - record: c\n    expr: b\n  - record: d\n    expr: up\n",
        Some(&[&[0, 3], &[1], &[2]]),
    );
    check_batches(
        "  - alert: A\n    expr: up\n  - record: b\n    expr: ALERTS{alertname='A'}\n  - record: c\n    expr: ALERTS{alertname='B'}\n",
        Some(&[&[0, 2], &[1]]),
    );
    check_batches(
        "  - record: a\n    expr: up\n  - record: b\n    expr: '{job=\"x\"}'\n",
        None,
    );
}

#[test]
fn rules_evaluated_side_by_side_store_the_same() {
    let mut server = Server::new();
    server.options.concurrent_evaluations = Some(Arc::new(AtomicUsize::new(2)));
    server.load("up 1x9");
    let rules: String = (0..8)
        .map(|i| format!("  - record: r\n    expr: up + {i}\n    labels: {{i: '{i}'}}\n"))
        .collect();
    let group = server.group(&(rules + "  - record: s\n    expr: sum(r)\n"));
    group.evaluate(0);
    assert_eq!(server.samples("r").len(), 8);
    assert_eq!(server.samples("s")[0].1, vec![(0, Some(36.0))]);
}

#[test]
fn a_group_shows_its_rules_and_how_they_are() {
    let server = Server::new();
    server.load("up{instance='a'} 0x20");
    let group =
        server.group("  - alert: Down\n    expr: up==0\n    for: 1m\n  - record: r\n    expr: '\"text\"'\n");
    let view = group.view();
    assert_eq!(view.rules[0].health, "unknown");
    assert_eq!(
        view.rules[0].alerting.as_ref().unwrap().state,
        AlertState::Unknown
    );
    group.iterate(0, 5);
    let view = group.view();
    assert_eq!((view.interval_s, view.last_evaluation_ms), (60.0, Some(5)));
    assert_eq!(
        (view.rules[0].query.as_str(), view.rules[0].health),
        ("up == 0", "ok")
    );
    let alerting = view.rules[0].alerting.as_ref().unwrap();
    assert_eq!(
        (alerting.state, alerting.hold_duration_s, alerting.alerts.len()),
        (Pending, 60.0, 1)
    );
    assert_eq!(
        (view.rules[1].health, view.rules[1].alerting.is_none()),
        ("err", true)
    );
    assert!(
        server
            .registry
            .render()
            .contains("prometheus_rule_group_iterations_total{rule_group=\"rules.yml;g\"} 1\n")
    );
}

/// Tells of each alert that is sent.
#[derive(Debug)]
struct Tell(tokio::sync::mpsc::UnboundedSender<SentAlert>);

impl AlertSink for Tell {
    fn send(&self, alerts: Vec<SentAlert>) {
        for alert in alerts {
            // The test may have seen enough and be gone.
            drop(self.0.send(alert));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_evaluates_groups_from_its_start_to_its_stop() {
    let mut server = Server::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    server.options.sink = Arc::new(Tell(tell));
    server.options.resend_delay_ms = 0;
    let mut spec = server.spec("  - alert: Always\n    expr: vector(1)\n");
    spec.interval_ms = 20;
    let manager = Manager::new(server.options.clone());
    let update = |groups| manager::Update {
        groups,
        ..manager::Update::default()
    };
    manager.update(update(vec![spec.clone()])).await;
    assert_eq!(
        manager.groups()[0].last_evaluation_ms,
        None,
        "nothing runs before the start"
    );
    manager.start();
    assert_eq!(told.recv().await.unwrap().labels.metric_name(), "");
    assert!(told.recv().await.is_some());
    let before = manager.groups()[0].rules[0].alerting.as_ref().unwrap().alerts[0].active_at_ms;
    spec.limit = 7;
    manager.update(update(vec![spec])).await;
    assert!(told.recv().await.is_some());
    let group = manager.groups().remove(0);
    assert_eq!(group.limit, 7);
    assert_eq!(
        group.rules[0].alerting.as_ref().unwrap().alerts[0].active_at_ms,
        before
    );
    manager.update(update(Vec::new())).await;
    assert!(manager.groups().is_empty());
    assert!(
        !server.registry.render().contains("rule_group="),
        "its metrics are gone with it"
    );
    manager.stop().await;
}
