//! Valid expressions from arbitrary bytes: each choice takes a byte, and where they run out the first is
//! taken, which is always the simplest.
//!
//! Left out is what asks about the range itself (`@ end()`, `step()`), so that instants can be compared.

/// Draws expressions.
pub(super) struct Generator<'b> {
    bytes: &'b [u8],
}

const NAMES: [&str; 10] = [
    "gauge",
    "requests_total",
    "native",
    "special",
    "ends",
    "mixed",
    "custom",
    "latency_bucket",
    "target_info",
    "missing",
];

const LABELS: [&str; 7] = ["job", "instance", "zone", "le", "version", "__name__", "none"];

const OF_NUMBER: [&str; 40] = [
    "abs",
    "ceil",
    "floor",
    "sgn",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "timestamp",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
    "absent",
    "histogram_count",
    "histogram_sum",
    "histogram_avg",
    "histogram_stddev",
    "histogram_stdvar",
    "round",
    "sort",
];

const OF_RANGE: [&str; 27] = [
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
    "first_over_time",
    "present_over_time",
    "absent_over_time",
    "mad_over_time",
    "ts_of_last_over_time",
    "ts_of_first_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "rate",
    "increase",
    "delta",
];

const AGGREGATES: [&str; 8] = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"];

const NUMBERS: [&str; 14] = [
    "1", "0", "2.5", "-1", "NaN", "Inf", "-Inf", "1e308", "0x1F", "5m", "1e-9", "3", "-0", "9e18",
];

const DURATIONS: [&str; 10] = [
    "5m", "1m", "15s", "1s", "1h", "1m30s", "90", "250ms", "1d", "2 * 30",
];

const OPERATORS: [&str; 14] = [
    "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "== bool",
];

const SETS: [&str; 3] = ["and", "or", "unless"];

impl<'b> Generator<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// A number below `limit`.
    pub(super) fn number(&mut self, limit: i64) -> i64 {
        let mut number = 0;
        let mut bound = 1;
        while bound < limit {
            let Some((&byte, rest)) = self.bytes.split_first() else {
                break;
            };
            self.bytes = rest;
            number = number * 256 + i64::from(byte);
            bound *= 256;
        }
        number % limit.max(1)
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.number(from.len() as i64) as usize]
    }

    fn chance(&mut self, one_in: i64) -> bool {
        self.number(one_in) == one_in - 1
    }

    /// An instant vector or a scalar.
    pub(super) fn expression(&mut self) -> String {
        if self.chance(10) {
            self.scalar(4)
        } else {
            self.vector(4)
        }
    }

    fn scalar(&mut self, depth: u32) -> String {
        let kinds = if depth == 0 { 2 } else { 8 };
        match self.number(kinds) {
            0 => self.pick(&NUMBERS).to_owned(),
            1 => self.pick(&["time()", "pi()"]).to_owned(),
            2 => format!("scalar({})", self.vector(depth - 1)),
            3 => format!("-{}", self.scalar(depth - 1)),
            4 => format!("({})", self.scalar(depth - 1)),
            5 => {
                let function = self.pick(&["max_of", "min_of"]);
                format!(
                    "{function}({}, {})",
                    self.scalar(depth - 1),
                    self.scalar(depth - 1)
                )
            }
            _ => {
                let operator = self.pick(&["+", "-", "*", "/", "%", "^", "atan2", "== bool", "< bool"]);
                format!(
                    "({} {operator} {})",
                    self.scalar(depth - 1),
                    self.scalar(depth - 1)
                )
            }
        }
    }

    fn matchers(&mut self) -> String {
        let count = self.number(3);
        let all: Vec<String> = (0..count)
            .map(|_| {
                let label = self.pick(&LABELS[..5]);
                let operator = self.pick(&["=", "!=", "=~", "!~"]);
                let value = self.pick(&[
                    "api", "web", "api-0", "a", "", "1", ".*", ".+", "api|web", "w.*", "(?i:API)", ".*-1",
                ]);
                format!("{label}{operator}\"{value}\"")
            })
            .collect();
        if all.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", all.join(","))
        }
    }

    fn shift(&mut self) -> String {
        match self.number(10) {
            6 => format!(" offset {}", self.pick(&["1m", "-1m", "10s", "1h", "-2h"])),
            7 => format!(" @ {}", self.pick(&["1000", "0", "-5", "1e4", "3599.999"])),
            8 => " offset -30s @ 1800".to_owned(),
            9 => " @ 900 offset 5m".to_owned(),
            _ => String::new(),
        }
    }

    fn selector(&mut self) -> String {
        if self.chance(16) {
            return "{__name__=~\"gauge|requests_total|ends\"}".to_owned();
        }
        let name = self.pick(&NAMES);
        format!("{name}{}", self.matchers())
    }

    fn range(&mut self, depth: u32) -> String {
        let range = self.pick(&DURATIONS);
        if depth > 0 && self.chance(4) {
            let step = self.pick(&["", "15s", "1m", "7s", "1h"]);
            return format!("({})[{range}:{step}]{}", self.vector(depth - 1), self.shift());
        }
        format!("{}[{range}]{}", self.selector(), self.shift())
    }

    fn labels(&mut self) -> String {
        let count = self.number(3);
        let all: Vec<&str> = (0..count).map(|_| self.pick(&LABELS)).collect();
        all.join(", ")
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            return format!("{}{}", self.selector(), self.shift());
        }
        match self.number(16) {
            0 | 1 => format!("{}{}", self.selector(), self.shift()),
            2 | 3 => self.of_range(depth),
            4..=6 => self.aggregate(depth),
            7..=9 => self.binary(depth),
            10 => format!("-{}", self.vector(depth - 1)),
            11 => format!("({})", self.vector(depth - 1)),
            12 => format!("vector({})", self.scalar(depth - 1)),
            13 => self.of_histogram(depth),
            14 => self.of_labels(depth),
            _ => format!("{}({})", self.pick(&OF_NUMBER), self.vector(depth - 1)),
        }
    }

    fn of_range(&mut self, depth: u32) -> String {
        match self.number(32) {
            28 => format!("quantile_over_time({}, {})", self.scalar(1), self.range(depth)),
            29 => format!("predict_linear({}, {})", self.range(depth), self.scalar(1)),
            30 => format!("double_exponential_smoothing({}, 0.3, 0.6)", self.range(depth)),
            31 => {
                let modifier = self.pick(&["anchored", "smoothed"]);
                let function = self.pick(&["rate", "increase", "delta"]);
                let range = self.pick(&DURATIONS);
                format!(
                    "{function}({}[{range}] {modifier})",
                    self.pick(&["gauge", "requests_total", "ends"])
                )
            }
            _ => format!("{}({})", self.pick(&OF_RANGE), self.range(depth)),
        }
    }

    fn aggregate(&mut self, depth: u32) -> String {
        let grouping = match self.number(3) {
            0 => String::new(),
            1 => format!(" by ({})", self.labels()),
            _ => format!(" without ({})", self.labels()),
        };
        let inner = self.vector(depth - 1);
        match self.number(16) {
            10 | 11 => {
                let function = self.pick(&["topk", "bottomk", "limitk"]);
                let count = self.pick(&["1", "2", "3", "0", "-1", "5"]);
                format!("{function}{grouping} ({count}, {inner})")
            }
            12 => format!(
                "limit_ratio{grouping} ({}, {inner})",
                self.pick(&["0.5", "-0.5", "1", "0", "0.1"])
            ),
            13 => format!("quantile{grouping} ({}, {inner})", self.scalar(1)),
            14 => format!(
                "count_values{grouping} (\"{}\", {inner})",
                self.pick(&["v", "job", "le"])
            ),
            _ => format!("{}{grouping} ({inner})", self.pick(&AGGREGATES)),
        }
    }

    fn binary(&mut self, depth: u32) -> String {
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        match self.number(8) {
            0 => format!("({left} {} {})", self.pick(&OPERATORS), self.scalar(depth - 1)),
            1 => format!("({} {} {right})", self.scalar(depth - 1), self.pick(&OPERATORS)),
            2 | 3 => format!("({left} {}{} {right})", self.pick(&SETS), self.matching(false)),
            4 => format!("({left} {} {})", self.pick(&["</", ">/"]), self.scalar(1)),
            _ => format!(
                "({left} {}{} {right})",
                self.pick(&OPERATORS),
                self.matching(true)
            ),
        }
    }

    fn matching(&mut self, may_group: bool) -> String {
        let on = match self.number(3) {
            0 => return String::new(),
            1 => format!(" on ({})", self.labels()),
            _ => format!(" ignoring ({})", self.labels()),
        };
        match self.number(5) {
            3 if may_group => format!("{on} group_left ()"),
            4 if may_group && on.starts_with(" on ()") => format!("{on} group_right (zone)"),
            _ => on,
        }
    }

    fn of_histogram(&mut self, depth: u32) -> String {
        let inner = self.vector(depth - 1);
        match self.number(4) {
            0 => format!("histogram_quantile({}, {inner})", self.scalar(1)),
            1 => format!(
                "histogram_fraction({}, {}, {inner})",
                self.scalar(1),
                self.scalar(1)
            ),
            2 => format!("histogram_quantiles({inner}, \"q\", 0.1, 0.9)"),
            _ => format!(
                "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m]))) + on () group_right () {inner}"
            ),
        }
    }

    fn of_labels(&mut self, depth: u32) -> String {
        let inner = self.vector(depth - 1);
        let target = self.pick(&["new", "job", "__name__", "zone"]);
        match self.number(6) {
            0 | 1 => {
                let template = self.pick(&["$1", "x-$1", "", "${n}"]);
                let pattern = self.pick(&["(.*)", "(.*)-.*", "(?P<n>a).*", "b"]);
                format!("label_replace({inner}, \"{target}\", \"{template}\", \"instance\", \"{pattern}\")")
            }
            2 => format!("label_join({inner}, \"{target}\", \"-\", \"job\", \"zone\")"),
            3 => format!("info({inner})"),
            4 => format!("clamp({inner}, {}, {})", self.scalar(1), self.scalar(1)),
            _ => format!("sort_by_label({inner}, \"job\")"),
        }
    }
}
