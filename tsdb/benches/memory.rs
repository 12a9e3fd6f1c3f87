//! What a series takes in memory: filled fast, without a network, for hours of simulated time.
//!
//! Targets of 500 series as a node exporter has them, one batch a scrape, on a real disk, with the allocator
//! of the server. While it runs a thread watches what the process holds, so that what lasts a moment shows too.
//! `MEMORY_SERIES=1000000 cargo bench -p tsdb --profile fast --bench memory`; without that nothing is measured.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `MEMORY_SERIES` | how many series are active, one or several numbers | |
//! | `MEMORY_HOURS` | how long is simulated | 3.2 |
//! | `MEMORY_INTERVAL_S` | scrape interval | 15 |
//! | `MEMORY_CHURN_PERCENT` | how many of the series are replaced by new ones each scrape | 0 |
//! | `MEMORY_TARGET_LABELS` | how many labels targets have beside `job` and `instance` | 0 |
//! | `MEMORY_DIGITS` | 1 for values of many digits: half of the series are counters that grow unevenly or gauges | 0 |
//!
//! Series are counted as `prometheus_tsdb_head_series` counts them; held is what is anonymous, shared or dirty.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tsdb::batch::{AppendOptions, Appendable, Batch, SeriesRef};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::model::Labels;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERIES_PER_TARGET: usize = 500;

/// Some full hour.
const START_MS: i64 = 1_700_006_400_000;

struct Settings {
    series: usize,
    hours: f64,
    interval_ms: i64,
    churn_percent: usize,
    target_labels: usize,
    many_digits: bool,
}

fn main() {
    let Ok(all) = std::env::var("MEMORY_SERIES") else {
        println!("memory: set MEMORY_SERIES to how many series are to be measured");
        return;
    };
    let number = |name: &str, default: f64| {
        let text = std::env::var(format!("MEMORY_{name}")).ok();
        text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(default)
    };
    // As the server does.
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
    for series in all.split_whitespace().filter_map(|series| series.parse().ok()) {
        run(&Settings {
            series,
            hours: number("HOURS", 3.2),
            interval_ms: (number("INTERVAL_S", 15.0) * 1000.0) as i64,
            churn_percent: number("CHURN_PERCENT", 0.0) as usize,
            target_labels: number("TARGET_LABELS", 0.0) as usize,
            many_digits: number("DIGITS", 0.0) > 0.0,
        });
    }
}

fn run(settings: &Settings) {
    let Settings {
        series,
        hours,
        churn_percent,
        ..
    } = settings;
    println!("{series} series, {hours} h, {churn_percent} % replaced each scrape");
    let before = held_bytes();
    let mut targets = Targets::new(settings, before);
    let rounds = (settings.hours * 3_600_000.0) as i64 / settings.interval_ms;
    let (rounds_a_minute, fresh) = (
        (60_000 / settings.interval_ms).max(1),
        120_000 / settings.interval_ms,
    );
    let (mut samples, mut spent) = (0, Duration::ZERO);
    for round in 1..=rounds {
        let from = Instant::now();
        samples += targets.round();
        spent += from.elapsed();
        if round % rounds_a_minute == 0 {
            targets.db.sync().expect("synced");
            let done = targets.db.maintain(targets.now_ms()).expect("maintained");
            if done.head_compactions > 0 {
                targets.say("after a block was cut", false);
            }
        }
        let minute = round / rounds_a_minute;
        if round == fresh {
            targets.say("two minutes old", true);
        } else if round % rounds_a_minute == 0 && minute % 30 == 0 {
            targets.say(&format!("{minute} minutes old"), minute % 60 == 0);
        }
    }
    targets.say("at the end", true);
    println!(
        "{} samples, {:.0} ns each",
        samples,
        spent.as_nanos() as f64 / samples.max(1) as f64
    );
}

struct Targets {
    db: Arc<Db>,
    watch: Watch,
    /// Series by target; what a target's series are called is told by its number and how often it was replaced.
    refs: Vec<Vec<SeriesRef>>,
    replaced: Vec<Vec<u32>>,
    batch: Batch,
    step: i64,
    interval_ms: i64,
    churn_percent: usize,
    target_labels: usize,
    value: fn(usize, i64) -> f64,
    before: u64,
    _dir: tempfile::TempDir,
}

impl Targets {
    fn new(settings: &Settings, before: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open(Arc::new(RealFs), dir.path(), DbOptions::default(), START_MS);
        let db = Arc::new(db.expect("a database"));
        let count = settings.series / SERIES_PER_TARGET;
        let targets = Self {
            watch: Watch::begin(Arc::clone(&db)),
            db,
            refs: vec![vec![SeriesRef(0); SERIES_PER_TARGET]; count],
            replaced: vec![vec![0; SERIES_PER_TARGET]; count],
            batch: Batch::at(START_MS),
            step: 0,
            interval_ms: settings.interval_ms,
            churn_percent: settings.churn_percent,
            target_labels: settings.target_labels,
            value: if settings.many_digits { many_digits } else { mixed },
            before,
            _dir: dir,
        };
        targets
            .watch
            .own_bytes
            .store(targets.own_bytes(), Ordering::Relaxed);
        targets
    }

    /// What this bench itself holds.
    fn own_bytes(&self) -> u64 {
        (self.refs.len() * SERIES_PER_TARGET * 12) as u64 + self.before
    }

    fn now_ms(&self) -> i64 {
        START_MS + self.step * self.interval_ms
    }

    /// One scrape of each target; returns how many samples.
    fn round(&mut self) -> usize {
        let mut stored = 0;
        for target in 0..self.refs.len() {
            // Targets are scraped in turn, as the offsets of Prometheus have it.
            let phase = target as i64 * self.interval_ms / self.refs.len() as i64;
            self.batch.clear(self.now_ms() + phase);
            for series in 0..SERIES_PER_TARGET {
                let is_new = self.refs[target][series] == SeriesRef(0);
                let turn = (self.step as usize + series * 37 + target) % 100;
                let is_replaced = !is_new && turn < self.churn_percent;
                if is_replaced {
                    self.batch
                        .push(self.refs[target][series], tsdb::model::STALE_NAN_BITS);
                    self.replaced[target][series] += 1;
                }
                if is_new || is_replaced {
                    let labels = labels(target, series, self.replaced[target][series], self.target_labels);
                    let found = self.db.resolve(&labels, &mut self.batch);
                    self.refs[target][series] = found.expect("a series");
                }
                let value = (self.value)(series, self.step);
                self.batch.push(self.refs[target][series], value.to_bits());
            }
            let receipt = self.db.append(&mut self.batch, &AppendOptions::default());
            stored += receipt.expect("stored").accepted;
        }
        self.step += 1;
        stored
    }

    fn say(&self, when: &str, by_part: bool) {
        let series = self.db.head_series().max(1);
        let held = held_bytes().saturating_sub(self.own_bytes());
        let most = self.watch.most_millibytes.swap(0, Ordering::Relaxed);
        println!(
            "{when}: {series} series, {} B each, {} B at most since",
            held / series,
            most / 1000
        );
        if by_part {
            let mut accounted = 0;
            for (part, bytes) in self.db.head_bytes() {
                println!("  {part:10} {:7.1}", bytes as f64 / series as f64);
                accounted += bytes as u64;
            }
            let rest = held as f64 - accounted as f64;
            println!("  {:10} {:7.1}", "(rest)", rest / series as f64);
        }
    }
}

/// The labels of series `at` of a target: as many words and pairs as a node exporter's.
fn labels(target: usize, at: usize, replaced: u32, target_labels: usize) -> Labels {
    let instance = format!("host-{target:05}.example.com:9100");
    let name = format!("node_metric_{:03}_total", at % 230);
    let (cpu, device) = ((at / 230).to_string(), format!("dev{}", at / 100));
    let mode = ["idle", "user", "system", "iowait"][at % 4];
    let pod = match replaced {
        0 => String::new(),
        _ => format!("web-{target:05}-{at:03}-{replaced:05}"),
    };
    let extra: Vec<(String, String)> = (0..target_labels)
        .map(|number| (format!("label_{number}"), format!("value-{}", target >> number)))
        .collect();
    let own = [
        ("__name__", name.as_str()),
        ("cpu", if at.is_multiple_of(3) { cpu.as_str() } else { "" }),
        ("device", if at.is_multiple_of(2) { device.as_str() } else { "" }),
        ("id", if at >= 230 { cpu.as_str() } else { "" }),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("mode", if at.is_multiple_of(5) { mode } else { "" }),
        ("pod", pod.as_str()),
    ];
    let extra = extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::from_pairs(own.into_iter().chain(extra))
}

/// A value of the mix that exporters have: half of them rarely change or not at all, a quarter are counters, the
/// rest gauges with more or fewer digits.
fn mixed(series: usize, step: i64) -> f64 {
    let noise = noise(series, step);
    match series % 12 {
        0..=4 => 42.0,
        5 => (step / 20) as f64 * 4096.0,
        6 => step as f64,
        7 | 8 => (step * (series as i64 % 97 + 3) + noise % 4) as f64,
        9 => noise as f64 / 100.0,
        10 => (noise % 64) as f64 * 4096.0,
        _ => (noise % 64) as f64 / 4.0,
    }
}

/// A value of many digits, as every third series has one that does not change and every third a large counter.
fn many_digits(series: usize, step: i64) -> f64 {
    match series % 6 {
        0 | 1 => 42.0,
        2 => step as f64,
        3 => (step * (series as i64 % 977 + 3)) as f64,
        4 => noise(series, step) as f64 / 100.0,
        _ => (step / 20) as f64 * 4096.0,
    }
}

fn noise(series: usize, step: i64) -> i64 {
    (step * 7919 + series as i64 * 31) % 1000
}

/// A thread that looks every now and then what the process holds.
struct Watch {
    stop: Arc<AtomicBool>,
    own_bytes: Arc<AtomicU64>,
    /// The most that was held a series, in thousandths of bytes.
    most_millibytes: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    fn begin(db: Arc<Db>) -> Self {
        let (stop, own_bytes, most) = (
            Arc::<AtomicBool>::default(),
            Arc::<AtomicU64>::default(),
            Arc::<AtomicU64>::default(),
        );
        let (stopped, own, noted) = (Arc::clone(&stop), Arc::clone(&own_bytes), Arc::clone(&most));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let series = db.head_series();
                // A few series tell nothing.
                if series > 10_000 {
                    let held = held_bytes().saturating_sub(own.load(Ordering::Relaxed));
                    noted.fetch_max(held * 1000 / series, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self {
            stop,
            own_bytes,
            most_millibytes: most,
            thread: Some(thread),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watch does not panic");
        }
    }
}

/// What of this process is anonymous, shared, or dirty pages of files.
fn held_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let kib = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        number.unwrap_or(0)
    };
    let unwritten = kib("Private_Dirty:") + kib("Shared_Dirty:");
    (kib("Anonymous:") + kib("Pss_Shmem:")).max(unwritten) * 1024
}
