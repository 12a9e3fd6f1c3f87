//! Damage in every kind of file: an error or the documented repair, never a panic, never data that nobody sent.
//!
//! A directory with a log of several segments, a checkpoint, a write-behind log, head chunks, blocks with
//! tombstones and a memory snapshot is copied for each damage: a flipped bit, an end cut off, a page of zeros,
//! bytes too many. Every so many bytes are tried; `DAMAGE_EVERY=1` tries them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb::batch::{AppendOptions, Appendable, Batch, Verdict};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::model::{Histogram, IntHistogram, Labels, Matcher, Span};
use tsdb::wal::Compression;

use crate::contents::{Found, Value, everything};

const DIR: &str = "/data";

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn options() -> DbOptions {
    DbOptions {
        min_block_ms: 1_000,
        max_block_ms: 3_000,
        wal_segment_bytes: 32 << 10,
        wal_compression: Compression::Snappy,
        out_of_order_window_ms: 1_500,
        exemplars_max: 100,
        // It would spare the start the reading of what is damaged here.
        checkpoint_samples_max: 0,
        ..DbOptions::default()
    }
}

fn labels(series: i64) -> Labels {
    let instance = series.to_string();
    Labels::from_pairs([
        ("__name__", "m"),
        ("instance", instance.as_str()),
        ("job", "test"),
    ])
}

fn append(db: &Db, told: &mut Found, series: i64, t_ms: i64) {
    let mut batch = Batch::at(t_ms);
    let labels = labels(series);
    let id = db.resolve(&labels, &mut batch).unwrap();
    let number = series * 1_000_000 + t_ms;
    let value = if series == 3 {
        let histogram = Histogram::Integer(IntHistogram {
            count: number.unsigned_abs(),
            sum: number as f64,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive_deltas: vec![number],
            ..IntHistogram::default()
        });
        let value = Value::of_histogram(&histogram);
        batch.push_histogram_at(id, t_ms, histogram);
        value
    } else {
        batch.push(id, (number as f64).to_bits());
        Value::Float((number as f64).to_bits())
    };
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    if batch.verdict[0] == Verdict::Accepted {
        told.entry(labels.to_string()).or_default().insert(t_ms, value);
    }
}

/// A directory with something of everything, and what was told to be in it.
fn directory() -> (Files, Found) {
    let fs = MemoryFs::new();
    let shared: Arc<dyn Vfs> = Arc::new(fs.clone());
    let mut told = Found::new();
    for round in 0..6i64 {
        let db = Db::open(Arc::clone(&shared), Path::new(DIR), options(), round).unwrap();
        for step in 0..60 {
            let t_ms = 10_000 + round * 1_200 + step * 20;
            for series in 0..4 {
                append(&db, &mut told, series, t_ms);
            }
            if step % 2 == 1 {
                append(&db, &mut told, step % 2, t_ms - 301);
            }
        }
        db.maintain(round).unwrap();
        if round == 3 {
            let one = [Matcher::equal("instance", "1")];
            db.delete(10_500, 10_700, &one).unwrap();
            db.delete(14_000, 14_100, &one).unwrap();
            let rows = told.get_mut(&labels(1).to_string()).unwrap();
            rows.retain(|t, _| !(10_500..=10_700).contains(t) && !(14_000..=14_100).contains(t));
        }
        db.close().unwrap();
    }
    let snapshot = Path::new(DIR).join("chunk_snapshot.000001.0000000100");
    fs.create_dir_all(&snapshot).unwrap();
    let mut file = fs.create(&snapshot.join("00000000")).unwrap();
    file.append(&[1, 0, 3, 0, 0, 0, 0, 1, 2, 3]).unwrap();
    let mut files = Files::new();
    read_files(&fs, Path::new(DIR), &mut files);
    (files, told)
}

fn read_files(fs: &MemoryFs, dir: &Path, into: &mut Files) {
    for name in fs.list(dir).unwrap() {
        let path = dir.join(name);
        match fs.stat(&path).unwrap().is_dir {
            true => read_files(fs, &path, into),
            false => drop(into.insert(path.clone(), fs.read(&path).unwrap())),
        }
    }
}

fn written(files: &Files) -> MemoryFs {
    let fs = MemoryFs::new();
    for (path, bytes) in files {
        fs.create_dir_all(path.parent().unwrap()).unwrap();
        fs.create(path).unwrap().append(bytes).unwrap();
    }
    fs
}

/// Opens a damaged directory, lives on with it, and says how that went.
#[track_caller]
fn check(files: &Files, told: &Found, what: &str) -> &'static str {
    let fs = written(files);
    let shared: Arc<dyn Vfs> = Arc::new(fs.clone());
    let db = match Db::open(Arc::clone(&shared), Path::new(DIR), options(), 77) {
        Ok(db) => db,
        Err(error) => {
            let mut after = Files::new();
            read_files(&fs, Path::new(DIR), &mut after);
            assert!(after == *files, "{what}: refused ({error}), and changed");
            return "refused";
        }
    };
    let mut told = told.clone();
    let before = check_contents(&db, &told, what);
    // What is written from now on stays apart from what was there.
    for step in 0..80 {
        append(&db, &mut told, 5 + step % 2, 20_000 + step * 30);
        append(&db, &mut told, 0, 20_000 + step * 30);
    }
    let _maintained = db.maintain(78);
    check_contents(&db, &told, what);
    let _closed = db.close();
    drop(db);
    let db = Db::open(shared, Path::new(DIR), options(), 79);
    let db = db.unwrap_or_else(|error| panic!("{what}: opened once, and not again: {error}"));
    check_contents(&db, &told, what);
    let kept = fs.list(&Path::new(DIR).join("quarantine")).unwrap_or_default();
    match (
        before,
        kept.iter().any(|name| !name.starts_with("chunk_snapshot")),
    ) {
        (Some(found), false) if found == told_before(&told) => "harmless",
        (None, _) => "error of a query",
        (Some(_), true) => "repaired",
        (Some(_), false) => "passed over",
    }
}

/// What was told before [`check`] went on.
fn told_before(told: &Found) -> Found {
    let mut before = told.clone();
    before
        .values_mut()
        .for_each(|rows| rows.retain(|&t, _| t < 20_000));
    before.retain(|_, rows| !rows.is_empty());
    before
}

/// All that is found was told; nothing is found where reading fails.
#[track_caller]
fn check_contents(db: &Db, told: &Found, what: &str) -> Option<Found> {
    let found = everything(db).ok()?;
    for (labels, rows) in &found {
        for (t_ms, value) in rows {
            let row = told.get(labels).and_then(|rows| rows.get(t_ms));
            assert_eq!(row, Some(value), "{what}: {labels} at {t_ms} was never told");
        }
    }
    Some(found)
}

/// Which kind of file it is.
fn kind(path: &Path) -> &'static str {
    let text = path.to_string_lossy();
    let is = |part: &str| text.contains(part);
    match () {
        () if is("/wal/checkpoint.") => "checkpoint",
        () if is("/wal/") => "log",
        () if is("/wbl/") => "write-behind log",
        () if is("/chunks_head/") => "head chunks",
        () if is("/chunk_snapshot") => "memory snapshot",
        () if is("/chunks/") => "chunks",
        () if is("/index") => "index",
        () if is("/tombstones") => "tombstones",
        () if is("/meta.json") => "meta.json",
        () => "other",
    }
}

fn damage_all(kinds: &[&str], every: usize) {
    let every = std::env::var("DAMAGE_EVERY")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(every);
    let (files, told) = directory();
    let db = Db::open(Arc::new(written(&files)), Path::new(DIR), options(), 77).unwrap();
    let found = everything(&db).unwrap();
    for (labels, rows) in &told {
        for (t_ms, value) in rows {
            assert_eq!(found[labels].get(t_ms), Some(value), "{labels} at {t_ms}");
        }
    }
    assert!(found == told);
    drop(db);
    assert_eq!(check(&files, &told, "nothing"), "harmless");
    let mut outcomes: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut seen = Vec::new();
    for (path, bytes) in &files {
        let kind = kind(path);
        if !kinds.contains(&kind) {
            continue;
        }
        seen.push(kind);
        // Few bytes are tried one by one.
        let every = every.min(1 + bytes.len() / 12);
        let mut damages: Vec<(&str, usize, Vec<u8>)> = Vec::new();
        for at in (0..bytes.len()).step_by(every) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at / every % 8);
            damages.push(("flipped", at, flipped));
        }
        for at in (0..bytes.len()).step_by(every * 3) {
            damages.push(("cut", at, bytes[..at].to_vec()));
            let mut zeros = bytes.clone();
            let end = (at + 512).min(bytes.len());
            zeros[at..end].fill(0);
            damages.push(("zeros", at, zeros));
        }
        damages.push(("longer", bytes.len(), [bytes, &[7u8; 40][..]].concat()));
        for (damage, at, bytes) in damages {
            let mut damaged = files.clone();
            damaged.insert(path.clone(), bytes);
            let what = format!("{} {damage} at {at}", path.display());
            let outcome = check(&damaged, &told, &what);
            *outcomes.entry((kind, damage, outcome)).or_default() += 1;
        }
        let mut without = files.clone();
        without.remove(path);
        let outcome = check(&without, &told, &format!("{} missing", path.display()));
        *outcomes.entry((kind, "missing", outcome)).or_default() += 1;
    }
    for kind in kinds {
        assert!(seen.contains(kind), "the directory has no {kind}");
    }
    for ((kind, damage, outcome), count) in outcomes {
        println!("{kind}, {damage}: {outcome} {count} times");
    }
}

#[test]
fn damaged_logs_are_repaired_or_refused() {
    damage_all(&["log", "checkpoint", "write-behind log"], 211);
}

#[test]
fn damaged_head_chunks_are_rebuilt_or_refused() {
    damage_all(&["head chunks", "memory snapshot"], 151);
}

#[test]
fn damaged_blocks_are_refused_or_an_error_of_the_query() {
    damage_all(&["chunks", "index", "tombstones", "meta.json"], 97);
}
