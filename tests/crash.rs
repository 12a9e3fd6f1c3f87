//! kill -9 under scrapes: what a query has returned once is there after any restart.
//!
//! ```text
//! round: other flags → start → ready? → all that was ever returned is there
//!        → scrapes, queries that note what they return → kill -9, at a random moment or as soon as
//!          a block or a checkpoint is half written
//! ```
//!
//! `CRASH_ROUNDS=100` runs more rounds, `CRASH_SEED=7` others.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples::{self, Samples};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{Dice, http, now_ms, number_from_env};

/// A start that takes longer counts as a failure: it takes a tenth of it on an idle machine.
const READY_MAX: Duration = Duration::from_secs(10);

/// How far back a running server is asked. More than passes between two questions on a busy machine.
const WINDOW_MS: i64 = 3_000;

/// How much of the history each round checks; the last one checks all of it.
const CHECKED_MS: i64 = 30_000;

/// Sixty series that stay and ten that last for twenty scrapes.
fn page(exporter: u64, scrape: u64) -> String {
    use std::fmt::Write;
    let mut out = String::from("# TYPE load gauge\n");
    for i in 0..60 {
        let value = match i % 3 {
            0 => scrape as f64,
            1 => (scrape * 37 % 1_000) as f64 / 8.0,
            _ => 42.0,
        };
        writeln!(out, "load{{exporter=\"{exporter}\",n=\"{i}\"}} {value}").expect("strings take all");
    }
    for i in 0..10 {
        let generation = (scrape + i * 2) / 20;
        writeln!(
            out,
            "load_churn{{n=\"{i}\",generation=\"{generation}\"}} {scrape}"
        )
        .expect("strings take all");
    }
    out
}

/// What `{job="load"}` was between two times, if the server answers.
fn ask(url: &str, from_ms: i64, through_ms: i64) -> Result<Samples, String> {
    let query = format!("{{job=\"load\"}}[{}ms]", through_ms - from_ms);
    let time = format!("{}.{:03}", through_ms / 1000, through_ms % 1000);
    let form = http::encode(&[("query", &query), ("time", &time)]);
    let answer = http::get(&format!("{url}/api/v1/query?{form}"))?;
    match answer.status {
        200 => Ok(samples::of_matrix(&answer.json()["data"])),
        _ => Err(answer.body),
    }
}

/// What a killed server left half done.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    during_block: usize,
    during_removal: usize,
    during_checkpoint: usize,
    before_ready: usize,
    answers: usize,
    slowest_start: Duration,
}

impl Figures {
    fn look(&mut self, data: &Path) {
        let at_top = names(data);
        let ends = |end: &str| usize::from(at_top.iter().any(|name| name.ends_with(end)));
        self.kills += 1;
        self.during_block += ends(".tmp-for-creation");
        self.during_removal += ends(".tmp-for-deletion");
        let in_log = names(&data.join("wal"));
        let checkpoints = in_log.iter().filter(|name| name.starts_with("checkpoint."));
        let (half, whole): (Vec<_>, Vec<_>) = checkpoints.partition(|name| name.ends_with(".tmp"));
        let newest = whole
            .iter()
            .max()
            .and_then(|name| name["checkpoint.".len()..].parse().ok());
        let covered = |name: &String| name.parse().is_ok_and(|segment: u32| Some(segment) <= newest);
        let is_cut_off = !half.is_empty() || whole.len() > 1 || in_log.iter().any(covered);
        self.during_checkpoint += usize::from(is_cut_off);
    }
}

/// When a server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After a while.
    After(Duration),
    /// As soon as something new is there, and a little later.
    New(Sight, Duration),
}

/// What is new in the directory.
#[derive(Clone, Copy, Debug)]
enum Sight {
    HalfABlock,
    Block,
    BlockThatGoes,
    HalfACheckpoint,
    Checkpoint,
}

impl Sight {
    fn is(self, name: &str) -> bool {
        match self {
            Self::HalfABlock => name.ends_with(".tmp-for-creation"),
            Self::Block => name.starts_with("01") && name.len() == 26,
            Self::BlockThatGoes => name.ends_with(".tmp-for-deletion"),
            Self::HalfACheckpoint => name.starts_with("checkpoint.") && name.ends_with(".tmp"),
            Self::Checkpoint => name.starts_with("checkpoint.") && !name.ends_with(".tmp"),
        }
    }

    fn all(self, data: &Path) -> BTreeSet<String> {
        let mut all = names(data);
        all.extend(names(&data.join("wal")));
        all.into_iter().filter(|name| self.is(name)).collect()
    }
}

/// A sight that does not come in this time is not waited for any longer.
const SIGHT_MAX: Duration = Duration::from_secs(5);

impl Moment {
    fn roll(dice: &mut Dice) -> Self {
        let later = Duration::from_micros([0, 0, 200, 1_000, 5_000][dice.roll(5) as usize]);
        match dice.roll(10) {
            0 => Self::After(Duration::from_millis(dice.roll(300))),
            1 | 2 => Self::After(Duration::from_millis(300 + dice.roll(1_700))),
            3 => Self::New(Sight::HalfABlock, later),
            4 => Self::New(Sight::Block, later),
            5 => Self::New(Sight::BlockThatGoes, later),
            6 | 7 => Self::New(Sight::HalfACheckpoint, later),
            _ => Self::New(Sight::Checkpoint, later),
        }
    }

    fn wait(self, data: &Path) {
        match self {
            Self::After(time) => std::thread::sleep(time),
            Self::New(sight, later) => {
                let (began, before) = (Instant::now(), sight.all(data));
                while began.elapsed() < SIGHT_MAX && sight.all(data).is_subset(&before) {
                    std::thread::sleep(Duration::from_micros(100));
                }
                std::thread::sleep(later);
            }
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Other settings each time: they may change from one start to the next.
fn flags(dice: &mut Dice, moment: Moment) -> [String; 3] {
    let pick = |dice: &mut Dice, of: &[&str]| of[dice.roll(of.len() as u64) as usize].to_owned();
    let block = match moment {
        Moment::After(_) => pick(dice, &["1s", "2s", "10m"]),
        Moment::New(..) => pick(dice, &["1s", "2s"]),
    };
    let longest = if block == "10m" {
        "1h".to_owned()
    } else {
        pick(dice, &["3s", "9s"])
    };
    let compression = pick(dice, &["snappy", "zstd"]);
    [
        format!("--storage.tsdb.min-block-duration={block}"),
        format!("--storage.tsdb.max-block-duration={longest}"),
        format!("--storage.tsdb.wal-compression-type={compression}"),
    ]
}

/// Queries until the server is gone; what it returned is learnt.
fn query_until(server: &Server, is_over: &AtomicBool, told: &mut Samples, figures: &mut Figures) {
    let mut from_ms = now_ms() - WINDOW_MS;
    while !is_over.load(Ordering::Relaxed) {
        let through_ms = now_ms();
        if let Ok(seen) = ask(&server.url, from_ms, through_ms) {
            samples::learn(told, &seen);
            figures.answers += 1;
            from_ms = through_ms - WINDOW_MS;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[track_caller]
fn check(server: &Server, told: &mut Samples, from_ms: i64, when: &str) {
    let through_ms = now_ms();
    let found = match ask(&server.url, from_ms, through_ms) {
        Ok(found) => found,
        Err(error) => panic!("{when}: {error}\n{}", tail(server)),
    };
    if let Some(lost) = samples::missing(&samples::between(told, from_ms + 1, through_ms), &found) {
        panic!("{when}: lost {lost}\n{}", tail(server));
    }
    samples::learn(told, &found);
}

fn tail(server: &Server) -> String {
    let log = server.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

#[test]
fn what_a_query_has_returned_survives_kills() {
    let rounds = number_from_env("CRASH_ROUNDS", 10);
    let seed = number_from_env("CRASH_SEED", 1);
    eprintln!("CRASH_ROUNDS={rounds} CRASH_SEED={seed}");
    let mut dice = Dice(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (dir, data) = (dir.path(), dir.path().join("data"));
    let exporters: Vec<Exporter> = (0..3)
        .map(|i| Exporter::start(TEXT, move |scrape| page(i, scrape)))
        .collect();
    let targets: Vec<String> = exporters
        .iter()
        .map(|exporter| format!("'127.0.0.1:{}'", exporter.port))
        .collect();
    let config = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs: [{{job_name: load, static_configs: [{{targets: [{}]}}]}}]\n",
        targets.join(", ")
    );
    std::fs::write(dir.join("prometheus.yml"), config).expect("write");
    let begin_ms = now_ms();
    let port = Start::new(&deucalion(), dir);
    let (mut told, mut figures) = (Samples::new(), Figures::default());
    for round in 0..rounds {
        let moment = Moment::roll(&mut dice);
        let flags = flags(&mut dice, moment);
        let start = flags.iter().fold(port.clone(), |start, flag| start.arg(flag));
        let when = format!("CRASH_SEED={seed}, round {round} with {}", flags.join(" "));
        let began = Instant::now();
        let mut server = start.spawn();
        if dice.roll(8) == 0 {
            // Not even ready.
            std::thread::sleep(Duration::from_millis(dice.roll(150)));
            server.kill();
            figures.look(&data);
            figures.before_ready += 1;
            continue;
        }
        server.wait_ready();
        let took = began.elapsed();
        figures.slowest_start = figures.slowest_start.max(took);
        assert!(
            took < READY_MAX,
            "{when}: ready after {took:?}\n{}",
            tail(&server)
        );
        check(&server, &mut told, begin_ms.max(now_ms() - CHECKED_MS), &when);
        let is_over = AtomicBool::new(false);
        let shared = Mutex::new((&mut told, &mut figures));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (told, figures) = &mut *shared.lock().expect("no one else");
                query_until(&server, &is_over, told, figures);
            });
            moment.wait(&data);
            server.kill_now();
            is_over.store(true, Ordering::Relaxed);
        });
        server.kill();
        figures.look(&data);
        let known = samples::count(&told);
        eprintln!(
            "{when}: ready after {} ms, killed {moment:?}, {known} samples told",
            took.as_millis()
        );
    }
    let mut server = port.spawn();
    server.wait_ready();
    check(
        &server,
        &mut told,
        begin_ms,
        &format!("CRASH_SEED={seed}, at the end"),
    );
    let log = server.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("level=ERROR")).collect();
    assert!(
        errors.is_empty(),
        "a kill is nothing to complain about:\n{}",
        errors.join("\n")
    );
    assert!(
        log.contains("WAL checkpoint complete"),
        "the log was never shortened"
    );
    assert_eq!(server.stop(), Some(0));
    let known = samples::count(&told);
    eprintln!("nothing lost of {known} samples told: {figures:?}");
    assert!(
        known > rounds as usize * 300,
        "too few samples were told to mean anything: {known}"
    );
}
