//! Native histograms in one data directory, Prometheus and we in turn.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::db::Db;
use tsdb::model::histogram::CUSTOM_BUCKETS_SCHEMA;
use tsdb::model::{Histogram, IntHistogram, Labels, Matcher, ResetHint, Span, is_stale};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use crate::shared_directory::{HOUR_MS, MIDDAY_MS, Prometheus, open, scratch};

/// Metric and `kind` → time → (count, sum, counts of buckets that are not empty, the negative ones first and
/// the zero bucket between), staleness markers left out.
type Contents = BTreeMap<String, BTreeMap<i64, (f64, f64, Vec<f64>)>>;

fn theirs(prometheus: &Prometheus, through_ms: i64, hours: i64) -> Contents {
    let query = format!("%7Bjob%3D%22test%22%7D%5B{hours}h%5D");
    let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
    let (status, body) = prometheus
        .get(&format!("/api/v1/query?query={query}&time={time}"))
        .unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let number = |value: &serde_json::Value| -> f64 { value.as_str().unwrap().parse().unwrap() };
    let mut all = Contents::new();
    for series in answer["data"]["result"].as_array().unwrap() {
        let Some(samples) = series["histograms"].as_array() else {
            continue;
        };
        let label = |name: &str| series["metric"][name].as_str().unwrap_or("").to_owned();
        let name = format!("{}/{}/{}", label("__name__"), label("kind"), label("handler"));
        let samples = samples.iter().map(|sample| {
            let t_ms = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
            let buckets = sample[1]["buckets"].as_array().cloned().unwrap_or_default();
            let buckets = buckets.iter().map(|bucket| number(&bucket[3])).collect();
            (
                t_ms,
                (number(&sample[1]["count"]), number(&sample[1]["sum"]), buckets),
            )
        });
        all.insert(name, samples.collect());
    }
    all
}

fn ours(db: &Db, from_ms: i64, through_ms: i64) -> Contents {
    let want = Selection::new(vec![Matcher::equal("job", "test")], from_ms, through_ms);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    let mut all = Contents::new();
    for series in 0..read.rosters[0].len() {
        let mut cursor = read.cursor();
        cursor.read(0, series, from_ms, through_ms, &mut columns).unwrap();
        let samples: BTreeMap<_, _> = columns
            .histograms
            .iter()
            .filter(|(_, h)| !is_stale(h.sum()))
            .map(|(row, h)| {
                let h = h.to_float();
                let buckets = h.negative_buckets.iter().rev().chain([&h.zero_count]);
                let buckets = buckets
                    .chain(&h.positive_buckets)
                    .copied()
                    .filter(|&count| count != 0.0);
                (columns.t_ms[*row as usize], (h.count, h.sum, buckets.collect()))
            })
            .collect();
        if !samples.is_empty() {
            let labels = read.labels(0, series);
            let label = |name: &str| labels.get(name).unwrap_or("").to_owned();
            all.insert(
                format!("{}/{}/{}", label("__name__"), label("kind"), label("handler")),
                samples,
            );
        }
    }
    all
}

/// What a service might count: buckets come up with time, a restart each 50 steps.
fn integer(step: i64) -> IntHistogram {
    let counted = step % 50 + 1;
    let buckets = (counted / 10 + 1) as u32;
    let positive: Vec<i64> = (0..i64::from(buckets)).map(|at| counted * (at + 1)).collect();
    let negative = vec![counted, 2 * counted];
    let deltas = |counts: &[i64]| {
        let mut before = 0;
        counts
            .iter()
            .map(|count| count - std::mem::replace(&mut before, *count))
            .collect::<Vec<i64>>()
    };
    let zero_count = counted.unsigned_abs();
    let sum: i64 = positive.iter().chain(&negative).sum();
    IntHistogram {
        schema: if step % 200 < 100 { 3 } else { 2 },
        zero_threshold: 2f64.powi(-128),
        zero_count,
        count: zero_count + sum.unsigned_abs(),
        sum: step as f64 / 3.0,
        positive_spans: vec![
            Span {
                offset: -2,
                length: 1,
            },
            Span {
                offset: 3,
                length: buckets - 1,
            },
        ],
        positive_deltas: deltas(&positive),
        negative_spans: vec![Span { offset: 0, length: 2 }],
        negative_deltas: deltas(&negative),
        ..IntHistogram::default()
    }
}

fn histogram(kind: &str, step: i64) -> Histogram {
    let integer = integer(step);
    match kind {
        "integer" => Histogram::Integer(integer),
        "gauge" => Histogram::Integer(IntHistogram {
            reset_hint: ResetHint::Gauge,
            ..integer
        }),
        "custom" => Histogram::Integer(IntHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            zero_threshold: 0.0,
            zero_count: 0,
            count: 2 * (step % 50).unsigned_abs(),
            positive_spans: vec![Span { offset: 1, length: 2 }],
            positive_deltas: vec![step % 50, 0],
            negative_spans: Vec::new(),
            negative_deltas: Vec::new(),
            custom_bounds: vec![0.25, 1.0, 1.0 / 3.0 + step.div_euclid(100) as f64 + 1.0],
            ..integer
        }),
        "custom float" => {
            let mut float = histogram("custom", step).to_float();
            float.schema = CUSTOM_BUCKETS_SCHEMA;
            float.positive_spans = vec![Span { offset: 1, length: 2 }];
            float.custom_bounds = vec![0.25, 1.0, 2.5];
            Histogram::Float(float)
        }
        _ => {
            let spans = (integer.positive_spans.clone(), integer.negative_spans.clone());
            let mut float = integer.to_float();
            float.schema = 3;
            float.zero_threshold = 2f64.powi(-128);
            (float.positive_spans, float.negative_spans) = spans;
            if kind == "float gauge" {
                float.reset_hint = ResetHint::Gauge;
            }
            Histogram::Float(float)
        }
    }
}

const KINDS: [&str; 6] = [
    "integer",
    "gauge",
    "custom",
    "float",
    "float gauge",
    "custom float",
];

/// A sample of each kind, each 15 s of the minutes `from .. to`; now and then a staleness marker, which comes as
/// a float, and a float among the histograms of a series.
fn append_minutes(db: &Db, from: i64, to: i64) {
    for step in from * 4..to * 4 {
        let mut batch = Batch::at(MIDDAY_MS + step * 15_000);
        for kind in KINDS {
            let labels = Labels::from_pairs([("__name__", "h"), ("job", "test"), ("kind", kind)]);
            let series = db.resolve(&labels, &mut batch).unwrap();
            if step % 37 == 0 {
                batch.push(series, tsdb::model::STALE_NAN_BITS);
            } else if step % 71 == 0 {
                batch.push(series, 1f64.to_bits());
            } else {
                batch.push_histogram_at(series, MIDDAY_MS + step * 15_000, histogram(kind, step));
            }
        }
        let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(receipt.accepted, KINDS.len());
    }
}

/// We write `minutes` and maintain after each stretch; Prometheus reads; we read again.
#[track_caller]
fn check_turns(stretches: &[i64], in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let db = open(&data);
    let mut at = 0;
    for &minutes in stretches {
        append_minutes(&db, at, at + minutes);
        at += minutes;
        db.maintain(MIDDAY_MS + at * 60_000).unwrap();
    }
    append_minutes(&db, at, at + 3);
    at += 3;
    let end_ms = MIDDAY_MS + at * 60_000;
    let from_ms = end_ms - 20 * HOUR_MS + 1;
    let mut expected = Contents::new();
    for step in (0..at * 4).filter(|step| step % 37 != 0 && step % 71 != 0) {
        for kind in KINDS {
            let h = histogram(kind, step).to_float();
            let buckets = h.negative_buckets.iter().rev().chain([&h.zero_count]);
            let buckets = buckets
                .chain(&h.positive_buckets)
                .copied()
                .filter(|&count| count != 0.0);
            expected
                .entry(format!("h/{kind}/"))
                .or_default()
                .insert(MIDDAY_MS + step * 15_000, (h.count, h.sum, buckets.collect()));
        }
    }
    check_same(
        &ours(&db, from_ms, end_ms),
        &expected,
        "we see something else than was put in",
    );
    if in_good_order {
        db.close().unwrap();
    }
    drop(db);
    let Some(prometheus) = Prometheus::start(&data, false) else {
        return;
    };
    check_same(
        &theirs(&prometheus, end_ms, 20),
        &expected,
        "Prometheus sees something else",
    );
    prometheus.stop(in_good_order);
    let db = open(&data);
    check_same(
        &ours(&db, from_ms, end_ms),
        &expected,
        "it is changed after Prometheus",
    );
}

#[track_caller]
fn check_same(found: &Contents, expected: &Contents, what: &str) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, samples) in expected {
        let times: Vec<_> = samples.keys().filter(|t| !found[name].contains_key(t)).collect();
        assert!(
            times.is_empty(),
            "{what}: {name} lacks {} samples, the first at {:?}",
            times.len(),
            times[0]
        );
        for (t_ms, sample) in samples {
            assert_eq!(&found[name][t_ms], sample, "{what}: {name} at {t_ms}");
        }
        assert_eq!(
            found[name].len(),
            samples.len(),
            "{what}: {name} has samples of its own"
        );
    }
}

#[test]
fn prometheus_reads_histograms_of_our_log_and_chunk_files() {
    check_turns(&[], true);
    check_turns(&[5], false);
    check_turns(&[45, 30], true);
}

#[test]
fn prometheus_reads_histograms_of_our_blocks_and_checkpoints() {
    check_turns(&[190, 120, 120, 130, 120, 120], true);
}

#[track_caller]
fn check_we_read_prometheus(in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let flags = ["--enable-feature=native-histograms,exemplar-storage"];
    let Some(prometheus) = Prometheus::start_with(&data, true, &flags) else {
        return;
    };
    let now_ms = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(now.unwrap().as_millis()).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let (seen, through_ms) = loop {
        let through_ms = now_ms() - 500;
        let seen = theirs(&prometheus, through_ms, 1);
        if seen.values().any(|samples| samples.len() > 8) || Instant::now() > deadline {
            break (seen, through_ms);
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(seen.len() > 3, "only {} series", seen.len());
    prometheus.stop(in_good_order);
    let db = open(&data);
    check_same(
        &ours(&db, through_ms - HOUR_MS + 1, through_ms),
        &seen,
        "we see something else",
    );
    drop(db);
    let Some(prometheus) = Prometheus::start(&data, false) else {
        return;
    };
    check_same(
        &theirs(&prometheus, through_ms, 1),
        &seen,
        "it is changed after us",
    );
    prometheus.stop(true);
}

#[test]
fn we_read_histograms_that_prometheus_left() {
    check_we_read_prometheus(true);
    check_we_read_prometheus(false);
}
