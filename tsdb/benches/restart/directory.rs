//! The directory that is opened: targets of 500 series, as a node exporter has them.

use std::path::Path;
use std::sync::Arc;

use tsdb::batch::{AppendOptions, Appendable, Batch, SeriesRef};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::head::Stats;
use tsdb::model::Labels;

pub(crate) const START_MS: i64 = 1_700_006_400_000;
const SERIES_PER_TARGET: usize = 500;
const INTERVAL_MS: i64 = 15_000;

fn labels(target: usize, at: usize) -> Labels {
    let instance = format!("host-{target:05}.example.com:9100");
    let name = format!("node_metric_{:03}_total", at % 230);
    let (cpu, device) = ((at / 230).to_string(), format!("dev{}", at / 100));
    let mode = ["idle", "user", "system", "iowait"][at % 4];
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("cpu", if at.is_multiple_of(3) { cpu.as_str() } else { "" }),
        ("device", if at.is_multiple_of(2) { device.as_str() } else { "" }),
        ("id", if at >= 230 { cpu.as_str() } else { "" }),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("mode", if at.is_multiple_of(5) { mode } else { "" }),
    ])
}

/// A value of the mix that exporters have: a third constant, counters, gauges.
fn value(series: usize, step: i64) -> u64 {
    let v = match series % 6 {
        0 | 1 => 42.0,
        2 => step as f64,
        3 => (step * (series as i64 % 977 + 3)) as f64,
        4 => ((step * 7919 + series as i64 * 31) % 1000) as f64 / 100.0,
        _ => (step / 20) as f64 * 4096.0,
    };
    v.to_bits()
}

/// Makes a directory in `dir` and ends the process as a kill would.
pub(crate) fn make(dir: &Path, series: usize, hours: f64) {
    std::fs::create_dir_all(dir).expect("a directory");
    let db = Db::open(Arc::new(RealFs), dir, DbOptions::default(), START_MS).expect("a database");
    let mut batch = Batch::at(START_MS);
    let targets: Vec<Vec<SeriesRef>> = (0..series.div_ceil(SERIES_PER_TARGET))
        .map(|target| {
            let all = (0..SERIES_PER_TARGET).map(|at| labels(target, at));
            let refs = all.map(|labels| db.resolve(&labels, &mut batch).expect("a series"));
            let refs = refs.collect();
            db.append(&mut batch, &AppendOptions::default()).expect("logged");
            refs
        })
        .collect();
    let steps = (hours * 3_600_000.0) as i64 / INTERVAL_MS;
    for step in 1..=steps {
        for (target, refs) in targets.iter().enumerate() {
            // Each target is scraped at its own moment.
            let offset_ms = target as i64 * 7_919 % INTERVAL_MS;
            batch.clear(START_MS + step * INTERVAL_MS + offset_ms);
            for (series, &number) in refs.iter().enumerate() {
                batch.push(number, value(series, step));
            }
            db.append(&mut batch, &AppendOptions::default()).expect("stored");
        }
        if step % 4 == 0 {
            let now_ms = START_MS + step * INTERVAL_MS;
            db.sync().expect("synced");
            db.maintain(now_ms).expect("maintained");
        }
    }
    println!("made: {} bytes of log", Stats::get(&db.head_stats().wal_bytes));
    std::process::exit(0);
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_in(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Says what is in the directory.
pub(crate) fn describe(dir: &Path) {
    for part in ["wal", "chunks_head", "deucalion"] {
        println!("{part}: {} MiB", bytes_in(&dir.join(part)) >> 20);
    }
}
