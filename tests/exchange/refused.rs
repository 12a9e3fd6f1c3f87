//! Directories of the real Prometheus with data that ours cannot carry: refused by name, left as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::wait_for_result;
use crate::support::exporter::{Exporter, OPEN_METRICS, TEXT};
use crate::support::now_ms;
use crate::support::peers;
use crate::support::server::{Start, deucalion};

/// Every file with its bytes, every directory with none.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("read a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                all.insert(path.join("."), Vec::new());
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("read a file");
                all.insert(path, bytes);
            }
        }
    }
    all
}

/// A way to make the real Prometheus write what ours cannot carry.
struct Foreign<'a> {
    /// Lines of the configuration below its global section.
    config: &'a str,
    /// The scrape configuration's further lines.
    job: &'a str,
    flags: &'a [&'a str],
    content_type: &'static str,
    page: fn(u64) -> String,
    /// Has a result once it is written.
    written: &'a str,
    /// Words of the refusal.
    named: &'a [&'a str],
}

impl Foreign<'_> {
    fn check(&self) {
        let Some(prometheus) = peers::prometheus("refusing a directory of the real Prometheus") else {
            return;
        };
        for is_kill in [false, true] {
            self.check_one(&prometheus, is_kill);
        }
    }

    fn check_one(&self, prometheus: &Path, is_kill: bool) {
        let dir = tempfile::tempdir().expect("a directory");
        let (dir, data) = (dir.path(), dir.path().join("data"));
        let exporter = Exporter::start(self.content_type, self.page);
        let config = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n{}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
{}",
            self.config, exporter.port, self.job
        );
        std::fs::write(dir.join("prometheus.yml"), &config).expect("write");
        let mut start = Start::new(prometheus, dir);
        for flag in self.flags {
            start = start.arg(*flag);
        }
        let server = start.ready();
        wait_for_result(&server, self.written);
        if is_kill {
            server.kill();
        } else {
            assert_eq!(server.stop(), Some(0));
        }
        let before = tree(&data);
        // Ours is not told of features: it is the directory that is refused.
        std::fs::write(dir.join("prometheus.yml"), "").expect("write");
        let server = Start::new(&deucalion(), dir).spawn();
        let log = dir.join(format!("server-{}.log", server.port));
        assert_eq!(server.ended(), Some(1), "refused");
        let log = std::fs::read_to_string(log).expect("read the log");
        for word in self.named.iter().chain(&["nothing was changed"]) {
            assert!(log.contains(word), "{word:?} is not in\n{log}");
        }
        let after = tree(&data);
        let names = |tree: &BTreeMap<PathBuf, Vec<u8>>| -> Vec<PathBuf> { tree.keys().cloned().collect() };
        assert_eq!(names(&after), names(&before), "no file is made, none goes");
        for (path, bytes) in &before {
            assert!(after.get(path) == Some(bytes), "{} has changed", path.display());
        }
        // And the real one goes on with it.
        std::fs::write(dir.join("prometheus.yml"), config).expect("write");
        let server = start.ready();
        wait_for_result(&server, self.written);
    }
}

#[test]
fn exemplars_of_the_real_server_are_not_thrown_away() {
    Foreign {
        config: "",
        job: "",
        flags: &["--enable-feature=exemplar-storage"],
        content_type: OPEN_METRICS,
        page: |scrape| {
            format!("# TYPE load counter\nload_total {scrape} # {{trace_id=\"t{scrape}\"}} {scrape}.0\n# EOF\n")
        },
        written: "prometheus_tsdb_exemplar_exemplars_appended_total > 1 or count_over_time(load_total[1m]) > 2",
        named: &["wal/00000000", "a record of kind 4 (exemplars)", "cannot carry"],
    }
    .check();
}

#[test]
fn native_histograms_of_the_real_server_are_not_thrown_away() {
    Foreign {
        config: "",
        job: "    convert_classic_histograms_to_nhcb: true\n",
        flags: &["--enable-feature=native-histograms"],
        content_type: TEXT,
        page: |scrape| {
            format!(
                "# TYPE load histogram\nload_bucket{{le=\"0.5\"}} {scrape}\nload_bucket{{le=\"1\"}} {}
load_bucket{{le=\"+Inf\"}} {}\nload_sum {scrape}\nload_count {}\n",
                scrape * 2,
                scrape * 3,
                scrape * 3
            )
        },
        written: "histogram_count(load) > 2",
        named: &["wal/00000000", "histogram", "cannot carry"],
    }
    .check();
}

#[test]
fn out_of_order_samples_of_the_real_server_are_not_thrown_away() {
    Foreign {
        config: "storage: {tsdb: {out_of_order_time_window: 1h}}",
        job: "",
        flags: &[],
        content_type: TEXT,
        page: |scrape| {
            let at_ms = now_ms() - scrape.cast_signed() % 2 * 60_000;
            format!("# TYPE load gauge\nload {scrape} {at_ms}\n")
        },
        written: "count_over_time(load[2m]) > 5 and load offset 1m",
        named: &["wbl/00000000", "out-of-order samples", "cannot carry"],
    }
    .check();
}
