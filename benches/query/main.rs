//! How long whole servers take to answer queries: medians side by side, from the same data in the same run.
//!
//! ```text
//! data ─promtool→ blocks ─copy→ ours        ←─┐
//!                        ─copy→ prometheus  ←─┼─ one kept connection each; query by query, round by round
//!      ─import─────────────────→ victoria   ←─┘
//! ```
//!
//! `cargo bench --bench query --profile fast` measures the server that cargo has just built beside the peers in
//! `$PEERS/bin` (default: `peers` in the temporary directory, where `tests/peers.sh` puts them).
//! Prometheus and promtool are needed; VictoriaMetrics is measured if it is there.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DEUCALION` | another binary of ours | the one built with the bench |
//! | `DEUCALION_QUERY_ROUNDS` | how often each query is measured, after one round of warm-up | 9 |
//! | `DEUCALION_QUERY_ONLY` | only queries that contain this text | |
//!
//! Each answer of ours must equal Prometheus' sample by sample, else the bench fails. VictoriaMetrics' dialect
//! answers differently on purpose: `~` marks where its answer is not Prometheus'. CPU is that of all threads of
//! a server between question and answer, which a busy machine disturbs less than it does the latency. `!` marks
//! a query for which ours needs more than 1.1 times as long as Prometheus and 0.3 ms more.
//!
//! Begin at [`measure`].

mod answer;
mod client;
mod data;
mod queries;
mod server;

use std::error::Error;
use std::path::PathBuf;

use answer::Samples;
use queries::{LONG_WINDOWS, Query, STANDARD};
use server::{Server, peer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // Tests of all targets run this program too; they measure nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let (Some(prometheus), Some(promtool)) = (peer("prometheus"), peer("promtool")) else {
        println!("query: there is no Prometheus to compare with (run tests/peers.sh)");
        return Ok(());
    };
    let rounds = match std::env::var("DEUCALION_QUERY_ROUNDS") {
        Ok(text) => text
            .parse()
            .map_err(|error| format!("DEUCALION_QUERY_ROUNDS: {error}"))?,
        Err(_) => 9,
    };
    let ours = std::env::var_os("DEUCALION")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_deucalion")), PathBuf::from);
    let blocks = data::blocks(&promtool)?;
    let mut servers = vec![
        Server::prometheus("ours", &ours, &blocks)?,
        Server::prometheus("prometheus", &prometheus, &blocks)?,
    ];
    if let Some(victoria) = peer("victoria-metrics") {
        servers.push(Server::victoria(&victoria)?);
    }
    println!("{}, {rounds} rounds, load {}", ours.display(), load());
    let mut differences = Vec::new();
    for (title, queries) in [
        ("standard queries", &STANDARD[..]),
        ("long windows", &LONG_WINDOWS[..]),
    ] {
        let only = std::env::var("DEUCALION_QUERY_ONLY").unwrap_or_default();
        let chosen: Vec<&Query> = queries
            .iter()
            .filter(|query| query.expression.contains(&only))
            .collect();
        if !chosen.is_empty() {
            differences.extend(measure(title, &chosen, &mut servers, rounds)?);
        }
    }
    println!("load at the end {}", load());
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!("answers that are not Prometheus':\n{}", differences.join("\n")).into())
}

/// What one server has needed for one query, once a round.
#[derive(Default)]
struct Cell {
    wall_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
}

/// Compares the answers, measures all rounds, prints the table; returns where our answers differ.
fn measure(title: &str, queries: &[&Query], servers: &mut [Server], rounds: usize) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    let mut sizes = Vec::new();
    for query in queries {
        let mut answers = Vec::new();
        for server in servers.iter_mut() {
            answers.push(Samples::of(&server.ask(query)?).map_err(|error| server.about(query, &*error))?);
        }
        let [ours, theirs, others @ ..] = &answers[..] else {
            return Err("two servers are compared at least".into());
        };
        if let Some(difference) = theirs.difference(ours) {
            differences.push(format!(
                "{} ({}): {difference}",
                query.expression,
                query.at.name()
            ));
        }
        let other = others.iter().any(|other| theirs.difference(other).is_some());
        sizes.push((theirs.series, theirs.len(), other));
    }

    let mut cells: Vec<Vec<Cell>> = Vec::new();
    cells.resize_with(queries.len(), || {
        servers.iter().map(|_| Cell::default()).collect()
    });
    for round in 0..rounds {
        for (query, cells) in queries.iter().zip(&mut cells) {
            for turn in 0..servers.len() {
                // Whoever is asked first in one round is not in the next.
                let at = (turn + round) % servers.len();
                let server = &mut servers[at];
                let cpu_before = server.cpu_ms();
                let answer = server.ask(query)?;
                cells[at].wall_ms.push(answer.took_ms);
                cells[at].cpu_ms.push(server.cpu_ms() - cpu_before);
                if answer.status != 200 {
                    return Err(server.about(query, &format!("status {}", answer.status)));
                }
            }
        }
    }
    print(title, queries, &sizes, servers, &mut cells);
    Ok(differences)
}

/// One row a query, and the geometric means.
fn print(
    title: &str,
    queries: &[&Query],
    sizes: &[(usize, usize, bool)],
    servers: &[Server],
    cells: &mut [Vec<Cell>],
) {
    print!(
        "\n{title}: median ms\n{:<8} {:>5} {:>7}",
        "at", "series", "samples"
    );
    for server in servers {
        print!(" {:>10}", server.name);
    }
    println!(" {:>6} {:>7}  query", "ratio", "CPU");
    let mut ratios = Vec::new();
    let mut cpu_ratios = Vec::new();
    let mut best_ratios = Vec::new();
    let mut other_ratios = Vec::new();
    for ((query, &(series, samples, other)), cells) in queries.iter().zip(sizes).zip(cells) {
        print!("{:<8} {series:>6} {samples:>7}", query.at.name());
        let wall: Vec<f64> = cells.iter_mut().map(|cell| median(&mut cell.wall_ms)).collect();
        let cpu: Vec<f64> = cells.iter_mut().map(|cell| median(&mut cell.cpu_ms)).collect();
        // The medians have sorted them.
        let best = |at: usize| cells[at].wall_ms.first().copied().unwrap_or(f64::NAN);
        for (at, ms) in wall.iter().enumerate() {
            print!(" {ms:>9.2}{}", if at > 1 && other { "~" } else { " " });
        }
        let (ratio, cpu_ratio) = (wall[0] / wall[1], cpu[0] / cpu[1]);
        let over = if wall[0] > (wall[1] * 1.1).max(wall[1] + 0.3) {
            '!'
        } else {
            ' '
        };
        println!(" {ratio:>6.2}{over}{cpu_ratio:>7.2}  {}", query.expression);
        ratios.push(ratio);
        best_ratios.push(best(0) / best(1));
        if cpu_ratio.is_finite() && cpu_ratio > 0.0 {
            cpu_ratios.push(cpu_ratio);
        }
        other_ratios.extend(wall.get(2).map(|ms| ms / wall[1]));
    }
    println!(
        "geometric means of ours to prometheus: median {:.3}, best of all rounds {:.3}, CPU {:.3}",
        geometric_mean(&ratios),
        geometric_mean(&best_ratios),
        geometric_mean(&cpu_ratios)
    );
    if let (false, Some(server)) = (other_ratios.is_empty(), servers.get(2)) {
        println!(
            "geometric mean of {} to prometheus: median {:.3}",
            server.name,
            geometric_mean(&other_ratios)
        );
    }
}

/// The median; leaves the figures sorted.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

/// Load averages, as the system writes them.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
