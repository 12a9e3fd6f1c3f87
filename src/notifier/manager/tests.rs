//! Alerts on their way through queues to receivers, real ones too.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::config::{AlertmanagerConfig, DiscoveryConfigs, HttpClientConfig, StaticGroup};
use crate::discovery::{self, DiscoveryMetrics, TargetGroup};
use crate::http_client::{HttpClient, Request};

/// Stands in for an Alertmanager: keeps the alerts of each request and answers when it is let.
struct Receiver {
    address: String,
    heard: mpsc::UnboundedReceiver<Value>,
    /// One permit an answer.
    answers: Arc<Semaphore>,
}

impl Receiver {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, heard) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let permits = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, status, tell.clone(), Arc::clone(&permits)));
            }
        });
        Self {
            address,
            heard,
            answers,
        }
    }

    /// The `n` labels of the alerts of the next request.
    async fn next(&mut self) -> Vec<String> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.heard.recv()).await;
        let alerts = next.expect("a request comes").unwrap();
        let name = |alert: &Value| alert["labels"]["n"].as_str().unwrap().to_owned();
        alerts.as_array().unwrap().iter().map(name).collect()
    }

    fn section(&self) -> AlertmanagerConfig {
        AlertmanagerConfig {
            discovery: DiscoveryConfigs {
                static_configs: vec![StaticGroup {
                    targets: vec![self.address.clone()],
                    ..StaticGroup::default()
                }],
                ..DiscoveryConfigs::default()
            },
            ..AlertmanagerConfig::default()
        }
    }
}

async fn serve(
    stream: TcpStream,
    status: &'static str,
    tell: mpsc::UnboundedSender<Value>,
    permits: Arc<Semaphore>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        drop(tell.send(serde_json::from_slice(&body).unwrap()));
        permits.acquire().await.unwrap().forget();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn alerts(numbers: std::ops::Range<usize>) -> Vec<Alert> {
    let alert = |number: usize| Alert {
        labels: Labels::from_pairs([("alertname", "A"), ("n", &*number.to_string())]),
        annotations: Labels::empty(),
        starts_at_ms: 1_000,
        ends_at_ms: 2_000,
        generator_url: String::new(),
    };
    numbers.map(alert).collect()
}

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// A manager that knows the receivers, one a section.
fn manager(options: Options, sections: &[AlertmanagerConfig]) -> (NotifierManager, Registry) {
    let registry = Registry::new();
    let manager = NotifierManager::new(options, &registry);
    follow(&manager, sections);
    (manager, registry)
}

/// Applies a configuration of these sections and tells of their static targets.
fn follow(manager: &NotifierManager, sections: &[AlertmanagerConfig]) {
    let alerting = AlertingConfig {
        alertmanagers: sections.to_vec(),
        ..AlertingConfig::default()
    };
    manager.apply(&alerting, &Labels::empty()).unwrap();
    let group = |config: &AlertmanagerConfig| {
        let addresses = config
            .discovery
            .static_configs
            .iter()
            .flat_map(|group| &group.targets);
        let target = |address: &String| Labels::from_pairs([("__address__", address.as_str())]);
        vec![Arc::new(TargetGroup {
            source: "0".into(),
            targets: addresses.map(target).collect(),
            labels: Labels::empty(),
        })]
    };
    let sections = NotifierManager::sections(&alerting);
    manager.sync(&sections.map(|(name, config)| (name, group(config))).collect());
}

#[track_caller]
fn check_metric(registry: &Registry, name: &str, receiver: &Receiver, value: f64) {
    let line = format!(
        "prometheus_notifications_{name}{{alertmanager=\"http://{}/api/v2/alerts\"}} {value}",
        receiver.address
    );
    let text = registry.render();
    assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
}

#[tokio::test]
async fn alerts_go_out_in_batches_oldest_first() {
    let mut receiver = Receiver::start("200 OK").await;
    receiver.answers.add_permits(100);
    let options = Options {
        batch_size: 3,
        ..Options::default()
    };
    let (manager, registry) = manager(options, &[receiver.section()]);
    manager.send(alerts(0..7));
    assert_eq!(receiver.next().await, names(0..3));
    assert_eq!(receiver.next().await, names(3..6));
    assert_eq!(receiver.next().await, names(6..7));
    manager.send(alerts(7..8));
    assert_eq!(receiver.next().await, names(7..8));
    let url = format!("http://{}/api/v2/alerts", receiver.address);
    assert_eq!(manager.alertmanagers(), [url]);
    assert!(
        registry
            .render()
            .contains("prometheus_notifications_alertmanagers_discovered 1\n")
    );
    assert!(
        registry
            .render()
            .contains("prometheus_notifications_queue_capacity 10000\n")
    );
}

#[tokio::test]
async fn one_that_hangs_delays_no_other_and_drops_its_oldest() {
    let mut hanging = Receiver::start("200 OK").await;
    let mut quick = Receiver::start("200 OK").await;
    quick.answers.add_permits(100);
    let options = Options {
        queue_capacity: 4,
        batch_size: 2,
        drain_on_shutdown: true,
    };
    let (manager, registry) = manager(options, &[hanging.section(), quick.section()]);
    manager.send(alerts(0..2));
    assert_eq!(hanging.next().await, names(0..2));
    assert_eq!(quick.next().await, names(0..2));
    // Those on their way do not count; of the six that wait two too many go.
    manager.send(alerts(2..5));
    assert_eq!(quick.next().await, names(2..4));
    assert_eq!(quick.next().await, names(4..5));
    manager.send(alerts(5..8));
    check_metric(&registry, "dropped_total", &hanging, 2.0);
    check_metric(&registry, "queue_length", &hanging, 4.0);
    hanging.answers.add_permits(100);
    assert_eq!(hanging.next().await, names(4..6));
    assert_eq!(hanging.next().await, names(6..8));
}

#[tokio::test]
async fn a_refused_batch_is_counted_and_not_tried_again() {
    let mut receiver = Receiver::start("500 Internal Server Error").await;
    receiver.answers.add_permits(100);
    let options = Options {
        batch_size: 2,
        ..Options::default()
    };
    let (manager, registry) = manager(options, &[receiver.section()]);
    manager.send(alerts(0..3));
    assert_eq!(receiver.next().await, names(0..2));
    assert_eq!(receiver.next().await, names(2..3));
    manager.send(alerts(3..4));
    assert_eq!(receiver.next().await, names(3..4));
    check_metric(&registry, "errors_total", &receiver, 3.0);
    check_metric(&registry, "dropped_total", &receiver, 3.0);
    check_metric(&registry, "sent_total", &receiver, 0.0);
}

#[tokio::test]
async fn what_waits_at_the_end_is_sent_or_dropped_as_wished() {
    for drain_on_shutdown in [true, false] {
        let mut receiver = Receiver::start("200 OK").await;
        let options = Options {
            batch_size: 2,
            drain_on_shutdown,
            ..Options::default()
        };
        let (manager, _) = manager(options, &[receiver.section()]);
        manager.send(alerts(0..5));
        assert_eq!(receiver.next().await, names(0..2));
        let stopping = manager.clone();
        let shutdown = tokio::spawn(async move { stopping.shutdown().await });
        while !manager.state.lock().is_stopped {
            tokio::task::yield_now().await;
        }
        manager.send(alerts(5..6));
        receiver.answers.add_permits(100);
        shutdown.await.unwrap();
        let rest: Vec<usize> = std::iter::from_fn(|| receiver.heard.try_recv().ok())
            .map(|alerts| alerts.as_array().unwrap().len())
            .collect();
        assert_eq!(rest, if drain_on_shutdown { vec![2, 1] } else { vec![] });
    }
}

#[tokio::test]
async fn queues_survive_a_reload_that_does_not_touch_them() {
    let mut kept = Receiver::start("200 OK").await;
    let gone = Receiver::start("200 OK").await;
    gone.answers.add_permits(100);
    let options = Options {
        batch_size: 1,
        ..Options::default()
    };
    let (manager, registry) = manager(options, &[gone.section(), kept.section()]);
    manager.send(alerts(0..3));
    assert_eq!(kept.next().await, names(0..1));
    // The section moves from config-1 to config-0.
    follow(&manager, &[kept.section()]);
    assert_eq!(manager.alertmanagers().len(), 1);
    check_metric(&registry, "queue_length", &kept, 2.0);
    assert!(!registry.render().contains(&gone.address));
    kept.answers.add_permits(100);
    assert_eq!(kept.next().await, names(1..2));
    assert_eq!(kept.next().await, names(2..3));
}

#[tokio::test]
async fn static_alertmanagers_are_found_through_discovery() {
    let mut receiver = Receiver::start("200 OK").await;
    receiver.answers.add_permits(100);
    let registry = Registry::new();
    let manager = NotifierManager::new(Options::default(), &registry);
    let metrics = DiscoveryMetrics::new(&registry);
    let (found, discovered) = discovery::Manager::start(discovery::Options::new("notify"), &metrics);
    let alerting = AlertingConfig {
        alertmanagers: vec![receiver.section()],
        ..AlertingConfig::default()
    };
    let external = Labels::from_pairs([("dc", "a")]);
    manager.apply(&alerting, &external).unwrap();
    let sections = NotifierManager::sections(&alerting);
    found.apply(
        &sections
            .map(|(name, config)| (name, config.discovery.clone()))
            .collect(),
    );
    let following = manager.clone();
    let watching = discovered.clone();
    let follow = tokio::spawn(async move { following.follow(watching).await });
    while manager.alertmanagers().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    manager.send(alerts(0..1));
    assert_eq!(receiver.next().await, names(0..1));
    drop(found);
    follow.await.unwrap();
}

/// Where the peers' programs lie; tests that need one say when it is missing.
fn peer(program: &str) -> Option<PathBuf> {
    let directory =
        std::env::var_os("PEERS").map_or_else(|| std::env::temp_dir().join("peers"), PathBuf::from);
    let path = directory.join("bin").join(program);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

#[tokio::test]
async fn a_real_alertmanager_takes_what_is_sent() {
    let Some(program) = peer("prometheus-alertmanager") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("am.yml");
    std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let mut alertmanager = tokio::process::Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", directory.path().display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = HttpClient::new(&HttpClientConfig::default()).unwrap();
    let alerts_url: url::Url = format!("http://{address}/api/v2/alerts").parse().unwrap();
    let get = async || {
        let answer = client
            .send(Request::get(alerts_url.clone(), Duration::from_secs(5)))
            .await
            .ok()?;
        let body = answer.read(0).await.ok()?;
        serde_json::from_slice::<Value>(&body).ok()
    };
    while get().await.is_none() {
        if alertmanager.try_wait().unwrap().is_some() {
            // Debian's needs its templates under /usr/share/prometheus/alertmanager.
            eprintln!("skipped: Alertmanager does not start here");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let section = AlertmanagerConfig {
        discovery: DiscoveryConfigs {
            static_configs: vec![StaticGroup {
                targets: vec![address.clone()],
                ..StaticGroup::default()
            }],
            ..DiscoveryConfigs::default()
        },
        ..AlertmanagerConfig::default()
    };
    let (manager, _registry) = manager(Options::default(), &[section]);
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let now_ms = i64::try_from(now_ms).unwrap();
    manager.send(vec![Alert {
        labels: Labels::from_pairs([("alertname", "Real"), ("ü", "<é>")]),
        annotations: Labels::from_pairs([("summary", "a\nb")]),
        starts_at_ms: now_ms,
        ends_at_ms: now_ms + 60_000,
        generator_url: "http://h:9090/graph?g0.expr=up&g0.tab=1".into(),
    }]);
    manager.shutdown().await;
    let held = get().await.unwrap();
    assert_eq!(held[0]["labels"]["alertname"], "Real", "{held}");
    assert_eq!(held[0]["labels"]["ü"], "<é>");
    assert_eq!(held[0]["annotations"]["summary"], "a\nb");
    assert_eq!(held[0]["generatorURL"], "http://h:9090/graph?g0.expr=up&g0.tab=1");
    let starts: jiff::Timestamp = held[0]["startsAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts.as_millisecond(), now_ms);
    alertmanager.kill().await.unwrap();
}
