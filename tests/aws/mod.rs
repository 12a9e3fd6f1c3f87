//! Instances of EC2 as targets: beside the real Prometheus over the same moto and the same answers, and through
//! what goes wrong.

mod endpoint;
mod fleet;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value};

use crate::support::moto::{Moto, text_of};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{differences, peers, wait_for};
use endpoint::{Endpoint, described};
use fleet::Fleet;

/// Never shown, wherever it was configured.
const SECRET: &str = "hunter2/secret+key";

/// Writes a configuration whose only job has these entries of `ec2_sd_configs`. Nothing is scraped outside of
/// the machine: every address becomes a closed port of it.
fn configure(dir: &Path, entries: &str) {
    std::fs::create_dir_all(dir).expect("make the server's folder");
    let text = format!(
        "scrape_configs:\n- job_name: fleet\n  scrape_interval: 1h\n  ec2_sd_configs:\n{entries}\n  \
         relabel_configs:\n  \
         - {{source_labels: [__meta_ec2_instance_id, __address__], target_label: instance}}\n  \
         - {{target_label: __address__, replacement: '127.0.0.1:1'}}\n"
    );
    std::fs::write(dir.join("prometheus.yml"), text).expect("write the configuration");
}

/// An entry that asks `endpoint` with a key.
fn entry(endpoint: &str, region: &str, more: &str) -> String {
    format!(
        "  - {{endpoint: '{endpoint}', region: {region}, access_key: AKID, secret_key: '{SECRET}', \
         refresh_interval: 1s{more}}}\n"
    )
}

/// Starts a server whose environment says nothing of AWS but this.
fn start(binary: &Path, dir: &Path, variables: &[(&str, &str)]) -> Server {
    let mut start = Start::new(binary, dir).env("AWS_EC2_METADATA_DISABLED", "true");
    for (name, value) in variables {
        start = start.env(name, value);
    }
    start.ready()
}

/// The labels of all targets as they were discovered, sorted.
fn discovered(server: &Server) -> Vec<Map<String, Value>> {
    let answer = server.get("/api/v1/targets", &[("state", "active")]).json();
    let targets = answer["data"]["activeTargets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut all: Vec<Map<String, Value>> = targets
        .iter()
        .filter_map(|target| target["discoveredLabels"].as_object().cloned())
        .collect();
    all.sort_by_key(|labels| ["__meta_ec2_instance_id", "__address__"].map(|name| labels[name].to_string()));
    all
}

/// The ids of all instances that are targets.
fn ids(server: &Server) -> Vec<String> {
    let of = |labels: &Map<String, Value>| labels["__meta_ec2_instance_id"].as_str().unwrap_or("").to_owned();
    let mut ids: Vec<String> = discovered(server).iter().map(of).collect();
    ids.sort();
    ids
}

#[track_caller]
fn wait_for_ids(server: &Server, expected: &[&str]) {
    let mut expected: Vec<&str> = expected.to_vec();
    expected.sort_unstable();
    wait_for(
        &format!("the targets {expected:?}, log:\n{}", server.log()),
        30,
        || (ids(server) == expected).then_some(()),
    );
}

/// Waits for a target with this port, by which a configuration is told from the one before.
#[track_caller]
fn wait_for_port(server: &Server, port: &str) {
    let of = |labels: &Map<String, Value>| labels["__address__"].as_str().unwrap_or("").to_owned();
    wait_for(&format!("a target with port {port}"), 30, || {
        let found = discovered(server);
        found
            .iter()
            .any(|labels| of(labels).ends_with(&format!(":{port}")))
            .then_some(())
    });
}

/// The value of one of our own metrics.
fn metric(server: &Server, name: &str) -> f64 {
    let page = server.get("/metrics", &[]).body;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

const FAILURES: &str = "prometheus_sd_refresh_failures_total{config=\"fleet\",mechanism=\"ec2\"}";

#[track_caller]
fn check_shows_no_secret(server: &Server) {
    let pages =
        ["/metrics", "/api/v1/status/config", "/api/v1/targets"].map(|path| server.get(path, &[]).body);
    for text in pages.iter().chain([&server.log()]) {
        assert!(!text.contains(SECRET) && !text.contains("hunter2"), "{text}");
    }
}

/// Both servers must find the same, and that many.
#[track_caller]
fn check_same(dir: &Path, prometheus: &Path, entries: &str, count: usize) {
    let (own, other) = (dir.join("own"), dir.join("prometheus"));
    configure(&own, entries);
    configure(&other, entries);
    let own = start(&deucalion(), &own, &[]);
    let other = start(prometheus, &other, &[]);
    let found = |server: &Server| {
        wait_for(&format!("{count} targets of {}", server.url), 30, || {
            Some(discovered(server)).filter(|found| found.len() == count)
        })
    };
    let (found, expected) = (found(&own), found(&other));
    let later = differences::listed("Discovery");
    let mut found_later = 0;
    for (mut ours, theirs) in found.into_iter().zip(&expected) {
        let before = ours.len();
        ours.retain(|name, _| !later.contains(name));
        found_later += before - ours.len();
        assert_eq!(&ours, theirs, "{}", own.log());
    }
    assert!(
        found_later > 0,
        "{later:?} are labels that 3.14 has and the peer has not"
    );
    check_shows_no_secret(&own);
}

#[test]
fn a_fleet_of_all_kinds_has_the_labels_that_prometheus_finds() {
    let what = "the labels of a fleet beside Prometheus";
    let dir = tempfile::tempdir().expect("make a folder");
    let Some(prometheus) = peers::prometheus(what) else {
        return;
    };
    let Some(moto) = Moto::start(dir.path(), what) else {
        return;
    };
    let fleet = Fleet::new(&moto, "eu-west-2");
    fleet.fill();
    let running = ", port: 9100, filters: [{name: instance-state-name, values: [running, stopped]}, {name: instance-type, values: [t3.micro]}]";
    // Seven of them, and once more those that are not terminated, in other words.
    let entries = entry(&moto.url, "eu-west-2", "") + &entry(&moto.url, "eu-west-2", running);
    check_same(dir.path(), &prometheus, &entries, 7 + 6);
}

#[test]
fn pages_and_addresses_of_version_6_are_read_as_by_prometheus() {
    let Some(prometheus) = peers::prometheus("pages of instances beside Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("make a folder");
    let endpoint = Endpoint::start(described);
    check_same(dir.path(), &prometheus, &entry(&endpoint.url, "eu-west-2", ""), 5);
}

#[test]
fn instances_that_come_and_go_take_their_targets_with_them() {
    let dir = tempfile::tempdir().expect("make a folder");
    let Some(moto) = Moto::start(dir.path(), "instances that come and go") else {
        return;
    };
    let fleet = Fleet::new(&moto, "eu-west-2");
    let filters =
        ", filters: [{name: 'tag:env', values: [prod]}, {name: instance-state-name, values: [running]}]";
    configure(dir.path(), &entry(&moto.url, "eu-west-2", filters));
    let server = start(&deucalion(), dir.path(), &[]);
    wait_for_ids(&server, &[]);
    let (one, two, other) = (fleet.run(&[]), fleet.run(&[]), fleet.run(&[]));
    fleet.tag(&one, "env", "prod");
    fleet.tag(&other, "env", "dev");
    wait_for_ids(&server, &[&one]);
    fleet.tag(&two, "env", "prod");
    wait_for_ids(&server, &[&one, &two]);
    fleet.terminate(&one);
    wait_for_ids(&server, &[&two]);
    assert_eq!(metric(&server, FAILURES), 0.0);
}

#[test]
fn keys_profiles_and_roles_are_checked_by_aws_and_refused_when_wrong() {
    let dir = tempfile::tempdir().expect("make a folder");
    let Some(moto) = Moto::start(dir.path(), "signatures that are checked") else {
        return;
    };
    let fleet = Fleet::new(&moto, "eu-west-2");
    let id = fleet.run(&[]);
    let iam = |action: &str, form: &[(&str, &str)]| moto.call("iam", "us-east-1", action, form);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","sts:*"],"Resource":"*"}]}"#;
    iam("CreateUser", &[("UserName", "scraper")]);
    let user_policy = [
        ("UserName", "scraper"),
        ("PolicyName", "p"),
        ("PolicyDocument", policy),
    ];
    iam("PutUserPolicy", &user_policy);
    let made = iam("CreateAccessKey", &[("UserName", "scraper")]);
    let (key, secret) = (text_of(&made, "AccessKeyId"), text_of(&made, "SecretAccessKey"));
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    let role = iam(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", trust)],
    );
    iam(
        "PutRolePolicy",
        &[("RoleName", "r"), ("PolicyName", "p"), ("PolicyDocument", policy)],
    );
    let arn = text_of(&role, "Arn");
    moto.check_signatures();

    // A profile of a shared file that takes a role with the keys of another one.
    let (credentials, config) = (dir.path().join("credentials"), dir.path().join("config"));
    let keys = |secret: &str| {
        let text = format!("[keys]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        std::fs::write(&credentials, text).expect("write the shared credentials");
    };
    keys(secret);
    std::fs::write(
        &config,
        format!("[profile taken]\nrole_arn = {arn}\nsource_profile = keys\n"),
    )
    .expect("write the shared configuration");
    let url = &moto.url;
    let asks =
        |more: &str| format!("  - {{endpoint: '{url}', region: eu-west-2, refresh_interval: 1s, {more}}}\n");
    let variables = [
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            credentials.to_string_lossy().into_owned(),
        ),
        ("AWS_CONFIG_FILE", config.to_string_lossy().into_owned()),
        ("AWS_ENDPOINT_URL_STS", moto.url.clone()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    configure(dir.path(), &asks("profile: taken"));
    let server = start(&deucalion(), dir.path(), &variables);
    wait_for_ids(&server, &[&id]);
    let reload = |entries: &str| {
        configure(dir.path(), entries);
        server.signal("HUP");
    };
    reload(&asks(&format!("profile: keys, role_arn: '{arn}', port: 1")));
    wait_for_ids(&server, &[&id]);
    assert_eq!(metric(&server, FAILURES), 0.0);
    reload(&asks(&format!(
        "access_key: {key}, secret_key: '{secret}', port: 2"
    )));
    wait_for_port(&server, "2");
    assert_eq!(metric(&server, FAILURES), 0.0);

    // What was found with the right keys stays when they become wrong, and comes back with them.
    reload(&asks("profile: keys, port: 3"));
    wait_for_port(&server, "3");
    keys(SECRET);
    // The keys are kept while they work: only what AWS refuses is looked for anew.
    assert_eq!(metric(&server, FAILURES), 0.0);
    reload(&asks("profile: keys, port: 4"));
    wait_for("a refusal", 30, || {
        (metric(&server, FAILURES) >= 1.0).then_some(())
    });
    assert!(
        server
            .log()
            .contains("could not describe instances: DescribeInstances: 401"),
        "{}",
        server.log()
    );
    check_shows_no_secret(&server);
    keys(secret);
    wait_for_port(&server, "4");
    assert!(!server.log().contains(secret));
}

#[test]
fn what_was_found_stays_while_the_endpoint_answers_nonsense() {
    let dir = tempfile::tempdir().expect("make a folder");
    let stage = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&stage);
    let endpoint = Endpoint::start(move |action, token| {
        let (status, good) = described(action, token);
        let refusal = |code: &str| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>it is {SECRET}</Message></Error></Errors></Response>"
            )
        };
        match seen.load(Ordering::Relaxed) {
            0 => (status, good),
            1 => (401, refusal("AuthFailure")),
            2 => (400, refusal("RequestExpired")),
            3 => (500, "<html>".to_owned()),
            4 => (200, good.split("</instancesSet>").next().unwrap_or("").to_owned()),
            5 => (200, good.replace("instanceId", "identifier")),
            6 => (200, good.replace("reservationSet", "reservations")),
            _ => (200, "<a>".repeat(100_000)),
        }
    });
    configure(dir.path(), &entry(&endpoint.url, "eu-west-2", ""));
    let server = start(&deucalion(), dir.path(), &[]);
    let all = ["i-empty", "i-no-vpc", "i-primary", "i-public", "i-secondary"];
    wait_for_ids(&server, &all);
    for (at, expected) in (1..).zip([
        "401 X: AuthFailure: it is <secret>",
        "400 X: RequestExpired: it is <secret>",
        "server returned HTTP status 500 X",
        "the answer ends within",
        "expected <instanceId> in <item>, found identifier, imageId",
        "expected <reservationSet> in <DescribeInstancesResponse>, found reservations",
        "more elements, or deeper ones, than an answer may have",
    ]) {
        let before = metric(&server, FAILURES);
        stage.store(at, Ordering::Relaxed);
        wait_for(expected, 30, || server.log().contains(expected).then_some(()));
        assert!(metric(&server, FAILURES) > before);
        assert_eq!(ids(&server), all);
    }
    stage.store(0, Ordering::Relaxed);
    check_shows_no_secret(&server);
    assert_eq!(server.stop(), Some(0));
}
