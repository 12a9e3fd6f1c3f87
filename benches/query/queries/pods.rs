//! The Thanos engine's benchmark, over HTTP: two hours by the half minute, and instants.

use super::{At, Group, START_MS, ask};
use crate::data::HOUR_MS;

const STEP_MS: i64 = 30_000;

pub(crate) fn groups() -> Vec<Group> {
    let range = |step_ms| At::Range {
        start_ms: START_MS,
        end_ms: START_MS + 2 * HOUR_MS,
        step_ms,
    };
    let mut queries = ask(range(STEP_MS), RANGE.map(at_600));
    queries.extend(ask(range(10 * STEP_MS), ["rate(http_requests_total[10m])"]));
    let over_time = ["count", "sum", "avg", "min", "max", "stddev"]
        .iter()
        .flat_map(|function| {
            ["5m", "1h", "6h"].map(|w| format!("{function}_over_time(http_requests_total[{w}])"))
        });
    queries.extend(ask(range(STEP_MS), over_time));
    let single = At::Range {
        start_ms: START_MS,
        end_ms: START_MS + 6 * HOUR_MS - STEP_MS,
        step_ms: STEP_MS,
    };
    queries.extend(ask(single, ["sum(rate(http_requests_total[2m]))"]));
    let instant = At::Instant {
        at_ms: START_MS + 6 * HOUR_MS - STEP_MS,
    };
    queries.extend(ask(instant, INSTANT));
    vec![Group {
        title: "Thanos' benchmark",
        aim: 0.25,
        queries,
    }]
}

/// `@ 600` of the original means ten minutes after its data begin at zero.
fn at_600(expression: &str) -> String {
    expression.replace("@ 600", &format!("@ {}", START_MS / 1000 + 600))
}

const RANGE: [&str; 38] = [
    "http_requests_total",
    "sum(http_requests_total)",
    "sum by (pod) (http_requests_total)",
    "topk(2, http_requests_total)",
    "bottomk(2, http_requests_total)",
    "limitk(2, http_requests_total)",
    "limit_ratio(0.2, http_requests_total)",
    "rate(http_requests_total[1m])",
    "sum_over_time(rate(http_requests_total[1m])[10m:1m])",
    "sum(rate(http_requests_total[1m]))",
    "sum by (pod) (rate(http_requests_total[1m]))",
    "quantile by (pod) (scalar(min(http_requests_total)), http_requests_total)",
    r#"http_requests_total{container="c1"} / ignoring (container) http_responses_total"#,
    "http_requests_total / on (pod) group_left () http_responses_total",
    "http_requests_total * 10",
    "-http_requests_total",
    "http_requests_total > 10",
    "http_requests_total offset 5m",
    "http_requests_total @ 600",
    "http_requests_total @ 600 offset 5m",
    "clamp(http_requests_total, 5, 10)",
    "clamp_min(http_requests_total, 10)",
    "clamp(1 - http_requests_total, 10 - 5, 10)",
    "clamp(irate(http_requests_total[30s]), 10 - 5, 10)",
    "clamp(rate(http_requests_total[30s]), 10 - 5, 10)",
    "histogram_quantile(0.9, http_response_seconds_bucket)",
    "sort(http_requests_total)",
    "sort_desc(http_requests_total)",
    "absent(http_requests_total)",
    "absent(nonexistent)",
    "double_exponential_smoothing(http_requests_total[1m], 0.1, 0.1)",
    "stdvar_over_time(http_requests_total[5m])",
    "last_over_time(http_requests_total[5m])",
    "present_over_time(http_requests_total[5m])",
    r#"sum by (pod) (rate({__name__=~"http_.*"}[5m]))"#,
    r#"sum(http_requests_total{container="c1"}) / sum(http_requests_total)"#,
    "max by (container) (http_requests_total)",
    "avg by (pod) (http_response_seconds_bucket)",
];

const INSTANT: [&str; 23] = [
    "http_requests_total",
    "count(http_requests_total)",
    "count_values(\"val\", http_requests_total)",
    "round(http_requests_total)",
    "round(http_requests_total, 10)",
    "avg(http_requests_total)",
    "sum(http_requests_total)",
    "sum by (pod) (http_requests_total)",
    "rate(http_requests_total[1m])",
    "rate(http_requests_total[1h])",
    "sum(rate(http_requests_total[1m]))",
    "sum by (pod) (rate(http_requests_total[1m]))",
    "http_requests_total / on (pod) group_left () http_responses_total",
    "-http_requests_total",
    "http_requests_total > 10",
    "sort(http_requests_total)",
    "sort_desc(http_requests_total)",
    "sum_over_time(count(http_requests_total)[1h:10s])",
    "double_exponential_smoothing(http_requests_total[1m], 0.1, 0.1)",
    "sum_over_time(http_requests_total[6h])",
    "avg_over_time(http_requests_total[6h])",
    "stddev_over_time(http_requests_total[6h])",
    "max_over_time(http_requests_total[6h])",
];
