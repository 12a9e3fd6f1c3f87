//! Exemplars and metadata through log, checkpoint and restart.

use super::*;
use crate::model::{Exemplar, Metadata, MetricKind};

fn with_exemplars() -> DbOptions {
    DbOptions {
        exemplars_max: 100,
        // This is about the log and its own checkpoints.
        checkpoint_samples_max: 0,
        ..options()
    }
}

fn reopen(fs: &Arc<dyn Vfs>) -> Db {
    Db::open(Arc::clone(fs), Path::new(DIR), with_exemplars(), 1).unwrap()
}

fn exemplar(at_ms: Option<i64>, value: f64) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", "x")]),
        value,
        at_ms,
    }
}

fn said(help: &str) -> Metadata {
    Metadata {
        kind: MetricKind::Counter,
        unit: "bytes".to_owned(),
        help: help.to_owned(),
    }
}

/// A sample with an exemplar and what is said of its metric.
#[track_caller]
fn append_all(db: &Db, at_ms: i64, help: &str) -> Receipt {
    let mut batch = Batch::at(at_ms);
    let series = db.resolve(&labels("up", "a"), &mut batch).unwrap();
    batch.push(series, 1f64.to_bits());
    batch.exemplars.push((series, exemplar(None, at_ms as f64)));
    batch.metadata.push((series, said(help)));
    db.append(&mut batch, &AppendOptions::default()).unwrap()
}

fn exemplar_times(db: &Db) -> Vec<i64> {
    let found = db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal("instance", "a")]]);
    let all = found.iter().flat_map(|series| &series.exemplars);
    all.map(|exemplar| exemplar.at_ms.unwrap()).collect()
}

#[test]
fn exemplars_and_metadata_survive_a_restart() {
    let fs = memory();
    let db = reopen(&fs);
    assert_eq!(append_all(&db, 10, "one").exemplars, 1);
    append_all(&db, 20, "two");
    append_all(&db, 30, "two");
    let check = |db: &Db| {
        assert_eq!(exemplar_times(db), [10, 20, 30]);
        assert_eq!(*db.metadata(&labels("up", "a")).unwrap(), said("two"));
        assert_eq!(db.metadata(&labels("up", "b")), None);
    };
    check(&db);
    drop(db);
    check(&reopen(&fs));
}

#[test]
fn a_checkpoint_keeps_late_exemplars_and_the_last_metadata() {
    let fs = memory();
    let db = reopen(&fs);
    for round in 0..8i64 {
        for i in 0..100 {
            append_all(&db, round * 2_000 + i * 20, if round < 1 { "old" } else { "new" });
        }
        db.maintain(round).unwrap();
        db.head.wal.lock().next_segment().unwrap();
    }
    let checkpoints = crate::wal::segment::checkpoints(&*fs, Path::new("/data/wal")).unwrap();
    assert_eq!(checkpoints.len(), 1);
    drop(db);
    let db = reopen(&fs);
    assert_eq!(*db.metadata(&labels("up", "a")).unwrap(), said("new"));
    let times = exemplar_times(&db);
    assert_eq!(times.last(), Some(&15_980));
    // Those of blocks are not read again, as in Prometheus.
    assert_eq!(times.len(), 50);
}

#[test]
fn exemplars_that_are_late_or_too_long_are_counted_and_not_logged() {
    let fs = memory();
    let db = reopen(&fs);
    let mut batch = Batch::at(100);
    let series = db.resolve(&labels("up", "a"), &mut batch).unwrap();
    batch.exemplars.push((series, exemplar(None, 1.0)));
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    let logged = Stats::of(&db);
    batch.clear(100);
    batch.exemplars.push((series, exemplar(Some(99), 1.0)));
    let long = Labels::from_pairs([("a", "b".repeat(200).as_str())]);
    batch.exemplars.push((
        series,
        Exemplar {
            labels: long,
            ..exemplar(None, 2.0)
        },
    ));
    batch.exemplars.push((series, exemplar(Some(100), 1.0)));
    let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
    assert_eq!(
        (
            receipt.exemplars,
            receipt.exemplars_out_of_order,
            receipt.exemplars_too_long
        ),
        (1, 1, 1)
    );
    assert_eq!(Stats::of(&db), logged);
}

struct Stats;

impl Stats {
    fn of(db: &Db) -> u64 {
        crate::head::Stats::get(&db.head_stats().wal_records)
    }
}

#[test]
fn without_storage_exemplars_are_passed_over_and_those_of_the_log_stay_in_it() {
    let fs = memory();
    append_all(&reopen(&fs), 10, "one");
    let db = open(&fs);
    append_all(&db, 20, "one");
    assert!(exemplar_times(&db).is_empty());
    drop(db);
    assert_eq!(exemplar_times(&reopen(&fs)), [10]);
}
