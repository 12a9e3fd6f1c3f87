//! Histograms through the whole database: log, restart, blocks, deletion.

use super::*;
use crate::model::{Histogram, IntHistogram, Span, is_stale, stale_marker};

fn counting(n: i64) -> Histogram {
    Histogram::Integer(IntHistogram {
        count: n.unsigned_abs(),
        sum: n as f64,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive_deltas: vec![n],
        ..IntHistogram::default()
    })
}

#[track_caller]
fn append_histogram(db: &Db, at_ms: i64, histogram: Histogram) -> Verdict {
    let mut batch = Batch::timed();
    let series = db.resolve(&labels("h", "a"), &mut batch).unwrap();
    batch.push_histogram_at(series, at_ms, histogram);
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    batch.verdict[0]
}

/// Times with the sums of histograms; of floats their values, negated.
fn samples(db: &Db) -> Vec<(i64, f64)> {
    let want = Selection::new(vec![Matcher::equal("job", "test")], i64::MIN, i64::MAX);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    if read.rosters[0].is_empty() {
        return Vec::new();
    }
    read.cursor()
        .read(0, 0, i64::MIN, i64::MAX, &mut columns)
        .unwrap();
    (0..columns.len())
        .map(|row| match columns.histogram(row) {
            Some(h) if is_stale(h.sum()) => (columns.t_ms[row], f64::INFINITY),
            Some(h) => (columns.t_ms[row], h.sum()),
            None => (columns.t_ms[row], -columns.v[row]),
        })
        .collect()
}

#[test]
fn histograms_survive_a_restart_blocks_and_merging() {
    let fs = memory();
    let mut expected = Vec::new();
    for round in 0..12 {
        let db = open(&fs);
        for step in 0..30 {
            let at_ms = (round * 30 + step) * 20;
            if step == 9 {
                append(&db, &[(&labels("h", "a"), at_ms, 7.0)]);
                expected.push((at_ms, -7.0));
            } else {
                append_histogram(&db, at_ms, counting(step + 1));
                expected.push((at_ms, (step + 1) as f64));
            }
        }
        assert_eq!(samples(&db), expected);
        db.maintain(at(round)).unwrap();
        assert_eq!(samples(&db), expected);
        if round % 2 == 0 {
            db.close().unwrap();
        }
    }
    let db = open(&fs);
    assert_eq!(samples(&db), expected);
    assert!(db.blocks().iter().any(|block| block.meta().compaction.level > 1));
    assert!(
        db.blocks()
            .iter()
            .all(|block| block.meta().stats.num_histogram_samples > 0)
    );
}

fn at(round: i64) -> i64 {
    1_700_000_000_000 + round
}

#[test]
fn the_same_histogram_is_repeated_and_another_is_a_duplicate() {
    let db = open(&memory());
    assert_eq!(append_histogram(&db, 10, counting(1)), Verdict::Accepted);
    assert_eq!(append_histogram(&db, 10, counting(1)), Verdict::Repeated);
    assert_eq!(append_histogram(&db, 10, counting(2)), Verdict::Duplicate);
    assert_eq!(append_histogram(&db, 9, counting(2)), Verdict::OutOfOrder);
    assert_eq!(append(&db, &[(&labels("h", "a"), 10, 1.0)]), [Verdict::Duplicate]);
    assert_eq!(append(&db, &[(&labels("h", "a"), 11, 1.0)]), [Verdict::Accepted]);
    assert_eq!(append_histogram(&db, 11, counting(2)), Verdict::Duplicate);
}

#[test]
fn a_staleness_marker_ends_a_histogram_series_as_a_histogram() {
    let fs = memory();
    let db = open(&fs);
    append_histogram(&db, 10, counting(1));
    let verdicts = append(&db, &[(&labels("h", "a"), 20, stale_marker())]);
    assert_eq!(verdicts, [Verdict::Accepted]);
    assert_eq!(samples(&db), [(10, 1.0), (20, f64::INFINITY)]);
    drop(db);
    assert_eq!(samples(&open(&fs)), [(10, 1.0), (20, f64::INFINITY)]);
}

#[test]
fn floats_and_histograms_of_one_batch_come_back_in_their_order() {
    let fs = memory();
    let db = open(&fs);
    let mut batch = Batch::timed();
    let series = db.resolve(&labels("h", "a"), &mut batch).unwrap();
    batch.push_histogram_at(series, 1, counting(1));
    batch.push_at(series, 2, 2f64.to_bits());
    batch.push_histogram_at(series, 3, counting(3));
    batch.push_histogram_at(series, 4, Histogram::stale_float());
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    assert_eq!(batch.verdict, [Verdict::Accepted; 4]);
    let expected = [(1, 1.0), (2, -2.0), (3, 3.0), (4, f64::INFINITY)];
    assert_eq!(samples(&db), expected);
    drop(db);
    assert_eq!(samples(&open(&fs)), expected);
}

#[test]
fn deleted_histograms_are_not_seen_before_and_after_a_block() {
    let fs = memory();
    let db = open(&fs);
    for n in 0..100 {
        append_histogram(&db, n * 20, counting(n + 1));
    }
    db.delete(500, 1500, &[Matcher::equal("instance", "a")]).unwrap();
    let expected: Vec<_> = (0..100)
        .map(|n| (n * 20, (n + 1) as f64))
        .filter(|(t, _)| !(500..=1500).contains(t))
        .collect();
    assert_eq!(samples(&db), expected);
    db.maintain(1).unwrap();
    assert_eq!(samples(&db), expected);
    drop(db);
    assert_eq!(samples(&open(&fs)), expected);
}

#[test]
fn a_histogram_without_its_buckets_refuses_the_batch() {
    let db = open(&memory());
    let mut batch = Batch::timed();
    let series = db.resolve(&labels("h", "a"), &mut batch).unwrap();
    let broken = IntHistogram {
        positive_spans: vec![Span { offset: 0, length: 1 }],
        ..IntHistogram::default()
    };
    batch.push_histogram_at(series, 1, Histogram::Integer(broken));
    let error = db.append(&mut batch, &AppendOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "histogram of row 0 has other numbers of buckets than its spans"
    );
}
