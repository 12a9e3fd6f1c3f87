//! What a committed sample costs.
//!
//! 100 targets of 500 series, as a node exporter has them: one batch a scrape, on a real disk.
//! `cargo bench -p tsdb --profile fast --bench append`; what a series takes in memory: see `memory.rs`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb::batch::{AppendOptions, Appendable, Batch, SeriesRef};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::model::Labels;

const SERIES_PER_TARGET: usize = 500;
const START_MS: i64 = 1_700_006_400_000;

/// The labels of series `at` of a target: as many words and pairs as a node exporter's.
fn labels(target: usize, at: usize) -> Labels {
    let instance = format!("host-{target:05}.example.com:9100");
    let name = format!("node_metric_{:03}_total", at % 230);
    let (cpu, device) = ((at / 230).to_string(), format!("dev{}", at / 100));
    let mode = ["idle", "user", "system", "iowait"][at % 4];
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("cpu", if at.is_multiple_of(3) { cpu.as_str() } else { "" }),
        ("device", if at.is_multiple_of(2) { device.as_str() } else { "" }),
        ("id", if at >= 230 { cpu.as_str() } else { "" }),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("mode", if at.is_multiple_of(5) { mode } else { "" }),
    ])
}

/// A value of the mix that exporters have: a third constant, counters, gauges.
fn value(series: usize, step: i64) -> u64 {
    let v = match series % 6 {
        0 | 1 => 42.0,
        2 => step as f64,
        3 => (step * (series as i64 % 977 + 3)) as f64,
        4 => ((step * 7919 + series as i64 * 31) % 1000) as f64 / 100.0,
        _ => (step / 20) as f64 * 4096.0,
    };
    v.to_bits()
}

struct Targets {
    db: Db,
    refs: Vec<Vec<SeriesRef>>,
    batch: Batch,
    step: i64,
    _dir: tempfile::TempDir,
}

impl Targets {
    fn new(count: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open(Arc::new(RealFs), dir.path(), DbOptions::default(), START_MS).expect("a database");
        let mut batch = Batch::at(START_MS);
        let mut refs = Vec::new();
        for target in 0..count {
            let of_target = (0..SERIES_PER_TARGET)
                .map(|at| db.resolve(&labels(target, at), &mut batch).expect("a series"));
            refs.push(of_target.collect());
            // One commit a target, so that its series are logged.
            db.append(&mut batch, &AppendOptions::default()).expect("logged");
        }
        Self {
            db,
            refs,
            batch,
            step: 0,
            _dir: dir,
        }
    }

    /// One scrape of each target; returns how many samples.
    fn round(&mut self) -> usize {
        self.step += 1;
        let mut stored = 0;
        for refs in &self.refs {
            self.batch.clear(START_MS + self.step * 15_000);
            for (series, &number) in refs.iter().enumerate() {
                self.batch.push(number, value(series, self.step));
            }
            let receipt = self.db.append(&mut self.batch, &AppendOptions::default());
            stored += receipt.expect("stored").accepted;
        }
        stored
    }
}

fn append(c: &mut Criterion) {
    let mut targets = Targets::new(100);
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(100 * SERIES_PER_TARGET as u64));
    group.bench_function("100 scrapes of 500 samples, judged, logged, applied", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let from = on_cpu();
                black_box(targets.round());
                spent += on_cpu() - from;
                if targets.step % 40 == 0 {
                    targets
                        .db
                        .maintain(START_MS + targets.step * 15_000)
                        .expect("maintained");
                }
            }
            spent
        });
    });
    group.finish();
}

/// How long this thread has run; the machine may have other things to do.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4)).sample_size(10);
    targets = append
}
criterion_main!(benches);
