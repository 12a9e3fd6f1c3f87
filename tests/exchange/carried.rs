//! Directories of the real Prometheus with more than floats in order: ours goes on with them, and it with ours.

use std::path::Path;

use super::wait_for_result;
use crate::support::exporter::{Exporter, OPEN_METRICS, TEXT};
use crate::support::http;
use crate::support::now_ms;
use crate::support::peers;
use crate::support::server::{Server, Start, deucalion};

/// A way to make the real Prometheus write something.
struct Kind<'a> {
    /// Lines of the configuration below its global section.
    config: &'a str,
    /// The scrape configuration's further lines.
    job: &'a str,
    flags: &'a [&'a str],
    content_type: &'static str,
    page: fn(u64) -> String,
    /// Has a result once it is written.
    written: &'a str,
}

/// All samples of the load up to a time, and its exemplars, as the API has them.
#[track_caller]
fn answers(server: &Server, through_ms: i64) -> (serde_json::Value, serde_json::Value) {
    let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
    let samples = server.query("{__name__=~\"load.*\"}[5m]", &time);
    let params = http::encode(&[("query", "load_total"), ("start", "0"), ("end", &time)]);
    let url = format!("{}/api/v1/query_exemplars?{params}", server.url);
    let answer = http::request("GET", &url, &[], None).expect("an answer");
    let exemplars = serde_json::from_str(&answer.body).expect("JSON");
    (samples, exemplars)
}

impl Kind<'_> {
    fn check(&self) {
        let Some(prometheus) = peers::prometheus("going on with a directory of the real Prometheus") else {
            return;
        };
        for is_kill in [false, true] {
            self.check_one(&prometheus, is_kill);
        }
    }

    fn check_one(&self, prometheus: &Path, is_kill: bool) {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
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
        let through_ms = now_ms() - 1_000;
        let theirs = answers(&server, through_ms);
        if is_kill {
            server.kill();
        } else {
            assert_eq!(server.stop(), Some(0));
        }
        // Ours does not scrape: what is stored is what counts.
        std::fs::write(dir.join("prometheus.yml"), self.config).expect("write");
        let mut ours = Start::new(&deucalion(), dir);
        for flag in self.flags {
            ours = ours.arg(*flag);
        }
        let server = ours.ready();
        assert_eq!(answers(&server, through_ms), theirs, "ours has something else");
        if is_kill {
            server.kill();
        } else {
            assert_eq!(server.stop(), Some(0));
        }
        let server = start.ready();
        assert_eq!(answers(&server, through_ms), theirs, "it is changed after ours");
    }
}

#[test]
fn exemplars_of_the_real_server_are_carried_on() {
    Kind {
        config: "",
        job: "",
        flags: &["--enable-feature=exemplar-storage"],
        content_type: OPEN_METRICS,
        page: |scrape| {
            format!("# TYPE load counter\nload_total {scrape} # {{trace_id=\"t{scrape}\"}} {scrape}.0\n# EOF\n")
        },
        written: "prometheus_tsdb_exemplar_exemplars_appended_total > 1 or count_over_time(load_total[1m]) > 2",
    }
    .check();
}

#[test]
fn native_histograms_of_the_real_server_are_carried_on() {
    Kind {
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
    }
    .check();
}

#[test]
fn out_of_order_samples_of_the_real_server_are_carried_on() {
    Kind {
        config: "storage: {tsdb: {out_of_order_time_window: 1h}}",
        job: "",
        flags: &[],
        content_type: TEXT,
        page: |scrape| {
            let at_ms = now_ms() - scrape.cast_signed() % 2 * 60_000;
            format!("# TYPE load gauge\nload {scrape} {at_ms}\n")
        },
        written: "count_over_time(load[2m]) > 5 and load offset 1m",
    }
    .check();
}
