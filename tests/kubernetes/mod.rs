//! Discovery in a cluster beside the real Prometheus: both discover from the same API server.
//!
//! Every target is either dropped or moved to a closed port of this machine, so that nothing is scraped.

mod fixed;
mod objects;
mod stack;

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
const JOBS: [(&str, &str); 17] = [
    (
        "nodes",
        "role: node, selectors: [{role: node, label: 'odd!=yes'}]",
    ),
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
    ("odd_nodes", "role: node, selectors: [{role: node, label: odd}]"),
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

/// Waits until both have discovered the same, and in it these texts: job and what one of its targets tells.
#[track_caller]
fn wait_equal(what: &str, ours: &Server, theirs: &Server, news: &[(&str, String)]) {
    let mut last = None;
    let mut equal = || {
        let missing = [("ours", ours), ("theirs", theirs)]
            .into_iter()
            .find_map(|(whose, server)| {
                let found = discovered(server);
                let is_told = |(job, text): &&(&str, String)| {
                    let mut targets = found.get(*job).into_iter().flatten();
                    !targets.any(|target| target.contains(text.as_str()))
                };
                news.iter()
                    .find(is_told)
                    .map(|missing| format!("{whose} lacks {missing:?}"))
            });
        last = missing.or_else(|| difference(ours, theirs));
        last.is_none().then_some(())
    };
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for(what, 30, &mut equal)));
    if waited.is_err() {
        let (ours, theirs) = (ours.log(), theirs.log());
        panic!("{what}: {}\n{ours}\n{theirs}", last.unwrap_or_default());
    }
}

/// Puts objects whose names say that everything before them was heard, and what each job is to tell of them.
fn put_markers(api: &FakeApi, name: &str) -> Vec<(&'static str, String)> {
    fixed::put_markers(api, name);
    let told = |kind: &str| format!("\"__meta_kubernetes_{kind}_name\":\"{name}\"");
    vec![
        ("nodes", told("node")),
        ("pods", told("pod")),
        ("pods_of_two_namespaces", told("pod")),
        ("pods_with_nodes", told("pod")),
        ("services", told("service")),
        ("endpoints", told("endpoints")),
        ("endpoints_with_nodes", told("endpoints")),
        ("slices", told("endpointslice")),
        ("slices_with_nodes", told("endpointslice")),
        ("ingresses", told("ingress")),
    ]
}

/// Counts of events by role and kind.
fn events(server: &Server) -> BTreeMap<String, String> {
    let text = server.get("/metrics", &[]).body;
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("prometheus_sd_kubernetes_events_total"));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(labels, value)| {
            let mut labels: Vec<&str> = labels.trim_matches(['{', '}']).split(',').collect();
            labels.sort_unstable();
            (labels.join(","), value.to_owned())
        })
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
    fixed::build(&api);
    let theirs = start(
        &prometheus,
        &dir.path().join("theirs"),
        &api,
        &["--scrape.discovery-reload-interval=100ms"],
    );
    let ours = start(&deucalion(), &dir.path().join("ours"), &api, &[]);

    wait_equal("the first lists", &ours, &theirs, &[]);
    assert_eq!(events(&ours), events(&theirs), "events of the first lists");

    fixed::change_what_is_joined(&api);
    let told = |text: &str| format!("\"__meta_kubernetes_{text}\"");
    let changed_node = told("node_label_tier\":\"changed");
    let changed_service = told("service_label_tier\":\"changed");
    let news = [
        ("services", changed_service.clone()),
        ("endpoints", changed_service.clone()),
        ("slices", changed_service),
        ("endpoints", told("pod_phase\":\"Failed")),
        ("nodes", changed_node.clone()),
        ("endpoints_with_nodes", changed_node.clone()),
        ("slices_with_nodes", changed_node),
        ("pods", told("pod_label_tier\":\"changed")),
    ];
    wait_equal("changes of joined objects", &ours, &theirs, &news);
    let unseen = told("pod_label_tier\":\"changed");
    let endpoints = &discovered(&ours)["endpoints"];
    assert!(
        !endpoints.iter().any(|target| target.contains(&unseen)),
        "a pod's label is seen when its endpoints change"
    );

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
        let news = put_markers(&api, &format!("first-{round}"));
        wait_for("everything to be heard", 30, || {
            let all = [&ours, &theirs].map(discovered);
            let is_told = |(job, text): &(&str, String)| {
                let told = |found: &BTreeMap<String, BTreeSet<String>>| {
                    found[*job].iter().any(|target| target.contains(text))
                };
                all.iter().all(told)
            };
            news.iter().all(is_told).then_some(())
        });
        // Which of two changes is heard first is chance: groups show the last once they are made again.
        ["endpoints", "endpointslices"]
            .into_iter()
            .for_each(|kind| api.touch(kind));
        let news = put_markers(&api, &format!("second-{round}"));
        wait_equal(&format!("round {round}"), &ours, &theirs, &news);
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
