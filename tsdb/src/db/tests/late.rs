//! Samples out of order: judged, logged, flushed, replayed, merged, compacted.

use super::*;
use crate::model::{Histogram, IntHistogram};

const WINDOW_MS: i64 = 5_000;

fn with_window() -> DbOptions {
    DbOptions {
        out_of_order_window_ms: WINDOW_MS,
        ..options()
    }
}

fn reopen(fs: &Arc<dyn Vfs>) -> Db {
    Db::open(Arc::clone(fs), Path::new(DIR), with_window(), 1).unwrap()
}

#[track_caller]
fn put(db: &Db, at_ms: i64) -> Verdict {
    append(db, &[(&labels("up", "a"), at_ms, at_ms as f64)])[0]
}

/// Times of the series, each of whose values is its time.
#[track_caller]
fn times(db: &Db) -> Vec<i64> {
    let all = select(db, vec![Matcher::equal("job", "test")], i64::MIN, i64::MAX);
    let Some((_, samples)) = all.into_iter().next() else {
        return Vec::new();
    };
    assert!(samples.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(samples.iter().all(|&(t, bits)| f64::from_bits(bits) == t as f64));
    samples.into_iter().map(|sample| sample.0).collect()
}

#[test]
fn what_comes_late_is_taken_within_the_window() {
    let db = reopen(&memory());
    assert_eq!(put(&db, 10_000), Verdict::Accepted);
    assert_eq!(put(&db, 5_000), Verdict::Accepted);
    assert_eq!(put(&db, 4_999), Verdict::TooOld);
    assert_eq!(put(&db, 9_999), Verdict::Accepted);
    // Twice the same time: it is there already, whatever its value.
    assert_eq!(put(&db, 5_000), Verdict::Repeated);
    assert_eq!(
        append(&db, &[(&labels("up", "a"), 10_000, 1.0)]),
        [Verdict::Duplicate]
    );
    assert_eq!(times(&db), [5_000, 9_999, 10_000]);
}

#[test]
fn rules_refuse_what_comes_late_and_without_a_window_all_do() {
    let db = reopen(&memory());
    put(&db, 10_000);
    let mut batch = Batch::at(9_000);
    let series = db.resolve(&labels("up", "a"), &mut batch).unwrap();
    batch.push(series, 1);
    let options = AppendOptions {
        reject_out_of_order: true,
    };
    db.append(&mut batch, &options).unwrap();
    assert_eq!(batch.verdict, [Verdict::OutOfOrder]);
    db.set_out_of_order_window_ms(0).unwrap();
    assert_eq!(put(&db, 9_999), Verdict::OutOfOrder);
    assert_eq!(put(&db, 9_000), Verdict::OutOfBounds);
}

#[test]
fn a_window_may_be_opened_while_running() {
    let fs = memory();
    let db = open(&fs);
    put(&db, 10_000);
    assert_eq!(put(&db, 9_999), Verdict::OutOfOrder);
    db.set_out_of_order_window_ms(WINDOW_MS).unwrap();
    assert_eq!(put(&db, 9_999), Verdict::Accepted);
    drop(db);
    // Also read when the window is closed again.
    assert_eq!(times(&open(&fs)), [9_999, 10_000]);
}

#[test]
fn what_came_late_survives_restarts_with_and_without_flushed_chunks() {
    let fs = memory();
    let db = reopen(&fs);
    let mut expected = Vec::new();
    put(&db, 10_000);
    expected.push(10_000);
    for n in 0..100 {
        let at_ms = 9_900 - n * 37;
        assert_eq!(put(&db, at_ms), Verdict::Accepted);
        expected.push(at_ms);
    }
    expected.sort_unstable();
    assert_eq!(times(&db), expected);
    drop(db);
    let db = reopen(&fs);
    assert_eq!(times(&db), expected);
    db.maintain(1).unwrap();
    assert_eq!(times(&db), expected);
    for n in 0..50 {
        put(&db, 9_901 + n);
        expected.push(9_901 + n);
    }
    expected.sort_unstable();
    // The log holds the open samples behind the marker of the chunks.
    drop(db);
    let db = reopen(&fs);
    assert_eq!(times(&db), expected);
    db.close().unwrap();
    drop(db);
    assert_eq!(times(&reopen(&fs)), expected);
}

#[test]
fn what_came_late_becomes_blocks_with_the_head() {
    let fs = memory();
    let db = reopen(&fs);
    let mut expected = Vec::new();
    for n in 0..400 {
        put(&db, n * 20);
        expected.push(n * 20);
        if n % 3 == 0 && n > 100 {
            let late_ms = n * 20 - 1_907;
            assert_eq!(put(&db, late_ms), Verdict::Accepted);
            expected.push(late_ms);
        }
    }
    expected.sort_unstable();
    assert_eq!(times(&db), expected);
    db.maintain(1).unwrap();
    assert_eq!(times(&db), expected);
    let segments = crate::wal::segment::list(&*fs, Path::new("/data/wbl")).unwrap();
    assert_eq!(segments.len(), 1);
    assert!(!db.blocks().is_empty());
    drop(db);
    let db = reopen(&fs);
    assert_eq!(times(&db), expected);
    put(&db, 8_100);
    db.maintain(2).unwrap();
    expected.push(8_100);
    assert_eq!(times(&db), expected);
}

#[test]
fn blocks_of_late_samples_say_so_and_do_not_hide_the_log() {
    let fs = memory();
    let db = reopen(&fs);
    // The head's first range ends at 1000; what comes late lies before and after it.
    for n in 0..90 {
        put(&db, n * 20);
    }
    put(&db, 1_701);
    put(&db, 1_101);
    db.maintain(1).unwrap();
    let hints: Vec<_> = db
        .blocks()
        .iter()
        .map(|block| block.meta().compaction.hints.clone())
        .collect();
    assert!(hints.contains(&vec!["from-out-of-order".to_owned()]), "{hints:?}");
    let before = times(&db);
    assert_eq!(before.len(), 92);
    drop(db);
    assert_eq!(times(&reopen(&fs)), before);
}

#[test]
fn histograms_come_late_too() {
    let fs = memory();
    let db = reopen(&fs);
    let counting = |n: u64| {
        Histogram::Integer(IntHistogram {
            count: n,
            zero_count: n,
            sum: n as f64,
            ..IntHistogram::default()
        })
    };
    for at_ms in [1_000, 900, 950] {
        let mut batch = Batch::timed();
        let series = db.resolve(&labels("h", "a"), &mut batch).unwrap();
        batch.push_histogram_at(series, at_ms, counting(at_ms.unsigned_abs()));
        db.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(batch.verdict, [Verdict::Accepted]);
    }
    let check = |db: &Db| {
        let want = Selection::new(vec![Matcher::equal("job", "test")], i64::MIN, i64::MAX);
        let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
        let mut columns = Columns::default();
        read.cursor()
            .read(0, 0, i64::MIN, i64::MAX, &mut columns)
            .unwrap();
        let sums: Vec<_> = columns.histograms.iter().map(|(_, h)| h.sum()).collect();
        assert_eq!(
            (columns.t_ms, sums),
            (vec![900, 950, 1_000], vec![900.0, 950.0, 1_000.0])
        );
    };
    check(&db);
    drop(db);
    check(&reopen(&fs));
}

#[test]
fn what_came_late_is_deleted_like_the_rest() {
    let fs = memory();
    let db = reopen(&fs);
    for at_ms in [10_000, 9_000, 9_500, 9_700] {
        put(&db, at_ms);
    }
    db.delete(9_000, 9_600, &[Matcher::equal("instance", "a")])
        .unwrap();
    assert_eq!(times(&db), [9_700, 10_000]);
    drop(db);
    assert_eq!(times(&reopen(&fs)), [9_700, 10_000]);
}

#[test]
fn damage_in_the_log_of_late_samples_costs_what_lies_behind_it() {
    let fs = memory();
    let db = reopen(&fs);
    put(&db, 10_000);
    put(&db, 9_000);
    put(&db, 9_500);
    drop(db);
    let path = Path::new("/data/wbl/00000000");
    let len = fs.read(path).unwrap().len();
    fs.open(path).unwrap().write_at(len as u64 - 1, &[0xee]).unwrap();
    let db = reopen(&fs);
    assert_eq!(times(&db), [9_000, 10_000]);
    assert!(fs.list(Path::new("/data/quarantine")).unwrap()[0].starts_with("wbl-"));
}
