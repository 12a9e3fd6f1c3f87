//! Disks that fail under a running server: full, read-only, syncs that fail, files cut by others.
//!
//! Each test has a mount namespace of its own, so that the data directory is a small file system of the test's.
//! A [`Scene`] is a server that scrapes a target of the test and tells a real Alertmanager.

mod full_disk;
mod read_only;
mod shortened;
mod sync;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::alertmanager::Alertmanager;
use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples::{self, Samples};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{free_port, http, now_ms, peers, wait_for};

/// What is kept free in these tests, whose disks are small.
const OWN_CONFIG: &str =
    "storage: {reserve_bytes: 4MB, series_free_bytes_min: 2MB, samples_free_bytes_min: 1MB}\n";

const RULES: &str = "groups: [{name: g, rules: [
  {alert: High, expr: 'load > 5', for: 2s},
  {alert: Silent, expr: 'absent_over_time(load[2s])'},
  {record: load_sum, expr: 'sum(load)'},
]}]\n";

/// A server with what is around it.
struct Scene {
    dir: PathBuf,
    start: Start,
    server: Server,
    manager: Alertmanager,
    /// What the target says.
    load: Arc<AtomicU64>,
    begin_ms: i64,
    /// What queries have returned.
    told: Samples,
    _exporter: Exporter,
}

impl Scene {
    /// A server whose data is in `data` below `dir`, where something may be mounted already.
    #[track_caller]
    fn start(dir: &Path, alertmanager: &Path) -> Self {
        let load = Arc::new(AtomicU64::new(1));
        let shown = Arc::clone(&load);
        let exporter = Exporter::start(TEXT, move |scrape| {
            let load = shown.load(Ordering::Relaxed);
            format!("# TYPE load gauge\nload {load}\nscrapes {scrape}\n")
        });
        let manager_address = format!("127.0.0.1:{}", free_port());
        let manager = Alertmanager::start(alertmanager, dir, &manager_address);
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{manager_address}']}}]}}]}}
scrape_configs: [{{job_name: load, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
            exporter.port
        );
        for (name, text) in [
            ("prometheus.yml", config.as_str()),
            ("rules.yml", RULES),
            ("own.yml", OWN_CONFIG),
        ] {
            std::fs::write(dir.join(name), text).expect("write");
        }
        let start = Start::new(&deucalion(), dir)
            .arg("--deucalion.config.file=own.yml")
            .arg("--rules.alert.resend-delay=1s")
            .arg("--web.enable-remote-write-receiver")
            // Blocks and checkpoints come and go all the while.
            .arg("--storage.tsdb.min-block-duration=2s")
            .arg("--storage.tsdb.max-block-duration=6s");
        let mut scene = Self {
            dir: dir.to_owned(),
            server: start.ready(),
            start,
            manager,
            load,
            begin_ms: now_ms() - 1_000,
            told: Samples::new(),
            _exporter: exporter,
        };
        scene.wait_for_samples("the first samples");
        scene
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// What of the target is stored since the beginning; all that was ever told must be among it.
    #[track_caller]
    fn look(&mut self) -> usize {
        let through_ms = now_ms();
        let query = format!("{{job=\"load\"}}[{}ms]", through_ms - self.begin_ms);
        let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
        let found = samples::of_matrix(&self.server.query(&query, &time));
        let known = samples::between(&self.told, self.begin_ms + 1, through_ms);
        if let Some(lost) = samples::missing(&known, &found) {
            panic!("lost {lost}\n{}", self.server.log());
        }
        samples::learn(&mut self.told, &found);
        samples::count(&found)
    }

    /// Waits until a score of samples more than now is stored.
    #[track_caller]
    fn wait_for_samples(&mut self, what: &str) {
        let before = self.look();
        wait_for(what, 30, || (self.look() > before + 20).then_some(()));
    }

    /// A sample of our own metrics.
    fn metric(&self, series: &str) -> f64 {
        let page = self.server.get("/metrics", &[]).body;
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("there is no {series}"));
        value.trim().parse().expect("a number")
    }

    fn refuses(&self, what: &str) -> bool {
        self.metric(&format!("deucalion_tsdb_refuses{{what=\"{what}\"}}")) > 0.0
    }

    /// Waits until the Alertmanager holds these alerts.
    #[track_caller]
    fn wait_for_alerts(&self, names: &[&str]) {
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let what = format!("the alerts {wanted:?}");
        wait_for(&what, 40, || {
            let alerts = self.manager.alerts();
            seen = alerts
                .iter()
                .filter_map(|labels| labels["alertname"].as_str().map(str::to_owned))
                .collect();
            seen.iter()
                .map(String::as_str)
                .eq(wanted.iter().copied())
                .then_some(())
        });
    }

    /// Ingest is stopped; everything else goes on, and says why.
    #[track_caller]
    fn check_stopped(&mut self, reason: &str) {
        let before = self.metric("deucalion_tsdb_samples_without_room_total");
        wait_for("refused samples", 20, || {
            (self.metric("deucalion_tsdb_samples_without_room_total") > before + 5.0).then_some(())
        });
        self.look();
        let target = self.server.get("/api/v1/targets", &[]).json()["data"]["activeTargets"][0].clone();
        assert_eq!(target["health"], "up", "the target is not to blame: {target}");
        let error = target["lastError"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{target}");
        let silent = wait_for("the rule that misses samples", 20, || {
            let groups = self.server.get("/api/v1/rules", &[]).json()["data"]["groups"].clone();
            let rule = groups[0]["rules"][1].clone();
            (rule["name"] == "Silent" && rule["state"] == "firing").then_some(rule)
        });
        assert!(
            silent["lastError"].as_str().unwrap_or_default().contains(reason),
            "{silent}"
        );
        let sent = self.send_sample();
        assert_eq!(sent.status, 503, "a sender tries again: {}", sent.body);
        assert!(sent.body.contains(reason), "{}", sent.body);
    }

    /// One sample by remote write.
    #[track_caller]
    fn send_sample(&self) -> http::Answer {
        let mut time = Vec::new();
        tsdb::encoding::varint::put_uvarint(&mut time, now_ms().cast_unsigned());
        let bytes = |tag: u8, body: &[u8]| [&[tag, body.len() as u8][..], body].concat();
        let label = bytes(0x0a, &[bytes(0x0a, b"__name__"), bytes(0x12, b"sent")].concat());
        let sample = [&[0x09][..], &1.5_f64.to_le_bytes(), &[0x10], &time].concat();
        let series = bytes(0x0a, &[label, bytes(0x12, &sample)].concat());
        let body = snap::raw::Encoder::new().compress_vec(&series).expect("pack");
        let url = format!("{}/api/v1/write", self.server.url);
        let headers = [("content-encoding", "snappy")];
        http::send("POST", &url, &headers, Some(("application/x-protobuf", &body))).expect("an answer")
    }

    /// Ingest has begun again, without a restart; after a kill -9 all is there still.
    #[track_caller]
    fn check_going_on(mut self, pid: u32) {
        wait_for("samples to be taken", 30, || {
            (!self.refuses("samples") && !self.refuses("series")).then_some(())
        });
        self.wait_for_samples("samples after the failure");
        assert_eq!(self.send_sample().status, 204);
        self.load.store(1, Ordering::Relaxed);
        self.wait_for_alerts(&[]);
        assert_eq!(self.server.pid(), pid, "there was no restart");
        self.look();
        self.restart_killed();
        self.wait_for_samples("samples after the restart");
        let log = self.server.log();
        assert!(!log.contains("panic"), "{log}");
        let damaged = names_below(&self.data())
            .into_iter()
            .filter(|name| name.contains("quarantine"));
        assert_eq!(damaged.collect::<Vec<_>>(), Vec::<String>::new());
    }

    /// kill -9, and a new start on the same directory.
    #[track_caller]
    fn restart_killed(&mut self) {
        self.server.end();
        self.server = self.start.ready();
        self.look();
    }
}

fn names_below(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        names.push(path.to_string_lossy().into_owned());
        if path.is_dir() {
            names.extend(names_below(&path));
        }
    }
    names
}

/// The real Alertmanager, for one who is told while the disk is full.
fn alertmanager(skipped: &str) -> Option<PathBuf> {
    peers::find("prometheus-alertmanager", skipped)
}

/// Runs a command of the system that must go well.
#[track_caller]
fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status();
    let status = status.unwrap_or_else(|e| panic!("run {program}: {e}"));
    assert!(status.success(), "{program} {}: {status}", args.join(" "));
}
