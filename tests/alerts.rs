//! Alerts on their whole way: real exporters scraped, a real Alertmanager told, restarts in between.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::alertmanager::Alertmanager;
use crate::support::process::Process;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{free_port, http, peers, wait_for};

fn node_exporter(binary: &Path, dir: &Path, port: u16) -> Process {
    let process = Process::start(binary, dir, &[format!("--web.listen-address=127.0.0.1:{port}")]);
    let url = format!("http://127.0.0.1:{port}/metrics");
    wait_for("node_exporter", 20, || {
        http::get(&url).ok().filter(|answer| answer.status == 200)
    });
    process
}

/// Names of the alerts that Alertmanager holds, as its own tool tells them.
fn told(amtool: &Path, port: u16) -> Vec<String> {
    let url = format!("--alertmanager.url=http://127.0.0.1:{port}");
    let out = Command::new(amtool)
        .args(["alert", "query", "-o", "json", &url])
        .output()
        .expect("run amtool");
    let alerts: Value = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
    let all = alerts.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn a_target_that_dies_is_told_to_a_real_alertmanager_and_taken_back_when_it_returns() {
    let skipped = "alerts reaching a real Alertmanager";
    let find = |name: &str| peers::find(name, skipped);
    let (Some(exporter), Some(manager), Some(amtool), Some(prometheus)) = (
        find("prometheus-node-exporter"),
        find("prometheus-alertmanager"),
        find("amtool"),
        find("prometheus"),
    ) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (node_port, manager_port) = (free_port(), free_port());
    let node = node_exporter(&exporter, dir.path(), node_port);
    let _manager = Alertmanager::start(&manager, dir.path(), &format!("127.0.0.1:{manager_port}"));
    let peer_dir = dir.path().join("peer");
    std::fs::create_dir_all(&peer_dir).expect("make a directory");
    std::fs::write(peer_dir.join("prometheus.yml"), "").expect("write");
    let peer = Start::new(&prometheus, &peer_dir).ready();
    let config = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{manager_port}']}}]}}]}}
scrape_configs:
  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{node_port}']}}]}}
  - {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}
",
        peer.port
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let rules = "groups: [{name: g, rules: [{alert: ServiceDown, expr: 'up == 0', for: 1s, labels: {severity: critical}}]}]\n";
    std::fs::write(dir.path().join("rules.yml"), rules).expect("write");
    let ours = Start::new(&deucalion(), dir.path())
        .arg("--rules.alert.resend-delay=1s")
        .ready();

    wait_for("both exporters to be scraped", 20, || {
        let up = ours.query("sum(up)", "");
        (up["result"][0]["value"][1] == "2").then_some(())
    });
    let seen = ours.query(
        "count({job='node'}) > 300 and count({job='prometheus'}) > 300",
        "",
    );
    assert!(
        seen["result"].as_array().is_some_and(|all| all.len() == 1),
        "real pages are stored whole: {seen}"
    );
    assert_eq!(told(&amtool, manager_port), Vec::<String>::new());
    drop(node);
    wait_for("the alert to arrive", 30, || {
        (told(&amtool, manager_port) == ["ServiceDown"]).then_some(())
    });
    let _back = node_exporter(&exporter, dir.path(), node_port);
    wait_for("the alert to be resolved", 30, || {
        told(&amtool, manager_port).is_empty().then_some(())
    });
}

/// One alert that always holds, with this `for`.
fn write_pending(dir: &Path, hold: &str) {
    std::fs::create_dir_all(dir).expect("make a directory");
    let config = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n";
    std::fs::write(dir.join("prometheus.yml"), config).expect("write");
    let rules = format!("groups: [{{name: g, rules: [{{alert: Held, expr: 'vector(1)', for: {hold}}}]}}]\n");
    std::fs::write(dir.join("rules.yml"), rules).expect("write");
}

fn active_since(server: &Server) -> Option<jiff::Timestamp> {
    let alerts = server.get("/api/v1/alerts", &[]).json();
    alerts["data"]["alerts"][0]["activeAt"].as_str()?.parse().ok()
}

/// Starts, lets the alert be pending for a while, stops, rests, starts again; how far `activeAt` moved and how
/// long the server was away, in seconds.
fn restart(binary: &Path, dir: &Path, flags: &[&str]) -> (f64, f64) {
    let mut start = Start::new(binary, dir);
    for flag in flags {
        start = start.arg(*flag);
    }
    let server = start.ready();
    let before = wait_for("the alert to be pending", 20, || active_since(&server));
    wait_for("its state to be stored", 20, || {
        let stored = server.query("count_over_time(ALERTS_FOR_STATE[1m])", "");
        let count: f64 = stored["result"][0]["value"][1].as_str()?.parse().ok()?;
        (count >= 4.0).then_some(())
    });
    server.stop();
    let away = std::time::Instant::now();
    std::thread::sleep(std::time::Duration::from_secs(4));
    let server = start.ready();
    let away_s = away.elapsed().as_secs_f64();
    // The state is stored again once the restore is over.
    let recently = format!(
        "timestamp(ALERTS_FOR_STATE) > {}",
        jiff::Timestamp::now().as_second()
    );
    wait_for("the state to be stored again", 30, || {
        let stored = server.query(&recently, "");
        stored["result"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
            .then_some(())
    });
    let after = active_since(&server).expect("the alert is still there");
    (
        (after.as_millisecond() - before.as_millisecond()) as f64 / 1000.0,
        away_s,
    )
}

fn check_restart(hold: &str, flags: &'static [&'static str], is_kept: bool) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut binaries: Vec<(&str, PathBuf)> = vec![("ours", deucalion())];
    binaries.extend(peers::prometheus("restarts beside the real Prometheus").map(|peer| ("theirs", peer)));
    let runs: Vec<_> = binaries
        .into_iter()
        .map(|(name, binary)| {
            let dir = dir.path().join(name);
            write_pending(&dir, hold);
            (name, std::thread::spawn(move || restart(&binary, &dir, flags)))
        })
        .collect();
    for (name, run) in runs {
        let (moved_s, away_s) = run.join().expect("the run ends well");
        if is_kept {
            // Shifted by the downtime: what is measured from outside is a little more or less.
            assert!(
                (moved_s - away_s).abs() < 3.0,
                "{name}: moved by {moved_s} s over {away_s} s of downtime"
            );
        } else {
            assert!(
                moved_s > away_s + 2.0,
                "{name}: moved by {moved_s} s over {away_s} s of downtime"
            );
        }
    }
}

#[test]
fn an_alert_that_waits_less_than_the_grace_period_is_pending_anew_after_a_restart() {
    check_restart("1m", &[], false);
}

#[test]
fn an_alert_that_waits_longer_keeps_its_time_shifted_by_the_downtime() {
    check_restart("30s", &["--rules.alert.for-grace-period=5s"], true);
}
