//! Any bytes as a log: opened, repaired or refused, never a panic; what was opened once opens again and
//! holds the same.
//!
//! The first byte says what the rest is: a segment as it stands, or records (a length byte before each) that
//! are framed rightly, so that what is inside of them is reached. `cargo +nightly fuzz run wal_replay`

#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};
use tsdb::wal::{Compressed, Writer};

fn write(fs: &Arc<dyn Vfs>, bytes: &[u8]) {
    let dir = Path::new("/data/wal");
    fs.create_dir_all(dir).expect("memory");
    let Some((&kind, rest)) = bytes.split_first() else { return };
    if kind % 2 == 0 {
        let mut file = fs.create(&dir.join("00000000")).expect("memory");
        file.append(rest).expect("memory");
        return;
    }
    let mut writer = Writer::create(Arc::clone(fs), dir, 0, 1 << 20).expect("memory");
    let mut rest = rest;
    while let Some((&len, after)) = rest.split_first() {
        let (record, after) = after.split_at(after.len().min(usize::from(len)));
        let record = Compressed {
            flags: kind & 0x18,
            bytes: record.to_vec(),
        };
        writer.append(&[record]).expect("memory");
        rest = after;
    }
}

fn contents(db: &Db) -> Vec<(String, Vec<i64>)> {
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = db
        .open(&[want], &Budget::unlimited(), &Cancel::new())
        .expect("a head can be read");
    let mut columns = Columns::default();
    let mut all = Vec::new();
    for series in 0..read.rosters[0].len() {
        read.cursor()
            .read(0, series, i64::MIN, i64::MAX, &mut columns)
            .expect("samples can be read");
        assert!(columns.t_ms.windows(2).all(|pair| pair[0] < pair[1]));
        all.push((read.labels(0, series).to_string(), columns.t_ms.clone()));
    }
    all
}

fuzz_target!(|bytes: &[u8]| {
    let fs: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
    write(&fs, bytes);
    let data = Path::new("/data");
    let Ok(db) = Db::open(Arc::clone(&fs), data, DbOptions::default(), 1) else {
        return;
    };
    let before = contents(&db);
    drop(db);
    let db = Db::open(fs, data, DbOptions::default(), 2).expect("what was opened opens again");
    assert_eq!(contents(&db), before);
});
