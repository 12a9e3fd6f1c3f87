//! Every endpoint with good and bad parameters: status, headers that matter, JSON.

use std::path::Path;

use serde_json::Value;

use super::compare::difference;
use super::data;
use crate::support::differences::{listed_members, take_out};
use crate::support::http::{self, Answer};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, root, wait_for};

/// Headers that clients act on.
const HEADERS: [&str; 8] = [
    "content-type",
    "vary",
    "allow",
    "location",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "www-authenticate",
];

/// A configuration with every kind of thing that the API shows, and nothing that changes by itself.
const CONFIG: &str = "\
global: {scrape_interval: 1h, evaluation_interval: 1h, external_labels: {region: eu}}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:1']}]}]}
scrape_configs:
  - job_name: closed
    static_configs: [{targets: ['127.0.0.1:1'], labels: {x: 'a<b>&\"c'}}]
  - job_name: dropped
    static_configs: [{targets: ['127.0.0.1:2']}]
    relabel_configs: [{source_labels: [job], regex: dropped, action: drop}]
";

const RULES: &str = "\
groups:
  - name: first
    rules:
      - {record: 'a:b', expr: 'memory_bytes > 0', labels: {team: 'x<y>'}}
      - {alert: Big, expr: 'memory_bytes > 1', for: 5m, labels: {severity: page}, annotations: {summary: '{{ $labels.job }}'}}
  - name: second
    interval: 2h
    limit: 7
    rules:
      - {record: 'c:d', expr: 'sum by (job) (memory_bytes)'}
";

fn start(binary: &Path, data: &Path, dir: &Path, port: u16) -> Server {
    data::copy(data, &dir.join("data"));
    std::fs::write(dir.join("prometheus.yml"), CONFIG).expect("write");
    std::fs::write(dir.join("rules.yml"), RULES).expect("write");
    Start::new(binary, dir)
        .port(port)
        .arg("--storage.tsdb.retention.time=100y")
        .ready()
}

/// Members whose values are moments, durations or the program's own.
const VOLATILE: [&str; 24] = [
    "lastScrape",
    "lastScrapeDuration",
    "lastError",
    "health",
    "evaluationTime",
    "lastEvaluation",
    "activeAt",
    "startTime",
    "CWD",
    "serverTime",
    "lastConfigTime",
    "goroutineCount",
    "GOMEMLIMIT",
    "GOMAXPROCS",
    "GOGC",
    "GODEBUG",
    "timings",
    "version",
    "revision",
    "branch",
    "buildUser",
    "buildDate",
    "goVersion",
    "peakSamples",
];

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if VOLATILE.contains(&name.as_str()) {
                    *value = Value::String("…".into());
                }
                mask(value);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(mask),
        _ => {}
    }
}

fn essence(answer: &Answer, port: u16) -> Value {
    let body = answer.body.replace(&port.to_string(), "PORT");
    let mut body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    mask(&mut body);
    // A configuration is compared as what it says.
    if let Some(yaml) = body["data"]["yaml"].as_str() {
        body["data"]["yaml"] = serde_yaml::from_str(yaml).expect("the shown configuration is YAML");
    }
    let mut headers = serde_json::Map::new();
    for name in HEADERS {
        if let Some(value) = answer.header(name) {
            headers.insert(name.to_owned(), value.into());
        }
    }
    serde_json::json!({"status": answer.status, "headers": headers, "body": body})
}

/// One line of `requests.txt`: method, path with query, and after `|` a form or headers.
struct Request<'a> {
    line: &'a str,
    method: &'a str,
    path: &'a str,
    form: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    fn parse(line: &'a str) -> Self {
        let mut parts = line.split(" | ");
        let (method, path) = parts
            .next()
            .and_then(|first| first.split_once(' '))
            .expect("method and path");
        let mut request = Self {
            line,
            method,
            path,
            form: None,
            headers: Vec::new(),
        };
        for part in parts {
            match part.split_once(": ") {
                Some(header) => request.headers.push(header),
                None => request.form = Some(part),
            }
        }
        request
    }

    fn ask(&self, server: &Server) -> Answer {
        let url = format!("{}{}", server.url, self.path);
        let body = self.form.map(|form| ("application/x-www-form-urlencoded", form));
        http::request(self.method, &url, &self.headers, body).unwrap_or_else(|e| panic!("{}: {e}", self.line))
    }
}

#[test]
fn every_endpoint_answers_good_and_bad_requests_as_prometheus_does() {
    let skipped = "every endpoint of the API beside the real Prometheus";
    let (Some(prometheus), Some(promtool)) = (peers::prometheus(skipped), peers::promtool(skipped)) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let data = data::make(&promtool, dir.path());
    let (our_port, their_port) = (crate::support::free_port(), crate::support::free_port());
    let theirs = start(&prometheus, &data, &dir.path().join("theirs"), their_port);
    let ours = start(&deucalion(), &data, &dir.path().join("ours"), our_port);
    for server in [&ours, &theirs] {
        wait_for("targets to be discovered", 20, || {
            let targets = server.get("/api/v1/targets", &[]).json();
            (targets["data"]["activeTargets"].as_array()?.len() == 1).then_some(())
        });
    }
    let text =
        std::fs::read_to_string(root().join("testdata/compatibility/requests.txt")).expect("read requests");
    let known = listed_members("Requests");
    let mut failures = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let request = Request::parse(line);
        let mut a = essence(&request.ask(&ours), our_port);
        let mut b = essence(&request.ask(&theirs), their_port);
        let listed = known.iter().find(|(case, _)| case == line);
        if listed.is_some() && a == b {
            failures.push(format!("{line}\n    is listed as different and is equal"));
        }
        for path in listed.into_iter().flat_map(|(_, members)| members) {
            let path: Vec<&str> = std::iter::once("body").chain(path.split('.')).collect();
            take_out(&mut a, &path);
            take_out(&mut b, &path);
        }
        let is_whole = listed.is_some_and(|(_, members)| members.is_empty());
        if let Some(difference) = difference(&a, &b, "").filter(|_| !is_whole) {
            failures.push(format!("{line}\n    {difference}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} requests differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
