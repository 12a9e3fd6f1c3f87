//! A Consul catalog beside VictoriaMetrics, which watches one with the same labels; Debian's Prometheus cannot.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Pair, config, metric, start};
use crate::support::fake_api::Reply;
use crate::support::fake_consul::FakeConsul;
use crate::support::server::deucalion;
use crate::support::{free_port, http, peers, wait_for};

/// VictoriaMetrics adds labels for single tags.
fn is_in_both(label: &str) -> bool {
    let is_of_a_tag =
        label.starts_with("__meta_consul_tag_") || label.starts_with("__meta_consul_tagpresent_");
    label == "__address__" || (label.starts_with("__meta_consul_") && !is_of_a_tag)
}

/// A process. Dropping ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

fn start_victoria_metrics(program: &Path, dir: &Path, config: &str) -> (Running, String) {
    std::fs::create_dir_all(dir).expect("make a directory");
    let file = dir.join("scrape.yml");
    std::fs::write(&file, config).expect("write the configuration");
    let url = format!("http://127.0.0.1:{}", free_port());
    let log = std::fs::File::create(dir.join("log")).expect("make a log");
    let process = Command::new(program)
        .arg(format!("-promscrape.config={}", file.display()))
        .arg(format!("-httpListenAddr={}", url.trim_start_matches("http://")))
        .arg(format!("-storageDataPath={}", dir.join("data").display()))
        .arg("-promscrape.consulSDCheckInterval=1s")
        .arg("-promscrape.dropOriginalLabels=false")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("start VictoriaMetrics");
    let running = Running(process);
    wait_for("VictoriaMetrics", 30, || http::get(&format!("{url}/health")).ok());
    (running, url)
}

fn instance(id: &str, port: u16, status: &str) -> String {
    format!(
        r#"{{"Node": {{"Node": "n-{id}", "Address": "10.0.0.1", "Datacenter": "dc1",
             "TaggedAddresses": {{"lan": "10.0.0.1"}}, "Meta": {{"rack.no": "7"}}}},
            "Service": {{"ID": "{id}", "Service": "of-{id}", "Tags": ["a", "b"], "Meta": {{"v": "x"}},
                         "Port": {port}, "Address": "10.9.0.{port}", "Namespace": "ns", "Partition": "part"}},
            "Checks": [{{"CheckID": "serfHealth", "Status": "{status}"}}]}}"#
    )
}

fn list(instances: &[String]) -> String {
    format!("[{}]", instances.join(","))
}

#[test]
fn both_follow_a_catalog_through_its_changes() {
    let Some(program) = peers::find("victoria-metrics", "Consul discovery beside VictoriaMetrics") else {
        return;
    };
    let dir = tempfile::tempdir().expect("make a directory");
    let consul = FakeConsul::start();
    consul.set(
        "web",
        &["a", "b"],
        &list(&[instance("w1", 1, "passing"), instance("w2", 2, "critical")]),
    );
    consul.set("db", &[], &list(&[instance("d1", 3, "warning")]));
    let address = &consul.api.address;
    let job = |name: &'static str, ours: &str| {
        (
            name,
            format!("consul_sd_configs: [{{server: '{address}', refresh_interval: 100ms{ours}}}]"),
        )
    };
    let jobs = [
        job("all", ""),
        job("named", ", services: [web], tag_separator: ';'"),
    ];
    // VictoriaMetrics has its interval in a flag.
    let text = config(&jobs);
    let theirs = text.replace(", refresh_interval: 100ms", "");
    let (_running, theirs_url) = start_victoria_metrics(&program, &dir.path().join("theirs"), &theirs);
    let pair = Pair {
        ours: start(&deucalion(), &dir.path().join("ours"), &text),
        theirs_url,
        kept: Box::new(is_in_both),
    };
    pair.check("the first catalog", &[("all", 3), ("named", 2)]);
    consul.set("cache", &["c"], &list(&[instance("c1", 4, "passing")]));
    pair.check("one more service", &[("all", 4), ("named", 2)]);
    consul.set("web", &["a"], &list(&[instance("w2", 2, "passing")]));
    pair.check("an instance less", &[("all", 3), ("named", 1)]);
    consul.remove("db");
    pair.check("a service less", &[("all", 2), ("named", 1)]);
    let failures = "prometheus_sd_consul_rpc_failures_total";
    consul.fail(Some(Reply::error(500, "no leader")));
    wait_for("failures", 20, || {
        (metric(&pair.ours, failures) >= 3.0).then_some(())
    });
    pair.check_ours("an agent that fails", &[("all", 2), ("named", 1)]);
    consul.fail(None);
}
