//! The discovery of the stack on Kubernetes, as its file has it, by the account of the pod that the server runs in.

use std::fs;

use serde_json::json;

use crate::support::kubernetes::FakeApi;
use crate::support::server::{Start, deucalion};
use crate::support::{root, wait_for};

/// A job of the stack's configuration, word for word.
fn job(name: &str) -> String {
    let file = root().join("configs/stacks/004/prometheus.yml");
    let text = fs::read_to_string(file).expect("read the stack");
    let jobs = text.split("\n  - job_name: ").skip(1);
    let found = jobs
        .map(str::to_owned)
        .find(|job| job.lines().next() == Some(name));
    let job = found.unwrap_or_else(|| panic!("the stack has a job {name}"));
    format!("scrape_configs:\n  - job_name: {job}\n")
}

#[test]
fn annotated_pods_are_scraped_at_their_port_with_their_labels_and_no_others() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().expect("make a directory"));
    fs::write(dir.path().join("prometheus.yml"), job("kubernetes-pods")).expect("write the configuration");
    let account = api.write_account(dir.path(), "monitoring");
    let start = Start::new(&deucalion(), dir.path())
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", &api.port().to_string())
        .env("DEUCALION_KUBERNETES_SERVICE_ACCOUNT", &account.to_string_lossy());
    // What is scraped is the server itself.
    let port = start.address_port().to_string();
    let pod = |name: &str, scrape: &str| {
        json!({
            "kind": "Pod",
            "metadata": {
                "namespace": "shop", "name": name, "labels": {"app": "web", "app.kubernetes.io/part-of": "shop"},
                "annotations": {"prometheus.io/scrape": scrape, "prometheus.io/port": port},
            },
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 1}]}]},
            "status": {"podIP": "127.0.0.1", "phase": "Running"},
        })
    };
    api.put(pod("web-1", "true"));
    api.put(pod("web-2", "false"));
    let server = start.ready();
    let targets = || {
        let answer = server.get("/api/v1/targets", &[]).json();
        let list = |key: &str| answer["data"][key].as_array().cloned().unwrap_or_default();
        (list("activeTargets"), list("droppedTargets"))
    };
    let (active, dropped) = wait_for("both pods to be discovered", 20, || {
        let (active, dropped) = targets();
        (active.len() == 1 && dropped.len() == 1).then_some((active, dropped))
    });
    assert_eq!(
        active[0]["labels"],
        json!({
            "app": "web", "app_kubernetes_io_part_of": "shop", "instance": format!("127.0.0.1:{port}"),
            "job": "kubernetes-pods", "namespace": "shop", "pod": "web-1",
        })
    );
    assert_eq!(
        dropped[0]["discoveredLabels"]["__meta_kubernetes_pod_name"],
        "web-2"
    );
    assert_eq!(dropped[0]["discoveredLabels"]["__address__"], "127.0.0.1:1");

    api.put(pod("web-2", "true"));
    api.delete("pods", "shop", "web-1");
    wait_for("the other pod to take over", 20, || {
        let (active, dropped) = targets();
        (active.len() == 1 && dropped.is_empty() && active[0]["labels"]["pod"] == "web-2").then_some(())
    });
    let log = server.log();
    assert!(
        log.contains("Using pod service account via in-cluster config"),
        "{log}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_api_that_refuses_is_told_in_the_log_without_any_secret() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().expect("make a directory"));
    fs::write(dir.path().join("prometheus.yml"), job("kubernetes-pods")).expect("write the configuration");
    let account = api.write_account(dir.path(), "monitoring");
    fs::write(account.join("token"), "not-the-right-token").expect("write a token");
    let server = Start::new(&deucalion(), dir.path())
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", &api.port().to_string())
        .env("DEUCALION_KUBERNETES_SERVICE_ACCOUNT", &account.to_string_lossy())
        .ready();
    let log = wait_for("the refusal", 20, || {
        let log = server.log();
        log.contains("Failed to list objects").then_some(log)
    });
    let words = "what=pods err=\"server returned HTTP status 401 Unauthorized: Unauthorized\"";
    assert!(log.contains(words), "{log}");
    let shown = log + &server.get("/metrics", &[]).body + &server.get("/api/v1/status/config", &[]).body;
    assert!(!shown.contains("not-the-right-token"), "{shown}");
    assert!(
        shown.contains("prometheus_sd_kubernetes_failures_total"),
        "{shown}"
    );
}
