//! What our own switches do to storage, seen from outside: limits, tiers of retention, blocks.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::server::{Start, deucalion, promtool};
use crate::support::wait_for;

const LIMIT: u64 = 60;

/// Scrapes itself, which has more series than the limit, and records something of it.
fn write_config(dir: &Path, port: u16) {
    let config = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs:
- job_name: self
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"
    );
    fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
    let rules = "groups:
- name: g
  rules:
  - {record: 'recorded:count', expr: 'scrape_samples_scraped > 0'}
";
    fs::write(dir.join("rules.yml"), rules).expect("write the rules");
}

fn only<'v>(list: &'v Value, what: &str) -> &'v Value {
    let list = list.as_array().unwrap_or_else(|| panic!("{what} is a list"));
    assert_eq!(list.len(), 1, "{what}: {list:?}");
    &list[0]
}

#[test]
fn beyond_the_series_limit_targets_rules_and_metrics_tell() {
    let dir = tempfile::tempdir().expect("a directory");
    let start = Start::new(&deucalion(), dir.path()).arg(format!("--storage.tsdb.max-series={LIMIT}"));
    write_config(dir.path(), start.address_port());
    let server = start.ready();
    let target = wait_for("a complaint of the target", 20, || {
        let targets = server.get("/api/v1/targets", &[]).json();
        let target = targets["data"]["activeTargets"].get(0)?.clone();
        (target["lastError"] != "").then_some(target)
    });
    let told = target["lastError"].as_str().expect("a text");
    assert!(
        told.starts_with("series limit reached (--storage.tsdb.max-series)"),
        "{told}"
    );
    // The target is well, and so is what of it is stored.
    assert_eq!(target["health"], "up");
    let rule = wait_for("a complaint of the rule", 20, || {
        let rules = server.get("/api/v1/rules", &[]).json();
        let rule = rules["data"]["groups"][0]["rules"].get(0)?.clone();
        (rule["health"] == "err").then_some(rule)
    });
    let told = rule["lastError"].as_str().expect("a text");
    assert!(
        told.contains(&format!("series limit of {LIMIT} reached")),
        "{told}"
    );
    let up = server.get("/api/v1/query", &[("query", "up")]).json();
    assert_eq!(only(&up["data"]["result"], "up")["value"][1], "1");
    let series = server
        .get("/api/v1/query", &[("query", "count({__name__=~\".+\"})")])
        .json();
    let count = only(&series["data"]["result"], "the count")["value"][1].clone();
    let count: u64 = count.as_str().and_then(|n| n.parse().ok()).expect("a number");
    // The report of the scrape is beyond the limit.
    assert!((LIMIT..=LIMIT + 5).contains(&count), "{count}");
    let metrics = server.get("/metrics", &[]).body;
    assert!(metrics.contains(&format!("\ndeucalion_tsdb_series_limit {LIMIT}\n")));
    let refused = metrics
        .lines()
        .find_map(|line| line.strip_prefix("deucalion_tsdb_series_refused_total "));
    assert!(refused.is_some_and(|count| count != "0"), "{refused:?}");
}

/// Two hours of two series, as blocks below `data`.
fn write_blocks(dir: &Path) {
    let mut page = String::new();
    for at_s in (1_699_920_000..1_699_920_000 + 3 * 7200).step_by(60) {
        page += &format!("raw{{a=\"b\"}} {at_s} {at_s}\njob:raw:5m{{a=\"b\"}} 1 {at_s}\n");
    }
    page += "# EOF\n";
    fs::write(dir.join("page.om"), page).expect("write a page");
    let args = [
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "-q",
        "page.om",
        "data",
    ];
    let status = Command::new(promtool()).current_dir(dir).args(args).status();
    assert!(status.expect("promtool runs").success());
}

#[test]
fn blocks_are_described_as_their_files_describe_them() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("prometheus.yml"), "").expect("write the configuration");
    write_blocks(dir.path());
    let mut described: Vec<Value> = Vec::new();
    for entry in fs::read_dir(dir.path().join("data")).expect("blocks") {
        let meta = entry.expect("a block").path().join("meta.json");
        described
            .push(serde_json::from_str(&fs::read_to_string(meta).expect("a description")).expect("JSON"));
    }
    described.sort_by_key(|meta| meta["minTime"].as_i64());
    assert_eq!(described.len(), 3);
    let server = Start::new(&deucalion(), dir.path())
        .arg("--storage.tsdb.retention.time=100y")
        .ready();
    let answer = server.get("/api/v1/status/tsdb/blocks", &[]).json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["data"]["blocks"], Value::Array(described));
}

#[test]
fn what_tiers_would_remove_is_told_before_the_server_removes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("prometheus.yml"), "").expect("write the configuration");
    write_blocks(dir.path());
    let own = "storage: {retention: [{match: '{__name__=~\".+:5m\"}', time: 4h}]}\n";
    fs::write(dir.path().join("own.yml"), own).expect("write our configuration");
    let args = [
        "tsdb",
        "retention",
        "--deucalion.config.file=own.yml",
        "--retention.time=2h",
        "data",
    ];
    let output = Command::new(promtool())
        .current_dir(dir.path())
        .args(args)
        .output();
    let told = String::from_utf8(output.expect("promtool runs").stdout).expect("text");
    let what: Vec<&str> = told
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    assert_eq!(what, ["removed", "rewritten", "kept"], "{told}");
    let server = Start::new(&deucalion(), dir.path())
        .arg("--deucalion.config.file=own.yml")
        .arg("--storage.tsdb.retention.time=2h")
        .arg("--storage.tsdb.block-reload-interval=1s")
        .ready();
    wait_for("the removal", 30, || {
        let blocks = server.get("/api/v1/status/tsdb/blocks", &[]).json();
        let series = |block: &Value| block["stats"]["numSeries"].as_i64().unwrap_or(0);
        let found: Vec<i64> = blocks["data"]["blocks"].as_array()?.iter().map(series).collect();
        (found == [1, 2]).then_some(())
    });
}
