//! Heavy queries take no time away from scrapes and rules.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::support::exporter::{Exporter, TEXT};
use super::support::http;
use super::support::server::{Start, deucalion};
use super::support::wait_for;

/// Looks at some hundred million samples; stopped by its time limit before that. A tenth of them keeps a build that
/// is not optimised as busy.
const HEAVY: &str = if cfg!(debug_assertions) {
    "stddev_over_time(vector(1)[2d:10s])"
} else {
    "stddev_over_time(vector(1)[20d:10s])"
};

/// How many of them are asked at a time: more than there are threads for queries.
const ASKERS: usize = 4;

/// How often is scraped and evaluated.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long the server is kept busy.
const BUSY: Duration = Duration::from_secs(8);

#[test]
fn heavy_queries_delay_neither_scrapes_nor_rules() {
    let exporter = Exporter::start(TEXT, |scrape| format!("scrapes_total {scrape}\n"));
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n- job_name: page\n  static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
        exporter.port
    );
    let rules = "groups:\n- name: g\n  rules:\n  - {record: recorded, expr: sum(scrapes_total)}\n  \
                 - {alert: Up, expr: up == 1}\n";
    fs::write(dir.path().join("prometheus.yml"), config).expect("write the configuration");
    fs::write(dir.path().join("rules.yml"), rules).expect("write the rules");
    let server = Start::new(&deucalion(), dir.path()).ready();
    wait_for("the first recorded sample", 30, || {
        let found = server.query("recorded", "");
        found["result"]
            .as_array()
            .filter(|all| !all.is_empty())
            .map(|_| ())
    });

    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (served_before, begun) = (exporter.served(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..ASKERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let params = [
                        ("query", HEAVY),
                        ("start", "1700000000"),
                        ("end", "1700060000"),
                        ("step", "60"),
                        ("timeout", "3s"),
                    ];
                    let url = format!("{}/api/v1/query_range?{}", server.url, http::encode(&params));
                    asked.fetch_add(
                        u64::from(http::request("GET", &url, &[], None).is_ok()),
                        Ordering::Relaxed,
                    );
                }
            });
        }
        std::thread::sleep(BUSY);
        is_over.store(true, Ordering::Relaxed);
    });
    let intervals = (begun.elapsed().as_millis() / INTERVAL.as_millis()) as u64;
    assert!(
        asked.load(Ordering::Relaxed) >= ASKERS as u64,
        "queries were answered"
    );

    // One may be under way at either end.
    let scraped = exporter.served() - served_before;
    assert!(
        scraped + 2 >= intervals,
        "{scraped} scrapes in {intervals} intervals"
    );
    let window = format!("{}ms", begun.elapsed().as_millis());
    let found = server.query(&format!("count_over_time(recorded[{window}])"), "");
    let recorded = found["result"][0]["value"][1]
        .as_str()
        .and_then(|text| text.parse::<u64>().ok());
    let recorded = recorded.expect("the rule was evaluated");
    assert!(
        recorded + 2 >= intervals,
        "{recorded} evaluations in {intervals} intervals"
    );
    let metrics = server.get("/metrics", &[]).body;
    let missed = metrics
        .lines()
        .find(|line| line.starts_with("prometheus_rule_group_iterations_missed_total{"));
    assert!(missed.is_some_and(|line| line.ends_with(" 0")), "{missed:?}");
}
