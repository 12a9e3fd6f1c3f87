//! Jobs, their providers, and what is published of them.

use std::collections::BTreeMap;

use super::*;
use crate::config::{FileSdConfig, SdConfig, StaticGroup};
use crate::telemetry::Registry;

fn fixed(targets: &[&str]) -> DiscoveryConfigs {
    DiscoveryConfigs {
        static_configs: vec![StaticGroup {
            targets: targets.iter().map(|&t| t.to_owned()).collect(),
            labels: BTreeMap::from([("x".to_owned(), "y".to_owned())]),
        }],
        ..DiscoveryConfigs::default()
    }
}

fn jobs(jobs: &[(&str, DiscoveryConfigs)]) -> BTreeMap<String, DiscoveryConfigs> {
    jobs.iter()
        .map(|(name, configs)| ((*name).to_owned(), configs.clone()))
        .collect()
}

struct Harness {
    manager: Manager,
    watching: watch::Receiver<Arc<Discovered>>,
    registry: Registry,
}

impl Harness {
    fn start() -> Self {
        let registry = Registry::new();
        let metrics = DiscoveryMetrics::new(&registry);
        let (manager, watching) = Manager::start(Options::new("scrape"), &metrics);
        Self {
            manager,
            watching,
            registry,
        }
    }

    /// Waits until jobs and addresses are as told; the clock is virtual.
    #[track_caller]
    fn check(&mut self, wanted: &[(&str, &[&str])]) -> impl Future<Output = ()> {
        let wanted: Vec<(String, Vec<String>)> = wanted
            .iter()
            .map(|(job, targets)| ((*job).to_owned(), targets.iter().map(|&t| t.to_owned()).collect()))
            .collect();
        let watching = &mut self.watching;
        async move {
            let satisfied = watching.wait_for(|discovered| addresses(discovered) == wanted);
            let seen = tokio::time::timeout(Duration::from_secs(60), satisfied).await;
            let is_seen = matches!(seen, Ok(Ok(_)));
            drop(seen);
            assert!(
                is_seen,
                "{:?} instead of {wanted:?}",
                addresses(&watching.borrow())
            );
        }
    }

    #[track_caller]
    fn check_metric(&self, line: &str) {
        let text = self.registry.render();
        assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
    }
}

fn addresses(discovered: &Discovered) -> Vec<(String, Vec<String>)> {
    let of_group = |group: &Arc<TargetGroup>| -> Vec<String> {
        group
            .targets
            .iter()
            .map(|target| target.get("__address__").unwrap_or("").to_owned())
            .collect()
    };
    let of_job = |(job, groups): (&String, &Vec<Arc<TargetGroup>>)| {
        (job.clone(), groups.iter().flat_map(of_group).collect())
    };
    discovered.iter().map(of_job).collect()
}

#[tokio::test(start_paused = true)]
async fn each_job_has_its_targets_and_one_without_any_has_none() {
    let mut harness = Harness::start();
    let configs = jobs(&[
        ("a", fixed(&["a:1", "a:2"])),
        ("b", fixed(&["b:1"])),
        ("c", DiscoveryConfigs::default()),
    ]);
    harness.manager.apply(&configs);
    harness
        .check(&[("a", &["a:1", "a:2"]), ("b", &["b:1"]), ("c", &[])])
        .await;
    harness.check_metric(r#"prometheus_sd_discovered_targets{config="a",name="scrape"} 2"#);
    harness.check_metric(r#"prometheus_sd_discovered_targets{config="c",name="scrape"} 0"#);
    harness.check_metric(r#"prometheus_sd_failed_configs{name="scrape"} 0"#);
    let groups = harness.watching.borrow().clone();
    assert_eq!(groups["a"][0].labels.get("x"), Some("y"));
    assert_eq!(groups["a"][0].source, "0");
}

#[tokio::test(start_paused = true)]
async fn a_reload_swaps_targets_and_forgets_jobs_that_are_gone() {
    let mut harness = Harness::start();
    harness
        .manager
        .apply(&jobs(&[("a", fixed(&["a:1"])), ("b", fixed(&["b:1"]))]));
    harness.check(&[("a", &["a:1"]), ("b", &["b:1"])]).await;
    harness.manager.apply(&jobs(&[("a", fixed(&["a:2"]))]));
    harness.check(&[("a", &["a:2"])]).await;
    assert!(!harness.registry.render().contains("config=\"b\""));
    harness.manager.apply(&jobs(&[]));
    harness.check(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn jobs_with_one_configuration_share_a_provider_that_survives_reloads() {
    let mut harness = Harness::start();
    harness
        .manager
        .apply(&jobs(&[("a", fixed(&["x:1"])), ("b", fixed(&["x:1"]))]));
    harness.check(&[("a", &["x:1"]), ("b", &["x:1"])]).await;
    assert_eq!(harness.manager.shared.running.lock().len(), 1);
    harness
        .manager
        .apply(&jobs(&[("b", fixed(&["x:1"])), ("c", fixed(&["x:1"]))]));
    harness.check(&[("b", &["x:1"]), ("c", &["x:1"])]).await;
    // One provider told one time; the reload asked nobody again.
    harness.check_metric(r#"prometheus_sd_received_updates_total{name="scrape"} 1"#);
}

#[tokio::test(start_paused = true)]
async fn news_that_keep_coming_are_held_back_longer_and_longer() {
    let mut harness = Harness::start();
    let began = Instant::now();
    let mut publications = 0;
    for round in 0..600 {
        harness
            .manager
            .apply(&jobs(&[("a", fixed(&[&format!("a:{round}")]))]));
        tokio::time::sleep(Duration::from_millis(50)).await;
        publications += u32::from(harness.watching.has_changed().unwrap());
        harness.watching.mark_unchanged();
    }
    assert!(began.elapsed() >= Duration::from_secs(30));
    assert!((8..=20).contains(&publications), "{publications}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_manager_publishes_almost_at_once() {
    let mut harness = Harness::start();
    for round in 0..3 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let began = Instant::now();
        let target = format!("a:{round}");
        harness.manager.apply(&jobs(&[("a", fixed(&[&target]))]));
        harness.check(&[("a", &[&target])]).await;
        assert!(
            began.elapsed() <= Duration::from_millis(400),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_files_targets_are_published_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("targets.json");
    std::fs::write(&path, r#"[{"targets":["f:1"],"labels":{"a":"b"}}]"#).unwrap();
    let mut harness = Harness::start();
    let file = DiscoveryConfigs {
        mechanisms: vec![SdConfig::File(Box::new(FileSdConfig {
            files: vec![path.clone()],
            refresh_interval_ms: 300_000,
        }))],
        ..DiscoveryConfigs::default()
    };
    harness.manager.apply(&jobs(&[("a", file)]));
    harness.check(&[("a", &["f:1"])]).await;
    let name = path.display().to_string();
    let group = Arc::clone(&harness.watching.borrow()["a"][0]);
    assert_eq!(group.labels.get("__meta_filepath"), Some(&*name));
    assert_eq!(group.labels.get("a"), Some("b"));
    assert_eq!(group.source, format!("{name}:0"));
    std::fs::write(&path, r#"[{"targets":["f:2"]}]"#).unwrap();
    harness.check(&[("a", &["f:2"])]).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_takes_the_place_of_another_is_counted_under_its_names() {
    let harness = Harness::start();
    let http = |url: &str| DiscoveryConfigs {
        mechanisms: vec![SdConfig::Http(Box::new(crate::config::HttpSdConfig {
            url: url.to_owned(),
            refresh_interval_ms: 60_000,
            http_client: crate::config::HttpClientConfig::default(),
        }))],
        ..DiscoveryConfigs::default()
    };
    for url in ["http://127.0.0.1:1/one", "http://127.0.0.1:1/two"] {
        harness.manager.apply(&jobs(&[("a", http(url))]));
        harness.check_metric("prometheus_sd_refresh_failures_total{config=\"a\",mechanism=\"http\"} 0");
    }
}
