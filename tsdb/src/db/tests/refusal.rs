//! Directories that are not touched.

use super::*;
use crate::wal::{Compressed, Writer};

fn log_with(dir: &str, records: &[&[u8]]) -> Arc<dyn Vfs> {
    let fs = memory();
    fs.create_dir_all(Path::new(dir)).unwrap();
    let mut writer = Writer::create(Arc::clone(&fs), Path::new(dir), 0, 1 << 20).unwrap();
    let records: Vec<Compressed> = records
        .iter()
        .map(|bytes| Compressed {
            flags: 0,
            bytes: bytes.to_vec(),
        })
        .collect();
    writer.append(&records).unwrap();
    fs
}

#[track_caller]
fn check_refused(fs: &Arc<dyn Vfs>, message: &str) {
    let error = Db::open(Arc::clone(fs), Path::new(DIR), options(), 1).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert!(error.is_foreign());
    let mut names = fs.list(Path::new(DIR)).unwrap();
    names.retain(|name| name != "wal" && name != "wbl");
    assert!(names.is_empty(), "left behind: {names:?}");
}

#[test]
fn records_that_cannot_be_carried_are_named_with_their_place() {
    let series = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    check_refused(
        &log_with("/data/wal", &[&series, &[5, 1, 2, 3]]),
        "/data/wal/00000000: at offset 17: a record of kind 5 (mmapmarkers), which this version cannot carry; \
         nothing was changed",
    );
    check_refused(
        &log_with("/data/wal", &[&[99, 1]]),
        "/data/wal/00000000: at offset 0: a record of kind 99, which this version does not know; nothing was changed",
    );
}

#[test]
fn a_foreign_record_among_out_of_order_samples_is_named_with_its_place() {
    check_refused(
        &log_with("/data/wbl", &[&[1, 0]]),
        "/data/wbl/00000000: at offset 0: a record of kind 1, which does not belong here; nothing was changed",
    );
    drop(open(&log_with("/data/wbl", &[])));
}

#[test]
fn a_damaged_checkpoint_removes_no_segment() {
    let fs = memory();
    let db = open(&fs);
    for round in 0..6i64 {
        for i in 0..200 {
            append(&db, &[(&labels("up", "a"), round * 2_000 + i * 10, 1.0)]);
        }
        db.maintain(round).unwrap();
        db.head.wal.lock().next_segment().unwrap();
    }
    drop(db);
    // Only who reads all of the log sees all of its damage.
    crate::checkpoint::remove(&*fs, Path::new(DIR)).unwrap();
    let (_, checkpoint) = crate::wal::segment::checkpoints(&*fs, Path::new("/data/wal")).unwrap()[0].clone();
    let before = fs.list(Path::new("/data/wal")).unwrap();
    let mut file = fs.open(&checkpoint.join("00000000")).unwrap();
    file.write_at(9, &[0xff]).unwrap();
    let error = Db::open(Arc::clone(&fs), Path::new(DIR), options(), 1).unwrap_err();
    assert!(error.to_string().contains("checkpoint."), "{error}");
    assert_eq!(fs.list(Path::new("/data/wal")).unwrap(), before);
}
