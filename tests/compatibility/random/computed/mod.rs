//! Random native histograms and expressions over them, computed by both promtools.
//!
//! A unit test of rules that expects nothing says what each expression answers instead, so the two reports of
//! one file must be equal. Series change resolution and zero bucket, begin anew, go stale, turn into floats.

mod known;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::support::server::promtool;
use crate::support::{Dice, number_from_env, peers};

/// Expressions of one file.
const EXPRESSIONS: u64 = 40;
/// Samples of a series, one a minute.
const SAMPLES: u64 = 12;

/// Draws files.
struct Generator {
    dice: Dice,
}

impl Generator {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.roll(from.len() as u64) as usize]
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.dice.roll(one_in) == 0
    }

    fn buckets(&mut self, counts: &mut Vec<u64>) -> String {
        for count in counts.iter_mut() {
            // Every bucket grows: the peer shifts buckets when it prints a histogram with several gaps.
            *count += 1 + self.dice.roll(5);
        }
        if !counts.is_empty() && self.chance(6) {
            counts.push(1000 + self.dice.roll(9));
        }
        let texts: Vec<String> = counts.iter().map(u64::to_string).collect();
        texts.join(" ")
    }

    /// A series of exponential histograms.
    fn exponential(&mut self) -> String {
        let (mut schema, mut offset) = (self.dice.roll(4) as i64 - 1, self.dice.roll(5) as i64 - 2);
        let mut threshold = self.pick(&["0", "0.001", "0.01"]);
        // A chunk gives all its histograms the buckets of any of them, empty or not, and whether there are
        // negative ones shows in quantiles; so a series has them from the beginning or never.
        // Counts are large, and ranges begin half an interval before a sample: the peer extrapolates counters
        // below zero.
        let mut positive = vec![1000, 1500, 2000];
        let mut negative = if self.chance(3) {
            vec![1200, 1100]
        } else {
            Vec::new()
        };
        let mut zero = 1300;
        let is_gauge = self.chance(3);
        let mut out = Vec::new();
        for _ in 0..SAMPLES {
            match self.dice.roll(30) {
                0 => {
                    (positive, zero) = (vec![self.dice.roll(300) + 700], 500);
                    negative.fill(600);
                }
                1 => schema = self.dice.roll(4) as i64 - 1,
                2 => (threshold, offset) = ("0.5", offset.max(1)),
                4 => offset += 1,
                5 => {
                    out.push("_".to_owned());
                    continue;
                }
                6 if self.chance(3) => {
                    out.push("stale".to_owned());
                    continue;
                }
                7 if self.chance(2) => {
                    out.push(self.dice.roll(50).to_string());
                    continue;
                }
                _ => {}
            }
            zero += self.dice.roll(3);
            let (up, down) = (self.buckets(&mut positive), self.buckets(&mut negative));
            let count: u64 = positive.iter().chain(&negative).sum::<u64>() + zero;
            let sum = count as f64 * 1.37 - self.dice.roll(7) as f64;
            let mut text = format!(
                "{{{{schema:{schema} count:{count} sum:{sum} z_bucket:{zero} z_bucket_w:{threshold} offset:{offset} buckets:[{up}]"
            );
            if !negative.is_empty() {
                write!(text, " n_offset:2 n_buckets:[{down}]").expect("strings take all");
            }
            if is_gauge {
                text.push_str(" counter_reset_hint:gauge");
            }
            text.push_str("}}");
            out.push(text);
        }
        out.join(" ")
    }

    /// A series of histograms with listed bounds, the same for all: the peer cannot reconcile others.
    fn custom(&mut self) -> String {
        let mut counts = vec![1000, 2000, 1500, 3000];
        let mut out = Vec::new();
        for _ in 0..SAMPLES {
            if self.chance(20) {
                counts = vec![700, 600, 800, 900];
            }
            for count in &mut counts {
                *count += 1 + self.dice.roll(4);
            }
            let count: u64 = counts.iter().sum();
            let texts: Vec<String> = counts.iter().map(u64::to_string).collect();
            out.push(format!(
                "{{{{schema:-53 count:{count} sum:{} custom_values:[0.5 1 5] buckets:[{}]}}}}",
                count as f64 * 0.61,
                texts.join(" ")
            ));
        }
        out.join(" ")
    }

    fn file(&mut self) -> String {
        let mut out = String::from("evaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n");
        for (name, i) in [("h", 0), ("h", 1), ("h", 2), ("g", 0), ("c", 0), ("c", 1)] {
            let values = if name == "c" {
                self.custom()
            } else {
                self.exponential()
            };
            writeln!(
                out,
                "      - series: '{name}{{i=\"{i}\"}}'\n        values: '{values}'"
            )
            .expect("strings take all");
        }
        out.push_str("      - series: 'f{i=\"0\"}'\n        values: '1+1x12'\n    promql_expr_test:\n");
        for _ in 0..EXPRESSIONS {
            let depth = 1 + self.dice.roll(3);
            let expression = self.expression(depth);
            let at = self.pick(&["3m", "7m", "11m", "8m", "15m"]);
            writeln!(out, "      - expr: '{expression}'\n        eval_time: {at}").expect("strings take all");
        }
        out
    }

    fn selector(&mut self) -> &'static str {
        self.pick(&[
            "h",
            "h{i=\"0\"}",
            "h{i=\"1\"}",
            "g",
            "c",
            "c{i=\"0\"}",
            "f",
            "{__name__=~\"h|f\"}",
        ])
    }

    fn expression(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.selector().to_owned();
        }
        let inner = self.expression(depth - 1);
        let number = self.pick(&["2", "0.5", "-1", "3.7", "0"]);
        match self.dice.roll(17) {
            0..=3 => {
                let function = self.pick(&[
                    "rate",
                    "increase",
                    "delta",
                    "irate",
                    "idelta",
                    "changes",
                    "resets",
                    "sum_over_time",
                    "avg_over_time",
                    "count_over_time",
                    "last_over_time",
                    "present_over_time",
                    "max_over_time",
                    "stddev_over_time",
                ]);
                let (selector, range) = (self.selector(), self.pick(&["150s", "330s", "630s", "90s"]));
                format!("{function}({selector}[{range}])")
            }
            4 => format!("avg_over_time(({inner})[6m:1m])"),
            5..=7 => {
                let op = self.pick(&["sum", "avg", "count", "max", "group", "stddev"]);
                let by = self.pick(&["", " by (i)"]);
                format!("{op}{by}({inner})")
            }
            8 => format!("{inner} * {number}"),
            9 => format!("{number} * {inner}"),
            10 => format!("({inner}) / {number}"),
            11 => {
                let op = self.pick(&["+", "-", "==", "!=", "*", ">", "and"]);
                let other = self.expression(depth - 1);
                format!("({inner}) {op} on (i) ({other})")
            }
            12 => format!("-({inner})"),
            13 => {
                let q = self.pick(&["0", "0.1", "0.5", "0.9", "1", "1.2"]);
                format!("histogram_quantile({q}, {inner})")
            }
            14 => {
                let (low, high) = (
                    self.pick(&["-Inf", "0", "-1", "0.3"]),
                    self.pick(&["1", "2.5", "+Inf", "0.7"]),
                );
                format!("histogram_fraction({low}, {high}, {inner})")
            }
            15 => {
                let function = self.pick(&["count", "sum", "avg", "stddev", "stdvar"]);
                format!("histogram_{function}({inner})")
            }
            _ => format!("count_values(\"v\", {inner})"),
        }
    }
}

/// What a promtool reports about each expression.
fn answers(binary: &Path, file: &Path) -> BTreeMap<String, String> {
    let ran = Command::new(binary)
        .args(["test", "rules"])
        .arg(file)
        .output()
        .expect("run promtool");
    let text = [ran.stdout, ran.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let found = text.split("    expr: ").skip(1).filter_map(|block| {
        let (expression, rest) = block.split_once("\n        ")?;
        Some((expression.to_owned(), rest.trim_end().to_owned()))
    });
    found.collect()
}

/// Whether two answers differ in the last digits at most.
fn is_close(ours: &str, theirs: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.split([' ', ':', '[', ']', '{', '}', ',', '(', '"'])
            .map(str::to_owned)
            .collect()
    };
    let (ours, theirs) = (split(ours), split(theirs));
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => {
                    a == b
                        || (a.is_nan() && b.is_nan())
                        || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
                }
                _ => a == b,
            })
}

#[test]
fn random_native_histograms_compute_as_in_prometheus() {
    let skipped = "random native histograms beside the real promtool";
    let Some(theirs) = peers::promtool(skipped) else {
        return;
    };
    let (rounds, seed) = (
        number_from_env("RANDOM_QUERIES", 300),
        number_from_env("RANDOM_SEED", 1),
    );
    eprintln!("RANDOM_QUERIES={rounds} RANDOM_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("tests.yml");
    let mut generator = Generator { dice: Dice(seed) };
    let (mut asked, mut close, mut explained, mut differences) = (0, 0, 0, Vec::new());
    for _ in 0..rounds.div_ceil(EXPRESSIONS) {
        std::fs::write(&file, generator.file()).expect("write the tests");
        let (mut ours, theirs) = (answers(&promtool(), &file), answers(&theirs, &file));
        for (expression, theirs) in theirs {
            asked += 1;
            match ours.remove(&expression) {
                Some(ours) if ours == theirs => {}
                Some(ours) if is_close(&ours, &theirs) => close += 1,
                Some(ours)
                    if is_close(
                        &known::level_histogram(&expression, &ours),
                        &known::level_histogram(&expression, &theirs),
                    ) =>
                {
                    explained += 1;
                }
                _ if known::explains_histogram(&expression, &theirs) => explained += 1,
                ours => {
                    let ours = ours.unwrap_or_default();
                    let text = std::fs::read_to_string(&file).expect("read the tests");
                    let series = text.split("    promql_expr_test").next().unwrap_or_default();
                    differences.push(format!(
                        "{expression}\n  ours   {ours}\n  theirs {theirs}\n{series}"
                    ));
                }
            }
        }
        ours.retain(|expression, _| !known::explains_histogram(expression, ""));
        differences.extend(
            ours.into_iter()
                .map(|(expression, ours)| format!("{expression}\n  only ours {ours}")),
        );
    }
    eprintln!(
        "{asked} answers, {close} but for the last digits, {explained} as a later version answers, {} different",
        differences.len()
    );
    assert!(
        differences.is_empty(),
        "{} of {asked} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(8)].join("\n")
    );
}
