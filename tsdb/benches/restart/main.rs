//! How long a start takes after a kill, and what it needs.
//!
//! ```text
//! SERIES=500000 HOURS=3 DIR=/var/tmp/half cargo bench -p tsdb --profile fast --bench restart
//! ```
//!
//! makes a directory as a server of so many series leaves it that is killed after so many hours (15 s between
//! scrapes, kept in `DIR` and made once), and opens copies of it in processes of their own: through its log
//! alone, on one thread and on two, and as a server would. `SERVERS="ours=target/fast/deucalion
//! prom=/usr/bin/prometheus"` also starts servers on copies and waits until they say that they are ready.
//!
//! | variable | default | |
//! |---|---|---|
//! | `SERIES` | 50000 | how many |
//! | `HOURS` | 0.5 | of simulated time |
//! | `DIR` | a temporary one | where the directory is kept |
//! | `REPEAT` | 1 | how often each is opened |
//! | `WAYS` | all | which ways to open are measured, as `the log, two threads;as it was left, two threads` |
//! | `SERVERS` | none | which servers are started |

mod directory;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::head::Stats;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A variable of the environment as a number.
fn number(name: &str, default: f64) -> f64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(default)
}

/// How long all threads of this process have run.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// A line of a process' status, in MiB.
fn status_mib(process: &str, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|rest| rest.trim_start_matches(':').trim().strip_suffix(" kB"));
    kib.and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The ways to open that are measured.
const WAYS: [&str; 4] = [
    "the log, one thread",
    "the log, two threads",
    "as it was left, one thread",
    "as it was left, two threads",
];

/// Copies a directory beside itself; all of the copy is on disk, so that nothing is written while it is opened.
fn copy(dir: &Path) -> PathBuf {
    let to = dir.with_extension("copy");
    let _none_there = std::fs::remove_dir_all(&to);
    let copied = Command::new("cp").arg("-a").arg(dir).arg(&to).status();
    assert!(copied.is_ok_and(|status| status.success()), "a copy");
    let synced = Command::new("sync").status();
    assert!(synced.is_ok_and(|status| status.success()), "a copy on disk");
    to
}

/// Runs this program once more with these variables.
fn again(variables: &[(&str, &str)]) {
    let me = std::env::current_exe().expect("a program");
    let run = Command::new(me).envs(variables.iter().copied()).status();
    assert!(run.is_ok_and(|status| status.success()), "{variables:?}");
}

fn open(dir: &Path, how: &str) {
    let threads = if how.ends_with("two threads") { 2 } else { 1 };
    let options = DbOptions {
        open_threads: threads,
        no_lockfile: true,
        ..DbOptions::default()
    };
    // As the server does.
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
    let (began, before) = (Instant::now(), on_cpu());
    let db = Db::open(Arc::new(RealFs), dir, options, directory::START_MS).expect("a database");
    let (took, cpu) = (began.elapsed(), on_cpu() - before);
    let samples = Stats::get(&db.head_stats().replay_samples);
    println!(
        "{how}: {took:.2?}, {cpu:.2?} of CPU, {} series, {samples} samples replayed ({:.1} M a second of CPU), \
         at most {} MiB resident, {} anonymous in the end",
        db.head_series(),
        samples as f64 / cpu.as_secs_f64().max(0.01) / 1e6,
        status_mib("self", "VmHWM"),
        status_mib("self", "RssAnon"),
    );
    // As a kill: nothing is tidied up.
    std::process::exit(0);
}

fn main() {
    if let Some(dir) = std::env::var_os("RESTART_MAKE") {
        return directory::make(
            Path::new(&dir),
            number("SERIES", 5e4) as usize,
            number("HOURS", 0.5),
        );
    }
    if let Some(dir) = std::env::var_os("RESTART_OPEN") {
        let how = std::env::var("RESTART_HOW").unwrap_or_default();
        return open(Path::new(&dir), &how);
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = match std::env::var_os("DIR") {
        Some(dir) => PathBuf::from(dir),
        None => scratch.path().join("data"),
    };
    if !dir.join("wal").exists() {
        again(&[("RESTART_MAKE", &dir.to_string_lossy())]);
    }
    directory::describe(&dir);
    for _ in 0..number("REPEAT", 1.0) as usize {
        let wanted = std::env::var("WAYS").unwrap_or_else(|_| WAYS.join(";"));
        for how in WAYS
            .into_iter()
            .filter(|way| wanted.split(';').any(|w| w.trim() == *way))
        {
            let copied = copy(&dir);
            if how.starts_with("the log") {
                let _none_there = std::fs::remove_dir_all(copied.join("deucalion"));
            }
            again(&[("RESTART_OPEN", &copied.to_string_lossy()), ("RESTART_HOW", how)]);
        }
        for server in std::env::var("SERVERS").unwrap_or_default().split_whitespace() {
            servers::start(server, &copy(&dir));
        }
    }
    let _none_there = std::fs::remove_dir_all(dir.with_extension("copy"));
}
