//! What does it cost to append a sample to a chunk, and to read one from it?
//!
//! Three shapes of series, 120 samples a chunk; figures are per sample (throughput in elements).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb::chunk::xor;

const SAMPLES: u64 = 120;

fn shapes() -> [(&'static str, Vec<(i64, u64)>); 4] {
    let series = |jitter_ms: i64, value: &dyn Fn(u64) -> f64| {
        (0..SAMPLES)
            .map(|i| {
                let t_ms =
                    1_700_000_000_000 + i.cast_signed() * 15_000 + i.cast_signed() * 31 % (jitter_ms + 1);
                (t_ms, value(i).to_bits())
            })
            .collect()
    };
    let random = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [
        ("constant", series(0, &|_| 1.0)),
        ("counter", series(0, &|i| (i * 317 + random(i) % 50) as f64)),
        (
            "jittered counter",
            series(3, &|i| (i * 317 + random(i) % 50) as f64),
        ),
        ("random", series(3, &|i| f64::from_bits(random(i) >> 2))),
    ]
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("xor append");
    group.throughput(Throughput::Elements(SAMPLES));
    for (name, samples) in shapes() {
        let mut memory = [0; 4096];
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut appender = xor::Appender::new();
                for &(t_ms, bits) in black_box(&samples) {
                    assert!(appender.append_within(&mut memory, t_ms, bits));
                }
                appender.byte_len()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("xor decode_all");
    group.throughput(Throughput::Elements(SAMPLES));
    for (name, samples) in shapes() {
        let mut chunk = Vec::new();
        xor::encode(samples, &mut chunk);
        let (mut t_ms, mut v) = (Vec::new(), Vec::new());
        group.bench_function(name, |b| {
            b.iter(|| {
                t_ms.clear();
                v.clear();
                xor::decode_all(black_box(&chunk), &mut t_ms, &mut v)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
