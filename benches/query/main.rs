//! How long whole servers take to answer queries: medians side by side, from the same data in the same run.
//!
//! ```text
//! set ─our crate→ blocks ─copy→ ours        ←─┐
//!                        ─copy→ prometheus  ←─┼─ one kept connection each; query by query, round by round
//!      ─import→ directory ─copy→ victoria   ←─┘
//! ```
//!
//! `cargo bench --bench query --profile fast` measures the server that cargo has just built beside the peers in
//! `$PEERS/bin` (default: `peers` in the temporary directory, where `tests/peers.sh` puts them).
//! Prometheus is needed; VictoriaMetrics is measured if it is there.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DEUCALION` | another binary of ours | the one built with the bench |
//! | `DEUCALION_QUERY_SETS` | which of the sets in [`data`] | `fleet,pages,range,pods` |
//! | `DEUCALION_QUERY_PAGES` | directory of recorded pages (`*.gz`); without it there is no set of pages | |
//! | `DEUCALION_QUERY_INSTANCES` | as how many instances the pages are replayed | 20 |
//! | `DEUCALION_QUERY_ROUNDS` | how often each query is measured, after one round of warm-up | 20 |
//! | `DEUCALION_QUERY_SECONDS` | a query that has taken so long has its last round, but for the first five | 20 |
//! | `DEUCALION_QUERY_ONLY` | only queries that contain this text | |
//!
//! Each answer of ours must equal Prometheus' sample by sample, else the bench fails. VictoriaMetrics' dialect
//! answers differently on purpose: `~` marks where its answer is not Prometheus'. A ratio is the median of the
//! ratios of all rounds. CPU is that of all threads of a server between question and answer, which a busy
//! machine disturbs less than it does the latency. `!` marks a query for which ours needs more than 1.1 times
//! as long as a peer and 0.3 ms more.
//!
//! Begin at [`measure`].

mod answer;
mod client;
mod data;
mod queries;
mod report;
mod server;
mod stored;

use std::error::Error;
use std::path::{Path, PathBuf};

use answer::Samples;
use data::Set;
use queries::{Group, Query};
use report::{Cell, Row, Summary};
use server::{Server, peer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds that every query has, however long it takes.
const ROUNDS_MIN: usize = 5;

/// What the environment says.
struct Settings {
    sets: String,
    pages: Option<PathBuf>,
    instances: usize,
    rounds: usize,
    seconds: f64,
    only: String,
}

impl Settings {
    fn from_environment() -> Result<Self> {
        let text = |name: &str| std::env::var(format!("DEUCALION_QUERY_{name}")).ok();
        let number = |name: &str, default: usize| match text(name) {
            Some(text) => text
                .parse()
                .map_err(|error| format!("DEUCALION_QUERY_{name}: {error}")),
            None => Ok(default),
        };
        Ok(Self {
            sets: text("SETS").unwrap_or_else(|| "fleet,pages,range,pods".to_owned()),
            pages: text("PAGES").map(PathBuf::from),
            instances: number("INSTANCES", 20)?,
            rounds: number("ROUNDS", 20)?,
            seconds: number("SECONDS", 20)? as f64,
            only: text("ONLY").unwrap_or_default(),
        })
    }
}

fn main() -> Result<()> {
    // Tests of all targets run this program too; they measure nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let Some(prometheus) = peer("prometheus") else {
        println!("query: there is no Prometheus to compare with (run tests/peers.sh)");
        return Ok(());
    };
    let settings = Settings::from_environment()?;
    let ours = std::env::var_os("DEUCALION")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_deucalion")), PathBuf::from);
    println!("{}, {} rounds, load {}", ours.display(), settings.rounds, load());
    let mut summary = Summary::default();
    for set in settings.sets.split(',') {
        match (set, &settings.pages) {
            ("fleet", _) => {
                let groups = queries::fleet::groups();
                compare(
                    &settings,
                    || Ok(data::fleet::set()),
                    groups,
                    (&ours, &prometheus),
                    &mut summary,
                )?;
            }
            ("range", _) => {
                let groups = queries::range::groups();
                compare(
                    &settings,
                    || Ok(data::range::set()),
                    groups,
                    (&ours, &prometheus),
                    &mut summary,
                )?;
            }
            ("pods", _) => {
                let groups = queries::pods::groups();
                compare(
                    &settings,
                    || Ok(data::pods::set()),
                    groups,
                    (&ours, &prometheus),
                    &mut summary,
                )?;
            }
            ("pages", Some(folder)) => {
                let groups = queries::pages::groups(data::pages::SPAN_MS);
                let make = || data::pages::set(folder, settings.instances);
                compare(&settings, make, groups, (&ours, &prometheus), &mut summary)?;
            }
            ("pages", None) => {
                println!("pages: not measured, DEUCALION_QUERY_PAGES does not say where they are")
            }
            (other, _) => return Err(format!("DEUCALION_QUERY_SETS: there is no {other:?}").into()),
        }
    }
    summary.print();
    println!("load at the end {}", load());
    summary.verdict()
}

/// Starts the servers on one set and measures its groups.
fn compare(
    settings: &Settings,
    make: impl FnOnce() -> Result<Set>,
    groups: Vec<Group>,
    (ours, prometheus): (&Path, &Path),
    summary: &mut Summary,
) -> Result<()> {
    let chosen = |group: &mut Group| {
        group
            .queries
            .retain(|query| query.expression.contains(&settings.only));
        !group.queries.is_empty()
    };
    let groups: Vec<Group> = groups
        .into_iter()
        .filter_map(|mut group| chosen(&mut group).then_some(group))
        .collect();
    if groups.is_empty() {
        return Ok(());
    }
    let victoria = peer("victoria-metrics");
    let stored = stored::stored(make, victoria.as_deref())?;
    let mut servers = vec![
        Server::prometheus("ours", ours, &stored.blocks)?,
        Server::prometheus("prometheus", prometheus, &stored.blocks)?,
    ];
    if let (Some(binary), Some(filled)) = (victoria, stored.victoria) {
        servers.push(Server::victoria(&binary, Some(&filled), &filled)?);
    }
    for group in &groups {
        measure(group, &mut servers, settings, summary)?;
    }
    Ok(())
}

/// Compares the answers, measures all rounds, prints the table.
fn measure(group: &Group, servers: &mut [Server], settings: &Settings, summary: &mut Summary) -> Result<()> {
    report::head(group.title, servers);
    let mut rows = Vec::new();
    for query in &group.queries {
        let row = measure_one(query, servers, settings, summary)?;
        row.print(query);
        rows.push(row);
    }
    summary.add(group, &rows);
    Ok(())
}

fn measure_one(
    query: &Query,
    servers: &mut [Server],
    settings: &Settings,
    summary: &mut Summary,
) -> Result<Row> {
    let mut answers = Vec::new();
    for server in servers.iter_mut() {
        let answer = server.ask(query)?;
        let samples = Samples::of(&answer).map_err(|error| server.about(query, &*error));
        // VictoriaMetrics does not know all functions.
        answers.push(if answers.len() < 2 {
            Some(samples?)
        } else {
            samples.ok()
        });
    }
    let (Some(Some(ours)), Some(Some(theirs))) = (answers.first(), answers.get(1)) else {
        return Err("two servers are compared at least".into());
    };
    if let Some(difference) = theirs.difference(ours) {
        let at = query.at.name();
        summary
            .differences
            .push(format!("{} ({at}): {difference}", query.expression));
    }
    let answered = answers.iter().take_while(|answer| answer.is_some()).count();
    let differs = |other: &Option<Samples>| other.as_ref().is_some_and(|o| theirs.difference(o).is_some());
    let mut row = Row::new(theirs, answers[2..].iter().any(differs), answered);
    let mut spent_ms = 0.0;
    for round in 0..settings.rounds {
        if round >= ROUNDS_MIN && spent_ms > settings.seconds * 1000.0 {
            break;
        }
        for turn in 0..answered {
            // Whoever is asked first in one round is not in the next.
            let at = (turn + round) % answered;
            let server = &mut servers[at];
            let cpu_before_ms = server.cpu_ms();
            let answer = server.ask(query)?;
            if answer.status != 200 {
                return Err(server.about(query, &format!("status {}", answer.status)));
            }
            spent_ms += answer.took_ms;
            row.cells[at].push(Cell {
                wall_ms: answer.took_ms,
                cpu_ms: server.cpu_ms() - cpu_before_ms,
            });
        }
    }
    Ok(row)
}

/// Load averages, as the system writes them.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
