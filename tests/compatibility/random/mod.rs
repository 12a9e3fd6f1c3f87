//! Random queries and random texts beside the real Prometheus over one directory.
//!
//! `RANDOM_QUERIES=20000` asks more of them, `RANDOM_SEED=7` others, `RANDOM_FEATURES` with more feature flags. What Prometheus has changed since the
//! peer's version is in [`known`], each with its reason; nothing else may differ. Values may differ in the
//! last digits for one query in a hundred, and then by no more than 1e-9 of themselves.

mod expressions;
mod histograms;
mod known;

use serde_json::Value;

use super::compare::{difference, sort_result, sort_texts};
use super::data::{self, START_S};
use super::queries::{is_ordered, start_with};
use crate::support::http::Answer;
use crate::support::server::{Server, deucalion};
use crate::support::{Dice, number_from_env, peers};
use expressions::Generator;

/// How many differences are shown.
const SHOWN_MAX: usize = 25;

fn essence(answer: &Answer, ordered: bool) -> Value {
    let mut body = answer.json();
    if !ordered {
        sort_result(&mut body["data"]);
    }
    sort_texts(body.get_mut("warnings"));
    sort_texts(body.get_mut("infos"));
    body["status_code"] = answer.status.into();
    // Of the statistics only how many samples were looked at is the same in every run.
    if let Some(stats) = body["data"].get_mut("stats") {
        let samples = stats["samples"].take();
        *stats = Value::Null;
        for name in ["totalQueryableSamples", "totalQueryableSamplesPerStep"] {
            stats[name] = samples[name].clone();
        }
    }
    body
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    asked: usize,
    answered: usize,
    identical: usize,
    explained: usize,
    /// Equal but for the last digits.
    close: usize,
    differences: Vec<String>,
}

impl Tally {
    fn take(&mut self, query: &str, mut ours: Value, mut theirs: Value) {
        self.asked += 1;
        if theirs["status"] == "success" {
            self.answered += 1;
        }
        if ours == theirs {
            self.identical += usize::from(theirs["status"] == "success");
            return;
        }
        known::level(query, &mut ours, &mut theirs);
        let Some(difference) = difference(&ours, &theirs, "") else {
            if ours == theirs {
                self.explained += 1;
            } else {
                self.close += 1;
            }
            return;
        };
        if known::explains(query, &ours, &theirs) {
            self.explained += 1;
            return;
        }
        let errors = [&ours, &theirs].map(|answer| answer["error"].to_string());
        let shown = format!("{query}\n    {difference}\n    errors: {}", errors.join(", "));
        if self.differences.len() < SHOWN_MAX {
            eprintln!("{shown}");
        }
        self.differences.push(shown);
    }

    #[track_caller]
    fn check(&self) {
        let Self {
            asked,
            answered,
            identical,
            explained,
            close,
            differences,
        } = self;
        eprintln!(
            "{asked} asked, {answered} answered, {identical} of these to the last byte, {explained} as a later \
             version answers, {close} but for the last digits, {} different",
            differences.len()
        );
        assert!(
            differences.is_empty(),
            "{} of {asked} differ:\n{}",
            differences.len(),
            differences[..differences.len().min(SHOWN_MAX)].join("\n")
        );
        assert!(
            close * 100 <= *answered,
            "{close} of {answered} answers have other last digits"
        );
    }
}

/// The two servers over copies of one directory, and a generator.
fn prepare(skipped: &str, queries: u64) -> Option<(tempfile::TempDir, Server, Server, Generator, u64)> {
    let (prometheus, promtool) = (peers::prometheus(skipped)?, peers::promtool(skipped)?);
    let (rounds, seed) = (
        number_from_env("RANDOM_QUERIES", queries),
        number_from_env("RANDOM_SEED", 1),
    );
    eprintln!("RANDOM_QUERIES={rounds} RANDOM_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    let data = data::make(&promtool, dir.path());
    let flags = [
        "--enable-feature=promql-experimental-functions,promql-per-step-stats",
        "--query.timeout=20s",
    ];
    let features = std::env::var("RANDOM_FEATURES").unwrap_or_default();
    let more = format!("--enable-feature={features}");
    let mut flags = flags.to_vec();
    if !features.is_empty() {
        flags.push(&more);
    }
    let theirs = start_with(&prometheus, &data, &dir.path().join("theirs"), &flags);
    let ours = start_with(&deucalion(), &data, &dir.path().join("ours"), &flags);
    Some((dir, ours, theirs, Generator { dice: Dice(seed) }, rounds))
}

#[test]
fn random_queries_are_answered_as_prometheus_answers_them() {
    let skipped = "random queries beside the real Prometheus";
    let Some((_dir, ours, theirs, mut generator, rounds)) = prepare(skipped, 300) else {
        return;
    };
    let mut tally = Tally::default();
    for _ in 0..rounds {
        let query = generator.expression();
        let at = START_S + generator.dice.roll(9600) as i64;
        let (from, to) = (at.to_string(), (at + 1500).to_string());
        let step = [7, 30, 137, 600][generator.dice.roll(4) as usize].to_string();
        let (path, params) = if generator.dice.roll(2) == 0 {
            (
                "/api/v1/query",
                vec![("query", query.as_str()), ("time", from.as_str())],
            )
        } else {
            let times = vec![
                ("query", query.as_str()),
                ("start", from.as_str()),
                ("end", to.as_str()),
                ("step", step.as_str()),
            ];
            ("/api/v1/query_range", times)
        };
        // Where the peer takes series out of a map, equal values stand in any order after sorting.
        let from_map = query.contains("count_values") || query.contains("histogram_");
        let ordered = path.ends_with("range") || (is_ordered(&query) && !from_map);
        let mut params = params;
        if generator.dice.roll(4) == 0 {
            params.push(("stats", "all"));
        }
        let (a, b) = (ours.get(path, &params), theirs.get(path, &params));
        let shown = format!("{path} {params:?}");
        tally.take(&shown, essence(&a, ordered), essence(&b, ordered));
    }
    tally.check();
}

#[test]
fn random_texts_are_parsed_and_refused_as_prometheus_does() {
    let skipped = "random expressions beside the parser of the real Prometheus";
    let Some((_dir, ours, theirs, mut generator, rounds)) = prepare(skipped, 500) else {
        return;
    };
    let mut tally = Tally::default();
    for at in 0..rounds {
        let mut text = generator.expression();
        if at % 3 > 0 {
            text = generator.mutated(&text);
        }
        let params = [("query", text.as_str())];
        for path in ["/api/v1/parse_query", "/api/v1/format_query"] {
            let (a, b) = (ours.get(path, &params), theirs.get(path, &params));
            tally.take(&format!("{path} {text}"), essence(&a, true), essence(&b, true));
        }
    }
    tally.check();
}
