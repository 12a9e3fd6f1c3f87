//! Random expressions that are valid, over the metrics of a [`Vocabulary`].
//!
//! Every kind of node is drawn; depth runs out, so expressions end. Calls of functions are drawn in
//! [`super::calls`], numbers and texts in [`super::literals`], what is no expression any more in [`super::mutation`].

use promql::functions::Function;

use super::vocabulary::Vocabulary;
use crate::support::Dice;

const SIMPLE_AGGREGATES: [&str; 8] = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"];

/// Draws expressions.
pub(super) struct Generator {
    pub(super) dice: Dice,
    pub(super) vocabulary: &'static Vocabulary,
    /// Functions that both sides have.
    pub(super) functions: Vec<Function>,
    /// Times that `@` names, in seconds: the first, and how many follow.
    pub(super) times_s: (i64, u64),
}

impl Generator {
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.roll(from.len() as u64) as usize]
    }

    pub(super) fn chance(&mut self, one_in: u64) -> bool {
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

    pub(super) fn scalar(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.number();
        }
        match self.dice.roll(7) {
            0 => "time()".to_owned(),
            1 => "pi()".to_owned(),
            2 => format!("scalar({})", self.vector(depth - 1)),
            3 => {
                let op = self.pick(&[
                    "+", "-", "*", "/", "%", "^", "== bool", "!= bool", "> bool", "<= bool", "atan2",
                ]);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            4 => format!("{}{}", self.pick(&["-", "+", "- "]), self.scalar(depth - 1)),
            5 => format!("({})", self.scalar(depth - 1)),
            _ => self.number(),
        }
    }

    fn matchers(&mut self, labels: &[(&str, &[&str])]) -> Vec<String> {
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
                "",
                "(?i)a.?",
                "[^a]*",
                "0|1|2",
                ".*0",
                "(a|b)+.*",
            ]);
            all.push(match self.dice.roll(7) {
                0 => format!("{label}!=\"{value}\""),
                1 => format!("{label}=~\"{pattern}\""),
                2 => format!("{label}!~\"{pattern}\""),
                3 => format!("{label}=~\"{value}|none\""),
                4 => format!("{label} = '{value}'"),
                _ => format!("{label}=\"{value}\""),
            });
        }
        all
    }

    pub(super) fn selector(&mut self) -> String {
        if self.chance(15) {
            return self.pick(self.vocabulary.many).to_owned();
        }
        let metric = self.pick(self.vocabulary.metrics);
        let mut matchers = self.matchers(metric.labels);
        if metric.name.is_empty() {
            let (label, names) = metric.labels[0];
            matchers.push(format!("{label}=\"{}\"", names[0]));
        } else if self.chance(10) {
            // The name may stand within the braces, as a text.
            matchers.insert(0, format!("\"{}\"", metric.name));
            return format!("{{{}}}", matchers.join(","));
        }
        match matchers.is_empty() {
            true if self.chance(10) => format!("{}{{}}", metric.name),
            true => metric.name.to_owned(),
            false => format!(
                "{}{{{}{}}}",
                metric.name,
                matchers.join(","),
                self.pick(&["", "", ","])
            ),
        }
    }

    pub(super) fn shift(&mut self) -> String {
        let at = self.times_s.0 + self.dice.roll(self.times_s.1) as i64;
        match self.dice.roll(18) {
            0 => format!(" offset {}", self.duration()),
            1 => format!(" offset -{}", self.pick(&["1m", "90s", "10m", "37s"])),
            2 => " @ start()".to_owned(),
            3 => " @ end()".to_owned(),
            4 => format!(" @ {at}"),
            5 => format!(" @ end() offset {}", self.duration()),
            6 => format!(" offset {} @ {at}.5", self.duration()),
            _ => String::new(),
        }
    }

    /// A range selector or a subquery.
    pub(super) fn range(&mut self, depth: u64) -> String {
        let range = self.duration();
        if depth > 0 && self.chance(4) {
            let step = self.pick(&["", "", "30s", "1m", "47s", "60", "2m-30s"]);
            let inner = self.vector(depth - 1);
            let shift = self.shift();
            return format!("({inner})[{range}:{step}]{shift}");
        }
        let (selector, shift) = (self.selector(), self.shift());
        format!("{selector}[{range}]{shift}")
    }

    pub(super) fn labels(&mut self) -> String {
        let count = self.dice.roll(3);
        let names: Vec<&str> = (0..count).map(|_| self.pick(self.vocabulary.labels)).collect();
        let end = if count > 0 && self.chance(12) { "," } else { "" };
        format!("{}{end}", names.join(", "))
    }

    pub(super) fn vector(&mut self, depth: u64) -> String {
        if depth == 0 {
            let shift = self.shift();
            return format!("{}{shift}", self.selector());
        }
        match self.dice.roll(18) {
            0..=6 => self.call(depth - 1),
            7..=9 => self.aggregate(depth - 1),
            10..=13 => self.binary(depth - 1),
            14 => format!("{}{}", self.pick(&["-", "-", "+", "-+"]), self.vector(0)),
            15 => format!("({}{})", self.gap(), self.vector(depth - 1)),
            _ => {
                let shift = self.shift();
                format!("{}{shift}", self.selector())
            }
        }
    }

    fn aggregate(&mut self, depth: u64) -> String {
        let inner = self.vector(depth);
        let (op, param) = match self.dice.roll(14) {
            0 => {
                let op = self.pick(&["topk", "bottomk", "limitk"]);
                (
                    op,
                    self.pick(&["1", "3", "0", "-2", "1.7", "NaN", "1e30"]).to_owned(),
                )
            }
            1 => {
                let q = self.pick(&["0", "0.5", "0.99", "1", "-0.1", "7", "NaN", "-Inf"]);
                ("quantile", q.to_owned())
            }
            2 => {
                let label = self.pick(&["\"v\"", "'job'", "\"label with space\"", "\"v\""]);
                ("count_values", label.to_owned())
            }
            3 => {
                let ratio = self.pick(&["0.5", "-0.5", "1", "0.1", "2", "0", "-1", "NaN"]);
                ("limit_ratio", ratio.to_owned())
            }
            4 => (
                self.pick(&["topk", "bottomk", "quantile", "limitk", "limit_ratio"]),
                self.scalar(1),
            ),
            _ => (self.pick(&SIMPLE_AGGREGATES), String::new()),
        };
        let body = match param.is_empty() {
            true => format!("({inner})"),
            false => format!("({param}, {inner})"),
        };
        let clause = match self.dice.roll(5) {
            0 => return format!("{op}{body}"),
            1 => format!("without ({})", self.labels()),
            _ => format!("by ({})", self.labels()),
        };
        match self.dice.roll(4) {
            0 => format!("{op}{body}{}{clause}", self.gap()),
            _ => format!("{op}{}{clause}{}{body}", self.gap(), self.gap()),
        }
    }

    fn binary(&mut self, depth: u64) -> String {
        let op = self.pick(&[
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "== bool", "> bool",
            "<= bool", "!= bool",
        ]);
        match self.dice.roll(8) {
            0 => format!("({} {op} {})", self.vector(depth), self.scalar(depth)),
            1 => format!("({} {op} {})", self.scalar(depth), self.vector(depth)),
            2 | 3 => {
                let op = self.pick(&["and", "or", "unless", "AND"]);
                let matching = self.matching(false);
                format!("({} {op}{matching} {})", self.vector(depth), self.vector(depth))
            }
            4 => {
                // The same on both sides has a partner for everyone.
                let side = self.vector(depth);
                format!("({side} {op} {side})")
            }
            5 => {
                // Without parentheses, what binds tighter counts.
                let (second, scalar) = (self.pick(&["+", "-", "*", "^", "==", "atan2"]), self.number());
                format!("{} {second} {scalar}{}{op} {scalar}", self.vector(0), self.gap())
            }
            _ => {
                let matching = self.matching(true);
                format!(
                    "({}{}{op}{matching} {})",
                    self.vector(depth),
                    self.gap(),
                    self.vector(depth)
                )
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
            match self.dice.roll(5) {
                0 => out.push_str(" group_left"),
                1 => out.push_str(" group_right"),
                2 => out.push_str(&format!(" group_left ({})", self.labels())),
                3 => out.push_str(&format!(" group_right ({})", self.labels())),
                _ => {}
            }
        }
        out
    }
}
