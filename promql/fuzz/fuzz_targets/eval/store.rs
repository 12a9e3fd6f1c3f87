//! What is queried: counters that reset, gauges with gaps, special values, buckets, native histograms, and
//! series that turn from one into the other.

use tsdb::model::{FloatHistogram, Histogram, Labels, Span, stale_marker};
use tsdb::query::Columns;
use tsdb::query::memory::MemoryStore;

/// An hour, a sample every fifteen seconds.
const SAMPLES: i64 = 240;

fn add(store: &MemoryStore, pairs: &[(&str, &str)], columns: &Columns) {
    let labels = Labels::from_pairs(pairs.iter().copied());
    store.fill(&labels, columns).expect("every series is filled once");
}

fn floats(of: impl Fn(i64) -> Option<f64>) -> Columns {
    let mut columns = Columns::default();
    for i in 0..SAMPLES {
        if let Some(v) = of(i) {
            columns.push(i * 15_000, v);
        }
    }
    columns
}

fn histogram(i: i64, schema: i32) -> FloatHistogram {
    let count = (i % 90) as f64;
    FloatHistogram {
        schema,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 1.0 + 4.0 * count,
        sum: 3.5 * count,
        positive_spans: vec![
            Span { offset: 0, length: 2 },
            Span {
                offset: (i % 3) as i32,
                length: 1,
            },
        ],
        positive_buckets: vec![count, count, count],
        negative_spans: vec![Span { offset: 1, length: 1 }],
        negative_buckets: vec![count],
        ..FloatHistogram::default()
    }
}

fn listed(i: i64, bounds: &[f64]) -> FloatHistogram {
    let count = (i % 70) as f64;
    FloatHistogram {
        schema: tsdb::model::histogram::CUSTOM_BUCKETS_SCHEMA,
        count: 2.0 * count,
        sum: count,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![count, count],
        custom_bounds: bounds.to_vec(),
        ..FloatHistogram::default()
    }
}

/// The store, full.
pub(super) fn filled() -> MemoryStore {
    let store = MemoryStore::new();
    for (n, job) in [(0, "api"), (1, "api"), (2, "web"), (3, "web")] {
        let instance = format!("{job}-{n}");
        let counter = floats(|i| Some(((i * (n + 1)) % (97 + 20 * n)) as f64));
        add(
            &store,
            &[
                ("__name__", "requests_total"),
                ("job", job),
                ("instance", &instance),
            ],
            &counter,
        );
        let gauge = floats(|i| {
            (i % (5 + n) != 0 && !(60..80).contains(&i)).then(|| ((i * 37 + n) % 41) as f64 / 4.0 - 3.0)
        });
        add(
            &store,
            &[
                ("__name__", "gauge"),
                ("job", job),
                ("instance", &instance),
                ("zone", "a"),
            ],
            &gauge,
        );
        for le in ["0.5", "1", "2.5", "+Inf"] {
            let bound = le.parse().unwrap_or(9.0_f64);
            let bucket = floats(|i| Some((i as f64 * bound).floor()));
            add(
                &store,
                &[
                    ("__name__", "latency_bucket"),
                    ("job", job),
                    ("instance", &instance),
                    ("le", le),
                ],
                &bucket,
            );
        }
        let mut native = Columns::default();
        for i in 0..SAMPLES {
            native.push_histogram(i * 15_000, Histogram::Float(histogram(i + n, n as i32 % 3)));
        }
        add(
            &store,
            &[("__name__", "native"), ("job", job), ("instance", &instance)],
            &native,
        );
        add(
            &store,
            &[
                ("__name__", "target_info"),
                ("job", job),
                ("instance", &instance),
                ("version", if n < 2 { "1" } else { "2" }),
            ],
            &floats(|_| Some(1.0)),
        );
    }
    let special = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1e308,
        -1e308,
        5e-324,
        1.0,
    ];
    add(
        &store,
        &[("__name__", "special"), ("job", "api")],
        &floats(|i| Some(special[i as usize % special.len()])),
    );
    add(
        &store,
        &[("__name__", "ends"), ("job", "web")],
        &floats(|i| match i {
            0..100 => Some(i as f64),
            100 => Some(stale_marker()),
            150..200 => Some(7.0),
            _ => None,
        }),
    );
    let (mut mixed, mut custom, mut other) = (Columns::default(), Columns::default(), Columns::default());
    for i in 0..SAMPLES {
        match i / 20 % 3 {
            0 => mixed.push(i * 15_000, i as f64),
            1 => mixed.push_histogram(i * 15_000, Histogram::Float(histogram(i, 1))),
            _ => mixed.push_histogram(i * 15_000, Histogram::Float(listed(i, &[1.0, 2.0]))),
        }
        custom.push_histogram(i * 15_000, Histogram::Float(listed(i, &[1.0, 2.0])));
        other.push_histogram(i * 15_000, Histogram::Float(listed(i, &[1.0, 3.0])));
    }
    add(
        &store,
        &[("__name__", "mixed"), ("job", "api"), ("zone", "b")],
        &mixed,
    );
    add(
        &store,
        &[("__name__", "custom"), ("job", "api"), ("zone", "b")],
        &custom,
    );
    add(
        &store,
        &[("__name__", "custom"), ("job", "web"), ("zone", "c")],
        &other,
    );
    store
}
