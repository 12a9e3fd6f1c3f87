//! Real receivers hold exactly what we hold, also when they were away for a while.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples::{self, Points, Samples};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{free_port, http, now_ms, number_from_env, peers, wait_for};

/// Series that stay, that come and go, and values of all kinds.
fn page(scrape: u64) -> String {
    let mut out = String::from("# TYPE load gauge\n");
    let value = scrape as f64 / 8.0;
    for i in 0..30 {
        writeln!(out, "load{{n=\"{i}\"}} {value}").expect("strings take all");
    }
    writeln!(out, "load_zero 0\nload_negative -{value}\nload_large 1e15").expect("strings take all");
    writeln!(out, "load_churn{{generation=\"{}\"}} 1", scrape / 3).expect("strings take all");
    out
}

/// What `{job="load"}` was up to a time, under its external label.
fn held_by_us(server: &Server, from_ms: i64, through_ms: i64) -> Samples {
    let query = format!("{{job=\"load\"}}[{}ms]", through_ms - from_ms);
    let data = server.query(&query, &format!("{}.{:03}", through_ms / 1000, through_ms % 1000));
    let series = samples::of_matrix(&data).into_iter().map(|(key, points)| {
        let mut labels: BTreeMap<String, Value> = serde_json::from_str(&key).expect("labels");
        labels.insert("dc".to_owned(), "eu".into());
        (serde_json::to_string(&labels).expect("labels"), points)
    });
    series.collect()
}

/// Waits until `ask` holds `expected` in that time, neither less nor more.
#[track_caller]
fn wait_until_held(who: &str, expected: &Samples, ask: impl Fn() -> Samples) {
    let mut last = None;
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        let found = ask();
        let difference = samples::missing(expected, &found)
            .map(|text| format!("{who} lacks {text}"))
            .or_else(|| samples::missing(&found, expected).map(|text| format!("{who} has beyond it {text}")));
        let Some(difference) = difference else { return };
        last = Some(difference);
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{}", last.unwrap_or_default());
}

const JOB: &str = "scrape_configs:\n- job_name: load\n  static_configs: [{targets: ['127.0.0.1:PORT']}]\n";

/// Ours, scraping `exporter` each half second, with sections of `remote_write`.
fn sender(dir: &Path, exporter: &Exporter, remote_write: &str) -> Server {
    let global = "global: {scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {dc: eu}}\n";
    let job = JOB.replace("PORT", &exporter.port.to_string());
    let config = format!("{global}{job}remote_write:\n{remote_write}");
    fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
    Start::new(&deucalion(), dir).ready()
}

/// How long a receiver stays away.
fn outage() -> Duration {
    Duration::from_secs(number_from_env("REMOTE_WRITE_OUTAGE_S", 3))
}

#[test]
fn prometheus_as_a_receiver_with_a_password_holds_what_we_hold_though_it_was_killed() {
    let Some(binary) = peers::prometheus("the real Prometheus as a receiver") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    fs::create_dir_all(&ours).expect("make a directory");
    fs::create_dir_all(&theirs).expect("make a directory");
    fs::write(theirs.join("prometheus.yml"), "").expect("write the configuration");
    // "s3cret"
    let web = "basic_auth_users: {u: $2b$04$HASH}";
    let hash = bcrypt::hash("s3cret", 4).expect("a hash");
    fs::write(theirs.join("web.yml"), web.replace("$2b$04$HASH", &hash)).expect("write the users");
    let receiver = Start::new(&binary, &theirs)
        .arg("--web.enable-remote-write-receiver")
        .arg("--web.config.file=web.yml");
    let port = receiver.address_port();
    let authorized = "Basic dTpzM2NyZXQ=";
    let ask = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        http::request("GET", &url, &[("Authorization", authorized)], None)
    };
    let ready = || {
        wait_for("the receiver", 30, || {
            ask("/-/ready").ok().filter(|a| a.status == 200)
        })
    };
    let running = receiver.spawn();
    ready();
    let exporter = Exporter::start(TEXT, page);
    let section = format!(
        "- url: http://127.0.0.1:{port}/api/v1/write\n  basic_auth: {{username: u, password: s3cret}}\n  \
         queue_config: {{batch_send_deadline: 200ms, max_samples_per_send: 50, capacity: 100, max_shards: 3, min_shards: 3}}\n"
    );
    let began_ms = now_ms();
    let sender = sender(&ours, &exporter, &section);
    wait_for("scrapes", 20, || (exporter.served() > 5).then_some(()));
    running.kill();
    std::thread::sleep(outage());
    let _again = receiver.spawn();
    ready();
    let served = exporter.served();
    wait_for("scrapes", 20, || (exporter.served() > served + 3).then_some(()));
    let through_ms = now_ms() - 600;
    let expected = held_by_us(&sender, began_ms, through_ms);
    assert!(samples::count(&expected) > 300, "{}", samples::count(&expected));
    wait_until_held("Prometheus", &expected, || {
        let query = format!("{{job=\"load\"}}[{}ms]", through_ms - began_ms);
        let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
        let form = http::encode(&[("query", &query), ("time", &time)]);
        let answer = ask(&format!("/api/v1/query?{form}")).expect("an answer");
        samples::of_matrix(&answer.json()["data"])
    });
    let config = sender.get("/api/v1/status/config", &[]).body;
    assert!(config.contains("password: \\u003csecret\\u003e") || config.contains("password: <secret>"));
    assert!(!sender.log().contains("s3cret"));
    assert_eq!(sender.stop(), Some(0));
}

/// VictoriaMetrics. Dropping kills it.
struct Victoria {
    child: Child,
    port: u16,
}

impl Victoria {
    fn start(binary: &Path, dir: &Path, port: u16) -> Self {
        let log = fs::File::create(dir.join("victoria.log")).expect("make the log");
        let child = Command::new(binary)
            .arg(format!("-storageDataPath={}", dir.join("victoria").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("start VictoriaMetrics");
        let victoria = Self { child, port };
        wait_for("VictoriaMetrics", 30, || {
            http::get(&format!("http://127.0.0.1:{port}/health"))
                .ok()
                .filter(|answer| answer.status == 200)
        });
        victoria
    }

    /// The samples of `{job="load"}`; markers of staleness, which it keeps for itself, are left out.
    fn held(&self, from_ms: i64, through_ms: i64) -> Samples {
        let (from, through) = (from_ms.to_string(), through_ms.to_string());
        let form = http::encode(&[("match[]", "{job=\"load\"}"), ("start", &from), ("end", &through)]);
        let url = format!("http://127.0.0.1:{}/api/v1/export?{form}", self.port);
        let answer = http::get(&url).expect("an answer");
        let mut all = Samples::new();
        for line in answer.body.lines() {
            let series: Value = serde_json::from_str(line).expect("a line of JSON");
            let times = series["timestamps"].as_array().into_iter().flatten();
            let values = series["values"].as_array().into_iter().flatten();
            let points = times
                .zip(values)
                .filter_map(|(at_ms, value)| Some((at_ms.as_i64()?, value.as_f64()?.to_bits())));
            let points: Points = points.collect();
            // A series may be told in several lines.
            let labels: BTreeMap<String, Value> =
                serde_json::from_value(series["metric"].clone()).expect("labels");
            let key = serde_json::to_string(&labels).expect("labels");
            all.entry(key).or_default().extend(points);
        }
        all
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        // The process may have ended by itself.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

#[test]
fn victoria_metrics_as_a_receiver_holds_what_we_hold_though_it_was_away() {
    let Some(binary) = peers::find("victoria-metrics", "VictoriaMetrics as a receiver") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let exporter = Exporter::start(TEXT, page);
    let section = format!(
        "- url: http://127.0.0.1:{port}/api/v1/write\n  queue_config: {{batch_send_deadline: 200ms, max_shards: 2}}\n"
    );
    let began_ms = now_ms();
    // It is not there yet, and what is scraped waits.
    let sender = sender(dir.path(), &exporter, &section);
    std::thread::sleep(outage());
    let victoria = Victoria::start(&binary, dir.path(), port);
    let served = exporter.served();
    wait_for("scrapes", 20, || (exporter.served() > served + 4).then_some(()));
    let through_ms = now_ms() - 600;
    let mut expected = held_by_us(&sender, began_ms, through_ms);
    assert!(samples::count(&expected) > 300, "{}", samples::count(&expected));
    for points in expected.values_mut() {
        points.retain(|_, bits| !f64::from_bits(*bits).is_nan());
    }
    wait_until_held("VictoriaMetrics", &expected, || {
        victoria.held(began_ms, through_ms)
    });
    assert_eq!(sender.stop(), Some(0));
}
