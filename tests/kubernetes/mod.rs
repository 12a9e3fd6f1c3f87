//! Discovery in a cluster beside the real Prometheus: both discover from the same API server.
//!
//! Every target is either dropped or moved to a closed port of this machine, so that nothing is scraped.

mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use self::objects::Scenery;
use super::support::kubernetes::FakeApi;
use super::support::server::{Server, Start, deucalion};
use super::support::{differences, number_from_env, peers, wait_for};

/// Jobs: name and what stands in their discovery besides the way to the API. The odd ones hold what versions
/// differ in.
const JOBS: [(&str, &str); 16] = [
    ("nodes", "role: node"),
    (
        "chosen_nodes",
        "role: node, selectors: [{role: node, label: 'disk=ssd'}]",
    ),
    (
        "pods",
        "role: pod, namespaces: {names: [default, shop, infra, fixed]}",
    ),
    (
        "pods_of_two_namespaces",
        "role: pod, namespaces: {names: [shop, infra]}",
    ),
    (
        "pods_with_nodes",
        "role: pod, namespaces: {names: [default, shop]}, attach_metadata: {node: true}",
    ),
    (
        "chosen_pods",
        "role: pod, namespaces: {names: [default, shop]}, selectors: [{role: pod, label: 'app=a', field: 'spec.nodeName=n1'}]",
    ),
    (
        "services",
        "role: service, namespaces: {names: [default, shop, infra, fixed]}",
    ),
    ("endpoints", "role: endpoints"),
    (
        "endpoints_with_nodes",
        "role: endpoints, attach_metadata: {node: true}",
    ),
    (
        "chosen_endpoints",
        "role: endpoints, selectors: [{role: endpoints, label: 'app!=a'}, {role: pod, label: 'app=b'}, {role: service, label: app}]",
    ),
    (
        "slices",
        "role: endpointslice, namespaces: {names: [default, shop, infra, fixed]}",
    ),
    (
        "slices_with_nodes",
        "role: endpointslice, namespaces: {names: [default, fixed]}, attach_metadata: {node: true}",
    ),
    ("ingresses", "role: ingress"),
    (
        "odd_pods_with_nodes",
        "role: pod, namespaces: {names: [odd]}, attach_metadata: {node: true}",
    ),
    ("odd_services", "role: service, namespaces: {names: [odd]}"),
    ("odd_slices", "role: endpointslice, namespaces: {names: [odd]}"),
];

fn config(api: &FakeApi) -> String {
    let mut text = "global: {scrape_interval: 1h}\nscrape_configs:\n".to_owned();
    for (number, (job, discovery)) in JOBS.into_iter().enumerate() {
        let url = api.url();
        text += &format!(
            "- job_name: {job}\n  kubernetes_sd_configs:\n  - {{{discovery}, api_server: '{url}', \
             tls_config: {{ca_file: ca.crt}}, authorization: {{credentials_file: token}}}}\n  relabel_configs:\n"
        );
        // Both kinds of target are compared: those that are dropped and those that are not.
        text += match number % 2 {
            0 => "  - {regex: .*, action: drop}\n",
            _ => {
                "  - {regex: __meta_kubernetes_(.+), action: labelmap}\n  \
                 - {source_labels: [__address__], target_label: address}\n  \
                 - {replacement: '127.0.0.1:1', target_label: __address__}\n"
            }
        };
    }
    text
}

fn start(binary: &Path, dir: &Path, api: &FakeApi, args: &[&str]) -> Server {
    fs::create_dir_all(dir).expect("make a directory");
    fs::write(dir.join("prometheus.yml"), config(api)).expect("write the configuration");
    api.write_account(dir, "default");
    let start = args
        .iter()
        .fold(Start::new(binary, dir), |start, arg| start.arg(*arg));
    start.ready()
}

/// What a server has discovered: the labels of each target, by job.
fn discovered(server: &Server) -> BTreeMap<String, BTreeSet<String>> {
    let answer = server.get("/api/v1/targets", &[]).json();
    let mut found = BTreeMap::new();
    for list in ["activeTargets", "droppedTargets"] {
        for target in answer["data"][list].as_array().into_iter().flatten() {
            let labels = target["discoveredLabels"]
                .as_object()
                .expect("a target has labels");
            let job = labels["job"].as_str().expect("a job is a text").to_owned();
            let is_told =
                |name: &str| name == "__address__" || name.starts_with("__meta_") || name == "instance";
            let labels: BTreeMap<&String, &Value> = labels.iter().filter(|(name, _)| is_told(name)).collect();
            let text = serde_json::to_string(&labels).expect("labels are texts");
            found.entry(job).or_insert_with(BTreeSet::new).insert(text);
        }
    }
    found
}

/// The first thing in which the two differ, but for the jobs of which that is known.
fn difference(ours: &Server, theirs: &Server) -> Option<String> {
    let (ours, theirs) = (discovered(ours), discovered(theirs));
    let none = BTreeSet::new();
    for (job, _) in JOBS.iter().filter(|(job, _)| !job.starts_with("odd_")) {
        let (ours, theirs) = (ours.get(*job).unwrap_or(&none), theirs.get(*job).unwrap_or(&none));
        let only_ours: Vec<_> = ours.difference(theirs).take(2).collect();
        let only_theirs: Vec<_> = theirs.difference(ours).take(2).collect();
        if !only_ours.is_empty() || !only_theirs.is_empty() {
            return Some(format!(
                "{job}: only ours {only_ours:#?}\nonly theirs {only_theirs:#?}"
            ));
        }
        if ours.is_empty() {
            return Some(format!("{job}: neither has a target"));
        }
    }
    None
}

/// Waits until both have discovered the same.
#[track_caller]
fn wait_equal(what: &str, ours: &Server, theirs: &Server, mut meanwhile: impl FnMut()) {
    let mut last = None;
    let mut tries = 0;
    let mut equal = || {
        tries += 1;
        if tries % 100 == 0 {
            meanwhile();
        }
        last = difference(ours, theirs);
        last.is_none().then_some(())
    };
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for(what, 25, &mut equal)));
    if waited.is_err() {
        panic!("{what}: {}\n{}", last.unwrap_or_default(), ours.log());
    }
}

/// Counts of events by role and kind.
fn events(server: &Server) -> BTreeMap<String, String> {
    let text = server.get("/metrics", &[]).body;
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("prometheus_sd_kubernetes_events_total"));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(labels, value)| (labels.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_role_discovers_what_prometheus_discovers_through_changes_of_all_kinds() {
    let Some(prometheus) = peers::prometheus("discovery in a cluster beside Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("make a directory");
    let api = FakeApi::start();
    let mut scenery = Scenery::new(number_from_env("KUBERNETES_SEED", 7));
    scenery.build(&api);
    let theirs = start(
        &prometheus,
        &dir.path().join("theirs"),
        &api,
        &["--scrape.discovery-reload-interval=100ms"],
    );
    let ours = start(&deucalion(), &dir.path().join("ours"), &api, &[]);

    wait_equal("the first lists", &ours, &theirs, || {});
    assert_eq!(events(&ours), events(&theirs), "events of the first lists");

    scenery.change_what_is_joined(&api);
    wait_equal("changes of joined objects", &ours, &theirs, || {});

    for round in 0..number_from_env("KUBERNETES_ROUNDS", 3) {
        for _ in 0..40 {
            scenery.change_anything(&api);
        }
        match round % 3 {
            0 => api.drop_streams(),
            1 => api.expire(),
            _ => api.end_streams(),
        }
        scenery.change_anything(&api);
        // Which of two changes is heard first is chance: groups show the last once they are made again.
        let touch = || {
            ["endpoints", "endpointslices"]
                .into_iter()
                .for_each(|kind| api.touch(kind))
        };
        wait_equal(&format!("round {round}"), &ours, &theirs, touch);
    }

    let listed: BTreeSet<String> = differences::listed("Kubernetes").into_iter().collect();
    let (ours, theirs) = (discovered(&ours), discovered(&theirs));
    let odd = JOBS
        .into_iter()
        .map(|(job, _)| job)
        .filter(|job| job.starts_with("odd_"));
    let differing: BTreeSet<String> = odd
        .filter(|job| ours.get(*job) != theirs.get(*job))
        .map(str::to_owned)
        .collect();
    assert_eq!(differing, listed, "the table of differences is true");
}
