//! Random expressions that are valid, over the metrics of [`super::super::data`].
//!
//! Every kind of node is drawn; depth runs out, so expressions end. Names, labels and values exist more often
//! than not, so that most answers are not empty.

use crate::support::Dice;

/// A metric, its labels, and some of their values.
struct Metric {
    name: &'static str,
    labels: &'static [(&'static str, &'static [&'static str])],
}

const METRICS: [Metric; 9] = [
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
];

const LABELS: [&str; 13] = [
    "job", "instance", "method", "status", "cpu", "mode", "le", "room", "floor", "team", "version", "none",
    "__name__",
];

const OF_NUMBER: [&str; 28] = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg",
    "exp",
    "floor",
    "ln",
    "log10",
    "log2",
    "rad",
    "sgn",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "day_of_week",
    "hour",
    "month",
    "absent",
];

const OF_RANGE: [&str; 26] = [
    "rate",
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "changes",
    "resets",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "last_over_time",
    "present_over_time",
    "absent_over_time",
    "mad_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "quantile_over_time",
    "predict_linear",
    "double_exponential_smoothing",
];

const SIMPLE_AGGREGATES: [&str; 8] = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"];

/// Draws expressions.
pub(super) struct Generator {
    pub(super) dice: Dice,
}

impl Generator {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.roll(from.len() as u64) as usize]
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.dice.roll(one_in) == 0
    }

    /// An instant vector, mostly, or a scalar.
    pub(super) fn expression(&mut self) -> String {
        let depth = 1 + self.dice.roll(4);
        if self.chance(20) {
            self.scalar(depth)
        } else {
            self.vector(depth)
        }
    }

    fn number(&mut self) -> String {
        let known = [
            "0", "1", "2", "-1", "0.5", "1e3", "3.7", "100", "NaN", "Inf", "-Inf", "0.1", "1e-9", "25",
            "0x10", "5m",
        ];
        self.pick(&known).to_owned()
    }

    fn scalar(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.number();
        }
        match self.dice.roll(6) {
            0 => "time()".to_owned(),
            1 => "pi()".to_owned(),
            2 => format!("scalar({})", self.vector(depth - 1)),
            3 => {
                let op = self.pick(&["+", "-", "*", "/", "%", "^", "== bool", "> bool", "atan2"]);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            4 => format!("-{}", self.scalar(depth - 1)),
            _ => self.number(),
        }
    }

    fn duration(&mut self) -> &'static str {
        self.pick(&["1m", "5m", "90s", "2m30s", "10m", "30s", "1h", "37s", "45m"])
    }

    fn matchers(&mut self, labels: &[(&str, &[&str])]) -> String {
        let mut all = Vec::new();
        for _ in 0..self.dice.roll(3) {
            let (label, values) = self.pick(labels);
            let value = self.pick(values);
            let pattern = self.pick(&[
                ".*",
                ".+",
                "a.*",
                "api-.",
                "[0-9]+",
                "(?i:API|web)",
                "x|",
                "GET|POST",
                "2..",
            ]);
            all.push(match self.dice.roll(6) {
                0 => format!("{label}!=\"{value}\""),
                1 => format!("{label}=~\"{pattern}\""),
                2 => format!("{label}!~\"{pattern}\""),
                3 => format!("{label}=~\"{value}|none\""),
                _ => format!("{label}=\"{value}\""),
            });
        }
        if all.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", all.join(","))
        }
    }

    fn selector(&mut self) -> String {
        if self.chance(25) {
            let pattern = self.pick(&[
                "memory_bytes|limit_bytes",
                ".*_bytes",
                "request_.*",
                "(build|target)_info",
            ]);
            return format!("{{__name__=~\"{pattern}\"}}");
        }
        let at = self.dice.roll(METRICS.len() as u64) as usize;
        let metric = &METRICS[at];
        let matchers = self.matchers(metric.labels);
        format!("{}{matchers}", metric.name)
    }

    fn shift(&mut self) -> String {
        match self.dice.roll(14) {
            0 => format!(" offset {}", self.duration()),
            1 => format!(" offset -{}", self.duration()),
            2 => " @ start()".to_owned(),
            3 => " @ end()".to_owned(),
            4 => format!(" @ {}", super::super::data::START_S + self.dice.roll(9000) as i64),
            5 => format!(" @ end() offset {}", self.duration()),
            _ => String::new(),
        }
    }

    fn range(&mut self, depth: u64) -> String {
        let range = self.duration();
        if depth > 0 && self.chance(4) {
            let step = self.pick(&["", "", "30s", "1m", "47s"]);
            let inner = self.vector(depth - 1);
            let shift = self.shift();
            return format!("({inner})[{range}:{step}]{shift}");
        }
        let (selector, shift) = (self.selector(), self.shift());
        format!("{selector}[{range}]{shift}")
    }

    fn labels(&mut self) -> String {
        let count = self.dice.roll(3);
        let names: Vec<&str> = (0..count).map(|_| self.pick(&LABELS)).collect();
        names.join(", ")
    }

    fn vector(&mut self, depth: u64) -> String {
        if depth == 0 {
            let shift = self.shift();
            return format!("{}{shift}", self.selector());
        }
        match self.dice.roll(16) {
            0 | 1 => {
                let function = self.pick(&OF_NUMBER);
                format!("{function}({})", self.vector(depth - 1))
            }
            2..=5 => self.of_range(depth - 1),
            6..=8 => self.aggregate(depth - 1),
            9..=11 => self.binary(depth - 1),
            12 | 13 => self.call(depth - 1),
            14 => format!("-{}", self.vector(0)),
            _ => {
                let shift = self.shift();
                format!("{}{shift}", self.selector())
            }
        }
    }

    fn of_range(&mut self, depth: u64) -> String {
        let function = self.pick(&OF_RANGE);
        let range = self.range(depth);
        match function {
            "quantile_over_time" => {
                let q = self.pick(&["0", "0.5", "0.9", "1", "-1", "1.5", "NaN", "0.33"]);
                format!("{function}({q}, {range})")
            }
            "predict_linear" => format!("{function}({range}, {})", self.number()),
            "double_exponential_smoothing" => {
                let factor = self.pick(&["0.5", "0.1", "0.9", "0", "1.5"]);
                format!("{function}({range}, 0.3, {factor})")
            }
            _ => format!("{function}({range})"),
        }
    }

    fn aggregate(&mut self, depth: u64) -> String {
        let inner = self.vector(depth);
        let clause = match self.dice.roll(4) {
            0 => String::new(),
            1 => format!(" without ({}) ", self.labels()),
            _ => format!(" by ({}) ", self.labels()),
        };
        match self.dice.roll(14) {
            0 => {
                let (op, k) = (
                    self.pick(&["topk", "bottomk", "limitk"]),
                    self.pick(&["1", "3", "0", "-2", "1.7"]),
                );
                format!("{op}{clause}({k}, {inner})")
            }
            1 => {
                let q = self.pick(&["0", "0.5", "0.99", "1", "-0.1", "7", "NaN"]);
                format!("quantile{clause}({q}, {inner})")
            }
            2 => format!("count_values{clause}(\"v\", {inner})"),
            3 => {
                let ratio = self.pick(&["0.5", "-0.5", "1", "0.1", "2", "0"]);
                format!("limit_ratio{clause}({ratio}, {inner})")
            }
            4 => format!("topk{clause}({}, {inner})", self.scalar(1)),
            _ => {
                let op = self.pick(&SIMPLE_AGGREGATES);
                format!("{op}{clause}({inner})")
            }
        }
    }

    fn binary(&mut self, depth: u64) -> String {
        let op = self.pick(&[
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "== bool", "> bool",
            "<= bool",
        ]);
        match self.dice.roll(7) {
            0 => format!("({} {op} {})", self.vector(depth), self.scalar(depth)),
            1 => format!("({} {op} {})", self.scalar(depth), self.vector(depth)),
            2 => {
                let op = self.pick(&["and", "or", "unless"]);
                let matching = self.matching(false);
                format!("({} {op}{matching} {})", self.vector(depth), self.vector(depth))
            }
            3 => {
                // The same on both sides has a partner for everyone.
                let side = self.vector(depth);
                format!("({side} {op} {side})")
            }
            _ => {
                let matching = self.matching(true);
                format!("({} {op}{matching} {})", self.vector(depth), self.vector(depth))
            }
        }
    }

    fn matching(&mut self, may_group: bool) -> String {
        let mut out = match self.dice.roll(3) {
            0 => return String::new(),
            1 => format!(" on ({})", self.labels()),
            _ => format!(" ignoring ({})", self.labels()),
        };
        if may_group {
            match self.dice.roll(4) {
                0 => out.push_str(" group_left"),
                1 => out.push_str(" group_right"),
                2 => out.push_str(" group_left (team, version)"),
                _ => {}
            }
        }
        out
    }

    fn call(&mut self, depth: u64) -> String {
        let inner = self.vector(depth);
        match self.dice.roll(13) {
            0 => {
                let buckets = self.pick(&[
                    "rate(request_duration_seconds_bucket[5m])",
                    "sum by (le) (rate(request_duration_seconds_bucket[10m]))",
                    "request_duration_seconds_bucket",
                ]);
                let q = self.scalar(0);
                format!("histogram_quantile({q}, {buckets})")
            }
            1 => format!("histogram_quantile(0.9, {inner})"),
            2 => {
                let (label, source) = (self.pick(&LABELS), self.pick(&LABELS));
                let (to, from) = (
                    self.pick(&["$1", "x-$1", "${1}y", "$2", ""]),
                    self.pick(&["(.*)", "(.)(.*)", "a.*", "(api|web).*"]),
                );
                format!("label_replace({inner}, \"{label}\", \"{to}\", \"{source}\", \"{from}\")")
            }
            3 => {
                let (label, a, b) = (self.pick(&LABELS), self.pick(&LABELS), self.pick(&LABELS));
                format!("label_join({inner}, \"{label}\", \"-\", \"{a}\", \"{b}\")")
            }
            4 => format!("clamp({inner}, {}, {})", self.scalar(0), self.scalar(0)),
            5 => format!("clamp_min({inner}, {})", self.scalar(0)),
            6 => format!("clamp_max({inner}, {})", self.scalar(1)),
            7 => format!("round({inner}, {})", self.pick(&["1", "0.1", "5", "0.3", "0"])),
            8 => format!("vector({})", self.scalar(1)),
            9 => {
                let sort = self.pick(&["sort", "sort_desc"]);
                format!("{sort}({inner})")
            }
            10 => {
                let (sort, label) = (
                    self.pick(&["sort_by_label", "sort_by_label_desc"]),
                    self.pick(&LABELS),
                );
                format!("{sort}({inner}, \"{label}\")")
            }
            11 => format!("info({inner}, {{__name__=\"build_info\"}})"),
            _ => format!("histogram_count({inner})"),
        }
    }

    /// The text with some of it lost, doubled or replaced: mostly no expression any more.
    pub(super) fn mutated(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..1 + self.dice.roll(2) {
            let at = self.dice.roll(chars.len() as u64 + 1) as usize;
            let new = self.pick(&[
                '(', ')', '{', '}', '[', ']', '"', '\'', ',', ':', '=', '~', '!', '@', '+', '-', '*', '/',
                '^', '%', '<', '0', '7', 'a', 'e', 'm', '_', ' ', '\n', '#', '`', '\\', '.', 'é', '$',
            ]);
            match self.dice.roll(4) {
                0 if at < chars.len() => {
                    chars.remove(at);
                }
                1 if at < chars.len() => chars[at] = new,
                2 if at < chars.len() => chars.truncate(at),
                _ => chars.insert(at.min(chars.len()), new),
            }
        }
        chars.into_iter().collect()
    }
}
