//! What is asked around a stack: who is up, who was told, what is held.

use std::time::{Duration, Instant};

use crate::support::alertmanager::Alertmanager;
use crate::support::http;
use crate::support::samples::{self, Samples};
use crate::support::server::Server;

/// How long a change of the fleet may take: EC2 is asked each minute, targets are scraped each fifteen seconds.
pub(super) const UP_MAX: Duration = Duration::from_secs(100);

/// The targets that are up, as `job/instance_id`, sorted.
pub(super) fn up(server: &Server) -> Vec<String> {
    let targets = server.get("/api/v1/targets?state=active", &[]).json();
    let all = targets["data"]["activeTargets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_up = all.iter().filter(|target| target["health"] == "up");
    let mut names: Vec<String> = is_up
        .map(|target| {
            let labels = &target["labels"];
            let who = labels["instance_id"].as_str().or(labels["instance"].as_str());
            format!("{}/{}", labels["job"].as_str().unwrap_or(""), who.unwrap_or(""))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Waits until exactly these targets are up.
#[track_caller]
pub(super) fn wait_up(server: &Server, expected: &[String]) {
    let began = Instant::now();
    while up(server) != expected {
        let (found, log) = (up(server), server.log());
        assert!(began.elapsed() < UP_MAX, "{found:?}, not {expected:?}:\n{log}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Names of the alerts that an Alertmanager holds, with the instance that they are about.
pub(super) fn alert_names(manager: &Alertmanager) -> Vec<String> {
    let mut names: Vec<String> = manager
        .alerts()
        .iter()
        .map(|labels| format!("{} {}", labels["alertname"], labels["instance_id"]).replace('"', ""))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Samples of every series of `matcher` between two times, as a Prometheus or VictoriaMetrics holds them.
pub(super) fn held(
    base: &str,
    headers: &[(&str, &str)],
    matcher: &str,
    from_ms: i64,
    through_ms: i64,
) -> Option<Samples> {
    let query = format!("{matcher}[{}ms]", through_ms - from_ms);
    let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
    let form = http::encode(&[("query", &query), ("time", &time)]);
    let answer = http::request("GET", &format!("{base}/api/v1/query?{form}"), headers, None).ok()?;
    if answer.status != 200 {
        return None;
    }
    let mut all = samples::of_matrix(&answer.json()["data"]);
    for points in all.values_mut() {
        // VictoriaMetrics shows staleness markers, Prometheus does not.
        points.retain(|_, bits| !f64::from_bits(*bits).is_nan());
    }
    all.retain(|_, points| !points.is_empty());
    Some(all)
}
