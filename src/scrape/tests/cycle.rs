//! One answer after the other, without network and clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef, Verdict};
use tsdb::model::{Labels, Regex};
use tsdb::query::memory::MemoryStore;

use super::{config, own_metric, samples, stored};
use crate::config::relabel::{RelabelAction, RelabelConfig};
use crate::config::scrape::{ScrapeConfig, ScrapeProtocol, ValidationScheme};
use crate::scrape::answer::Answer;
use crate::scrape::cycle::{Outcome, Recorder, Setting, Workbench};
use crate::scrape::metadata::Texts;
use crate::scrape::metrics::ScrapeMetrics;
use crate::scrape::target::Target;
use crate::telemetry::Registry;

/// A target that is scraped every second, from 1 s on.
pub(super) struct Scraped {
    pub(super) store: MemoryStore,
    storage: Arc<dyn Appendable>,
    registry: Registry,
    metrics: ScrapeMetrics,
    config: ScrapeConfig,
    target: Target,
    recorder: Recorder,
    bench: Workbench,
    pub(super) at_ms: i64,
}

impl Scraped {
    pub(super) fn new(config: ScrapeConfig) -> Self {
        let store = MemoryStore::new();
        let storage: Arc<dyn Appendable> = Arc::new(store.clone());
        Self::into_storage(config, store, storage)
    }

    pub(super) fn into_storage(
        config: ScrapeConfig,
        store: MemoryStore,
        storage: Arc<dyn Appendable>,
    ) -> Self {
        let registry = Registry::new();
        Self {
            store,
            storage,
            metrics: ScrapeMetrics::new(&registry),
            registry,
            config,
            target: Target {
                discovered: Labels::empty(),
                labels: Labels::from_pairs([("instance", "i"), ("job", "test")]),
                url: "http://i/metrics".into(),
                unix_socket: None,
                interval_ms: 1000,
                timeout_ms: 500,
                hash: 1,
            },
            recorder: Recorder::new(Texts::default()),
            bench: Workbench::default(),
            at_ms: 0,
        }
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        self.at_ms += 1000;
        let setting = Setting {
            storage: &*self.storage,
            config: &self.config,
            target: &self.target,
            metrics: &self.metrics,
            at_ms: self.at_ms,
            now_ms: self.at_ms,
        };
        self.recorder
            .record(setting, answer, Instant::now(), &mut self.bench)
    }

    pub(super) fn page(&mut self, page: &str) -> Outcome {
        self.answer(Answer::Page {
            body: page.as_bytes().to_vec(),
            gzip: false,
            content_type: "text/plain".into(),
        })
    }

    pub(super) fn fail(&mut self) -> Outcome {
        self.answer(Answer::Failed {
            error: "refused".into(),
            too_large: false,
        })
    }

    fn end(&mut self) {
        self.at_ms += 1000;
        let setting = Setting {
            storage: &*self.storage,
            config: &self.config,
            target: &self.target,
            metrics: &self.metrics,
            at_ms: self.at_ms,
            now_ms: self.at_ms,
        };
        self.recorder.end(setting, &mut self.bench);
    }

    #[track_caller]
    pub(super) fn check(&self, series: &str, expected: &[(i64, Option<f64>)]) {
        assert_eq!(
            samples(&self.store, &format!("__name__={series}")),
            expected,
            "{series}"
        );
    }

    #[track_caller]
    fn check_own(&self, metric: &str, value: &str) {
        assert_eq!(own_metric(&self.registry, metric), value, "{metric}");
    }
}

const STALE: Option<f64> = None;

pub(super) fn at(second: i64, value: f64) -> (i64, Option<f64>) {
    (second * 1000, Some(value))
}

fn stale(second: i64) -> (i64, Option<f64>) {
    (second * 1000, STALE)
}

#[test]
fn a_page_is_stored_with_the_targets_labels_and_a_report() {
    let mut scraped = Scraped::new(config());
    scraped.page("# TYPE a counter\na{x=\"1\"} 5\nb 6 \n");
    scraped.page("# TYPE a counter\na{x=\"1\"} 7\nb 8\n");
    let all = stored(&scraped.store);
    let labels = Labels::from_pairs([("__name__", "a"), ("x", "1"), ("instance", "i"), ("job", "test")]);
    assert_eq!(all[&labels], [at(1, 5.0), at(2, 7.0)]);
    scraped.check("b", &[at(1, 6.0), at(2, 8.0)]);
    scraped.check("up", &[at(1, 1.0), at(2, 1.0)]);
    scraped.check("scrape_samples_scraped", &[at(1, 2.0), at(2, 2.0)]);
    scraped.check("scrape_samples_post_metric_relabeling", &[at(1, 2.0), at(2, 2.0)]);
    scraped.check("scrape_series_added", &[at(1, 2.0), at(2, 0.0)]);
    assert_eq!(all.len(), 7);
}

#[test]
fn a_series_that_vanishes_ends_with_a_stale_marker() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1\nc 1\n");
    scraped.page("a 2\nc 2\n");
    scraped.page("a 3\nb 3\nc 3\n");
    scraped.check("a", &[at(1, 1.0), at(2, 2.0), at(3, 3.0)]);
    scraped.check("b", &[at(1, 1.0), stale(2), at(3, 3.0)]);
    scraped.check("c", &[at(1, 1.0), at(2, 2.0), at(3, 3.0)]);
    scraped.check("scrape_series_added", &[at(1, 3.0), at(2, 0.0), at(3, 1.0)]);
}

#[test]
fn a_failed_scrape_ends_every_series_and_the_next_one_knows_them_still() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1\n");
    let outcome = scraped.fail();
    assert_eq!(outcome.error.as_deref(), Some("refused"));
    assert!(outcome.fetch_failed);
    scraped.fail();
    scraped.page("a 4\nb 4\n");
    scraped.check("a", &[at(1, 1.0), stale(2), at(4, 4.0)]);
    scraped.check("up", &[at(1, 1.0), at(2, 0.0), at(3, 0.0), at(4, 1.0)]);
    scraped.check(
        "scrape_series_added",
        &[at(1, 2.0), at(2, 0.0), at(3, 0.0), at(4, 0.0)],
    );
}

#[test]
fn an_empty_page_is_a_good_scrape_of_nothing() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\n");
    assert_eq!(scraped.page("").error, None);
    scraped.check("a", &[at(1, 1.0), stale(2)]);
    scraped.check("up", &[at(1, 1.0), at(2, 1.0)]);
}

#[test]
fn a_broken_page_stores_nothing_and_ends_what_it_had_not_named_yet() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1\n");
    let outcome = scraped.page("a 2\nb\n");
    let error = "expected value after metric, got \"\\n\" (\"INVALID\") while parsing: \"b\\n\"";
    assert_eq!(outcome.error.as_deref(), Some(error));
    assert!(!outcome.fetch_failed);
    // Prometheus 3.5.3 was seen to leave the series before the error without a marker.
    scraped.check("a", &[at(1, 1.0)]);
    scraped.check("b", &[at(1, 1.0), stale(2)]);
    scraped.check("scrape_samples_scraped", &[at(1, 2.0), at(2, 1.0)]);
    scraped.fail();
    scraped.check("a", &[at(1, 1.0), stale(3)]);
}

#[test]
fn a_page_beyond_the_sample_limit_is_counted_and_not_stored() {
    let mut scraped = Scraped::new(ScrapeConfig {
        sample_limit: 2,
        extra_scrape_metrics: true,
        ..config()
    });
    scraped.page("a 1\nb 1\n");
    let outcome = scraped.page("a 2\nb 2\nc 2\nd 2\n");
    assert_eq!(outcome.error.as_deref(), Some("sample limit exceeded"));
    scraped.check("a", &[at(1, 1.0)]);
    scraped.check("c", &[]);
    scraped.check("up", &[at(1, 1.0), at(2, 0.0)]);
    scraped.check("scrape_samples_scraped", &[at(1, 2.0), at(2, 4.0)]);
    scraped.check("scrape_sample_limit", &[at(1, 2.0), at(2, 2.0)]);
    scraped.check("scrape_timeout_seconds", &[at(1, 0.5), at(2, 0.5)]);
    scraped.check_own("prometheus_target_scrapes_exceeded_sample_limit_total", "1");
}

#[test]
fn a_series_first_met_on_a_page_that_failed_ends_when_it_is_gone() {
    let mut scraped = Scraped::new(ScrapeConfig {
        sample_limit: 4,
        ..config()
    });
    scraped.page("a 1\nb 1\nc 1\n");
    scraped.page("a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n");
    scraped.page("a 3\nb 3\n");
    scraped.check("a", &[at(1, 1.0), at(3, 3.0)]);
    scraped.check("c", &[at(1, 1.0), stale(3)]);
    scraped.check("d", &[stale(3)]);
    scraped.check("e", &[]);
    scraped.check("scrape_series_added", &[at(1, 3.0), at(2, 1.0), at(3, 0.0)]);
}

#[track_caller]
fn check_refused(config: ScrapeConfig, page: &str, text: &str) -> Scraped {
    let mut scraped = Scraped::new(config);
    assert_eq!(scraped.page(page).error.as_deref(), Some(text));
    scraped.check("up", &[at(1, 0.0)]);
    scraped.check("a", &[]);
    scraped
}

#[test]
fn labels_beyond_a_limit_fail_the_page_in_prometheus_words() {
    let limited = |count, name, value| ScrapeConfig {
        label_limit: count,
        label_name_length_limit: name,
        label_value_length_limit: value,
        ..config()
    };
    let page = "a 1\nlong{name=\"value of some length\"} 1\n";
    let scraped = check_refused(
        limited(3, 0, 0),
        page,
        "label_limit exceeded (metric: long, number of labels: 4, limit: 3)",
    );
    scraped.check_own("prometheus_target_scrape_pool_exceeded_label_limits_total", "1");
    check_refused(
        limited(0, 7, 0),
        page,
        "label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, limit: 7)",
    );
    check_refused(
        limited(4, 8, 9),
        page,
        "label_value_length_limit exceeded (metric: long, label name: name, value: \"value of some length\", \
         length: 20, limit: 9)",
    );
}

#[test]
fn labels_that_are_no_series_fail_the_page() {
    check_refused(
        config(),
        "a{x=\"1\",x=\"2\"} 1\n",
        "label name \"x\" is not unique: invalid sample",
    );
    let legacy = ScrapeConfig {
        metric_name_validation_scheme: ValidationScheme::Legacy,
        ..config()
    };
    check_refused(
        legacy,
        "{\"a.b\"} 1\n",
        "invalid metric name or label names: {__name__=\"a.b\", instance=\"i\", job=\"test\"}",
    );
}

#[test]
fn samples_with_their_own_time_do_not_go_stale_unless_asked_for() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1 900\nb 1\n");
    scraped.page("b 2\n");
    scraped.check("a", &[(900, Some(1.0))]);
    let mut scraped = Scraped::new(ScrapeConfig {
        track_timestamps_staleness: true,
        ..config()
    });
    scraped.page("a 1 900\nb 1\n");
    scraped.page("b 2\n");
    scraped.check("a", &[(900, Some(1.0)), stale(2)]);
    let mut scraped = Scraped::new(ScrapeConfig {
        honor_timestamps: false,
        ..config()
    });
    scraped.page("a 1 900\nb 1\n");
    scraped.check("a", &[at(1, 1.0)]);
}

#[test]
fn of_the_same_series_twice_the_first_wins() {
    let mut scraped = Scraped::new(config());
    for _ in 0..3 {
        scraped.page("a 1\nb 2\na 3\n");
    }
    scraped.check("a", &[at(1, 1.0), at(2, 1.0), at(3, 1.0)]);
    scraped.check(
        "scrape_samples_post_metric_relabeling",
        &[at(1, 3.0), at(2, 3.0), at(3, 3.0)],
    );
    scraped.check_own("prometheus_target_scrapes_sample_duplicate_timestamp_total", "3");
    // The first goes, the second stays: no longer a duplicate, and not stale.
    scraped.page("b 2\na 4\n");
    assert_eq!(samples(&scraped.store, "__name__=a").last(), Some(&at(4, 4.0)));
    scraped.check_own("prometheus_target_scrapes_sample_duplicate_timestamp_total", "3");
}

#[test]
fn the_same_series_at_different_times_is_no_duplicate() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1 100\na 2 200\n");
    scraped.page("a 3 300\na 4 400\n");
    scraped.check(
        "a",
        &[
            (100, Some(1.0)),
            (200, Some(2.0)),
            (300, Some(3.0)),
            (400, Some(4.0)),
        ],
    );
}

#[test]
fn a_sample_more_than_ten_minutes_ahead_is_refused() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1 601000\nb 1 601001\n");
    scraped.check("a", &[(601_000, Some(1.0))]);
    scraped.check("b", &[]);
    scraped.check_own("prometheus_target_scrapes_sample_out_of_bounds_total", "1");
    scraped.check("scrape_series_added", &[at(1, 1.0)]);
}

#[test]
fn labels_of_the_page_yield_to_the_targets_unless_honoured() {
    let page = "a{job=\"x\",exported_job=\"y\",instance=\"\"} 1\n";
    let names = |config| {
        let mut scraped = Scraped::new(config);
        scraped.page(page);
        let all = stored(&scraped.store);
        let labels = all.keys().find(|labels| labels.metric_name() == "a").unwrap();
        labels.to_string()
    };
    assert_eq!(
        names(config()),
        "{__name__=\"a\", exported_exported_job=\"x\", exported_job=\"y\", instance=\"i\", job=\"test\"}"
    );
    let honouring = ScrapeConfig {
        honor_labels: true,
        ..config()
    };
    assert_eq!(
        names(honouring),
        "{__name__=\"a\", exported_job=\"y\", job=\"x\"}"
    );
}

#[test]
fn samples_that_relabelling_drops_are_counted_once_and_remembered() {
    let drop_b = RelabelConfig {
        source_labels: vec!["__name__".into()],
        separator: ";".into(),
        regex: Regex::anchored("b.*").unwrap(),
        regex_is_written: true,
        modulus: 0,
        target_label: String::new(),
        replacement: "$1".into(),
        action: RelabelAction::Drop,
        name_validation_scheme: ValidationScheme::Utf8,
    };
    let mut scraped = Scraped::new(ScrapeConfig {
        metric_relabel_configs: vec![drop_b],
        ..config()
    });
    for _ in 0..2 {
        scraped.page("a 1\nb1 2\nb2 2\nc 1\n");
    }
    scraped.check("b1", &[]);
    scraped.check("c", &[at(1, 1.0), at(2, 1.0)]);
    scraped.check("scrape_samples_scraped", &[at(1, 4.0), at(2, 4.0)]);
    scraped.check("scrape_samples_post_metric_relabeling", &[at(1, 2.0), at(2, 2.0)]);
}

#[test]
fn a_page_in_another_order_means_the_same_series() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1\nc 1\nd 1\n");
    scraped.page("d 2\nb 2\na 2\nc 2\n");
    scraped.page("c 3\nd 3\na 3\nb 3\n");
    for series in ["a", "b", "c", "d"] {
        scraped.check(series, &[at(1, 1.0), at(2, 2.0), at(3, 3.0)]);
    }
    scraped.check("scrape_series_added", &[at(1, 4.0), at(2, 0.0), at(3, 0.0)]);
}

#[test]
fn labels_in_another_order_are_the_same_series_and_do_not_end_it() {
    let mut scraped = Scraped::new(config());
    scraped.page("a{x=\"1\",y=\"2\"} 1\n");
    scraped.page("a{y=\"2\",x=\"1\"} 2\n");
    scraped.check("a,x=1,y=2", &[at(1, 1.0), at(2, 2.0)]);
}

#[test]
fn bounds_are_normalised_also_when_the_type_was_recognised_from_memory() {
    let mut scraped = Scraped::new(config());
    scraped.page("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n");
    scraped.page("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 1\n");
    scraped.check("h_bucket,le=1.0", &[at(1, 1.0), at(2, 1.0)]);
    scraped.check("h_bucket,le=2.0", &[at(2, 1.0)]);
}

#[test]
fn a_name_that_begins_another_is_not_taken_for_it() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nab 1\n");
    scraped.page("ab 2\na 2\n");
    scraped.page("a{x=\"1\"} 3\nab 3\n");
    scraped.check("a", &[at(1, 1.0), at(2, 2.0), stale(3)]);
    scraped.check("a,x=1", &[at(3, 3.0)]);
    scraped.check("ab", &[at(1, 1.0), at(2, 2.0), at(3, 3.0)]);
}

#[test]
fn a_body_beyond_its_limit_fails_the_scrape() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"a 1\nb 1\n").unwrap();
    let packed = encoder.finish().unwrap();
    let mut scraped = Scraped::new(ScrapeConfig {
        body_size_limit_bytes: 9,
        extra_scrape_metrics: true,
        ..config()
    });
    let answer = |body: &[u8]| Answer::Page {
        body: body.to_vec(),
        gzip: true,
        content_type: "text/plain".into(),
    };
    assert_eq!(scraped.answer(answer(&packed)).error, None);
    scraped.config.body_size_limit_bytes = 8;
    let outcome = scraped.answer(answer(&packed));
    assert_eq!(outcome.error.as_deref(), Some("body size limit exceeded"));
    scraped.check("scrape_body_size_bytes", &[at(1, 8.0), at(2, -1.0)]);
    scraped.check("a", &[at(1, 1.0), stale(2)]);
    scraped.check_own("prometheus_target_scrapes_exceeded_body_size_limit_total", "1");
}

#[test]
fn a_page_must_say_what_it_is() {
    let mut scraped = Scraped::new(config());
    let unnamed = || Answer::Page {
        body: b"a 1\n".to_vec(),
        gzip: false,
        content_type: String::new(),
    };
    let error = scraped.answer(unnamed()).error.unwrap();
    assert!(
        error.starts_with("non-compliant scrape target sending blank Content-Type"),
        "{error}"
    );
    scraped.config.fallback_scrape_protocol = Some(ScrapeProtocol::PrometheusText0_0_4);
    assert_eq!(scraped.answer(unnamed()).error, None);
    scraped.check("a", &[at(2, 1.0)]);
}

#[test]
fn the_end_of_a_target_ends_its_series_and_its_report() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1 900\n");
    scraped.end();
    scraped.check("a", &[at(1, 1.0), stale(2)]);
    scraped.check("b", &[(900, Some(1.0))]);
    scraped.check("up", &[at(1, 1.0), stale(2)]);
    scraped.check("scrape_series_added", &[at(1, 2.0), stale(2)]);
    scraped.check("scrape_timeout_seconds", &[]);
}

#[test]
fn samples_out_of_order_are_dropped_and_counted() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\nb 1 900\n");
    scraped.page("a 2\nb 2 800\n");
    scraped.check("b", &[(900, Some(1.0))]);
    scraped.check("a", &[at(1, 1.0), at(2, 2.0)]);
    scraped.check_own("prometheus_target_scrapes_sample_out_of_order_total", "1");
}

#[test]
fn what_targets_say_of_their_metrics_is_kept() {
    let mut scraped = Scraped::new(config());
    scraped.page("# HELP a Counts.\n# TYPE a counter\na 1\n");
    scraped.page("# HELP a Counts.\n# TYPE a counter\na 1\n# HELP b Else.\nb 1\n");
    let families = scraped.recorder.families();
    let families = families.lock();
    let said: Vec<_> = families
        .iter()
        .flatten()
        .map(|f| (&*f.name, f.said.kind.as_str(), &*f.said.help))
        .collect();
    assert_eq!(said, [("a", "counter", "Counts."), ("b", "unknown", "Else.")]);
}

/// A store that can forget which series its refs mean.
#[derive(Debug)]
struct Forgetful {
    store: MemoryStore,
    generation: AtomicU64,
}

const GENERATION_SHIFT: u64 = 20;

impl Appendable for Forgetful {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        let series = self.store.resolve(labels, batch)?;
        let generation = self.generation.load(Ordering::SeqCst);
        Ok(SeriesRef(series.0 | generation << GENERATION_SHIFT))
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut inner = Batch::timed();
        let known = |series: &SeriesRef| series.0 >> GENERATION_SHIFT == generation;
        for row in (0..batch.len()).filter(|&row| known(&batch.refs[row])) {
            let series = SeriesRef(batch.refs[row].0 & ((1 << GENERATION_SHIFT) - 1));
            inner.push_at(series, batch.row_at_ms(row), batch.bits[row]);
        }
        let mut receipt = self.store.append(&mut inner, options)?;
        let mut verdicts = inner.verdict.iter();
        let verdict = |series| match known(series) {
            true => *verdicts.next().unwrap(),
            false => Verdict::UnknownSeries,
        };
        batch.verdict = batch.refs.iter().map(verdict).collect();
        receipt.unknown_series = batch.len() - inner.len();
        Ok(receipt)
    }
}

#[test]
fn series_that_the_head_has_dropped_are_made_again() {
    let store = MemoryStore::new();
    let forgetful = Arc::new(Forgetful {
        store: store.clone(),
        generation: AtomicU64::new(0),
    });
    let storage: Arc<dyn Appendable> = Arc::clone(&forgetful) as Arc<dyn Appendable>;
    let mut scraped = Scraped::into_storage(config(), store, storage);
    let page = "\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n\na 1\n";
    scraped.page(page);
    forgetful.generation.store(1, Ordering::SeqCst);
    scraped.page(page);
    scraped.page(page);
    scraped.check("a", &[at(1, 1.0), at(2, 1.0), at(3, 1.0)]);
    scraped.check("h_bucket,le=1.0", &[at(1, 1.0), at(2, 1.0), at(3, 1.0)]);
    scraped.check("up", &[at(1, 1.0), at(2, 1.0), at(3, 1.0)]);
    forgetful.generation.store(2, Ordering::SeqCst);
    scraped.fail();
    assert_eq!(samples(&scraped.store, "__name__=up").last(), Some(&at(4, 0.0)));
}

#[test]
fn a_marker_comes_before_the_report_of_the_same_name() {
    let mut scraped = Scraped::new(config());
    scraped.page("up 7\n");
    scraped.page("a 1\n");
    scraped.page("a 1\n");
    scraped.check("up", &[at(1, 7.0), stale(2), at(3, 1.0)]);
}

#[test]
fn a_refused_series_is_not_known_so_that_its_next_line_is_no_repetition() {
    let mut scraped = Scraped::new(config());
    scraped.page("a 1\n");
    scraped.page("b 1\n");
    let outcome = scraped.page("a 2 500\na 3\n");
    assert_eq!(outcome.counts.added, 1);
    scraped.check("a", &[at(1, 1.0), stale(2), at(3, 3.0)]);
    scraped.check_own("prometheus_target_scrapes_sample_out_of_order_total", "1");
    scraped.check_own("prometheus_target_scrapes_sample_duplicate_timestamp_total", "0");
}

#[test]
fn a_repeated_line_of_which_nothing_is_taken_ends_its_series() {
    let mut scraped = Scraped::new(ScrapeConfig {
        track_timestamps_staleness: true,
        ..config()
    });
    scraped.page("a 1\nb 1\n");
    scraped.page("b 2\na 2 500\na 2\n");
    scraped.page("b 3\n");
    scraped.check("a", &[at(1, 1.0), stale(2)]);
}

#[test]
fn what_a_failing_page_could_not_store_counts_as_refused_and_ends() {
    let mut scraped = Scraped::new(ScrapeConfig {
        track_timestamps_staleness: true,
        ..config()
    });
    scraped.page("a 1\nb 1\n");
    scraped.page("a 2\nb 2 500\n{\n");
    scraped.check_own("prometheus_target_scrapes_sample_out_of_order_total", "1");
    scraped.check("a", &[at(1, 1.0)]);
    scraped.check("b", &[at(1, 1.0), stale(2)]);
}
