//! Loops on a paused clock, and the manager with small HTTP servers on 127.0.0.1.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tsdb::batch::Appendable;
use tsdb::model::Labels;
use tsdb::query::memory::MemoryStore;

use super::{config, own_metric, samples};
use crate::config::scrape::ScrapeConfig;
use crate::discovery::TargetGroup;
use crate::scrape::answer::Answer;
use crate::scrape::clock::TokioClock;
use crate::scrape::cycle::Recorder;
use crate::scrape::fetch::Fetch;
use crate::scrape::ingest::IngestPool;
use crate::scrape::metadata::Texts;
use crate::scrape::metrics::ScrapeMetrics;
use crate::scrape::run::{Common, Life, Loop, PoolState, RecorderPlace, Stop};
use crate::scrape::status::Watched;
use crate::scrape::target::Target;
use crate::scrape::{Clock, ScrapeManager, SystemClock};
use crate::telemetry::Registry;
use crate::web::views::{Health, TargetsView};

/// Answers `a 1` and tells when it was asked.
#[derive(Debug)]
struct FakeFetch {
    clock: TokioClock,
    asked: mpsc::UnboundedSender<i64>,
    takes: Duration,
}

impl Fetch for FakeFetch {
    fn fetch(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async {
            self.asked.send(self.clock.now_ms()).unwrap();
            tokio::time::sleep(self.takes).await;
            Answer::Page {
                body: b"a 1\n".to_vec(),
                gzip: false,
                content_type: "text/plain".into(),
            }
        })
    }
}

struct Watch {
    store: MemoryStore,
    clock: TokioClock,
    asked: mpsc::UnboundedReceiver<i64>,
    stop: Option<oneshot::Sender<Stop>>,
    cancel: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
}

/// The target's place in its interval of a second, in milliseconds.
const PLACE_MS: u64 = 300;
const START_MS: i64 = 1_000_000_700;

fn live(takes: Duration) -> Watch {
    let store = MemoryStore::new();
    let clock = TokioClock::starting_at_ms(START_MS);
    let (sender, asked) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let cancel = watch::Sender::new(false);
    let texts = Texts::default();
    let recorder = Recorder::new(texts.clone());
    let target = Arc::new(Target {
        discovered: Labels::empty(),
        labels: Labels::empty(),
        url: "http://t/".into(),
        unix_socket: None,
        interval_ms: 1000,
        timeout_ms: 1000,
        hash: PLACE_MS * 1_000_000,
    });
    let life = Life {
        common: Common {
            storage: Arc::new(store.clone()),
            clock: Arc::new(clock),
            ingest: IngestPool::start().unwrap(),
            metrics: ScrapeMetrics::new(&Registry::new()),
            texts,
        },
        config: Arc::new(config()),
        pool: Arc::new(PoolState::default()),
        watched: Arc::new(Watched::new(Arc::clone(&target), recorder.families())),
        target,
    };
    let scraping = Loop {
        life: Arc::new(life),
        fetch: Box::new(FakeFetch {
            clock,
            asked: sender,
            takes,
        }),
        recorder: RecorderPlace::Here(Box::new(recorder)),
        offset_seed: 0,
        stop: stopped,
        cancelled: cancel.subscribe(),
    };
    Watch {
        store,
        clock,
        asked,
        stop: Some(stop),
        cancel,
        ended: tokio::spawn(scraping.run()),
    }
}

#[tokio::test(start_paused = true)]
async fn scrapes_come_at_the_targets_place_in_each_interval() {
    let mut life = live(Duration::from_millis(40));
    let mut times = [0; 3];
    for time in &mut times {
        *time = life.asked.recv().await.unwrap();
    }
    assert_eq!(times, [1_000_001_300, 1_000_002_300, 1_000_003_300]);
    let (sender, recorder) = oneshot::channel();
    life.stop.take().unwrap().send(Stop::HandOver(sender)).unwrap();
    recorder.await.unwrap();
    let stored = samples(&life.store, "__name__=a");
    assert_eq!(stored, times.map(|at_ms| (at_ms, Some(1.0))));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_outlasts_its_interval_is_followed_by_one_at_once() {
    let mut life = live(Duration::from_millis(1250));
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(life.asked.recv().await.unwrap() - 1_000_001_300);
    }
    assert_eq!(times, [0, 1250, 2500]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_ends_after_two_intervals_and_a_tenth() {
    let mut life = live(Duration::from_millis(40));
    life.asked.recv().await.unwrap();
    let (sender, quiet) = oneshot::channel();
    life.stop.take().unwrap().send(Stop::End(sender)).unwrap();
    quiet.await.unwrap();
    assert_eq!(samples(&life.store, "__name__=a"), [(1_000_001_300, Some(1.0))]);
    life.ended.await.unwrap();
    assert_eq!(life.clock.now_ms(), 1_000_001_300 + 2_100);
    let stale = (1_000_002_300, None);
    assert_eq!(
        samples(&life.store, "__name__=a"),
        [(1_000_001_300, Some(1.0)), stale]
    );
    assert_eq!(samples(&life.store, "__name__=up").last(), Some(&stale));
}

#[tokio::test(start_paused = true)]
async fn neither_a_handed_over_nor_a_cancelled_target_ends_its_series() {
    let mut life = live(Duration::from_millis(40));
    life.asked.recv().await.unwrap();
    let (sender, recorder) = oneshot::channel();
    life.stop.take().unwrap().send(Stop::HandOver(sender)).unwrap();
    recorder.await.unwrap();
    life.ended.await.unwrap();
    assert_eq!(samples(&life.store, "__name__=a"), [(1_000_001_300, Some(1.0))]);

    let mut life = live(Duration::from_millis(40));
    life.asked.recv().await.unwrap();
    let (sender, quiet) = oneshot::channel();
    life.stop.take().unwrap().send(Stop::End(sender)).unwrap();
    quiet.await.unwrap();
    life.cancel.send_replace(true);
    life.ended.await.unwrap();
    assert_eq!(samples(&life.store, "__name__=a"), [(1_000_001_300, Some(1.0))]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_never_scraped_has_nothing_to_end() {
    let mut life = live(Duration::ZERO);
    let (sender, quiet) = oneshot::channel();
    life.stop.take().unwrap().send(Stop::End(sender)).unwrap();
    quiet.await.unwrap();
    life.ended.await.unwrap();
    assert!(super::stored(&life.store).is_empty());
}

/// A server that answers every request with a page of its own.
struct Exporter {
    address: String,
    page: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
    last_head: Arc<Mutex<String>>,
}

async fn exporter(page: &str) -> Exporter {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let exporter = Exporter {
        address: listener.local_addr().unwrap().to_string(),
        page: Arc::new(Mutex::new(page.to_owned())),
        requests: Arc::default(),
        last_head: Arc::default(),
    };
    let (page, requests) = (Arc::clone(&exporter.page), Arc::clone(&exporter.requests));
    let last_head = Arc::clone(&exporter.last_head);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (page, requests) = (Arc::clone(&page), Arc::clone(&requests));
            let last_head = Arc::clone(&last_head);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    *last_head.lock() = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    requests.fetch_add(1, Ordering::SeqCst);
                    let page = page.lock().clone();
                    let status = if page.is_empty() {
                        "500 Out of Order"
                    } else {
                        "200 OK"
                    };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                        page.len()
                    );
                    stream.write_all((head + &page).as_bytes()).await.unwrap();
                }
            });
        }
    });
    exporter
}

struct Server {
    store: MemoryStore,
    registry: Registry,
    manager: ScrapeManager,
}

const INTERVAL_MS: i64 = 50;

fn fast() -> ScrapeConfig {
    ScrapeConfig {
        scrape_interval_ms: INTERVAL_MS,
        scrape_timeout_ms: INTERVAL_MS,
        ..config()
    }
}

async fn server(config: ScrapeConfig) -> Server {
    let store = MemoryStore::new();
    let registry = Registry::new();
    let storage: Arc<dyn Appendable> = Arc::new(store.clone());
    let manager = ScrapeManager::new(storage, &registry, Arc::new(SystemClock)).unwrap();
    let server = Server {
        store,
        registry,
        manager,
    };
    server.apply(config).await;
    server
}

impl Server {
    async fn apply(&self, config: ScrapeConfig) {
        self.manager
            .apply(&[Arc::new(config)], &Labels::empty())
            .await
            .unwrap();
    }

    async fn discover(&self, addresses: &[&str]) {
        let target = |address: &&str| Labels::from_pairs([("__address__", *address), ("__meta_x", "y")]);
        let group = TargetGroup {
            source: "test".into(),
            targets: addresses.iter().map(target).collect(),
            labels: Labels::from_pairs([("zone", "z")]),
        };
        self.manager
            .set_target_groups([("test".to_owned(), vec![group])])
            .await;
    }

    /// Waits until what is stored under `series` satisfies `wanted`.
    async fn until(&self, series: &str, wanted: impl Fn(&[(i64, Option<f64>)]) -> bool) {
        let series = format!("__name__={series},zone=z");
        for _ in 0..1000 {
            if wanted(&samples(&self.store, &series)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{series}: {:?}", samples(&self.store, &series));
    }
}

#[tokio::test]
async fn targets_are_scraped_over_http_and_shown() {
    let exporter = exporter("# HELP a Helps.\na 1\n").await;
    let server = server(fast()).await;
    server.discover(&[&exporter.address]).await;
    server.until("a", |samples| samples.len() >= 3).await;
    let head = exporter.last_head.lock().clone();
    let accept = "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,";
    assert!(head.contains(accept), "{head}");
    assert!(head.contains("Accept-Encoding: gzip\r\n"), "{head}");
    assert!(
        head.contains("X-Prometheus-Scrape-Timeout-Seconds: 0.05\r\n"),
        "{head}"
    );

    let targets = server.manager.targets();
    let active = targets.active();
    assert_eq!(active.len(), 1);
    assert_eq!(
        active[0].scrape_url,
        format!("http://{}/metrics", exporter.address)
    );
    assert_eq!(active[0].health, Health::Up);
    assert_eq!(active[0].labels.get("instance"), Some(&*exporter.address));
    assert_eq!(active[0].discovered_labels.get("__meta_x"), Some("y"));
    assert_eq!(
        active[0].discovered_labels.get("__scrape_interval__"),
        Some("50ms")
    );
    assert_eq!(targets.metadata()[0].1, "a");
    let metric = "prometheus_target_metadata_cache_entries{scrape_job=\"test\"}";
    assert_eq!(own_metric(&server.registry, metric), "1");
    server.manager.stop().await;
}

#[tokio::test]
async fn a_target_that_discovery_drops_goes_stale_and_others_run_on() {
    let (one, other) = (exporter("a 1\n").await, exporter("b 1\n").await);
    let server = server(fast()).await;
    server.discover(&[&one.address, &other.address]).await;
    server.until("a", |samples| samples.len() >= 2).await;
    server.until("b", |samples| samples.len() >= 2).await;
    server.discover(&[&other.address]).await;
    let before = other.requests.load(Ordering::SeqCst);
    server
        .until("a", |samples| {
            samples.last().is_some_and(|sample| sample.1.is_none())
        })
        .await;
    assert!(other.requests.load(Ordering::SeqCst) > before);
    server
        .until("b", |samples| samples.iter().all(|sample| sample.1.is_some()))
        .await;
    server.manager.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_known_of_targets_unless_it_changes_series() {
    let exporter = exporter("a 1\n").await;
    let server = server(fast()).await;
    server.discover(&[&exporter.address]).await;
    server.until("a", |samples| samples.len() >= 2).await;
    server
        .apply(ScrapeConfig {
            sample_limit: 10,
            ..fast()
        })
        .await;
    let after = samples(&server.store, "__name__=a,zone=z").len();
    server.until("a", |samples| samples.len() >= after + 2).await;
    let added = |samples: &[(i64, Option<f64>)]| samples.iter().filter_map(|s| s.1).sum::<f64>();
    server
        .until("scrape_series_added", |samples| added(samples) == 1.0)
        .await;
    server
        .apply(ScrapeConfig {
            honor_labels: true,
            ..fast()
        })
        .await;
    server
        .until("scrape_series_added", |samples| added(samples) == 2.0)
        .await;
    assert_eq!(
        own_metric(&server.registry, "prometheus_target_scrape_pool_reloads_total"),
        "2"
    );
    server.manager.stop().await;
}

#[tokio::test]
async fn too_many_targets_are_all_down() {
    let exporter = exporter("a 1\n").await;
    let server = server(ScrapeConfig {
        target_limit: 1,
        ..fast()
    })
    .await;
    server.discover(&[&exporter.address, "127.0.0.1:1"]).await;
    server.until("up", |samples| samples.len() >= 2).await;
    let active = server.manager.targets().active();
    let error = "target_limit exceeded (number of targets: 2, limit: 1)";
    assert!(
        active.iter().any(|target| target.last_error == error),
        "{active:?}"
    );
    assert_eq!(exporter.requests.load(Ordering::SeqCst), 0);
    server.manager.stop().await;
}

#[tokio::test]
async fn failed_scrapes_are_logged_to_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("failures.json");
    let exporter = exporter("").await;
    let server = server(ScrapeConfig {
        scrape_failure_log_file: Some(path.clone()),
        ..fast()
    })
    .await;
    server.discover(&[&exporter.address]).await;
    server.until("up", |samples| samples.len() >= 2).await;
    server.manager.stop().await;
    let log = std::fs::read_to_string(&path).unwrap();
    let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(line["msg"], "server returned HTTP status 500 Out of Order");
    assert_eq!(line["job_name"], "test");
    assert_eq!(line["target"], format!("http://{}/metrics", exporter.address));
}

#[tokio::test]
async fn a_stopped_server_leaves_series_as_they_are() {
    let exporter = exporter("a 1\n").await;
    let server = server(fast()).await;
    server.discover(&[&exporter.address]).await;
    server.until("a", |samples| samples.len() >= 2).await;
    server.manager.stop().await;
    let before = samples(&server.store, "__name__=a,zone=z");
    tokio::time::sleep(Duration::from_millis(4 * INTERVAL_MS.unsigned_abs())).await;
    assert_eq!(samples(&server.store, "__name__=a,zone=z"), before);
    assert!(before.iter().all(|sample| sample.1.is_some()));
}

#[tokio::test]
async fn what_cannot_be_scraped_is_refused_by_name() {
    let server = server(fast()).await;
    let asking = ScrapeConfig {
        scrape_native_histograms: true,
        ..fast()
    };
    let error = server
        .manager
        .apply(&[Arc::new(asking)], &Labels::empty())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "scrape config with job name \"test\": scrape_native_histograms is not supported"
    );
}
