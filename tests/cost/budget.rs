//! A query that would need far more memory than there is fails alone, while scrapes and alerts go on.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::exporter::{Exporter, TEXT};
use crate::support::server::{Server, Start, deucalion};
use crate::support::wait_for;

/// Series of the exporter. A column of the million steps of [`HEAVY`] for each would be 50 GB.
const SERIES: usize = 6000;

/// Its subquery has a step each second of twelve days.
const HEAVY: &str = "max_over_time(m[12d:1s])";

/// `--query.max-bytes`
const QUERY_BYTES: u64 = 16 << 20;

fn page(_scrape: u64) -> String {
    (0..SERIES).map(|i| format!("m{{i=\"{i}\"}} {i}\n")).collect()
}

/// The most memory that the process ever had, in bytes.
fn most_memory_bytes(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the process runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    let count: u64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .expect("a number");
    count * 1024
}

/// A number that a query answers.
fn number(server: &Server, query: &str) -> f64 {
    let answer = server.query(query, "");
    let text = answer["result"][0]["value"][1].as_str().map(str::to_owned);
    text.and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

#[test]
fn a_query_of_fifty_gigabytes_is_refused_while_scraping_and_alerting_go_on() {
    let exporter = Exporter::start(TEXT, page);
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: m, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}
",
        exporter.port
    );
    fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let rules =
        "groups: [{name: g, rules: [{record: total, expr: sum(m)}, {alert: Held, expr: 'total > 0'}]}]\n";
    fs::write(dir.path().join("rules.yml"), rules).expect("write");
    let server = Start::new(&deucalion(), dir.path())
        .arg(format!("--query.max-bytes={QUERY_BYTES}B"))
        .ready();
    wait_for("all series to be there", 30, || {
        (number(&server, "count(m)") as usize == SERIES).then_some(())
    });
    wait_for("the rules to be evaluated", 30, || {
        (number(&server, "count(ALERTS{alertstate='firing'})") == 1.0).then_some(())
    });
    let before = most_memory_bytes(&server);
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = server.get("/api/v1/query", &[("query", HEAVY)]);
                    assert_eq!(answer.status, 422, "{}", answer.body);
                    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
                    assert!(
                        error.contains("--query.max-bytes")
                            && error.contains(&QUERY_BYTES.to_string())
                            && error.contains(&format!("its heaviest selector is m ({SERIES} series")),
                        "{error}"
                    );
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let scrapes = exporter.served();
        wait_for("six more scrapes", 60, || {
            (exporter.served() > scrapes + 6).then_some(())
        });
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(refused.load(Ordering::Relaxed) >= 3);
    // Two of them run at a time, one waits.
    let most = most_memory_bytes(&server);
    assert!(
        most < before + 2 * QUERY_BYTES + (128 << 20),
        "{most} bytes, {before} before"
    );
    assert_eq!(number(&server, "min_over_time(up[20s])"), 1.0);
    let metrics = server.get("/metrics", &[]).body;
    let sum = |name: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    };
    assert_eq!(sum("prometheus_rule_evaluation_failures_total"), 0.0);
    assert_eq!(sum("prometheus_rule_group_iterations_missed_total"), 0.0);
    assert_eq!(number(&server, "count(ALERTS{alertstate='firing'})"), 1.0);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn rules_have_memory_that_ad_hoc_queries_took() {
    let exporter = Exporter::start(TEXT, page);
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: m, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}
",
        exporter.port
    );
    fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    // The rule needs a third of all memory: more than is kept for it beside ad hoc queries.
    let rules = "groups: [{name: g, rules: [{alert: Held, expr: 'count(max_over_time(m[10m:1s])) > 0'}]}]\n";
    fs::write(dir.path().join("rules.yml"), rules).expect("write");
    let server = Start::new(&deucalion(), dir.path())
        .arg("--query.max-total-bytes=96MB")
        .ready();
    wait_for("all series to be there", 30, || {
        (number(&server, "count(m)") as usize == SERIES).then_some(())
    });
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Some 43 MB each: two of them fit, but then no rule.
                    let answer = server.get("/api/v1/query", &[("query", "count(max_over_time(m[15m:1s]))")]);
                    assert!([200, 422].contains(&answer.status), "{}", answer.body);
                }
            });
        }
        let scrapes = exporter.served();
        wait_for("eight more scrapes", 60, || {
            (exporter.served() > scrapes + 8).then_some(())
        });
        is_over.store(true, Ordering::Relaxed);
    });
    let metrics = server.get("/metrics", &[]).body;
    let failures = metrics
        .lines()
        .filter(|line| line.starts_with("prometheus_rule_evaluation_failures_total"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum::<f64>();
    assert_eq!(failures, 0.0, "{}", server.log());
    assert_eq!(server.stop(), Some(0));
}
