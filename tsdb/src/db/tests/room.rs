//! A disk that fills up, turns read-only, or loses what it was told to keep.

use super::disk::DiskFs;
use super::*;

const MIB: u64 = 1 << 20;

fn kept(reserve_bytes: u64) -> DbOptions {
    DbOptions {
        room: RoomOptions {
            reserve_bytes,
            series_free_bytes_min: 2_000,
            samples_free_bytes_min: 1_000,
        },
        ..options()
    }
}

#[track_caller]
fn open_on(disk: &DiskFs, reserve_bytes: u64) -> Db {
    let db = Db::open(disk.vfs(), Path::new(DIR), kept(reserve_bytes), 1).unwrap();
    db.sync().unwrap();
    db
}

/// Three series, each with a sample every ten milliseconds; how far they were stored.
fn fill(db: &Db, from_ms: i64, count: i64) -> Result<(), AppendError> {
    let all = [labels("up", "a"), labels("up", "b"), labels("down", "a")];
    for i in 0..count {
        let t_ms = from_ms + i * 10;
        let mut batch = Batch::at(t_ms);
        for series in &all {
            let series = db.resolve(series, &mut batch)?;
            batch.push(series, ((t_ms * 7 % 13) as f64 + 0.1).to_bits());
        }
        db.append(&mut batch, &AppendOptions::default())?;
    }
    Ok(())
}

#[track_caller]
fn check_restart(disk: &DiskFs, db: Db, expected: &Stored) {
    db.lock.lock().take();
    std::mem::forget(db);
    let db = Db::open(disk.vfs(), Path::new(DIR), kept(0), 2).unwrap();
    assert_eq!(&everything(&db), expected);
    assert_eq!(crate::head::Stats::get(&db.head_stats().wal_corruptions), 0);
}

#[test]
fn a_full_disk_refuses_samples_and_takes_them_again_when_there_is_room() {
    let disk = DiskFs::new(MIB);
    let db = open_on(&disk, 0);
    fill(&db, 0, 20).unwrap();
    let before = everything(&db);
    // Less than a record, so that a part of it is written.
    disk.fill_but(9);
    let refused = fill(&db, 200, 1).unwrap_err();
    assert!(refused.is_no_room(), "{refused}");
    assert_eq!((db.intake(), everything(&db)), (Intake::Nothing, before.clone()));
    db.sync().unwrap();
    let refused = fill(&db, 210, 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "too little room on the disk (0 MiB free): samples are refused"
    );
    assert_eq!(db.refused(), (0, 3));
    disk.empty();
    db.sync().unwrap();
    assert_eq!(db.intake(), Intake::All);
    fill(&db, 220, 20).unwrap();
    let after = everything(&db);
    assert!(after.len() == before.len() && after != before);
    check_restart(&disk, db, &after);
}

#[test]
fn new_series_are_refused_before_samples() {
    let disk = DiskFs::new(MIB);
    let db = open_on(&disk, 0);
    fill(&db, 0, 1).unwrap();
    disk.fill_but(1_900);
    db.sync().unwrap();
    fill(&db, 10, 1).unwrap();
    let mut batch = Batch::at(10);
    let refused = db.resolve(&labels("new", "a"), &mut batch).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "too little room on the disk (0 MiB free): new series are refused"
    );
    // A little more than the floor is needed to begin again.
    disk.fill_but(2_100);
    db.sync().unwrap();
    assert_eq!(db.intake(), Intake::KnownSeries);
    disk.fill_but(3_000);
    db.sync().unwrap();
    db.resolve(&labels("new", "a"), &mut batch).unwrap();
}

#[test]
fn a_read_only_file_system_is_as_a_full_disk() {
    let disk = DiskFs::new(MIB);
    let db = open_on(&disk, 0);
    fill(&db, 0, 20).unwrap();
    let before = everything(&db);
    disk.disk.read_only.store(true, Ordering::Relaxed);
    let refused = fill(&db, 200, 1).unwrap_err();
    assert!(refused.is_no_room(), "{refused}");
    assert_eq!(db.intake(), Intake::ReadOnly);
    let refused = fill(&db, 200, 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the file system is read-only: samples are refused"
    );
    assert!(db.maintain(1).is_ok(), "nothing is due");
    assert_eq!(everything(&db), before);
    disk.disk.read_only.store(false, Ordering::Relaxed);
    db.sync().unwrap();
    fill(&db, 220, 20).unwrap();
    let after = everything(&db);
    check_restart(&disk, db, &after);
}

#[test]
fn a_read_only_file_system_is_told_at_the_start() {
    let disk = DiskFs::new(MIB);
    drop(open_on(&disk, 0));
    disk.disk.read_only.store(true, Ordering::Relaxed);
    let error = Db::open(disk.vfs(), Path::new(DIR), kept(0), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/data/lock: cannot be written, and a server has to write into its directory"
    );
}

#[test]
fn the_reserve_lets_the_head_become_a_block_and_comes_back_with_room() {
    for reserve_bytes in [0, 100_000] {
        let disk = DiskFs::new(MIB);
        let db = open_on(&disk, reserve_bytes);
        assert_eq!(db.reserve_bytes(), reserve_bytes);
        fill(&db, 0, 300).unwrap();
        let before = everything(&db);
        disk.fill_but(0);
        let done = db.maintain(1);
        if reserve_bytes == 0 {
            assert!(done.unwrap_err().is_no_room());
            assert_eq!(db.block_metas().len(), 0);
        } else {
            // Closed chunks cannot be written to files, which would only take room.
            assert!(done.unwrap_err().is_no_room());
            assert_eq!(db.block_metas().len(), 2);
            assert_eq!((db.reserve_bytes(), Stats::get(&db.stats.reserve_uses)), (0, 1));
        }
        assert_eq!(everything(&db), before);
        let leftover = |path: &std::path::PathBuf| path.to_string_lossy().contains(".tmp");
        assert!(!disk.tree(Path::new(DIR)).iter().any(leftover));
        // What the reserve lacks is not free.
        disk.fill_but(reserve_bytes);
        db.sync().unwrap();
        assert_eq!(db.intake(), Intake::Nothing);
        disk.empty();
        db.sync().unwrap();
        db.sync().unwrap();
        assert_eq!((db.intake(), db.reserve_bytes()), (Intake::All, reserve_bytes));
        db.maintain(1).unwrap();
        assert_eq!(db.block_metas().len(), 2);
        fill(&db, 3_000, 5).unwrap();
        let after = everything(&db);
        check_restart(&disk, db, &after);
    }
}

#[test]
fn what_does_not_fit_leaves_nothing_behind_and_is_done_later() {
    for (denied, rounds) in [
        ("checkpoint.", 6),
        (".tmp-for-creation", 1),
        ("chunks_head", 1),
        (".json.tmp", 1),
    ] {
        let disk = DiskFs::new(8 * MIB);
        let db = open_on(&disk, 0);
        let mut failures = 0;
        for round in 0..rounds {
            fill(&db, round * 2_000, 300).unwrap();
            disk.deny(denied);
            let maintained = db.maintain(round);
            failures += usize::from(maintained.as_ref().is_err_and(MaintainError::is_no_room));
            assert!(
                maintained.is_ok() || failures > 0,
                "{denied}: {:?}",
                maintained.map_err(|e| e.to_string())
            );
            let leftover = |path: &std::path::PathBuf| path.to_string_lossy().contains(".tmp");
            let tree = disk.tree(Path::new(DIR));
            assert!(!tree.iter().any(leftover), "{denied}: {tree:?}");
        }
        assert!(failures > 0, "{denied} was never in the way");
        let before = everything(&db);
        disk.deny_nothing();
        db.maintain(rounds).unwrap();
        assert_eq!(everything(&db), before, "{denied}");
        assert!(!db.block_metas().is_empty(), "{denied}");
        assert!(
            db.block_metas().iter().all(|meta| !meta.compaction.failed),
            "{denied}: blocks are good although there was no room to merge them"
        );
        if denied == "checkpoint." {
            let checkpoints = crate::wal::segment::checkpoints(&disk, Path::new("/data/wal")).unwrap();
            assert_eq!(checkpoints.len(), 1, "the log is shortened as soon as it can be");
        }
        check_restart(&disk, db, &before);
    }
}

#[test]
fn a_failed_sync_stops_writing_for_good() {
    let disk = DiskFs::new(MIB);
    let db = open_on(&disk, 0);
    fill(&db, 0, 20).unwrap();
    let before = everything(&db);
    assert_eq!(db.lost(), None);
    disk.disk.syncs_fail.store(true, Ordering::Relaxed);
    db.sync().unwrap_err();
    disk.disk.syncs_fail.store(false, Ordering::Relaxed);
    let reason =
        "an fsync of the write-ahead log failed (input/output error), restart to find out what was kept";
    assert_eq!(db.lost(), Some(reason));
    for _ in 0..20 {
        db.sync().unwrap_err();
    }
    let refused = fill(&db, 200, 1).unwrap_err();
    assert_eq!(refused.to_string(), format!("{reason}: samples are refused"));
    let mut batch = Batch::at(200);
    db.resolve(&labels("new", "a"), &mut batch).unwrap_err();
    assert_eq!((everything(&db), db.head_series()), (before, 3));
    assert_eq!(db.maintain(1).unwrap(), Maintained::default());
}

#[test]
fn a_sync_of_the_write_behind_log_that_fails_counts_as_much() {
    let disk = DiskFs::new(MIB);
    let options = DbOptions {
        out_of_order_window_ms: 1_000,
        ..kept(0)
    };
    let db = Db::open(disk.vfs(), Path::new(DIR), options, 1).unwrap();
    fill(&db, 1_000, 20).unwrap();
    db.sync().unwrap();
    fill(&db, 900, 1).unwrap();
    disk.disk.syncs_fail.store(true, Ordering::Relaxed);
    db.sync().unwrap_err();
    assert!(
        db.lost()
            .is_some_and(|reason| reason.contains("write-behind log"))
    );
    fill(&db, 1_200, 1).unwrap_err();
}

#[test]
fn late_samples_that_could_not_be_logged_are_logged_before_anything_else() {
    let disk = DiskFs::new(MIB);
    let options = DbOptions {
        out_of_order_window_ms: 1_000,
        ..kept(0)
    };
    let db = Db::open(disk.vfs(), Path::new(DIR), options.clone(), 1).unwrap();
    fill(&db, 1_000, 20).unwrap();
    disk.deny("/wbl/");
    let refused = fill(&db, 905, 1).unwrap_err();
    assert!(refused.is_no_room(), "{refused}");
    disk.deny_nothing();
    for _ in 0..20 {
        db.sync().unwrap();
    }
    fill(&db, 1_200, 1).unwrap();
    let before = everything(&db);
    assert!(before.values().all(|samples| samples.contains_key(&905)));
    db.lock.lock().take();
    std::mem::forget(db);
    let db = Db::open(disk.vfs(), Path::new(DIR), options, 1).unwrap();
    assert_eq!(everything(&db), before);
}

#[test]
fn a_torn_log_on_a_full_disk_is_repaired_with_the_reserve() {
    let disk = DiskFs::new(MIB);
    let db = open_on(&disk, 100_000);
    fill(&db, 0, 20).unwrap();
    let before = everything(&db);
    db.lock.lock().take();
    std::mem::forget(db);
    let segment = crate::wal::segment::path(Path::new("/data/wal"), 0);
    let torn = [1, 0, 200, 1, 2, 3, 4, 5, 6];
    disk.open(&segment).unwrap().append(&torn).unwrap();
    disk.fill_but(0);
    let error = |e: OpenError| e.to_string();
    let db = Db::open(disk.vfs(), Path::new(DIR), kept(100_000), 2)
        .map_err(error)
        .unwrap();
    assert_eq!(everything(&db), before);
    assert!(disk.stat(Path::new("/data/quarantine/wal-2/00000000")).is_ok());
    db.sync().unwrap();
    assert_eq!(db.intake(), Intake::Nothing);
}
