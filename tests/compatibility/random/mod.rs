//! Random queries and random texts beside the real Prometheus over one directory.
//!
//! `RANDOM_QUERIES=20000` asks more of them, `RANDOM_SEED=7` others, `RANDOM_FEATURES` with more feature flags.
//! What Prometheus has changed since the peer's version is in [`super::known`], each with its reason and only as far as
//! the change goes; nothing else may differ. A peer of a later version (`PEERS`) is excused less: one of the version
//! that we follow nothing at all. Values may differ in the last digits for one query in a hundred, and then by no
//! more than 1e-9 of themselves.

mod calls;
mod computed;
mod expressions;
mod literals;
mod mutation;
mod vocabulary;

use promql::functions::Function;

use super::data::{self, START_S};
use super::histogram_data;
use super::known;
use super::queries::start_with;
use super::tally::{Pair, Tally};
use crate::support::server::deucalion;
use crate::support::{Dice, number_from_env, peers};
use expressions::Generator;
use vocabulary::Vocabulary;

/// How long the data of both directories lasts, in seconds: two hours and a half, and some more.
const LENGTH_S: u64 = 9_600;

/// The two servers over copies of one directory, and a generator.
struct Table {
    _dir: tempfile::TempDir,
    servers: Pair,
    generator: Generator,
    rounds: u64,
}

/// What both servers are started with, beside `RANDOM_FEATURES`.
const FEATURES: &str =
    "promql-experimental-functions,promql-per-step-stats,promql-duration-expr,native-histograms";

fn prepare(skipped: &str, vocabulary: &'static Vocabulary, rounds: u64) -> Option<Table> {
    let (prometheus, promtool) = (peers::prometheus(skipped)?, peers::promtool(skipped)?);
    let (rounds, seed) = (
        number_from_env("RANDOM_QUERIES", rounds),
        number_from_env("RANDOM_SEED", 1),
    );
    eprintln!("RANDOM_QUERIES={rounds} RANDOM_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    let data = match std::ptr::eq(vocabulary, &raw const vocabulary::HISTOGRAMS) {
        true => histogram_data::make(&prometheus, dir.path()),
        false => data::make(&promtool, dir.path()),
    };
    let more = std::env::var("RANDOM_FEATURES").unwrap_or_default();
    let features = format!("--enable-feature={FEATURES},{more}");
    let flags = [features.trim_end_matches(','), "--query.timeout=20s"];
    let theirs = start_with(&prometheus, &data, &dir.path().join("theirs"), &flags);
    let ours = start_with(&deucalion(), &data, &dir.path().join("ours"), &flags);
    let servers = Pair::new(ours, theirs);
    let functions = Function::ALL.iter().copied();
    let generator = Generator {
        dice: Dice(seed),
        vocabulary,
        functions: functions
            .filter(|&f| known::has_function(servers.version, f))
            .collect(),
        times_s: (START_S, LENGTH_S),
    };
    Some(Table {
        _dir: dir,
        servers,
        generator,
        rounds,
    })
}

/// Asks random queries, half of them over a range.
fn ask_queries(skipped: &str, vocabulary: &'static Vocabulary) {
    let Some(mut table) = prepare(skipped, vocabulary, 300) else {
        return;
    };
    let mut tally = Tally::default();
    for _ in 0..table.rounds {
        let generator = &mut table.generator;
        let query = generator.expression();
        let at = START_S + generator.dice.roll(LENGTH_S) as i64;
        let (from, to) = (at.to_string(), (at + 1500).to_string());
        let step = [7, 30, 137, 600][generator.dice.roll(4) as usize].to_string();
        let (path, mut params) = match generator.dice.roll(2) {
            0 => ("/api/v1/query", vec![("time", from.as_str())]),
            _ => {
                let times = vec![
                    ("start", from.as_str()),
                    ("end", to.as_str()),
                    ("step", step.as_str()),
                ];
                ("/api/v1/query_range", times)
            }
        };
        if generator.dice.roll(4) == 0 {
            params.push(("stats", "all"));
        }
        tally.ask(&table.servers, path, &query, &params);
    }
    tally.check();
}

#[test]
fn random_queries_are_answered_as_prometheus_answers_them() {
    ask_queries("random queries beside the real Prometheus", &vocabulary::FLOATS);
}

#[test]
fn random_queries_over_stored_histograms_are_answered_as_prometheus_answers_them() {
    ask_queries(
        "random queries over native histograms beside the real Prometheus",
        &vocabulary::HISTOGRAMS,
    );
}

#[test]
fn random_texts_are_parsed_and_refused_as_prometheus_does() {
    let skipped = "random expressions beside the parser of the real Prometheus";
    let Some(mut table) = prepare(skipped, &vocabulary::FLOATS, 500) else {
        return;
    };
    let mut tally = Tally::default();
    for at in 0..table.rounds {
        table.generator.vocabulary = [&vocabulary::FLOATS, &vocabulary::HISTOGRAMS][(at % 2) as usize];
        let mut text = table.generator.expression();
        if at % 3 > 0 {
            text = table.generator.mutated(&text);
        }
        for path in ["/api/v1/parse_query", "/api/v1/format_query"] {
            tally.ask(&table.servers, path, &text, &[]);
        }
    }
    tally.check();
}
