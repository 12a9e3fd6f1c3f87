//! Any bytes in any block of a head's checkpoint, their checksums right: loaded or refused, never a panic; what was
//! opened once opens again.
//!
//! The first byte says which block, the rest is what stands there. `cargo +nightly fuzz run checkpoint_load`

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::checkpoint::replace_block;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::model::{Histogram, IntHistogram, Labels, Span};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

const DATA: &str = "/data";

fn options() -> DbOptions {
    DbOptions {
        checkpoint_samples_max: 20,
        no_lockfile: true,
        ..DbOptions::default()
    }
}

fn open(fs: &Arc<dyn Vfs>) -> Db {
    Db::open(Arc::clone(fs), Path::new(DATA), options(), 1).expect("the log suffices")
}

/// A directory whose checkpoint has several parts.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let fs: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
    let db = open(&fs);
    for t_ms in 0..200 {
        let mut batch = Batch::at(t_ms);
        for instance in 0..9 {
            let text = instance.to_string();
            let pairs = [("__name__", "up"), ("instance", text.as_str()), ("job", "a")];
            let series = db.resolve(&Labels::from_pairs(pairs), &mut batch).expect("a series");
            if instance == 0 {
                let histogram = Histogram::Integer(IntHistogram {
                    count: t_ms.unsigned_abs(),
                    positive_spans: vec![Span { offset: 0, length: 1 }],
                    positive_deltas: vec![t_ms],
                    ..IntHistogram::default()
                });
                batch.push_histogram_at(series, t_ms, histogram);
            } else {
                batch.push_at(series, t_ms, ((t_ms * instance) as f64).to_bits());
            }
        }
        db.append(&mut batch, &AppendOptions::default()).expect("stored");
        if t_ms % 50 == 20 {
            db.maintain(t_ms).expect("maintained");
        }
    }
    // As a kill leaves it.
    std::mem::forget(db);
    let (mut found, mut dirs) = (Vec::new(), vec![PathBuf::from(DATA)]);
    while let Some(dir) = dirs.pop() {
        for name in fs.list(&dir).expect("memory") {
            let path = dir.join(name);
            match fs.read(&path) {
                Ok(bytes) => found.push((path, bytes)),
                Err(_) => dirs.push(path),
            }
        }
    }
    found
}

fn look(db: &Db) {
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = db.open(&[want], &Budget::unlimited(), &Cancel::new());
    let read = read.expect("a head can be selected from");
    let mut columns = Columns::default();
    for series in 0..read.rosters[0].len() {
        let _told = read.cursor().read(0, series, i64::MIN, i64::MAX, &mut columns);
        let _labels = read.labels(0, series).to_string();
    }
}

fuzz_target!(|bytes: &[u8]| {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let fs: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
    for (path, bytes) in FILES.get_or_init(files) {
        fs.create_dir_all(path.parent().expect("a directory")).expect("memory");
        fs.create(path).expect("memory").append(bytes).expect("memory");
    }
    let (part, block) = (usize::from(which) % 3, usize::from(which) / 3);
    let replaced = replace_block(&*fs, Path::new(DATA), part, block, bytes);
    if !replaced.expect("a checkpoint") {
        return;
    }
    let db = open(&fs);
    look(&db);
    drop(db);
    look(&open(&fs));
});
