//! How fast queries are read, beside promql-parser.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use promql::parser::{ParserOptions, parse_expr};

/// Queries as dashboards and rules send them.
const QUERIES: [(&str, &str); 4] = [
    ("name", "up"),
    (
        "rate",
        "sum by (job, instance) (rate(http_requests_total{job=\"api\", code!=\"500\"}[5m]))",
    ),
    (
        "regexes",
        "sum(rate(http_requests_total{handler=~\"/api/v1/.*\", code=~\"5..|429\", env!~\"dev|test\"}[5m])) > 0",
    ),
    (
        "quantile",
        "histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket{job=~\"api|web\"}[5m]))) \
         > 1.5 * avg_over_time(baseline:latency:p99[1d] offset 1w) and on (job) (up == 1) unless on (job) maintenance{state=\"on\"}",
    ),
];

fn parse(c: &mut Criterion) {
    for (name, query) in QUERIES {
        let mut group = c.benchmark_group(name);
        let options = ParserOptions::default();
        group.bench_function("ours", |b| {
            b.iter(|| parse_expr(black_box(query), &options).is_ok())
        });
        group.bench_function("promql-parser", |b| {
            b.iter(|| promql_parser::parser::parse(black_box(query)).is_ok());
        });
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
