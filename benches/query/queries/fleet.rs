//! The fleet: what dashboards, rules and people ask, and windows of a day.

use super::{At, Group, START_MS, ask};
use crate::data::{HOUR_MS, fleet::SPAN_MS};

const END_MS: i64 = START_MS + SPAN_MS - 60_000;

/// Windows that move by a minute: what they hold changes little from step to step.
const SLIDING: [&str; 10] = [
    "rate(node_cpu_seconds_total[1d])",
    "increase(http_requests_total[1d])",
    "delta(node_load1[1d])",
    "changes(node_load1[1d])",
    "resets(http_requests_total[1d])",
    "count_over_time(node_load1[1d])",
    "min_over_time(node_load1[1d])",
    "max_over_time(node_load1[1d])",
    "last_over_time(node_load1[1d])",
    "present_over_time(node_load1[1d])",
];

/// Windows whose digits need every sample anew, and those that take a structure of their own.
const WHOLE: [&str; 9] = [
    "sum_over_time(node_load1[1d])",
    "avg_over_time(node_load1[1d])",
    "stddev_over_time(node_load1[1d])",
    "stdvar_over_time(node_load1[1d])",
    "quantile_over_time(0.9, node_load1[1d])",
    "mad_over_time(node_load1[1d])",
    "deriv(node_load1[1d])",
    "predict_linear(node_disk_free_bytes[1d], 4 * 3600)",
    "double_exponential_smoothing(node_load1[1d], 0.3, 0.3)",
];

pub(crate) fn groups() -> Vec<Group> {
    let half_day = At::last(12 * HOUR_MS - 60_000, END_MS, 60_000);
    let hour = At::last(HOUR_MS, END_MS, 15_000);
    let instant = At::Instant { at_ms: END_MS };
    let mut standard = ask(half_day, HALF_DAY);
    standard.extend(ask(hour, HOUR));
    standard.extend(ask(instant, INSTANT));
    let absent = ask(half_day, ["absent_over_time(node_load1[1d])"]);
    vec![
        Group {
            title: "fleet",
            aim: 0.2,
            queries: standard,
        },
        Group {
            title: "[1d] that slides",
            aim: 0.03,
            queries: ask(half_day, SLIDING).into_iter().chain(absent).collect(),
        },
        Group {
            title: "[1d], each anew",
            aim: 0.1,
            queries: ask(half_day, WHOLE),
        },
    ]
}

const HALF_DAY: [&str; 19] = [
    "node_memory_used_bytes",
    "rate(http_requests_total[5m])",
    "sum(rate(http_requests_total[5m]))",
    "sum by (job, status) (rate(http_requests_total[5m]))",
    r#"sum by (job) (rate(http_requests_total{status=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))"#,
    "histogram_quantile(0.9, sum by (le) (rate(request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.99, rate(request_duration_seconds_bucket[5m]))",
    "rate(request_duration_seconds_sum[5m]) / rate(request_duration_seconds_count[5m])",
    "topk(5, rate(http_requests_total[5m]))",
    "increase(http_requests_total[1h])",
    "max_over_time(node_memory_used_bytes[6h])",
    "avg_over_time(node_load1[1h])",
    "quantile_over_time(0.95, node_load1[30m])",
    r#"100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))"#,
    "node_memory_used_bytes / node_memory_total_bytes > 0.5",
    "node_memory_used_bytes * on (job, instance) group_left (version) build_info",
    r#"label_replace(node_load1, "number", "$1", "instance", ".*-(.*)")"#,
    "max_over_time(sum by (job) (rate(http_requests_total[5m]))[1h:1m])",
    "count by (job) (up == 0)",
];

const HOUR: [&str; 3] = [
    r#"{__name__=~"node_(load1|memory_.*|disk_.*)", instance=~"(api|web)-[0-3]"}"#,
    "sum by (instance) (rate(node_cpu_seconds_total[1m]))",
    "histogram_quantile(0.99, sum by (le, handler) (rate(request_duration_seconds_bucket[1m])))",
];

const INSTANT: [&str; 10] = [
    "up",
    "sum by (job) (up)",
    "sum by (job) (rate(http_requests_total[5m]))",
    "topk(10, http_requests_total)",
    "histogram_quantile(0.99, sum by (job, le) (rate(request_duration_seconds_bucket[5m])))",
    "count by (__name__) ({__name__!=\"\"})",
    "predict_linear(node_disk_free_bytes[6h], 4 * 3600) < 0",
    "max_over_time(node_load1[1d])",
    "avg_over_time(sum by (job) (rate(http_requests_total[5m]))[6h:5m])",
    r#"absent(up{job="none"})"#,
];
