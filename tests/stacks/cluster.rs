//! Stack 004 as documented: an HA pair in a Kubernetes cluster, TLS and passwords everywhere.
//!
//! ```text
//! API server ─ in-cluster account ─┐
//! pods 10.1.0.x ───────────────────┤                      ┌─ alertmanager-1, -2, -3: one alert of both
//! project-ai:8000 (mTLS, bearer) ──┼─ replica 1, replica 2┤
//! containers of a file ────────────┘  (TLS, bcrypt)       └─ thanos-receive.monitoring.svc:19291 ─ Prometheus
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::around::{UP_MAX, alert_names, held, wait_up};
use super::copy;
use crate::support::alertmanager::Alertmanager;
use crate::support::exporter::TEXT;
use crate::support::kubernetes::FakeApi;
use crate::support::samples;
use crate::support::server::{Server, Start, deucalion};
use crate::support::tls::{Authority, Relay};
use crate::support::web::{Asked, Page, Web};
use crate::support::world::World;
use crate::support::{http, now_ms, peers, wait_for};

const SKIPPED: &str = "the cluster of stack 004";

/// Where a pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the exporter of the application asks for.
const TOKEN: &str = "a-token-of-the-test";

/// A pod as the API server tells of it.
fn pod(name: &str, ip: &str, is_scraped: bool) -> serde_json::Value {
    let annotations = match is_scraped {
        true => json!({"prometheus.io/scrape": "true", "prometheus.io/port": "9102"}),
        false => json!({}),
    };
    json!({
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "ai", "uid": format!("uid-{name}"),
            "labels": {"app": "persona", "app.kubernetes.io/part-of": "project-ai"}, "annotations": annotations,
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "main", "image": "persona:1", "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}]}],
        },
        "status": {
            "phase": "Running", "podIP": ip, "hostIP": "10.9.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "image": "persona:1", "imageID": "", "containerID": "c://1", "state": {"running": {}}}],
        },
    })
}

/// Something that counts its scrapes.
fn exporter(address: &str, metric: &'static str, token: Option<&'static str>) -> Web {
    let seen = AtomicU64::new(0);
    Web::start_at(address, move |asked: &Asked| {
        let brings = asked
            .header("authorization")
            .and_then(|text| text.strip_prefix("Bearer "));
        if token.is_some() && brings != token {
            return Page::new(401, TEXT, "who are you?");
        }
        let seen = seen.fetch_add(1, Ordering::Relaxed);
        Page::new(200, TEXT, format!("# TYPE {metric} counter\n{metric} {seen}\n"))
    })
}

/// The real Prometheus, behind something that takes requests where Thanos does.
fn thanos(prometheus: &Path, dir: &Path, authority: &Authority) -> (Server, Web, Relay) {
    let dir = dir.join("thanos");
    fs::create_dir_all(&dir).expect("make a directory");
    fs::write(dir.join("prometheus.yml"), "").expect("write");
    let receiver = Start::new(prometheus, &dir)
        .arg("--web.enable-remote-write-receiver")
        .ready();
    let url = format!("{}/api/v1/write", receiver.url);
    let web = Web::start(move |asked: &Asked| {
        if asked.target != "/api/v1/receive" {
            return Page::new(404, TEXT, "not here");
        }
        let passed = ["content-encoding", "x-prometheus-remote-write-version"];
        let headers: Vec<(&str, &str)> = passed
            .iter()
            .filter_map(|name| Some((*name, asked.header(name)?)))
            .collect();
        let content_type = asked.header("content-type").unwrap_or("");
        match http::send("POST", &url, &headers, Some((content_type, &asked.body))) {
            Ok(answer) => Page::new(answer.status, TEXT, answer.body),
            Err(error) => Page::new(502, TEXT, error),
        }
    });
    let relay = authority.terminate("thanos", false, "127.0.2.1:19291", web.address);
    (receiver, web, relay)
}

/// One of the pair, and the plain door to it that the test goes through.
fn replica(number: u8, dir: &Path, authority: &Authority, api: &FakeApi) -> (Server, Relay) {
    let home = dir.join(format!("replica-{number}"));
    // The hash of the file is of a password that nobody knows: it is to be replaced.
    let hash = bcrypt::hash("s3cret", 5).expect("a hash");
    let replaced = [
        ("replica: \"1\"", &*format!("replica: \"{number}\"")),
        (
            "$2y$10$EYxs8IOG46m9CtpB/XlPxO1ei7E4BjAen0SUv6di7mD4keR/8JO6m",
            &hash,
        ),
    ];
    copy("004", &home, &replaced);
    let start = Start::new(&deucalion(), &home)
        .arg("--web.config.file=web.yml")
        .env("SSL_CERT_FILE", "/etc/prometheus/certs/ca.crt")
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", &api.port().to_string())
        .user("admin", "s3cret");
    let to = format!("127.0.0.1:{}", start.address_port())
        .parse()
        .expect("an address");
    let door = authority.originate("localhost", "127.0.0.1:0", to);
    let mut server = start.spawn();
    server.url = format!("http://{}", door.address);
    server.wait_ready();
    (server, door)
}

fn prepare(world: &World) -> Authority {
    for address in ["10.1.0.1", "10.1.0.2", "10.1.0.3"] {
        world.own(address);
    }
    for (name, address) in [
        ("thanos-receive.monitoring.svc", "127.0.2.1"),
        ("project-ai", "127.0.2.2"),
        ("alertmanager-1", "127.0.1.1"),
        ("alertmanager-2", "127.0.1.2"),
        ("alertmanager-3", "127.0.1.3"),
    ] {
        world.name(name, address);
    }
    let authority = Authority::new(Path::new("/etc/prometheus/certs"));
    authority.issue("prometheus", &["prometheus", "localhost"]);
    authority.issue("thanos", &["thanos-receive.monitoring.svc"]);
    authority.issue("project-ai", &["project-ai"]);
    for (file, text) in [
        ("/etc/prometheus/secrets/token", TOKEN),
        (
            "/etc/prometheus/targets/containers.yml",
            "- targets: ['127.0.2.3:9000']\n  labels: {container: cache}\n",
        ),
    ] {
        fs::create_dir_all(Path::new(file).parent().expect("a directory")).expect("make a directory");
        fs::write(file, text).expect("write");
    }
    authority
}

#[test]
fn a_pair_in_a_cluster_finds_pods_alerts_once_and_writes_to_thanos() {
    let find = |name: &str| peers::find(name, SKIPPED);
    let (Some(prometheus), Some(alertmanager)) = (find("prometheus"), find("prometheus-alertmanager")) else {
        return;
    };
    let name = "stacks::cluster::a_pair_in_a_cluster_finds_pods_alerts_once_and_writes_to_thanos";
    let Some(world) = World::enter(name, SKIPPED) else {
        return;
    };
    let authority = prepare(&world);
    let dir: PathBuf = world.files();

    // Everything around the pair.
    let api = FakeApi::start();
    fs::create_dir_all(ACCOUNT).expect("make a directory");
    api.write_account(Path::new(ACCOUNT), "monitoring");
    api.put(pod("persona-1", "10.1.0.1", true));
    api.put(pod("persona-2", "10.1.0.2", false));
    let _pods = ["10.1.0.1:9102", "10.1.0.3:9102"].map(|at| exporter(at, "pod_requests_total", None));
    let _container = exporter("127.0.2.3:9000", "cache_hits_total", None);
    let metric = "project_ai_command_override_attempts_total";
    let application = exporter("127.0.0.1:0", metric, Some(TOKEN));
    let _application = authority.terminate("project-ai", true, "127.0.2.2:8000", application.address);
    let managers: Vec<Alertmanager> = (1..=3)
        .map(|n| {
            let dir = dir.join(format!("alertmanager-{n}"));
            fs::create_dir_all(&dir).expect("make a directory");
            Alertmanager::start(&alertmanager, &dir, &format!("127.0.1.{n}:9093"))
        })
        .collect();
    let (receiver, _web, _thanos) = thanos(&prometheus, &dir, &authority);

    let started_ms = now_ms();
    let pair: Vec<(Server, Relay)> = [1, 2].map(|n| replica(n, &dir, &authority, &api)).into();
    let door = &pair[0].0.url;
    assert_eq!(
        http::get(&format!("{door}/api/v1/targets"))
            .expect("an answer")
            .status,
        401
    );
    let plain = format!("http://127.0.0.1:{}/-/healthy", pair[0].0.port);
    assert!(
        http::get(&plain).map_or(true, |answer| answer.status == 400),
        "TLS is asked for"
    );

    // Pods come and go.
    let expected = |pods: &[&str]| {
        let mut all: Vec<String> = pods
            .iter()
            .map(|ip| format!("kubernetes-pods/{ip}:9102"))
            .collect();
        all.extend(["containers/127.0.2.3:9000", "project-ai/project-ai:8000"].map(str::to_owned));
        all.sort();
        all
    };
    for (server, _) in &pair {
        wait_up(server, &expected(&["10.1.0.1"]));
    }
    api.put(pod("persona-3", "10.1.0.3", true));
    api.delete("pods", "ai", "persona-1");
    for (server, _) in &pair {
        wait_up(server, &expected(&["10.1.0.3"]));
    }
    // The other one has its markers only once it would have been scraped again.
    let labels = pair[0].0.query("up{job='kubernetes-pods',pod='persona-3'}", "");
    let labels = &labels["result"][0]["metric"];
    assert_eq!(
        (
            &labels["namespace"],
            &labels["pod"],
            &labels["app_kubernetes_io_part_of"]
        ),
        (&json!("ai"), &json!("persona-3"), &json!("project-ai"))
    );

    // Both tell every Alertmanager, and what they tell is one alert.
    for manager in &managers {
        wait_for("the alert at each Alertmanager", 90, || {
            let names = alert_names(manager);
            names
                .iter()
                .any(|name| name.starts_with("CommandOverrideAttempted"))
                .then_some(())
        });
        let alerts = manager.alerts();
        let is_it = |labels: &&serde_json::Value| labels["alertname"] == "CommandOverrideAttempted";
        let ours: Vec<_> = alerts.iter().filter(is_it).collect();
        assert_eq!(ours.len(), 1, "{alerts:?}");
        assert_eq!(
            (&ours[0]["cluster"], &ours[0]["replica"]),
            (&json!("project-ai"), &json!(null))
        );
    }

    // What each holds, the receiver holds under its replica label.
    let until_ms = now_ms() - 5_000;
    let password = [("authorization", "Basic YWRtaW46czNjcmV0")];
    for (n, (server, _)) in pair.iter().enumerate() {
        let matcher = "{job!='',__name__!~'ALERTS.*'}";
        let ours = held(&server.url, &password, matcher, started_ms, until_ms).expect("our samples");
        assert!(samples::count(&ours) > 15, "{}", samples::count(&ours));
        let theirs = format!(
            "{{job!='',__name__!~'ALERTS.*',cluster='project-ai',replica='{}'}}",
            n + 1
        );
        let began = Instant::now();
        loop {
            let found = held(&receiver.url, &[], &theirs, started_ms, until_ms).unwrap_or_default();
            let bare: samples::Samples = found
                .into_iter()
                .map(|(labels, points)| (without_external_labels(&labels), points))
                .collect();
            let (lacks, more) = (samples::missing(&ours, &bare), samples::missing(&bare, &ours));
            if lacks.is_none() && more.is_none() {
                break;
            }
            assert!(
                began.elapsed() < UP_MAX,
                "it lacks {lacks:?} and has {more:?} besides"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    for (server, _) in pair {
        let log = server.log();
        assert!(!log.contains(TOKEN) && !log.contains("s3cret"), "{log}");
        assert_eq!(server.stop(), Some(0));
    }
}

fn without_external_labels(labels: &str) -> String {
    let mut labels: serde_json::Value = serde_json::from_str(labels).expect("labels");
    if let Some(labels) = labels.as_object_mut() {
        labels.remove("cluster");
        labels.remove("replica");
    }
    labels.to_string()
}
