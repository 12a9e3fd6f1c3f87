//! Limits of ours: on the number of series, and a size that is a bound.

use std::sync::atomic::AtomicU64;

use super::*;
use crate::fs::{Mapped, Stat, VfsFile};

#[test]
fn beyond_the_limit_new_series_are_refused_and_others_go_on() {
    let options = DbOptions {
        series_max: 2,
        ..options()
    };
    let db = Db::open(memory(), Path::new(DIR), options, 1).unwrap();
    let (a, b, c) = (labels("up", "a"), labels("up", "b"), labels("up", "c"));
    append(&db, &[(&a, 10, 1.0), (&b, 10, 1.0)]);
    let mut batch = Batch::at(20);
    let error = db.resolve(&c, &mut batch).unwrap_err();
    assert!(error.is_series_limit());
    assert_eq!(
        error.to_string(),
        "series limit of 2 reached (--storage.tsdb.max-series), new series are refused"
    );
    assert_eq!(append(&db, &[(&a, 20, 1.0)]), [Verdict::Accepted]);
    assert_eq!(db.head_stats().series_refused.load(Ordering::Relaxed), 1);
    // What tells how things are is taken all the same.
    batch.beyond_limits = true;
    db.resolve(&c, &mut batch).unwrap();
    assert_eq!(db.head_series(), 3);
}

#[test]
fn two_threads_do_not_take_the_last_place_together() {
    let options = DbOptions {
        series_max: 50,
        ..options()
    };
    let db = Db::open(memory(), Path::new(DIR), options, 1).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                let mut batch = Batch::at(10);
                for number in 0..40 {
                    let _refused = db.resolve(&labels(&format!("m{thread}_{number}"), "a"), &mut batch);
                }
            });
        }
    });
    assert_eq!(db.head_series(), 50);
}

/// A file system that knows how much there has been at most.
#[derive(Debug)]
struct MeasuringFs {
    inner: MemoryFs,
    most: Arc<AtomicU64>,
}

#[derive(Debug)]
struct MeasuredFile {
    inner: Box<dyn VfsFile>,
    fs: MemoryFs,
    most: Arc<AtomicU64>,
}

fn measure(fs: &MemoryFs, most: &AtomicU64) {
    fn below(fs: &MemoryFs, dir: &Path) -> u64 {
        let names = fs.list(dir).unwrap_or_default();
        let bytes = |name: &String| match fs.stat(&dir.join(name)) {
            Ok(stat) if stat.is_dir => below(fs, &dir.join(name)),
            Ok(stat) => stat.len,
            Err(_) => 0,
        };
        names.iter().map(bytes).sum()
    }
    most.fetch_max(below(fs, Path::new(DIR)), Ordering::Relaxed);
}

impl VfsFile for MeasuredFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.append(bytes)?;
        measure(&self.fs, &self.most);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)?;
        measure(&self.fs, &self.most);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }
}

impl MeasuringFs {
    fn file(&self, inner: Box<dyn VfsFile>) -> Box<dyn VfsFile> {
        Box::new(MeasuredFile {
            inner,
            fs: self.inner.clone(),
            most: Arc::clone(&self.most),
        })
    }
}

impl Vfs for MeasuringFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        Ok(self.file(self.inner.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        Ok(self.file(self.inner.open(path)?))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.inner.map(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.inner.read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.inner.read_at(path, offset, len)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.inner.stat(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        self.inner.lock(path)
    }
}

/// Fills a database that may take so many bytes; returns how many it took at most, and how far back it reaches
/// in the end.
fn most_bytes(retention_bytes: u64, retention_is_bound: bool) -> (u64, i64) {
    let most = Arc::new(AtomicU64::new(0));
    let fs = MeasuringFs {
        inner: MemoryFs::new(),
        most: Arc::clone(&most),
    };
    let options = DbOptions {
        wal_segment_bytes: 32 << 10,
        retention_ms: 0,
        retention_bytes,
        retention_is_bound,
        ..options()
    };
    let db = Db::open(Arc::new(fs), Path::new(DIR), options, 1).unwrap();
    let series: Vec<Labels> = (0..20).map(|i| labels("wild", &i.to_string())).collect();
    let value = |at_ms: i64| f64::from_bits(at_ms.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    for at_ms in (0..60_000).step_by(20) {
        let rows: Vec<(&Labels, i64, f64)> = series.iter().map(|s| (s, at_ms, value(at_ms))).collect();
        append(&db, &rows);
        if at_ms % 500 == 480 {
            db.maintain(at_ms).unwrap();
        }
    }
    let first_ms = db.block_metas().iter().map(|meta| meta.min_ms).min();
    (most.load(Ordering::Relaxed), first_ms.unwrap_or(60_000))
}

#[test]
fn a_bound_on_the_size_holds_at_every_moment() {
    const BYTES: u64 = 400 << 10;
    let (most, first_ms) = most_bytes(BYTES, true);
    assert!(most <= BYTES, "{most} bytes of {BYTES}");
    // And what may be taken is made use of.
    assert!(most > BYTES * 3 / 4, "{most} bytes of {BYTES}");
    assert!(first_ms > 0);
    let (counted_as_in_prometheus, _) = most_bytes(BYTES, false);
    assert!(
        counted_as_in_prometheus > BYTES,
        "{counted_as_in_prometheus} bytes"
    );
}
