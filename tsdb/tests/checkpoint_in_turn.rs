//! A head's checkpoint of ours in a directory that Prometheus has in between: with it or without, we find the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::head::Stats;
use tsdb::model::Labels;

use crate::contents::{Found, everything};
use crate::shared_directory::{Prometheus, scratch};

fn open(data: &Path) -> Db {
    let options = DbOptions {
        checkpoint_samples_max: 1_000,
        // A process of its own would have died with its lock.
        no_lockfile: true,
        out_of_order_window_ms: 7_200_000,
        ..DbOptions::default()
    };
    Db::open(Arc::new(RealFs), data, options, now_ms()).unwrap()
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

fn append(db: &Db, at_ms: i64) {
    let mut batch = Batch::at(at_ms);
    for instance in 0..40 {
        let text = instance.to_string();
        let pairs = [("__name__", "ours"), ("instance", text.as_str()), ("job", "test")];
        let series = db.resolve(&Labels::from_pairs(pairs), &mut batch).unwrap();
        batch.push(series, ((at_ms % 977) as f64 * f64::from(instance)).to_bits());
    }
    db.append(&mut batch, &AppendOptions::default()).unwrap();
}

fn copy(data: &Path, name: &str) -> PathBuf {
    let to = data.with_file_name(name);
    let _none_there = std::fs::remove_dir_all(&to);
    let copied = Command::new("cp").arg("-a").arg(data).arg(&to).status();
    assert!(copied.unwrap().success());
    to
}

/// Opens copies with the checkpoint and without; returns what is there and whether the checkpoint was used.
#[track_caller]
fn both_ways(data: &Path) -> (Found, bool) {
    let with = open(&copy(data, "with"));
    let without = copy(data, "without");
    std::fs::remove_dir_all(without.join("deucalion")).unwrap();
    let found = everything(&with).unwrap();
    assert!(
        found == everything(&open(&without)).unwrap(),
        "the log says something else"
    );
    (found, Stats::get(&with.head_stats().checkpoint_loads) == 1)
}

#[track_caller]
fn check(we_close: bool, it_closes: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let db = open(&data);
    let from_ms = now_ms() - 3_600_000;
    for minute in 0..55 {
        for second in [0, 15, 30, 45] {
            append(&db, from_ms + minute * 60_000 + second * 1_000);
        }
        db.maintain(now_ms()).unwrap();
    }
    append(&db, from_ms + 56 * 60_000);
    if we_close {
        db.close().unwrap();
    }
    std::mem::forget(db);
    let (ours, is_used) = both_ways(&data);
    assert!(is_used && ours.len() == 40, "{} series", ours.len());
    let Some(prometheus) = Prometheus::start(&data, true) else {
        return;
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while prometheus.contents(now_ms() - 500, 1).len() <= 100 {
        assert!(Instant::now() < deadline, "it scrapes nothing");
        std::thread::sleep(Duration::from_millis(200));
    }
    prometheus.stop(it_closes);
    let (both, is_used) = both_ways(&data);
    assert!(both.len() > 100, "{} series", both.len());
    assert!(
        ours.iter()
            .all(|(labels, samples)| both.get(labels) == Some(samples))
    );
    assert!(
        !(we_close && is_used),
        "it was written to behind what we left in good order"
    );
    // We go on, and so does the checkpoint.
    let db = open(&data);
    for second in 1..120 {
        append(&db, now_ms() + second * 1_000);
    }
    db.maintain(now_ms()).unwrap();
    std::mem::forget(db);
    assert!(both_ways(&data).1, "written anew");
}

#[test]
fn a_checkpoint_of_a_killed_server_that_prometheus_went_on_from() {
    check(false, true);
    check(false, false);
}

#[test]
fn a_checkpoint_of_a_stopped_server_that_prometheus_went_on_from() {
    check(true, true);
}
