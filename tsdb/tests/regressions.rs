//! Losses at restarts, and wrong data, that Prometheus has had and mended in 3.11 to 3.14: that none of them is here.
//!
//! | Prometheus | what went wrong | here |
//! |---|---|---|
//! | #19016 | a block merged of ordinary and other blocks seemed to hold what only the log had | [`out_of_order_blocks_do_not_hide_what_only_the_log_has`]; blocks of stale series: `compact::tests` |
//! | #19140 | numbers of deleted series were given out again, their tombstones deleted the new series | [`a_number_that_only_a_tombstone_names_is_not_given_out_again`], [`a_series_that_was_deleted_whole_comes_back`] |
//! | #19202 | a float staleness marker was replayed as a float into a histogram series | [`a_stale_float_ends_a_series_of_histograms_as_a_histogram`] |
//! | #18739 | memory snapshots of XOR2 chunks | snapshots are set aside, never read: `damage` |
//! | #18847 | the record of an evicted series left the checkpoint before its samples | [`records_of_series_that_left_stay_as_long_as_their_samples`] |
//! | #18849 | a sample at the very end of a block's range was in no block | [`a_sample_at_the_end_of_a_blocks_range_is_in_the_next`] |
//! | #19134 | a reader opened before the head was truncated got other chunks | [`a_query_opened_before_the_head_shrinks_reads_what_it_saw`] |
//! | #18306 | histograms replayed from the log stayed in memory | [`histograms_of_the_log_go_to_files_after_a_start`] |
//! | #12127 | out-of-order chunks were ignored where their log was gone | [`out_of_order_chunks_count_where_their_log_is_gone`] |

use std::path::Path;
use std::sync::Arc;

use tsdb::batch::{AppendOptions, Appendable, Batch, Verdict};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::model::{Histogram, IntHistogram, Labels, STALE_NAN_BITS, Span};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};
use tsdb::wal::record::{histograms, samples, series, tombstones};
use tsdb::wal::{Compressed, Kind, Writer};

use crate::contents::{Found, Value, everything};

const DIR: &str = "/data";

fn memory() -> Arc<dyn Vfs> {
    Arc::new(MemoryFs::new())
}

#[track_caller]
fn open(fs: &Arc<dyn Vfs>, window_ms: i64) -> Db {
    let options = DbOptions {
        min_block_ms: 1_000,
        max_block_ms: 9_000,
        wal_segment_bytes: 32 << 10,
        out_of_order_window_ms: window_ms,
        ..DbOptions::default()
    };
    Db::open(Arc::clone(fs), Path::new(DIR), options, 1).unwrap()
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "test")])
}

#[track_caller]
fn put(db: &Db, name: &str, t_ms: i64) {
    let mut batch = Batch::at(t_ms);
    let id = db.resolve(&labels(name), &mut batch).unwrap();
    batch.push(id, (t_ms as f64).to_bits());
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    assert_eq!(batch.verdict, [Verdict::Accepted], "{name} at {t_ms}");
}

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
fn times(found: &Found, name: &str) -> Vec<i64> {
    let of = found.get(&labels(name).to_string());
    of.map(|rows| rows.keys().copied().collect()).unwrap_or_default()
}

/// A log of these records, as another process wrote it.
fn write_log(fs: &Arc<dyn Vfs>, records: Vec<Vec<u8>>) {
    let dir = Path::new("/data/wal");
    fs.create_dir_all(dir).unwrap();
    let mut writer = Writer::create(Arc::clone(fs), dir, 0, 1 << 20).unwrap();
    for bytes in records {
        writer.append(&[Compressed { flags: 0, bytes }]).unwrap();
    }
}

fn series_record(number: u64, name: &str) -> Vec<u8> {
    let mut record = Vec::new();
    series::begin(&mut record);
    series::push(&mut record, number, 2, labels(name).iter());
    record
}

fn samples_record(number: u64, times_ms: &[i64], bits: u64) -> Vec<u8> {
    let mut record = Vec::new();
    let mut encoder = samples::Encoder::new(&mut record);
    times_ms.iter().for_each(|&t_ms| encoder.push(number, t_ms, bits));
    record
}

fn deleted_whole(number: u64) -> Vec<u8> {
    let mut record = Vec::new();
    tombstones::begin(&mut record);
    tombstones::push(&mut record, number, i64::MIN, i64::MAX);
    record
}

#[test]
fn out_of_order_blocks_do_not_hide_what_only_the_log_has() {
    let fs = memory();
    let db = open(&fs, 1_500);
    let mut all = Vec::new();
    for t_ms in (10_000..12_600).step_by(20) {
        put(&db, "a", t_ms);
        all.push(t_ms);
        if t_ms >= 10_400 {
            put(&db, "a", t_ms - 309);
            all.push(t_ms - 309);
        }
    }
    all.sort_unstable();
    db.maintain(1).unwrap();
    assert_eq!(times(&everything(&db).unwrap(), "a"), all);
    db.close().unwrap();
    drop(db);
    assert_eq!(times(&everything(&open(&fs, 1_500)).unwrap(), "a"), all);
}

#[test]
fn a_number_that_only_a_tombstone_names_is_not_given_out_again() {
    let fs = memory();
    write_log(&fs, vec![series_record(3, "a"), deleted_whole(9)]);
    let db = open(&fs, 0);
    let mut batch = Batch::at(1);
    assert_eq!(db.resolve(&labels("b"), &mut batch).unwrap().0, 10);
}

#[test]
fn a_series_that_was_deleted_whole_comes_back() {
    let fs = memory();
    let bits = 1f64.to_bits();
    write_log(
        &fs,
        vec![
            series_record(1, "gone"),
            samples_record(1, &[10, 20], bits),
            series_record(2, "back"),
            samples_record(2, &[10, 20], bits),
            deleted_whole(1),
            deleted_whole(2),
            series_record(3, "back"),
            samples_record(3, &[30, 40], bits),
        ],
    );
    let db = open(&fs, 0);
    let found = everything(&db).unwrap();
    assert_eq!(
        (times(&found, "gone"), times(&found, "back")),
        (vec![], vec![30, 40])
    );
    // Also one that comes back only now.
    put(&db, "gone", 50);
    for _ in 0..2 {
        assert_eq!(times(&everything(&db).unwrap(), "gone"), [50]);
        db.maintain(1).unwrap();
    }
    drop(db);
    let found = everything(&open(&fs, 0)).unwrap();
    assert_eq!(
        (times(&found, "gone"), times(&found, "back")),
        (vec![50], vec![30, 40])
    );
}

#[test]
fn a_stale_float_ends_a_series_of_histograms_as_a_histogram() {
    let fs = memory();
    let mut record = Vec::new();
    histograms::Encoder::new(Kind::HistogramSamples, &mut record).push(1, 10, &counting(3));
    write_log(
        &fs,
        vec![
            series_record(1, "h"),
            record,
            samples_record(1, &[20], STALE_NAN_BITS),
        ],
    );
    let found = everything(&open(&fs, 0)).unwrap();
    let rows: Vec<_> = found[&labels("h").to_string()].values().copied().collect();
    let expected = [
        Value::of_histogram(&counting(3)),
        Value::Histogram(STALE_NAN_BITS),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn records_of_series_that_left_stay_as_long_as_their_samples() {
    let fs = memory();
    for round in 0..8 {
        let db = open(&fs, 0);
        for step in 0..40 {
            let t_ms = 10_000 + (round * 40 + step) * 20;
            put(&db, "stays", t_ms);
            put(&db, &format!("of{}", round / 2), t_ms);
        }
        db.maintain(round).unwrap();
        let unknown = &db.head_stats().replay_unknown_series;
        assert_eq!(
            unknown.load(std::sync::atomic::Ordering::Relaxed),
            0,
            "round {round}"
        );
        db.close().unwrap();
    }
    let found = everything(&open(&fs, 0)).unwrap();
    assert_eq!(
        (times(&found, "stays").len(), times(&found, "of0").len()),
        (320, 80)
    );
}

#[test]
fn a_sample_at_the_end_of_a_blocks_range_is_in_the_next() {
    let fs = memory();
    let db = open(&fs, 0);
    let all: Vec<i64> = (10_000..=13_000).step_by(500).collect();
    all.iter().for_each(|&t_ms| put(&db, "a", t_ms));
    assert!(db.maintain(1).unwrap().head_compactions > 0);
    assert_eq!(times(&everything(&db).unwrap(), "a"), all);
    drop(db);
    assert_eq!(times(&everything(&open(&fs, 0)).unwrap(), "a"), all);
}

#[test]
fn a_query_opened_before_the_head_shrinks_reads_what_it_saw() {
    let fs = memory();
    let db = open(&fs, 0);
    let all: Vec<i64> = (10_000..13_000).step_by(10).collect();
    all.iter().for_each(|&t_ms| put(&db, "a", t_ms));
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = db.open(&[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    assert!(db.maintain(1).unwrap().head_compactions > 0);
    (13_000..14_000).step_by(10).for_each(|t_ms| put(&db, "a", t_ms));
    let mut columns = Columns::default();
    let mut cursor = read.cursor();
    cursor.read(0, 0, i64::MIN, 12_999, &mut columns).unwrap();
    assert_eq!(columns.t_ms, all);
}

#[test]
fn histograms_of_the_log_go_to_files_after_a_start() {
    let fs = memory();
    let db = open(&fs, 0);
    for t_ms in (10_000..11_400).step_by(5) {
        let mut batch = Batch::at(t_ms);
        let id = db.resolve(&labels("h"), &mut batch).unwrap();
        batch.push_histogram_at(id, t_ms, counting(t_ms));
        db.append(&mut batch, &AppendOptions::default()).unwrap();
    }
    // Killed before a chunk was written.
    fs.remove_file(Path::new("/data/lock")).unwrap();
    std::mem::forget(db);
    let db = open(&fs, 0);
    assert!(db.maintain(1).unwrap().chunks_mapped > 0);
    assert_eq!(times(&everything(&db).unwrap(), "h").len(), 280);
}

#[test]
fn out_of_order_chunks_count_where_their_log_is_gone() {
    let fs = memory();
    let db = open(&fs, 5_000);
    put(&db, "a", 10_000);
    (0..40).for_each(|i| put(&db, "a", 8_000 + i * 10));
    db.maintain(1).unwrap();
    db.close().unwrap();
    drop(db);
    fs.remove_dir_all(Path::new("/data/wbl")).unwrap();
    let found = everything(&open(&fs, 5_000)).unwrap();
    // Those that were not in a chunk yet are gone with the log.
    assert_eq!(times(&found, "a").len(), 1 + 32);
}
