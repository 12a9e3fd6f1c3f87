//! What random expressions are about: metrics that are stored, their labels, some of their values.
//!
//! Names, labels and values exist more often than not, so that most answers are not empty.

/// A metric as it is written before the braces (empty: its name stands within), its labels as they are
/// written, and some of their values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) labels: &'static [(&'static str, &'static [&'static str])],
}

/// The metrics and labels of one directory.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) metrics: &'static [Metric],
    /// Selectors of several metrics at once.
    pub(super) many: &'static [&'static str],
    /// Labels as they are written in clauses.
    pub(super) labels: &'static [&'static str],
    /// Expressions that histogram functions are asked of.
    pub(super) histograms: &'static [&'static str],
}

/// What [`super::super::data`] stores.
pub(super) static FLOATS: Vocabulary = Vocabulary {
    metrics: &[
        Metric {
            name: "http_requests_total",
            labels: &[
                ("job", &["api", "web"]),
                ("instance", &["api-0", "api-1", "web-1"]),
                ("method", &["GET", "POST"]),
                ("status", &["200", "404", "500"]),
            ],
        },
        Metric {
            name: "cpu_seconds_total",
            labels: &[
                ("instance", &["node-1"]),
                ("cpu", &["0", "3"]),
                ("mode", &["idle", "user"]),
            ],
        },
        Metric {
            name: "request_duration_seconds_bucket",
            labels: &[
                ("instance", &["api-0", "api-1"]),
                ("job", &["api"]),
                ("le", &["0.1", "1.0", "+Inf"]),
            ],
        },
        Metric {
            name: "request_duration_seconds_count",
            labels: &[("instance", &["api-0"]), ("job", &["api"])],
        },
        Metric {
            name: "request_duration_seconds_sum",
            labels: &[("instance", &["api-1"]), ("job", &["api"])],
        },
        Metric {
            name: "temperature_celsius",
            labels: &[
                ("room", &["kitchen", "attic", "cellar"]),
                ("floor", &["0", "1", "2"]),
            ],
        },
        Metric {
            name: "memory_bytes",
            labels: &[("job", &["api", "web"]), ("instance", &["api-0", "web-0"])],
        },
        Metric {
            name: "limit_bytes",
            labels: &[("job", &["api", "web"]), ("team", &["api-team"])],
        },
        Metric {
            name: "build_info",
            labels: &[("instance", &["api-0", "web-0"]), ("version", &["1.2", "1.3"])],
        },
    ],
    many: &[
        "{__name__=~\"memory_bytes|limit_bytes\"}",
        "{__name__=~\".*_bytes\"}",
        "{__name__=~\"request_.*\"}",
        "{__name__=~\"(build|target)_info\"}",
        "{job=\"api\"}",
        "{__name__!=\"up\",instance=~\"api-.\"}",
    ],
    labels: &[
        "job", "instance", "method", "status", "cpu", "mode", "le", "room", "floor", "team", "version",
        "none", "__name__",
    ],
    histograms: &[
        "rate(request_duration_seconds_bucket[5m])",
        "sum by (le) (rate(request_duration_seconds_bucket[10m]))",
        "request_duration_seconds_bucket",
    ],
};

/// What [`super::super::histogram_data`] stores.
pub(super) static HISTOGRAMS: Vocabulary = Vocabulary {
    metrics: &[
        Metric {
            name: "latency_seconds",
            labels: &[("i", &["0", "1", "2"]), ("kind", &["a", "b"])],
        },
        Metric {
            name: "latency_float_seconds",
            labels: &[("i", &["0", "1"])],
        },
        Metric {
            name: "queue_depth",
            labels: &[("i", &["0", "1"])],
        },
        Metric {
            name: "listed_bounds",
            labels: &[("i", &["0", "1", "2"])],
        },
        Metric {
            name: "turning",
            labels: &[("i", &["0", "1"])],
        },
        Metric {
            name: "latency_seconds_bucket",
            labels: &[("i", &["0", "1"]), ("le", &["0.5", "1", "+Inf"])],
        },
        Metric {
            name: "plain",
            labels: &[("i", &["0", "1", "2"])],
        },
        Metric {
            name: "sum",
            labels: &[("by", &["x", "y"]), ("offset", &["1"])],
        },
        Metric {
            name: "",
            labels: &[
                ("__name__", &["dotted.name"]),
                ("\"label with space\"", &["é", "1"]),
                ("on", &["x"]),
            ],
        },
    ],
    many: &[
        "{__name__=~\"latency_seconds|plain\"}",
        "{__name__=~\"latency.*\"}",
        "{__name__=~\"listed_bounds|latency_seconds\"}",
        "{i=\"0\"}",
        "{\"dotted.name\"}",
        "{\"dotted.name\", \"label with space\"!=\"1\"}",
    ],
    labels: &[
        "i",
        "kind",
        "le",
        "by",
        "on",
        "offset",
        "\"label with space\"",
        "none",
        "__name__",
    ],
    histograms: &[
        "rate(latency_seconds[5m])",
        "sum(rate(latency_float_seconds[4m]))",
        "latency_seconds",
        "sum by (i) (listed_bounds)",
        "increase(listed_bounds[10m])",
        "{__name__=~\"latency_seconds(_bucket)?\"}",
        "queue_depth",
    ],
};
