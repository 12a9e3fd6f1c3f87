//! What is asked: the 32 standard queries of dashboards, rules and people, and windows long enough to slide.

use super::data::{SPAN_MS, START_MS};

/// One question.
pub(crate) struct Query {
    pub(crate) expression: &'static str,
    pub(crate) at: At,
}

/// Over which time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The end of the data.
    Instant,
    /// All twelve hours by the minute, as a dashboard of half a day asks.
    HalfDay,
    /// The last hour at the scrape interval, as a dashboard asks that refreshes.
    Hour,
    /// The last six hours by the half minute.
    SixHours,
}

impl At {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::HalfDay => "12h/60s",
            Self::Hour => "1h/15s",
            Self::SixHours => "6h/30s",
        }
    }

    /// Path and times of the request.
    pub(crate) fn request(self) -> (&'static str, String) {
        let end_s = (START_MS + SPAN_MS) / 1000 - 60;
        let (span_s, step_s) = match self {
            Self::Instant => return ("/api/v1/query", format!("time={end_s}")),
            Self::HalfDay => (SPAN_MS / 1000 - 60, 60),
            Self::Hour => (3600, 15),
            Self::SixHours => (6 * 3600, 30),
        };
        let times = format!("start={}&end={end_s}&step={step_s}", end_s - span_s);
        ("/api/v1/query_range", times)
    }
}

const fn ask(at: At, expression: &'static str) -> Query {
    Query { expression, at }
}

/// The standard set.
pub(crate) const STANDARD: [Query; 32] = [
    ask(At::HalfDay, "node_memory_used_bytes"),
    ask(At::HalfDay, "rate(http_requests_total[5m])"),
    ask(At::HalfDay, "sum(rate(http_requests_total[5m]))"),
    ask(
        At::HalfDay,
        "sum by (job, status) (rate(http_requests_total[5m]))",
    ),
    ask(
        At::HalfDay,
        r#"sum by (job) (rate(http_requests_total{status=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))"#,
    ),
    ask(
        At::HalfDay,
        "histogram_quantile(0.9, sum by (le) (rate(request_duration_seconds_bucket[5m])))",
    ),
    ask(
        At::HalfDay,
        "histogram_quantile(0.99, rate(request_duration_seconds_bucket[5m]))",
    ),
    ask(
        At::HalfDay,
        "rate(request_duration_seconds_sum[5m]) / rate(request_duration_seconds_count[5m])",
    ),
    ask(At::HalfDay, "topk(5, rate(http_requests_total[5m]))"),
    ask(At::HalfDay, "increase(http_requests_total[1h])"),
    ask(At::HalfDay, "max_over_time(node_memory_used_bytes[1d])"),
    ask(At::HalfDay, "avg_over_time(node_load1[1h])"),
    ask(At::HalfDay, "quantile_over_time(0.95, node_load1[30m])"),
    ask(
        At::HalfDay,
        r#"100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))"#,
    ),
    ask(
        At::HalfDay,
        "node_memory_used_bytes / node_memory_total_bytes > 0.5",
    ),
    ask(
        At::HalfDay,
        "node_memory_used_bytes * on (job, instance) group_left (version) build_info",
    ),
    ask(
        At::HalfDay,
        r#"label_replace(node_load1, "number", "$1", "instance", ".*-(.*)")"#,
    ),
    ask(
        At::HalfDay,
        "max_over_time(sum by (job) (rate(http_requests_total[5m]))[1h:1m])",
    ),
    ask(At::HalfDay, "count by (job) (up == 0)"),
    ask(
        At::Hour,
        r#"{__name__=~"node_(load1|memory_.*|disk_.*)", instance=~"(api|web)-[0-3]"}"#,
    ),
    ask(At::Hour, "sum by (instance) (rate(node_cpu_seconds_total[1m]))"),
    ask(
        At::Hour,
        "histogram_quantile(0.99, sum by (le, handler) (rate(request_duration_seconds_bucket[1m])))",
    ),
    ask(At::Instant, "up"),
    ask(At::Instant, "sum by (job) (up)"),
    ask(At::Instant, "sum by (job) (rate(http_requests_total[5m]))"),
    ask(At::Instant, "topk(10, http_requests_total)"),
    ask(
        At::Instant,
        "histogram_quantile(0.99, sum by (job, le) (rate(request_duration_seconds_bucket[5m])))",
    ),
    ask(At::Instant, "count by (__name__) ({__name__!=\"\"})"),
    ask(
        At::Instant,
        "predict_linear(node_disk_free_bytes[6h], 4 * 3600) < 0",
    ),
    ask(At::Instant, "max_over_time(node_load1[1d])"),
    ask(
        At::Instant,
        "avg_over_time(sum by (job) (rate(http_requests_total[5m]))[6h:5m])",
    ),
    ask(At::Instant, r#"absent(up{job="none"})"#),
];

/// Windows as long as the range, which only engines that slide answer without looking at each sample anew.
pub(crate) const LONG_WINDOWS: [Query; 10] = [
    ask(At::SixHours, "rate(node_cpu_seconds_total[6h])"),
    ask(At::SixHours, "increase(http_requests_total[6h])"),
    ask(At::SixHours, "changes(node_load1[6h])"),
    ask(At::SixHours, "resets(http_requests_total[6h])"),
    ask(At::SixHours, "count_over_time(node_load1[6h])"),
    ask(At::SixHours, "min_over_time(node_load1[6h])"),
    ask(At::SixHours, "absent_over_time(node_load1[6h])"),
    ask(At::SixHours, "avg_over_time(node_load1[6h])"),
    ask(At::SixHours, "stddev_over_time(node_load1[6h])"),
    ask(At::SixHours, "quantile_over_time(0.9, node_load1[6h])"),
];
