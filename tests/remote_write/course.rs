//! The same course of answers for our sender and for the real Prometheus': the same arrives.
//!
//! A page has a fixed number of samples, all with the number of the scrape as their value, and a request takes
//! just as many: each request is one scrape, and the receiver answers by its number.
//!
//! | scrape | answer |
//! |---:|---|
//! | 4 | twice 500, then 204 |
//! | 5 | 400 |
//! | 6 | 429, with a queue that tries it again twice, then 204 |
//! | 7 | 204 after two seconds |
//! | 8 | 503 with `Retry-After`, then 204 |
//! | 10 | no answer, then 204 |

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::receiver::{Arrival, Receiver, Say};
use crate::support::exporter::{Exporter, TEXT};
use crate::support::server::{Server, Start, deucalion};
use crate::support::write_request::WriteRequest;
use crate::support::{peers, wait_for};

const SERIES: usize = 20;
const SCRAPES: u64 = 13;

fn page(scrape: u64) -> String {
    let mut out = String::from("# HELP load What there is to do.\n# TYPE load gauge\n");
    for i in 0..SERIES {
        writeln!(out, "load{{n=\"{i}\"}} {scrape}").expect("strings take all");
    }
    out
}

/// The scrape that a request is of; none for metadata.
fn scrape_of(request: &WriteRequest) -> Option<u64> {
    let (_, bits) = request.series.first()?.samples.first()?;
    Some(f64::from_bits(*bits) as u64)
}

fn answer(request: &WriteRequest, before: &[Arrival], tries_429: bool) -> Say {
    let Some(scrape) = scrape_of(request) else {
        return Say::status(204);
    };
    let of_scrape = before
        .iter()
        .filter(|arrival| scrape_of(&arrival.request) == Some(scrape));
    match (scrape, of_scrape.count()) {
        (4, 0 | 1) => Say::status(500),
        (5, _) => Say::status(400),
        (6, attempt) if !tries_429 || attempt < 2 => Say::status(429),
        (7, _) => Say {
            after: Duration::from_secs(2),
            ..Say::status(204)
        },
        (8, 0) => Say {
            header: "Retry-After: 1\r\n",
            ..Say::status(503)
        },
        (10, 0) => Say::status(0),
        _ => Say::status(204),
    }
}

/// A server with two queues, one of which tries 429 again.
struct Run {
    _exporter: Exporter,
    receivers: [Receiver; 2],
    server: Server,
}

impl Run {
    fn start(binary: &Path, dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).expect("make a directory");
        let exporter = Exporter::start(TEXT, page);
        let receivers = [false, true]
            .map(|tries_429| Receiver::start(move |request, before| answer(request, before, tries_429)));
        let port = exporter.port;
        let mut config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {{dc: eu}}}}\n\
             scrape_configs:\n- job_name: load\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n  \
             relabel_configs: [{{target_label: instance, replacement: one}}]\nremote_write:\n"
        );
        for (receiver, tries_429) in receivers.iter().zip([false, true]) {
            let port = receiver.port;
            writeln!(
                config,
                "- url: http://127.0.0.1:{port}/write?x=1\n  name: queue-{tries_429}\n  headers: {{X-Own: mine}}\n  \
                 write_relabel_configs: [{{source_labels: [__name__], regex: load, action: keep}}]\n  \
                 queue_config: {{max_samples_per_send: {SERIES}, capacity: 2000, max_shards: 1, \
                 batch_send_deadline: 1m, min_backoff: 100ms, max_backoff: 400ms, retry_on_http_429: {tries_429}}}\n  \
                 metadata_config: {{send_interval: 2s}}"
            )
            .expect("strings take all");
        }
        fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
        Self {
            server: Start::new(binary, &dir).spawn(),
            _exporter: exporter,
            receivers,
        }
    }

    /// What arrived, for people to compare: scrape by scrape, attempt by attempt.
    fn arrived(&self) -> [String; 2] {
        [0, 1].map(|at| {
            let receiver = &self.receivers[at];
            let arrivals = wait_for("all scrapes to arrive", 40, || {
                let arrivals = receiver.arrivals();
                let last = arrivals.iter().filter_map(|one| scrape_of(&one.request)).max();
                let has_metadata = arrivals.iter().any(|one| !one.request.metadata.is_empty());
                (last >= Some(SCRAPES) && has_metadata).then_some(arrivals)
            });
            told(&arrivals)
        })
    }
}

fn told(arrivals: &[Arrival]) -> String {
    let mut out = String::new();
    let mut times: BTreeMap<u64, i64> = BTreeMap::new();
    for arrival in arrivals {
        let Some(scrape) = scrape_of(&arrival.request).filter(|scrape| *scrape <= SCRAPES) else {
            continue;
        };
        let headers = arrival.headers.iter().filter(|(name, _)| {
            !["host", "content-length", "user-agent", "accept-encoding"].contains(&name.as_str())
        });
        let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
        writeln!(
            out,
            "scrape {scrape}: {} {} {headers:?}",
            arrival.line, arrival.status
        )
        .expect("strings take all");
        let mut series: Vec<String> = Vec::new();
        for one in &arrival.request.series {
            let (at_ms, bits) = one.samples[0];
            assert_eq!((one.samples.len(), f64::from_bits(bits) as u64), (1, scrape));
            assert_eq!(*times.entry(scrape).or_insert(at_ms), at_ms, "one time a scrape");
            series.push(format!("  {:?}", one.labels));
        }
        // Prometheus goes over the series of a scrape in any order.
        series.sort();
        out += &series.join("\n");
        out.push('\n');
    }
    assert!(times.values().is_sorted_by(|a, b| a < b), "{times:?}");
    let metadata = arrivals
        .iter()
        .find(|arrival| !arrival.request.metadata.is_empty());
    writeln!(out, "{:?}", metadata.map(|arrival| &arrival.request.metadata)).expect("strings take all");
    out
}

/// The answers that the requests of each scrape met.
fn statuses(told: &str) -> BTreeMap<u64, Vec<u16>> {
    let mut all: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for line in told.lines() {
        let Some((scrape, rest)) = line
            .strip_prefix("scrape ")
            .and_then(|line| line.split_once(": "))
        else {
            continue;
        };
        let status = rest.split(' ').nth(3).expect("a status");
        all.entry(scrape.parse().expect("a number"))
            .or_default()
            .push(status.parse().expect("a status"));
    }
    all
}

#[test]
fn a_receiver_that_answers_badly_sees_the_same_from_us_as_from_prometheus() {
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Run::start(&deucalion(), dir.path().join("ours"));
    let theirs = peers::prometheus("arrivals at a receiver beside those of the real Prometheus")
        .map(|binary| Run::start(&binary, dir.path().join("theirs")));
    let arrived = ours.arrived();
    for (told, tries_429) in arrived.iter().zip([false, true]) {
        for (scrape, found) in statuses(told) {
            let expected: &[u16] = match (scrape, tries_429) {
                (4, _) => &[500, 500, 204],
                (5, _) => &[400],
                (6, false) => &[429],
                (6, true) => &[429, 429, 204],
                (8, _) => &[503, 204],
                (10, _) => &[0, 204],
                _ => &[204],
            };
            assert_eq!(found, expected, "scrape {scrape} of\n{told}");
        }
    }
    let metric = |queue: &str, name: &str| {
        let text = ours.server.get("/metrics", &[]).body;
        let start = format!("prometheus_remote_storage_{name}{{remote_name=\"{queue}\"");
        let line = text.lines().find(|line| line.starts_with(&start));
        let value = line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned);
        value.unwrap_or_else(|| panic!("no {start} in {text}"))
    };
    assert_eq!(metric("queue-false", "samples_failed_total"), "40");
    assert_eq!(metric("queue-true", "samples_failed_total"), "20");
    assert_eq!(metric("queue-true", "samples_retried_total"), "120");
    if let Some(theirs) = theirs {
        for (ours, theirs) in arrived.iter().zip(theirs.arrived()) {
            assert_eq!(*ours, theirs);
        }
    }
}
