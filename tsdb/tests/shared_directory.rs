//! One data directory, Prometheus and we in turn: what one wrote the other reads.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::model::{Labels, Matcher, STALE_NAN_BITS};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use crate::peers::peer;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const MIDDAY_MS: i64 = 1_700_006_400_000;

/// Labels as sorted pairs → samples as (time, bits), staleness markers left out.
pub(crate) type Contents = BTreeMap<Vec<(String, String)>, Vec<(i64, u64)>>;

/// A running Prometheus on a directory; killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    /// Starts it, unless it is not installed. `scrape` lets it scrape itself five times a second.
    pub(crate) fn start(data: &Path, scrape: bool) -> Option<Self> {
        Self::start_with(data, scrape, &[])
    }

    pub(crate) fn start_with(data: &Path, scrape: bool, flags: &[&str]) -> Option<Self> {
        let program = peer("prometheus")?;
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = data.with_extension("yml");
        let storage = "storage: {tsdb: {out_of_order_time_window: 2h}, exemplars: {max_exemplars: 1000}}\n";
        let jobs = format!(
            "scrape_configs: [{{job_name: test, scrape_interval: 200ms, scrape_timeout: 200ms, \
             static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        );
        std::fs::write(
            &config,
            format!("{storage}{}", if scrape { jobs.as_str() } else { "" }),
        )
        .unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--storage.tsdb.retention.time=100y")
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while started.get("/-/ready").is_none_or(|(status, _)| status != 200) {
            assert!(Instant::now() < deadline, "Prometheus does not become ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // Of HTTP/1.0, so that the body comes in one piece.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// Sends a request with a body; returns the status and the answer.
    pub(crate) fn post(&self, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {length}\r\n{headers}\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// All samples of job `test` in the `hours` up to `through_ms`.
    pub(crate) fn contents(&self, through_ms: i64, hours: i64) -> Contents {
        let query = format!("%7Bjob%3D%22test%22%7D%5B{hours}h%5D");
        let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
        let (status, body) = self
            .get(&format!("/api/v1/query?query={query}&time={time}"))
            .unwrap();
        assert_eq!(status, 200, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        let series = answer["data"]["result"].as_array().unwrap();
        series
            .iter()
            .map(|series| {
                let pair = |(name, value): (&String, &serde_json::Value)| {
                    (name.clone(), value.as_str().unwrap().to_owned())
                };
                let mut labels: Vec<_> = series["metric"].as_object().unwrap().iter().map(pair).collect();
                labels.sort();
                let sample = |sample: &serde_json::Value| {
                    let t_ms = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
                    let v: f64 = sample[1].as_str().unwrap().parse().unwrap();
                    (t_ms, v.to_bits())
                };
                (
                    labels,
                    series["values"].as_array().unwrap().iter().map(sample).collect(),
                )
            })
            .collect()
    }

    /// Ends it in good order, or not.
    pub(crate) fn stop(mut self, in_good_order: bool) {
        if in_good_order {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        } else {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn open(data: &Path) -> Db {
    Db::open(Arc::new(RealFs), data, DbOptions::default(), MIDDAY_MS).unwrap()
}

pub(crate) fn contents(db: &Db, from_ms: i64, through_ms: i64) -> Contents {
    let want = Selection::new(vec![Matcher::equal("job", "test")], from_ms, through_ms);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    let mut all = Contents::new();
    for series in 0..read.rosters[0].len() {
        read.cursor()
            .read(0, series, from_ms, through_ms, &mut columns)
            .unwrap();
        let bits = columns.v.iter().map(|v| v.to_bits());
        let samples: Vec<_> = columns
            .t_ms
            .iter()
            .copied()
            .zip(bits)
            .filter(|s| s.1 != STALE_NAN_BITS)
            // The API has one NaN only.
            .map(|(t, bits)| match f64::from_bits(bits) {
                v if v.is_nan() => (t, f64::NAN.to_bits()),
                _ => (t, bits),
            })
            .collect();
        if !samples.is_empty() {
            let labels = read.labels(0, series);
            let pairs = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
            all.insert(pairs.collect(), samples);
        }
    }
    all
}

/// Appends a sample each 15 s of the minutes `from .. to` to 60 series.
fn append_minutes(db: &Db, from: i64, to: i64) {
    for step in from * 4..to * 4 {
        let mut batch = Batch::at(MIDDAY_MS + step * 15_000);
        for i in 0..60i64 {
            let (name, value) = (format!("metric_{}", i % 6), (i / 6).to_string());
            let labels = Labels::from_pairs([
                ("__name__", name.as_str()),
                ("job", "test"),
                ("instance", value.as_str()),
                ("path", "/a \"b\"\\c\n"),
            ]);
            let series = db.resolve(&labels, &mut batch).unwrap();
            let v = [step as f64, 1.0, (step * i) as f64 / 7.0, f64::INFINITY][(i % 4) as usize];
            batch.push(series, v.to_bits());
        }
        let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(receipt.accepted, 60);
    }
}

pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// We write `minutes` and maintain after each stretch; Prometheus reads; we read again and go on; and again.
#[track_caller]
fn check_turns(stretches: &[i64], in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let db = open(&data);
    let mut at = 0;
    for &minutes in stretches {
        append_minutes(&db, at, at + minutes);
        at += minutes;
        db.maintain(MIDDAY_MS + at * 60_000).unwrap();
    }
    append_minutes(&db, at, at + 3);
    at += 3;
    let end_ms = MIDDAY_MS + at * 60_000;
    let from_ms = end_ms - 20 * HOUR_MS + 1;
    let mut ours = contents(&db, from_ms, end_ms);
    assert_eq!(ours.len(), 60);
    if in_good_order {
        db.close().unwrap();
    }
    drop(db);
    for _ in 0..2 {
        let Some(prometheus) = Prometheus::start(&data, false) else {
            return;
        };
        let theirs = prometheus.contents(end_ms, 20);
        assert!(theirs == ours, "Prometheus sees something else");
        prometheus.stop(in_good_order);
        let db = open(&data);
        assert!(
            contents(&db, from_ms, end_ms) == ours,
            "it is changed after Prometheus"
        );
        // Something more, over the same labels and refs.
        append_minutes(&db, at, at + 2);
        at += 2;
        ours = contents(&db, from_ms, end_ms);
        db.maintain(end_ms).unwrap();
        drop(db);
    }
}

#[test]
fn prometheus_reads_our_log() {
    check_turns(&[], true);
    check_turns(&[5], false);
}

#[test]
fn prometheus_reads_our_chunk_files() {
    check_turns(&[45, 30], true);
    check_turns(&[45, 30], false);
}

#[test]
fn prometheus_reads_our_blocks_and_checkpoints() {
    check_turns(&[190, 120, 120, 130, 120, 120], true);
    check_turns(&[190, 120, 120, 130], false);
}

#[track_caller]
fn check_we_read_prometheus(in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let Some(prometheus) = Prometheus::start(&data, true) else {
        return;
    };
    let now_ms = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(now.unwrap().as_millis()).unwrap()
    };
    // Scraping begins some seconds after the start; then some samples a series are wanted.
    let deadline = Instant::now() + Duration::from_secs(30);
    let (theirs, through_ms) = loop {
        // What was scraped a moment ago is committed by now.
        let through_ms = now_ms() - 500;
        let theirs = prometheus.contents(through_ms, 1);
        if theirs.values().any(|samples| samples.len() > 8) || Instant::now() > deadline {
            break (theirs, through_ms);
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(theirs.len() > 100, "only {} series", theirs.len());
    prometheus.stop(in_good_order);
    let db = open(&data);
    let from_ms = through_ms - HOUR_MS + 1;
    assert!(
        contents(&db, from_ms, through_ms) == theirs,
        "we see something else"
    );
    drop(db);
    let Some(prometheus) = Prometheus::start(&data, false) else {
        return;
    };
    assert!(
        prometheus.contents(through_ms, 1) == theirs,
        "it is changed after us"
    );
    prometheus.stop(true);
}

#[test]
fn we_read_what_prometheus_left_in_good_order() {
    check_we_read_prometheus(true);
}

#[test]
fn we_read_what_a_killed_prometheus_left() {
    check_we_read_prometheus(false);
}
