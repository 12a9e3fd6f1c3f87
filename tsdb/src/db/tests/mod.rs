//! The database as a whole.

mod beside;
mod checkpoint;
mod checkpoint_course;
mod concurrent;
mod damage;
mod disk;
mod histograms;
mod late;
mod limits;
mod model;
mod refusal;
mod restart;
mod room;
mod tiers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::batch::Verdict;
use crate::fs::memory::MemoryFs;
use crate::query::{Budget, Columns, Queryable, Selection};

const DIR: &str = "/data";

/// What is stored, as text of labels → time → bits.
type Stored = BTreeMap<String, BTreeMap<i64, u64>>;

fn options() -> DbOptions {
    DbOptions {
        min_block_ms: 1_000,
        max_block_ms: 9_000,
        wal_segment_bytes: 64 << 10,
        checkpoint_samples_max: 40,
        open_threads: 2,
        ..DbOptions::default()
    }
}

#[track_caller]
fn open(fs: &Arc<dyn Vfs>) -> Db {
    Db::open(Arc::clone(fs), Path::new(DIR), options(), 1).unwrap()
}

fn memory() -> Arc<dyn Vfs> {
    Arc::new(MemoryFs::new())
}

fn labels(name: &str, instance: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("instance", instance), ("job", "test")])
}

#[track_caller]
fn append(db: &Db, rows: &[(&Labels, i64, f64)]) -> Vec<Verdict> {
    let mut batch = Batch::timed();
    for &(labels, at_ms, value) in rows {
        let series = db.resolve(labels, &mut batch).unwrap();
        batch.push_at(series, at_ms, value.to_bits());
    }
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    batch.verdict
}

#[track_caller]
fn select(db: &Db, matchers: Vec<Matcher>, from_ms: i64, through_ms: i64) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let want = Selection::new(matchers, from_ms, through_ms);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    let mut cursor = read.cursor();
    (0..read.rosters[0].len())
        .map(|series| {
            cursor.read(0, series, from_ms, through_ms, &mut columns).unwrap();
            let bits = columns.v.iter().map(|v| v.to_bits());
            (
                read.labels(0, series),
                columns.t_ms.iter().copied().zip(bits).collect(),
            )
        })
        .collect()
}

#[track_caller]
fn everything(db: &Db) -> Stored {
    let all = select(db, vec![Matcher::equal("job", "test")], i64::MIN, i64::MAX);
    all.into_iter()
        .map(|(labels, samples)| (labels.to_string(), samples.into_iter().collect()))
        .filter(|(_, samples): &(_, BTreeMap<_, _>)| !samples.is_empty())
        .collect()
}

#[test]
fn what_is_appended_is_found_by_its_labels() {
    let fs = memory();
    let db = open(&fs);
    let (a, b) = (labels("up", "a"), labels("up", "b"));
    append(&db, &[(&a, 10, 1.0), (&b, 10, 2.0)]);
    append(&db, &[(&a, 20, 3.0)]);
    let found = select(&db, vec![Matcher::equal("instance", "a")], 0, 100);
    assert_eq!(found, [(a, vec![(10, 1f64.to_bits()), (20, 3f64.to_bits())])]);
    assert!(select(&db, vec![Matcher::equal("instance", "c")], 0, 100).is_empty());
    assert!(select(&db, vec![Matcher::equal("instance", "b")], 11, 100).is_empty());
}

#[test]
fn series_come_in_the_order_of_their_making_and_sorted_when_asked() {
    let fs = memory();
    let db = open(&fs);
    let all = [labels("z", "3"), labels("a", "1"), labels("m", "2")];
    for series in &all {
        append(&db, &[(series, 10, 1.0)]);
    }
    let found = select(&db, vec![Matcher::equal("job", "test")], 0, 100);
    assert_eq!(found.iter().map(|f| f.0.clone()).collect::<Vec<_>>(), all);
    let mut want = Selection::new(vec![Matcher::equal("job", "test")], 0, 100);
    want.sorted = true;
    let read = Queryable::open(&db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let names: Vec<String> = (0..3)
        .map(|i| read.labels(0, i).metric_name().to_owned())
        .collect();
    assert_eq!(names, ["a", "m", "z"]);
}

#[test]
fn rows_are_judged_as_prometheus_judges_them() {
    let fs = memory();
    let db = open(&fs);
    let a = labels("up", "a");
    assert_eq!(append(&db, &[(&a, 10_000, 1.0)]), [Verdict::Accepted]);
    let verdicts = append(
        &db,
        &[
            (&a, 10_000, 1.0),
            (&a, 10_000, 2.0),
            (&a, 9_999, 1.0),
            (&a, 9_499, 1.0),
            (&a, 10_001, 1.0),
        ],
    );
    assert_eq!(
        verdicts,
        [
            Verdict::Repeated,
            Verdict::Duplicate,
            Verdict::OutOfOrder,
            Verdict::OutOfBounds,
            Verdict::Accepted
        ]
    );
}

#[test]
fn rows_of_one_series_in_one_batch_are_judged_by_each_other() {
    let fs = memory();
    let db = open(&fs);
    let a = labels("up", "a");
    let rows = [
        (&a, 10, 1.0),
        (&a, 20, 2.0),
        (&a, 20, 2.0),
        (&a, 20, 3.0),
        (&a, 15, 1.0),
    ];
    assert_eq!(
        append(&db, &rows),
        [
            Verdict::Accepted,
            Verdict::Accepted,
            Verdict::Overtaken,
            Verdict::Overtaken,
            Verdict::Overtaken
        ]
    );
    let before = everything(&db);
    assert_eq!(before.values().next().unwrap().len(), 2);
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}

#[test]
fn judging_stores_nothing_and_looks_at_what_is_stored_alone() {
    let fs = memory();
    let db = open(&fs);
    let a = labels("up", "a");
    append(&db, &[(&a, 10_000, 1.0)]);
    let before = everything(&db);
    let mut batch = Batch::timed();
    let series = db.resolve(&a, &mut batch).unwrap();
    for at_ms in [10_001, 10_001, 9_999] {
        batch.push_at(series, at_ms, 2f64.to_bits());
    }
    db.judge(&mut batch);
    assert_eq!(
        batch.verdict,
        [Verdict::Accepted, Verdict::Accepted, Verdict::OutOfOrder]
    );
    assert_eq!(everything(&db), before);
}

#[test]
fn a_batch_may_touch_all_lanes() {
    let fs = memory();
    let db = open(&fs);
    let all: Vec<Labels> = (0..40).map(|i| labels("up", &i.to_string())).collect();
    let rows: Vec<(&Labels, i64, f64)> = all.iter().map(|l| (l, 5, 1.0)).collect();
    assert!(append(&db, &rows).iter().all(|v| *v == Verdict::Accepted));
    assert_eq!(everything(&db).len(), 40);
}

#[test]
fn labels_that_cannot_be_a_series_are_refused() {
    let fs = memory();
    let db = open(&fs);
    let mut batch = Batch::at(1);
    let error = db.resolve(&Labels::empty(), &mut batch).unwrap_err();
    assert!(error.is_invalid_labels());
    assert_eq!(error.to_string(), "empty labelset: invalid sample");
}

#[test]
fn a_number_that_was_never_given_out_is_an_unknown_series() {
    let fs = memory();
    let db = open(&fs);
    let mut batch = Batch::at(1);
    batch.push(SeriesRef(77), 0);
    let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
    assert_eq!(receipt.unknown_series, 1);
    assert_eq!(batch.verdict, [Verdict::UnknownSeries]);
}

#[test]
fn a_closed_database_takes_nothing_and_frees_its_directory() {
    let fs = memory();
    let db = open(&fs);
    let a = labels("up", "a");
    append(&db, &[(&a, 10, 1.0)]);
    let locked = Db::open(Arc::clone(&fs), Path::new(DIR), options(), 1).unwrap_err();
    assert!(locked.is_locked());
    db.close().unwrap();
    let mut batch = Batch::at(20);
    assert!(db.resolve(&labels("new", "a"), &mut batch).is_err());
    batch.push(SeriesRef(1), 0);
    assert!(db.append(&mut batch, &AppendOptions::default()).is_err());
    assert_eq!(everything(&open(&fs)).len(), 1);
}

#[test]
fn deleted_samples_stay_deleted() {
    let fs = memory();
    let db = open(&fs);
    let (a, b) = (labels("up", "a"), labels("up", "b"));
    for t in 0..10 {
        append(&db, &[(&a, t, 1.0), (&b, t, 1.0)]);
    }
    db.delete(3, 5, &[Matcher::equal("instance", "a")]).unwrap();
    let expected: Vec<i64> = vec![0, 1, 2, 6, 7, 8, 9];
    let times = |db: &Db, instance: &str| -> Vec<i64> {
        let found = select(db, vec![Matcher::equal("instance", instance)], 0, 100);
        found[0].1.iter().map(|s| s.0).collect()
    };
    assert_eq!(times(&db, "a"), expected);
    assert_eq!(times(&db, "b").len(), 10);
    drop(db);
    let db = open(&fs);
    assert_eq!(times(&db, "a"), expected);
    assert_eq!(times(&db, "b").len(), 10);
}

#[test]
fn names_and_values_are_those_of_the_series_that_match() {
    let fs = memory();
    let db = open(&fs);
    append(&db, &[(&labels("up", "a"), 10, 1.0)]);
    append(
        &db,
        &[(&Labels::from_pairs([("__name__", "x"), ("only", "1")]), 10, 1.0)],
    );
    let cancel = Cancel::new();
    let all = db.label_names(0, 100, &[], &cancel).unwrap();
    assert_eq!(all, ["__name__", "instance", "job", "only"]);
    let of_x = [vec![Matcher::equal("__name__", "x")]];
    assert_eq!(
        db.label_names(0, 100, &of_x, &cancel).unwrap(),
        ["__name__", "only"]
    );
    assert_eq!(
        db.label_values("__name__", 0, 100, &[], &cancel).unwrap(),
        ["up", "x"]
    );
    assert_eq!(
        db.label_values("__name__", 0, 100, &of_x, &cancel).unwrap(),
        ["x"]
    );
    assert!(
        db.label_values("__name__", 200, 300, &[], &cancel)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn the_status_counts_series_by_label() {
    let fs = memory();
    let db = open(&fs);
    for instance in ["a", "b", "c"] {
        append(&db, &[(&labels("up", instance), 10, 1.0)]);
    }
    append(&db, &[(&labels("down", "a"), 12, 1.0)]);
    let status = db.head_status(2);
    assert_eq!((status.series, status.label_pairs, status.chunks), (4, 6, 4));
    assert_eq!((status.min_ms, status.max_ms), (10, 12));
    let text = |all: &[StatusEntry]| {
        all.iter()
            .map(|e| format!("{} {}", e.name, e.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(text(&status.series_by_metric), ["up 3", "down 1"]);
    assert_eq!(text(&status.values_by_label), ["instance 3", "__name__ 2"]);
    assert_eq!(text(&status.memory_by_label), ["job 16", "__name__ 10"]);
    assert_eq!(text(&status.series_by_pair), ["job=test 4", "__name__=up 3"]);
}
