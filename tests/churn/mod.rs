//! Targets that come and go all the time: nothing of them stays, and nobody's scrape is late for it.
//!
//! ```text
//! generation g of all targets ─┬─ a file ───────────┐
//!                              ├─ an HTTP server ───┼─→ server ─scrapes─→ farm: notes who came when
//!                              └─ an API server ────┘
//! each round: generation g + 1 replaces it → g has ended with markers, g + 1 is scraped, memory is noted
//! ```
//!
//! Short among the tests. `CHURN_ROUNDS=10 CHURN_ROUND_S=60 CHURN_TARGETS=1000` is the campaign; it holds the
//! server to its schedule too, which a busy machine cannot.

mod farm;
mod sources;

use std::time::{Duration, Instant};

use self::farm::Farm;
use self::sources::Sources;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{number_from_env, wait_for};

/// How late a scrape may be in the campaign, as a part of its interval.
const LATE_PART_MAX: f64 = 0.01;

/// How much more memory than after the first rounds the server may hold after the last one. Heaps breathe.
const GROWTH_MAX: f64 = 1.15;

/// How far the run goes.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: u64,
    round: Duration,
    /// Targets of each source.
    targets: usize,
    interval: Duration,
    is_campaign: bool,
}

impl Plan {
    fn from_env() -> Self {
        let rounds = number_from_env("CHURN_ROUNDS", 3);
        let round_s = number_from_env("CHURN_ROUND_S", 4);
        let targets = number_from_env("CHURN_TARGETS", 60);
        let is_campaign = std::env::var_os("CHURN_ROUNDS").is_some();
        Self {
            rounds,
            round: Duration::from_secs(round_s),
            targets: usize::try_from(targets).expect("a count of targets") / Sources::COUNT,
            interval: Duration::from_millis(number_from_env(
                "CHURN_INTERVAL_MS",
                if is_campaign { 10_000 } else { 500 },
            )),
            is_campaign,
        }
    }
}

/// Memory of the process that is its own, in KiB.
fn own_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    number
        .and_then(|text| text.trim().parse().ok())
        .expect("a number of KiB")
}

/// The one number that a query gives, 0 for none.
fn number(server: &Server, query: &str) -> f64 {
    let data = server.query(query, "");
    let text = data["result"][0]["value"][1].as_str().unwrap_or("0");
    text.parse().expect("a number")
}

#[test]
fn targets_that_come_and_go_leave_markers_and_nothing_else() {
    let plan = Plan::from_env();
    let dir = tempfile::tempdir().expect("a directory");
    let farm = Farm::start();
    let sources = Sources::start(dir.path(), farm.port(), plan.targets);
    sources.publish(0);
    let start = Start::new(&deucalion(), dir.path());
    let config = sources.config(plan.interval, start.address_port());
    std::fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let server = start
        .arg("--scrape.discovery-reload-interval=1s")
        .arg(format!(
            "--storage.tsdb.min-block-duration={}ms",
            plan.round.as_millis()
        ))
        .arg(format!(
            "--storage.tsdb.max-block-duration={}ms",
            plan.round.as_millis()
        ))
        .ready();
    let all = (plan.targets * Sources::COUNT) as f64;
    let limit_s = 2 * plan.round.as_secs() + 30;
    let mut level_kib = None;
    for generation in 0..=plan.rounds {
        let began = Instant::now();
        sources.publish(generation);
        wait_for("all targets of the generation to be scraped", limit_s, || {
            let up = number(&server, &format!("sum(up{{generation=\"{generation}\"}})"));
            (up == all).then_some(())
        });
        if let Some(before) = generation.checked_sub(1) {
            // An instant query looks back minutes: that it finds nothing is the markers' work.
            wait_for("the generation before to have ended", limit_s, || {
                let left = number(&server, &format!("count({{generation=\"{before}\"}})"));
                (left == 0.0).then_some(())
            });
        }
        std::thread::sleep(plan.round.saturating_sub(began.elapsed()));
        let kib = own_kib(&server);
        eprintln!(
            "generation {generation}: {kib} KiB, {:.1} s",
            began.elapsed().as_secs_f64()
        );
        if generation == plan.rounds.min(3) {
            level_kib = Some(kib);
        }
    }
    let level_kib = level_kib.expect("a round was measured") as f64;
    let grown = own_kib(&server) as f64 / level_kib;
    let late = farm.latest(plan.interval);
    eprintln!(
        "memory {grown:.2} of its level, latest scrape {late:?} of {:?}",
        plan.interval
    );
    let failed = number(&server, "sum(prometheus_sd_refresh_failures_total) or vector(0)");
    assert_eq!(failed, 0.0, "{}", server.log());
    if plan.is_campaign {
        assert!(grown < GROWTH_MAX, "memory grew to {grown:.2} of its level");
        assert!(
            late.as_secs_f64() <= LATE_PART_MAX * plan.interval.as_secs_f64(),
            "a scrape was late by {late:?}"
        );
    }
    assert_eq!(server.stop(), Some(0));
}
