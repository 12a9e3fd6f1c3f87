//! What a restart finds.

use super::*;
use crate::wal::segment;

fn fill(db: &Db, from_ms: i64, count: i64) {
    let all = [labels("up", "a"), labels("up", "b"), labels("down", "a")];
    for i in 0..count {
        let t = from_ms + i * 10;
        let rows: Vec<(&Labels, i64, f64)> = all.iter().map(|l| (l, t, (t * 7 % 13) as f64 + 0.1)).collect();
        append(db, &rows);
    }
}

#[test]
fn a_restart_finds_what_was_committed_whether_closed_or_killed() {
    for close in [true, false] {
        let fs = memory();
        let db = open(&fs);
        fill(&db, 0, 300);
        let before = everything(&db);
        assert_eq!(before.values().map(BTreeMap::len).sum::<usize>(), 900);
        if close {
            db.close().unwrap();
        } else {
            db.lock.lock().take();
            std::mem::forget(db);
        }
        assert_eq!(everything(&open(&fs)), before);
    }
}

#[test]
fn closed_chunks_come_back_from_their_files_and_not_twice() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 140);
    let mapped = db.maintain(1).unwrap();
    assert!(mapped.chunks_mapped >= 3);
    fill(&db, 1_400, 5);
    let before = everything(&db);
    drop(db);
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    // And goes on where it stopped.
    let a = labels("up", "a");
    assert_eq!(append(&db, &[(&a, 1_440, 0.5)]), [Verdict::Duplicate]);
    assert_eq!(append(&db, &[(&a, 1_450, 0.5)]), [Verdict::Accepted]);
}

#[test]
fn the_oldest_range_becomes_a_block_and_leaves_the_head() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 300);
    let before = everything(&db);
    let done = db.maintain(5).unwrap();
    assert_eq!(done.head_compactions, 2);
    assert_eq!(db.head_time_range_ms().unwrap().0, 2_000);
    assert_eq!(db.block_metas().len(), 2);
    assert_eq!(everything(&db), before);
    assert_eq!(db.lowest_timestamp_ms(), Some(0));
    drop(db);
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    assert_eq!(db.block_metas().len(), 2);
    assert_eq!(db.head_time_range_ms().unwrap().0, 2_000);
    let old = append(&db, &[(&labels("up", "a"), 1_999, 1.0)]);
    assert_eq!(old, [Verdict::OutOfBounds]);
}

#[test]
fn a_series_that_ends_leaves_the_head_and_comes_back_under_a_new_number() {
    let fs = memory();
    let db = open(&fs);
    let gone = labels("gone", "a");
    append(&db, &[(&gone, 0, 1.0)]);
    let mut batch = Batch::at(0);
    let first = db.resolve(&gone, &mut batch).unwrap();
    fill(&db, 10, 300);
    db.maintain(5).unwrap();
    assert_eq!(db.head_series(), 3);
    let mut batch = Batch::at(3_010);
    batch.push(first, 1f64.to_bits());
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    assert_eq!(batch.verdict, [Verdict::UnknownSeries]);
    let second = db.resolve(&gone, &mut batch).unwrap();
    assert!(second > first);
    append(&db, &[(&gone, 3_010, 2.0)]);
    let before = everything(&db);
    assert_eq!(before[&gone.to_string()].len(), 2);
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}

#[test]
fn segments_that_a_kill_left_beside_their_checkpoint_go_with_the_next() {
    let fs = memory();
    let wal = Path::new("/data/wal");
    let mut seen: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut round = 0;
    let mut work = |db: &Db, seen: &mut BTreeMap<u32, Vec<u8>>| {
        fill(db, round * 2_000, 200);
        for number in segment::list(&*fs, wal).unwrap() {
            seen.insert(number, fs.read(&segment::path(wal, number)).unwrap());
        }
        db.maintain(round).unwrap();
        round += 1;
    };
    let db = open(&fs);
    let newest = || {
        segment::checkpoints(&*fs, wal)
            .unwrap()
            .pop()
            .map(|(number, _)| number)
    };
    while newest().is_none() {
        work(&db, &mut seen);
    }
    let covered = newest().unwrap();
    let before = everything(&db);
    drop(db);
    for (&number, bytes) in seen.range(..=covered) {
        fs.create(&segment::path(wal, number))
            .unwrap()
            .append(bytes)
            .unwrap();
    }
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    while newest().unwrap() < covered + 3 {
        work(&db, &mut seen);
        assert!(seen.len() < 40, "checkpoints go on");
    }
    assert!(segment::list(&*fs, wal).unwrap()[0] > covered);
    assert_eq!(segment::checkpoints(&*fs, wal).unwrap().len(), 1);
}

#[test]
fn the_log_is_shortened_to_a_checkpoint_that_suffices() {
    let fs = memory();
    let db = open(&fs);
    for round in 0..6 {
        fill(&db, round * 2_000, 200);
        db.maintain(round).unwrap();
        db.head.wal.lock().next_segment().unwrap();
    }
    let wal = Path::new("/data/wal");
    assert_eq!(segment::checkpoints(&*fs, wal).unwrap().len(), 1);
    assert!(segment::list(&*fs, wal).unwrap()[0] > 0);
    let before = everything(&db);
    drop(db);
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    fill(&db, 12_000, 10);
    let before = everything(&db);
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}

#[test]
fn a_torn_end_of_the_log_costs_the_torn_record_alone() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 10);
    let before = everything(&db);
    let len = db.head.wal.lock().segment_len();
    fill(&db, 100, 1);
    db.lock.lock().take();
    std::mem::forget(db);
    let path = segment::path(Path::new("/data/wal"), 0);
    let whole = fs.read(&path).unwrap();
    // The first two bytes alone read as a record without content: see the reader's tests.
    for cut in usize::try_from(len).unwrap() + 3..whole.len() {
        fs.create(&path).unwrap().append(&whole[..cut]).unwrap();
        let db = open(&fs);
        assert_eq!(everything(&db), before, "cut at {cut}");
        assert_eq!(db.head_stats().wal_corruptions.load(Ordering::Relaxed), 1);
        assert!(fs.stat(Path::new("/data/quarantine/wal-1/00000000")).is_ok());
        drop(db);
        fs.remove_file(&segment::path(Path::new("/data/wal"), 1)).unwrap();
    }
}

#[test]
fn damaged_chunk_files_are_rebuilt_from_the_log_and_kept() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 140);
    db.maintain(1).unwrap();
    let before = everything(&db);
    drop(db);
    crate::checkpoint::remove(&*fs, Path::new(DIR)).unwrap();
    let path = Path::new("/data/chunks_head/000001");
    fs.open(path).unwrap().write_at(40, &[0xaa]).unwrap();
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    assert!(
        fs.stat(Path::new("/data/quarantine/chunks_head-1/000001"))
            .is_ok()
    );
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}

#[test]
fn a_query_that_is_open_keeps_what_is_taken_away_meanwhile() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 140);
    db.maintain(1).unwrap();
    let want = Selection::new(vec![Matcher::equal("job", "test")], 0, 1_390);
    let read = Queryable::open(&db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    fill(&db, 1_400, 300);
    assert!(db.maintain(2).unwrap().head_compactions > 0);
    let mut columns = Columns::default();
    for series in 0..3 {
        read.cursor().read(0, series, 0, 5_000, &mut columns).unwrap();
        assert_eq!(columns.t_ms, (0..140).map(|i| i * 10).collect::<Vec<i64>>());
    }
}

#[test]
fn blocks_are_merged_and_old_ones_removed_and_nothing_else_changes() {
    let fs = memory();
    let db = open(&fs);
    let mut before = Stored::new();
    for round in 0..15 {
        fill(&db, round * 1_000, 100);
        db.maintain(round).unwrap();
        if round == 12 {
            before = everything(&db);
        }
    }
    let lengths: Vec<i64> = db.block_metas().iter().map(|m| m.max_ms - m.min_ms).collect();
    assert!(lengths[0] > 1_000, "{lengths:?}");
    let after = everything(&db);
    for (labels, samples) in &before {
        assert!(samples.iter().all(|(t, bits)| after[labels].get(t) == Some(bits)));
    }
    drop(db);
    let options = DbOptions {
        retention_ms: 4_000,
        ..options()
    };
    let db = Db::open(Arc::clone(&fs), Path::new(DIR), options, 1).unwrap();
    assert_eq!(everything(&db), after);
    assert!(db.maintain(20).unwrap().blocks_removed > 0);
    assert!(db.lowest_timestamp_ms().unwrap() >= 9_000);
    let names = fs.list(Path::new(DIR)).unwrap();
    assert!(names.iter().all(|name| !name.contains("tmp")), "{names:?}");
}

#[test]
fn a_snapshot_holds_everything_in_blocks() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 300);
    db.maintain(5).unwrap();
    let dir = db.snapshot(false, "now", 6).unwrap();
    assert_eq!(dir, Path::new("/data/snapshots/now"));
    fill(&db, 3_000, 10);
    let copy = Db::open(Arc::clone(&fs), &dir, options(), 7).unwrap();
    let mut expected = everything(&db);
    for samples in expected.values_mut() {
        samples.retain(|&t, _| t < 3_000);
    }
    assert_eq!(everything(&copy), expected);
    assert_eq!((copy.head_series(), copy.block_metas().len()), (0, 3));
    let without = db.snapshot(true, "blocks", 6).unwrap();
    assert_eq!(
        Db::open(Arc::clone(&fs), &without, options(), 7)
            .unwrap()
            .block_metas()
            .len(),
        2
    );
}

#[test]
fn cleaned_tombstones_leave_only_what_was_not_deleted() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 300);
    db.maintain(5).unwrap();
    db.delete(100, 1_499, &[Matcher::equal("instance", "a")]).unwrap();
    let before = everything(&db);
    db.clean_tombstones(6).unwrap();
    assert_eq!(everything(&db), before);
    assert!(db.block_metas().iter().all(|meta| meta.stats.num_tombstones == 0));
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}

#[test]
fn closing_gives_up_a_block_that_is_being_written() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 300);
    let before = everything(&db);
    db.stopping.cancel(CancelReason::ShuttingDown);
    assert!(db.maintain(5).is_err());
    assert!(db.block_metas().is_empty());
    assert_eq!(everything(&db), before);
    drop(db);
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    assert_eq!(db.maintain(6).unwrap().head_compactions, 2);
}

#[test]
fn a_record_that_is_damaged_inside_leaves_no_trace() {
    let fs = memory();
    let db = open(&fs);
    fill(&db, 0, 10);
    let before = everything(&db);
    let mut record = Vec::new();
    crate::wal::record::series::begin(&mut record);
    // The series of another number, which empties the first, and then half a series.
    let labels = [("__name__", "up"), ("instance", "a"), ("job", "test")];
    crate::wal::record::series::push(&mut record, 99, 3, labels.into_iter());
    record.extend([0; 5]);
    let bytes = record;
    db.head
        .wal
        .lock()
        .append(&[crate::wal::Compressed { flags: 0, bytes }])
        .unwrap();
    drop(db);
    crate::checkpoint::remove(&*fs, Path::new(DIR)).unwrap();
    let db = open(&fs);
    assert_eq!(everything(&db), before);
    assert_eq!(db.head_stats().wal_corruptions.load(Ordering::Relaxed), 1);
}

#[test]
fn a_series_that_came_back_keeps_its_newest_number_over_restarts() {
    let fs = memory();
    let mut db = open(&fs);
    let comes_and_goes = labels("gone", "a");
    for round in 0..6i64 {
        let from_ms = round * 6_000;
        // Enough for closed chunks, then nothing until it has left the head.
        for t in (0..150).map(|i| from_ms + i * 10) {
            append(&db, &[(&comes_and_goes, t, 1.5)]);
        }
        db.maintain(round).unwrap();
        drop(db);
        db = open(&fs);
        fill(&db, from_ms + 1_500, 440);
        db.maintain(round).unwrap();
        assert_eq!(db.head_series(), 3, "round {round}");
        let before = everything(&db);
        drop(db);
        db = open(&fs);
        assert_eq!(everything(&db), before, "round {round}");
        assert_eq!(db.head_stats().chunk_corruptions.load(Ordering::Relaxed), 0);
    }
    assert_eq!(everything(&db)[&comes_and_goes.to_string()].len(), 900);
}
