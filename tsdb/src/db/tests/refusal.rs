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
