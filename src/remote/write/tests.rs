//! Queues against a destination that answers as a script has it, with time that stands still.

#[path = "../../../tests/support/write_request/read.rs"]
mod write_request;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::MemoryFs;
use tsdb::model::{Labels, Metadata, MetricKind};
use tsdb::wal::Position;

use super::client::{Destination, Refusal, Storing, Written};
use super::manager::{Now, Totals, tick_forever};
use super::metrics::WriteMetrics;
use super::queue::{Core, Queue, Surroundings};
use super::*;
use crate::config::{Config, LoadOptions};
use crate::telemetry::Registry;
use write_request::WriteRequest;

/// When all tests begin.
const START_MS: i64 = 1_000_000_000;

/// What the destination says to a request.
#[derive(Clone, Debug)]
enum Say {
    Yes,
    /// Not now.
    Later,
    /// Not before so many seconds.
    In(u64),
    /// Never.
    No,
}

/// One attempt that the destination saw.
#[derive(Clone, Debug)]
struct Attempt {
    at: Instant,
    number: u32,
    request: WriteRequest,
    is_taken: bool,
}

/// A destination whose answers are written down beforehand; after that it says yes.
#[derive(Debug, Default)]
struct Script {
    says: Mutex<VecDeque<Say>>,
    /// What it says when nothing is written down.
    always: Mutex<Option<Say>>,
    takes: Mutex<Duration>,
    attempts: Mutex<Vec<Attempt>>,
}

impl Destination for Script {
    fn store<'a>(&'a self, body: Bytes, number: u32, _: &'a Now) -> Storing<'a> {
        Box::pin(async move {
            let at = Instant::now();
            let takes = *self.takes.lock();
            sleep(takes).await;
            let always = self.always.lock().clone();
            let say = self.says.lock().pop_front().or(always).unwrap_or(Say::Yes);
            self.attempts.lock().push(Attempt {
                at,
                number,
                request: WriteRequest::decode(&body),
                is_taken: matches!(say, Say::Yes),
            });
            let refusal = |may_pass, retry_after| Refusal {
                text: "no".to_owned(),
                may_pass,
                retry_after,
                written: Written::default(),
            };
            match say {
                Say::Yes => Ok(Written::default()),
                Say::Later => Err(refusal(true, None)),
                Say::In(seconds) => Err(refusal(true, Some(Duration::from_secs(seconds)))),
                Say::No => Err(refusal(false, None)),
            }
        })
    }
}

impl Script {
    fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().clone()
    }

    /// The samples taken: by value of the label `n`, in the order of their coming.
    fn taken(&self) -> BTreeMap<String, Vec<i64>> {
        let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for attempt in self.attempts.lock().iter().filter(|attempt| attempt.is_taken) {
            for series in &attempt.request.series {
                let n = series.labels.iter().find(|(name, _)| name == "n");
                let times = series.samples.iter().map(|(at_ms, _)| *at_ms - START_MS);
                all.entry(n.unwrap().1.clone()).or_default().extend(times);
            }
        }
        all
    }

    fn taken_count(&self) -> usize {
        self.taken().values().map(Vec::len).sum()
    }
}

/// Targets that speak of three families.
#[derive(Debug)]
struct ThreeFamilies;

impl MetadataSource for ThreeFamilies {
    fn families(&self) -> Vec<(String, Metadata)> {
        let family = |name: &str| {
            let said = Metadata {
                kind: MetricKind::Counter,
                help: format!("helps {name}"),
                ..Metadata::default()
            };
            (name.to_owned(), said)
        };
        ["a", "b", "c"].map(family).into()
    }
}

/// A database, a queue that follows it, and what the queue sends to.
struct Scene {
    db: Arc<Db>,
    script: Arc<Script>,
    registry: Registry,
    metrics: WriteMetrics,
    around: Surroundings,
    began: Instant,
    config: String,
    queue: Option<Queue>,
}

impl Scene {
    /// Begins to send; `config` is a section of `remote_write` without its URL.
    async fn start(config: &str) -> Self {
        let fs = Arc::new(MemoryFs::new());
        let db = Db::open(fs, Path::new("/data"), DbOptions::default(), START_MS).unwrap();
        let db = Arc::new(db);
        let registry = Registry::new();
        let metrics = WriteMetrics::new(&registry);
        let around = Surroundings {
            runtime: Handle::current(),
            log: Arc::clone(&db) as _,
            totals: Arc::new(Totals::new(&metrics)),
            source: Arc::new(ThreeFamilies),
            flush_deadline: Duration::from_secs(60),
            external_labels: Labels::from_pairs([("dc", "eu")]),
        };
        tokio::spawn(tick_forever(Arc::clone(&around.totals)));
        let mut scene = Self {
            db,
            script: Arc::default(),
            registry,
            metrics,
            around,
            began: Instant::now(),
            config: config.to_owned(),
            queue: None,
        };
        scene.begin(None).await;
        scene
    }

    async fn begin(&mut self, resume: Option<Position>) {
        let text = format!("remote_write: [{{url: http://a, name: q, {}}}]", self.config);
        let config = Config::parse(&text, Path::new("x.yml"), &LoadOptions::default()).unwrap();
        let began = self.began;
        let now = Now::new(move || START_MS + i64::try_from(began.elapsed().as_millis()).unwrap());
        let script = Arc::clone(&self.script) as _;
        let section = Arc::clone(&config.remote_write[0]);
        let core = Core::new(section, "q", script, &self.metrics, now);
        self.queue = Some(Queue::start(core, &self.metrics, &self.around, resume).await);
        sleep(Duration::from_millis(1)).await;
    }

    /// Stores a sample of this moment for each of the series numbered below `count`.
    async fn scrape(&self, count: usize) {
        let now_ms = START_MS + i64::try_from(self.began.elapsed().as_millis()).unwrap();
        let mut batch = Batch::at(now_ms);
        for n in 0..count {
            let n = n.to_string();
            let labels = Labels::from_pairs([("__name__", "m"), ("n", &n)]);
            let series = self.db.resolve(&labels, &mut batch).unwrap();
            batch.push(series, 1f64.to_bits());
        }
        let receipt = self.db.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(receipt.accepted, count);
        self.around.totals.stored.add(count as u64);
        self.metrics.highest_timestamp.set((now_ms / 1000) as f64);
        if let Some(queue) = &self.queue {
            queue.listener().tell();
        }
        sleep(Duration::from_millis(1)).await;
    }

    async fn stop(&mut self) -> Option<Position> {
        self.queue.take().unwrap().stop().await
    }

    /// The value of a metric, with `{}` for the labels of the queue.
    fn metric(&self, name: &str) -> Option<f64> {
        let rendered = self.registry.render();
        let start = format!("prometheus_remote_storage_{name} ");
        let start = start.replace("{}", "remote_name=\"q\",url=\"http://a\"");
        let line = rendered.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.parse().unwrap())
    }
}

const SMALL: &str = "queue_config: {max_samples_per_send: 3, capacity: 6}";

#[tokio::test(start_paused = true)]
async fn a_full_batch_goes_at_once_and_the_rest_after_its_deadline() {
    let scene = Scene::start(SMALL).await;
    scene.scrape(5).await;
    assert_eq!(scene.script.taken_count(), 3);
    sleep(Duration::from_millis(4_900)).await;
    assert_eq!(scene.script.taken_count(), 3);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.script.taken_count(), 5);
    let series = &scene.script.attempts()[0].request.series[0];
    let labels: Vec<_> = series
        .labels
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(labels, [("__name__", "m"), ("dc", "eu"), ("n", "0")]);
    assert_eq!(series.samples, [(START_MS + 1, 1f64.to_bits())]);
    assert_eq!(scene.metric("samples_total{{}}"), Some(5.0));
    assert_eq!(scene.metric("samples_pending{{}}"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_the_start_is_not_sent() {
    let mut scene = Scene::start(SMALL).await;
    scene.stop().await;
    scene.scrape(3).await;
    sleep(Duration::from_secs(1)).await;
    scene.begin(None).await;
    scene.scrape(3).await;
    assert_eq!(scene.script.taken_count(), 3);
    assert!(scene.script.taken().values().all(|times| times[0] > 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_takes_over_goes_on_where_the_one_before_was() {
    let mut scene = Scene::start(SMALL).await;
    scene.scrape(4).await;
    let place = scene.stop().await;
    assert_eq!(scene.script.taken_count(), 4);
    sleep(Duration::from_secs(1)).await;
    scene.scrape(4).await;
    scene.begin(place).await;
    scene.scrape(4).await;
    scene.stop().await;
    assert_eq!(scene.script.taken_count(), 12);
    for times in scene.script.taken().values() {
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_tried_again_after_pauses_that_double_up_to_their_bound() {
    let queue = "max_samples_per_send: 1, min_backoff: 100ms, max_backoff: 1s";
    let scene = Scene::start(&format!("queue_config: {{{queue}}}")).await;
    scene.script.says.lock().extend(vec![Say::Later; 6]);
    scene.scrape(1).await;
    sleep(Duration::from_secs(10)).await;
    let attempts = scene.script.attempts();
    let pauses: Vec<u128> = attempts
        .windows(2)
        .map(|pair| (pair[1].at - pair[0].at).as_millis())
        .collect();
    assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.request == attempts[0].request)
    );
    assert_eq!(scene.metric("samples_retried_total{{}}"), Some(6.0));
    assert_eq!(scene.metric("samples_failed_total{{}}"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_destination_may_ask_for_a_longer_pause() {
    let queue = "max_samples_per_send: 1, min_backoff: 100ms, max_backoff: 1s";
    let scene = Scene::start(&format!("queue_config: {{{queue}}}")).await;
    scene.script.says.lock().extend([Say::In(7), Say::Later]);
    scene.scrape(1).await;
    sleep(Duration::from_secs(10)).await;
    let attempts = scene.script.attempts();
    let pauses: Vec<u128> = attempts
        .windows(2)
        .map(|pair| (pair[1].at - pair[0].at).as_millis())
        .collect();
    assert_eq!(pauses, [7000, 1000]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_given_up_and_the_next_batch_goes() {
    let scene = Scene::start(SMALL).await;
    scene.script.says.lock().push_back(Say::No);
    scene.scrape(3).await;
    scene.scrape(3).await;
    assert_eq!(scene.script.attempts().len(), 2);
    assert_eq!(scene.script.taken_count(), 3);
    assert_eq!(scene.metric("samples_failed_total{{}}"), Some(3.0));
    assert_eq!(scene.metric("samples_retried_total{{}}"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_is_taken_the_log_waits_and_later_everything_arrives_once_and_in_order() {
    let queue = "max_samples_per_send: 3, capacity: 6, min_shards: 2";
    let mut scene = Scene::start(&format!("queue_config: {{{queue}}}")).await;
    *scene.script.always.lock() = Some(Say::Later);
    for _ in 0..30 {
        scene.scrape(7).await;
        sleep(Duration::from_secs(1)).await;
    }
    // Two shards, each with one batch on its way, two that wait and one that is not full.
    let pending = scene.metric("samples_pending{{}}").unwrap();
    assert!((18.0..=22.0).contains(&pending), "{pending}");
    assert!(scene.metric("enqueue_retries_total{{}}").unwrap() > 0.0);
    *scene.script.always.lock() = None;
    sleep(Duration::from_secs(20)).await;
    scene.stop().await;
    let taken = scene.script.taken();
    assert_eq!(taken.len(), 7);
    for times in taken.values() {
        assert_eq!(times.len(), 30);
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_more_shards_when_sending_takes_long_and_nothing_changes_places() {
    let mut scene = Scene::start("queue_config: {max_samples_per_send: 10, max_shards: 8}").await;
    *scene.script.takes.lock() = Duration::from_millis(400);
    for _ in 0..60 {
        scene.scrape(100).await;
        sleep(Duration::from_secs(1)).await;
    }
    // 100 samples a second at 40 ms each are four shards, and a bit for the backlog.
    let shards = scene.metric("shards{{}}").unwrap();
    assert!((5.0..=8.0).contains(&shards), "{shards}");
    *scene.script.takes.lock() = Duration::from_millis(1);
    for _ in 0..200 {
        scene.scrape(100).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(scene.metric("shards{{}}"), Some(1.0));
    scene.stop().await;
    for times in scene.script.taken().values() {
        assert_eq!(times.len(), 260);
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_shards_stays_while_errors_are_waited_for() {
    let scene = Scene::start("queue_config: {max_samples_per_send: 10, max_shards: 8}").await;
    for _ in 0..40 {
        scene.script.says.lock().extend([Say::In(10), Say::Yes]);
        scene.scrape(100).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(scene.metric("shards_desired{{}}").unwrap() > 2.0);
    assert_eq!(scene.metric("shards{{}}"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn the_end_sends_what_is_stored_and_gives_up_the_rest_when_its_time_is_over() {
    let mut scene = Scene::start("queue_config: {max_samples_per_send: 10}").await;
    scene.scrape(5).await;
    scene.stop().await;
    assert_eq!(scene.script.taken_count(), 5);
    assert_eq!(scene.metric("samples_total{{}}"), None);

    scene.begin(None).await;
    *scene.script.always.lock() = Some(Say::Later);
    scene.scrape(12).await;
    let failed = scene.metrics.of_queue("q", "http://a").samples_failed;
    let began = Instant::now();
    scene.stop().await;
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    assert_eq!(failed.get(), 12.0);
}

#[tokio::test(start_paused = true)]
async fn samples_that_become_too_old_while_they_wait_are_dropped() {
    let queue = "max_samples_per_send: 2, sample_age_limit: 10s, max_backoff: 2s";
    let scene = Scene::start(&format!("queue_config: {{{queue}}}")).await;
    *scene.script.always.lock() = Some(Say::Later);
    scene.scrape(1).await;
    sleep(Duration::from_secs(4)).await;
    scene.scrape(1).await;
    sleep(Duration::from_secs(8)).await;
    *scene.script.always.lock() = None;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.script.taken_count(), 1);
    assert!(scene.script.taken()["0"][0] > 4_000);
    let dropped = scene.metric("samples_dropped_total{reason=\"too_old\",{}}");
    assert_eq!(dropped, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn series_that_rules_drop_are_counted_and_not_sent() {
    let rules = "write_relabel_configs: [{source_labels: [n], regex: '[12]', action: drop}]";
    let mut scene = Scene::start(rules).await;
    scene.scrape(4).await;
    scene.stop().await;
    let names: Vec<String> = scene.script.taken().into_keys().collect();
    assert_eq!(names, ["0", "3"]);
}

#[tokio::test(start_paused = true)]
async fn metadata_goes_at_its_interval_in_batches_of_its_own() {
    let scene = Scene::start("metadata_config: {send_interval: 30s, max_samples_per_send: 2}").await;
    sleep(Duration::from_secs(29)).await;
    assert!(scene.script.attempts().is_empty());
    scene.script.says.lock().push_back(Say::Later);
    sleep(Duration::from_secs(2)).await;
    let attempts = scene.script.attempts();
    let counts: Vec<usize> = attempts.iter().map(|a| a.request.metadata.len()).collect();
    assert_eq!(counts, [2, 2, 1]);
    let first = ("a".to_owned(), 1, "helps a".to_owned(), String::new());
    assert_eq!(attempts[0].request.metadata[0], first);
    assert_eq!(scene.metric("metadata_total{{}}"), Some(3.0));
    assert_eq!(scene.metric("metadata_retried_total{{}}"), Some(2.0));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scene.script.attempts().len(), 5);
}
