//! How long queries take over a store in memory: what of a query is the engine's.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use promql::engine::{Engine, EngineOptions, QueryOptions};
use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::model::Labels;
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel};

/// Series of each metric.
const SERIES: usize = 1000;
/// Steps of each range query.
const STEPS: i64 = 1000;
/// The time between samples, and between steps.
const INTERVAL_MS: i64 = 15_000;
/// Samples of each series.
const SAMPLES: i64 = STEPS + 240;

/// A counter, a gauge of the same instances, and a histogram of ten buckets.
fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / 1e6
    };
    let add = |labels: Labels, is_counter: bool, random: &mut dyn FnMut() -> f64| {
        let mut batch = Batch::timed();
        let Ok(series) = store.resolve(&labels, &mut batch) else {
            return;
        };
        let mut value = random();
        for i in 0..SAMPLES {
            value = if is_counter { value + random() } else { random() };
            batch.push_at(series, i * INTERVAL_MS, value.to_bits());
        }
        let _stored = store.append(&mut batch, &AppendOptions::default());
    };
    for i in 0..SERIES {
        let (instance, job) = (format!("host-{i}"), format!("job-{}", i % 20));
        let labels =
            |name| Labels::from_pairs([("__name__", name), ("instance", &*instance), ("job", &*job)]);
        add(labels("requests_total"), true, &mut random);
        add(labels("memory_bytes"), false, &mut random);
        let le = format!("{}", i % 10);
        let le = if i % 10 == 9 { "+Inf" } else { &*le };
        let of = format!("host-{}", i / 10);
        let labels = [("__name__", "latency_bucket"), ("instance", &*of), ("le", le)];
        add(Labels::from_pairs(labels), true, &mut random);
    }
    store
}

fn queries(c: &mut Criterion) {
    let store = store();
    let engine = Engine::new(EngineOptions::default());
    let mut group = c.benchmark_group("range_1000x1000");
    group.sample_size(10);
    for query in [
        "memory_bytes",
        "rate(requests_total[5m])",
        "sum by (job) (rate(requests_total[5m]))",
        "sum by (job) (memory_bytes)",
        "histogram_quantile(0.99, rate(latency_bucket[5m]))",
        "topk(5, memory_bytes)",
        "requests_total / on (instance, job) memory_bytes",
        "requests_total / ignoring (job) group_left () memory_bytes",
        "memory_bytes > 5",
        "max_over_time(memory_bytes[1h])",
        "sum_over_time(memory_bytes[1h])",
        "changes(requests_total[1h])",
        "quantile by (job) (0.9, memory_bytes)",
        "absent(memory_bytes)",
    ] {
        group.bench_function(query, |b| {
            b.iter(|| {
                let (options, budget) = (QueryOptions::default(), Budget::unlimited());
                let (start_ms, end_ms) = (240 * INTERVAL_MS, (SAMPLES - 1) * INTERVAL_MS);
                let asked = engine.range(
                    &store,
                    black_box(query),
                    start_ms,
                    end_ms,
                    INTERVAL_MS,
                    &options,
                    &budget,
                    &Cancel::new(),
                );
                asked.map(|answer| answer.stats.total_samples)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
