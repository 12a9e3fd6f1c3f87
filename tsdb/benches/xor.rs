//! What does it cost to append a sample to a chunk, to encode whole chunks in as few bits as possible, and to
//! read them?
//!
//! Four shapes of series, 120 samples a chunk and 960 packed ones; figures are per sample (throughput in elements),
//! but for those of reading part of a chunk, which are per chunk.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb::chunk::xor;

const SAMPLES: u64 = 120;

/// How many samples long chunks hold.
const LONG: u64 = 960;

fn shapes(samples: u64) -> [(&'static str, Vec<(i64, u64)>); 4] {
    let series = |jitter_ms: i64, value: &dyn Fn(u64) -> f64| {
        (0..samples)
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
    for (name, samples) in shapes(SAMPLES) {
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
    for (name, samples) in shapes(SAMPLES) {
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

fn long(c: &mut Criterion) {
    let columns = |samples: &[(i64, u64)]| -> (Vec<i64>, Vec<f64>) {
        samples
            .iter()
            .map(|&(t_ms, bits)| (t_ms, f64::from_bits(bits)))
            .unzip()
    };
    let mut group = c.benchmark_group("xor packed");
    group.throughput(Throughput::Elements(LONG));
    for (name, samples) in shapes(LONG) {
        let (t_ms, v) = columns(&samples);
        let mut encoder = xor::PackedEncoder::default();
        group.bench_function(name, |b| b.iter(|| encoder.encode(black_box(&t_ms), &v)));
    }
    group.finish();

    // Twenty samples in the middle, as an instant query reads them.
    let mut group = c.benchmark_group("xor decode_range");
    for count in [SAMPLES, 480, LONG] {
        for (name, samples) in shapes(count) {
            let (t_ms, v) = columns(&samples);
            let chunk = xor::PackedEncoder::default().encode(&t_ms, &v);
            let from_ms = t_ms[t_ms.len() / 2];
            let (mut t_ms, mut v) = (Vec::new(), Vec::new());
            group.bench_function(format!("{name}, {count} samples"), |b| {
                b.iter(|| {
                    t_ms.clear();
                    v.clear();
                    let through_ms = from_ms + 300_000;
                    xor::decode_range(black_box(&chunk), from_ms, through_ms, &mut t_ms, &mut v)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench, long);
criterion_main!(benches);
