//! How fast pages are read: bytes and samples a second, against `prometheus-parse` where that reads the page.
//!
//! The page imitates a node exporter: families with help, one to forty series each, labels of devices and
//! modes, integers and floats. `DEUCALION_PAGE=file` reads a page of yours (text format, not compressed).

#![allow(missing_docs, reason = "criterion's macros make functions without any")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use deucalion::exposition::{Entry, Format, Parser};

fn page() -> String {
    if let Some(path) = std::env::var_os("DEUCALION_PAGE") {
        return std::fs::read_to_string(path).expect("the page");
    }
    let mut page = String::new();
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for family in 0..120 {
        let name = format!("node_subsystem{}_metric_{family}_total", family % 9);
        writeln!(
            page,
            "# HELP {name} What number {family} of the subsystem counts."
        )
        .expect("to a string");
        writeln!(page, "# TYPE {name} counter").expect("to a string");
        let series = [1, 1, 2, 4, 16][random() as usize % 5];
        for number in 0..series {
            let value = match random() % 3 {
                0 => format!("{}", random() % 100_000),
                1 => format!("{:.2}", random() as f64 / 977.0),
                _ => format!("{:e}", random() as f64 * 13.7),
            };
            if series == 1 {
                writeln!(page, "{name} {value}").expect("to a string");
            } else {
                writeln!(
                    page,
                    "{name}{{device=\"eth{number}\",mode=\"idle\",operstate=\"up\"}} {value}"
                )
                .expect("to a string");
            }
        }
    }
    page
}

fn read_all(page: &[u8], with_labels: bool) -> f64 {
    let mut parser = Parser::new(page, Format::Text);
    let mut labels = Vec::new();
    let mut sum = 0.0;
    while let Some(entry) = parser.next().expect("a sound page") {
        if entry == Entry::Series {
            sum += parser.value();
            if with_labels {
                parser.labels(&mut labels).expect("UTF-8");
                black_box(&labels);
            }
        }
    }
    sum
}

fn benches(c: &mut Criterion) {
    let page = page();
    let samples = page.lines().filter(|line| !line.starts_with('#')).count() as u64;
    for (unit, throughput) in [
        ("bytes", Throughput::Bytes(page.len() as u64)),
        ("samples", Throughput::Elements(samples)),
    ] {
        let mut group = c.benchmark_group(format!("exposition/{unit}"));
        group.throughput(throughput);
        group.bench_function("series", |b| {
            b.iter(|| read_all(black_box(page.as_bytes()), false))
        });
        group.bench_function("labels", |b| {
            b.iter(|| read_all(black_box(page.as_bytes()), true))
        });
        if unit == "samples" {
            group.sample_size(10).bench_function("prometheus-parse", |b| {
                b.iter(|| {
                    prometheus_parse::Scrape::parse(black_box(&page).lines().map(|l| Ok(l.to_owned())))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(exposition, benches);
criterion_main!(exposition);
