//! A sender that is reloaded, killed and started again: nothing arrives twice, and what is missing is only what
//! was on its way when it was killed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::receiver::{Receiver, Say};
use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples;
use crate::support::server::{Start, deucalion};
use crate::support::{http, now_ms, wait_for};

fn page(scrape: u64) -> String {
    let mut out = String::from("# TYPE load gauge\n");
    for i in 0..40 {
        writeln!(out, "load{{n=\"{i}\"}} {scrape}").expect("strings take all");
    }
    out
}

fn configure(dir: &Path, exporter: &Exporter, receiver: &Receiver, extra: &str) {
    let (from, to) = (exporter.port, receiver.port);
    let config = format!(
        "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n\
         scrape_configs:\n- job_name: load\n  static_configs: [{{targets: ['127.0.0.1:{from}']}}]\n\
         remote_write:\n- url: http://127.0.0.1:{to}/\n  name: one\n{extra}  metadata_config: {{send: false}}\n  \
         queue_config: {{batch_send_deadline: 300ms, max_samples_per_send: 30, min_shards: 2}}\n"
    );
    fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
}

/// Times of the samples of `load` by its label `n`, in the order of their coming.
fn arrived(receiver: &Receiver) -> BTreeMap<String, Vec<i64>> {
    let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for arrival in receiver.arrivals() {
        for series in &arrival.request.series {
            let value = |wanted: &str| {
                let label = series.labels.iter().find(|(name, _)| name == wanted);
                label.map_or("", |(_, value)| value).to_owned()
            };
            if value("__name__") == "load" {
                let times = series.samples.iter().map(|(at_ms, _)| *at_ms);
                all.entry(value("n")).or_default().extend(times);
            }
        }
    }
    all
}

#[test]
fn nothing_arrives_twice_over_reloads_and_a_kill_and_little_is_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    let exporter = Exporter::start(TEXT, page);
    let receiver = Receiver::start(|_, _| Say {
        after: std::time::Duration::from_millis(20),
        ..Say::status(204)
    });
    let scrapes = |count: u64| {
        let until = exporter.served() + count;
        wait_for("scrapes", 30, || (exporter.served() >= until).then_some(()));
    };
    configure(dir.path(), &exporter, &receiver, "");
    let start = Start::new(&deucalion(), dir.path()).arg("--web.enable-lifecycle");
    let began_ms = now_ms();
    let server = start.ready();
    for round in 0..3 {
        scrapes(6);
        let extra = format!("  headers: {{X-Round: 'r{round}'}}\n");
        configure(dir.path(), &exporter, &receiver, &extra);
        let reload = http::request("POST", &format!("{}/-/reload", server.url), &[], None);
        assert_eq!(reload.map(|answer| answer.status), Ok(200));
    }
    scrapes(6);
    let killed_ms = now_ms();
    server.kill();
    let server = start.ready();
    let again_ms = now_ms();
    scrapes(6);
    let through_ms = now_ms() - 300;
    let query = format!("load[{}ms]", through_ms - began_ms);
    let at = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
    let held = samples::of_matrix(&server.query(&query, &at));
    assert_eq!(server.stop(), Some(0));

    let arrived = arrived(&receiver);
    assert_eq!(arrived.len(), 40);
    for times in arrived.values() {
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
    let mut missing = Vec::new();
    for (key, points) in &held {
        let labels: BTreeMap<String, String> = serde_json::from_str(key).expect("labels");
        let times = &arrived[&labels["n"]];
        missing.extend(points.keys().filter(|at_ms| !times.contains(at_ms)));
    }
    // A batch waits for 300 ms and is on its way for 20; the machine may be busy.
    let on_its_way = killed_ms - 1_500..=again_ms;
    assert!(
        missing.iter().all(|at_ms| on_its_way.contains(at_ms)),
        "missing {missing:?}, killed at {killed_ms}, again at {again_ms}"
    );
    let sent = receiver.arrivals();
    let rounds: Vec<&str> = sent
        .iter()
        .flat_map(|arrival| &arrival.headers)
        .filter(|(name, _)| name == "x-round")
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(rounds.contains(&"r0") && rounds.contains(&"r2"), "{rounds:?}");
}
