//! The recorded pages: panels of the node, Prometheus and VictoriaMetrics dashboards, rules, ad-hoc looks.

use super::{At, Group, START_MS, ask};
use crate::data::HOUR_MS;

pub(crate) fn groups(span_ms: i64) -> Vec<Group> {
    let end_ms = START_MS + span_ms - 60_000;
    let whole = At::last(span_ms - 60_000, end_ms, 60_000);
    let hour = At::last(HOUR_MS, end_ms, 15_000);
    let instant = At::Instant { at_ms: end_ms };
    let mut queries = ask(whole, WHOLE);
    queries.extend(ask(hour, HOUR));
    queries.extend(ask(instant, INSTANT));
    vec![Group {
        title: "pages",
        aim: 0.2,
        queries,
    }]
}

const WHOLE: [&str; 20] = [
    "node_load1",
    "go_goroutines",
    r#"100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100"#,
    "sum by (instance, mode) (rate(node_cpu_seconds_total[5m]))",
    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    r#"rate(node_network_receive_bytes_total{device!="lo"}[5m]) * 8"#,
    "sum by (job) (rate(process_cpu_seconds_total[5m]))",
    "process_resident_memory_bytes / 1024 / 1024",
    "topk(3, node_network_transmit_bytes_total)",
    "sum by (handler) (rate(prometheus_http_requests_total[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le, instance) (rate(go_sched_latencies_seconds_bucket[5m])))",
    r#"prometheus_engine_query_duration_seconds{quantile="0.99"}"#,
    "sum by (type) (rate(vm_rows_inserted_total[5m]))",
    "vm_cache_misses_total / vm_cache_requests_total",
    "max by (job) (max_over_time(process_open_fds[1h]))",
    "avg_over_time(node_load5[1h])",
    "sum by (instance) (node_scrape_collector_duration_seconds)",
    "node_uname_info * on (instance) group_right (nodename) node_load1",
    "count by (job) (node_scrape_collector_success == 0 or vm_cache_entries == 0)",
];

const HOUR: [&str; 6] = [
    "rate(node_cpu_seconds_total[1m])",
    "sum by (mode) (irate(node_cpu_seconds_total[1m]))",
    "vm_cache_size_bytes / vm_cache_size_max_bytes > 0.9",
    r#"{__name__=~"node_memory_(MemFree|Cached|Buffers)_bytes"}"#,
    r#"label_replace(go_info, "go", "$1", "version", "go(.*)")"#,
    "sum(rate(prometheus_tsdb_head_samples_appended_total[1m])) by (instance)",
];

const INSTANT: [&str; 8] = [
    "go_info",
    "count by (job) (go_goroutines)",
    "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
    "count by (__name__, job) ({__name__=~\"node_.*\"})",
    "topk(10, count by (__name__) ({__name__!=\"\"}))",
    "predict_linear(node_filesystem_avail_bytes[6h], 24 * 3600) < 0",
    "max_over_time(process_resident_memory_bytes[6h])",
    "changes(process_start_time_seconds[12h]) > 0",
];
