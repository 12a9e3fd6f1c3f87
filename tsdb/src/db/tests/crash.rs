//! A scripted history on a file system that fails at its n-th change, for every n.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::fs::{Mapped, Stat, VfsFile};

/// How the file system fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// From the n-th change on nothing is changed any more, as after a kill. Half of a write may be done.
    Stop,
    /// The n-th change fails, those after it do not, as when a disk was full for a moment.
    Once,
}

#[derive(Debug)]
struct Plan {
    mode: Mode,
    at: usize,
    count: AtomicUsize,
}

impl Plan {
    /// Whether this change happens.
    fn allows(&self) -> bool {
        let now = self.count.fetch_add(1, Ordering::Relaxed);
        match self.mode {
            Mode::Stop => now < self.at,
            Mode::Once => now != self.at,
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.allows() { Ok(()) } else { Err(full()) }
    }
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on device")
}

#[derive(Debug)]
struct FailingFs {
    inner: MemoryFs,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct FailingFile {
    inner: Box<dyn VfsFile>,
    plan: Arc<Plan>,
}

impl VfsFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.plan.allows() {
            return self.inner.append(bytes);
        }
        self.inner.append(&bytes[..bytes.len() / 2])?;
        Err(full())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.plan.check()?;
        self.inner.write_at(offset, bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.plan.check()?;
        self.inner.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.plan.check()?;
        self.inner.sync()
    }
}

impl FailingFs {
    fn file(&self, inner: Box<dyn VfsFile>) -> Box<dyn VfsFile> {
        let plan = Arc::clone(&self.plan);
        Box::new(FailingFile { inner, plan })
    }
}

impl Vfs for FailingFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        self.plan.check()?;
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
        self.plan.check()?;
        self.inner.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.check()?;
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.plan.check()?;
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.plan.check()?;
        self.inner.remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.plan.check()?;
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        self.plan.check()?;
        self.inner.lock(path)
    }
}

fn unlocked() -> DbOptions {
    DbOptions {
        no_lockfile: true,
        wal_segment_bytes: 32 << 10,
        ..options()
    }
}

/// What was acknowledged, and what may or may not be there.
#[derive(Default)]
struct Told {
    stored: Stored,
    /// The rows of a batch whose fate is unknown: all of them are there or none.
    doubtful: Vec<(String, i64, u64)>,
}

/// Appends, maintains, syncs and restarts for a while; goes on after failures unless the process is to be
/// dead by then.
fn script(fs: &Arc<dyn Vfs>, plan: &Plan, told: &mut Told) {
    let mut db = None;
    for round in 0..24i64 {
        if plan.mode == Mode::Stop && plan.count.load(Ordering::Relaxed) > plan.at {
            break;
        }
        if db.is_none() || round == 9 || round == 17 {
            drop(db.take());
            db = Db::open(Arc::clone(fs), Path::new(DIR), unlocked(), round).ok();
        }
        let Some(db) = &db else { continue };
        for i in 0..5 {
            let t_ms = round * 250 + i * 50;
            append_some(db, t_ms, plan, told);
        }
        if round % 2 == 1 {
            // What fails is tried again in the next round.
            let _maintained = db.maintain(round);
        }
        if round % 4 == 0 {
            let _synced = db.sync();
        }
    }
    if let Some(db) = db {
        // A dead process does not close its database; a living one does with the same outcome.
        std::mem::forget(db);
    }
}

fn append_some(db: &Db, t_ms: i64, plan: &Plan, told: &mut Told) {
    if plan.mode == Mode::Stop && plan.count.load(Ordering::Relaxed) > plan.at {
        return;
    }
    let mut batch = Batch::at(t_ms);
    let mut rows = Vec::new();
    for i in 0..6 {
        // One series ends, one begins in the middle.
        if (i == 0 && t_ms > 2_000) || (i == 1 && t_ms < 3_000) {
            continue;
        }
        let labels = labels(&format!("m{i}"), &(i % 2).to_string());
        let Ok(series) = db.resolve(&labels, &mut batch) else {
            return;
        };
        let bits = (t_ms as f64 / 3.0 + f64::from(i) + 0.1).to_bits();
        batch.push(series, bits);
        rows.push((labels.to_string(), t_ms, bits));
    }
    match db.append(&mut batch, &AppendOptions::default()) {
        Ok(receipt) => {
            assert_eq!(receipt.accepted, rows.len(), "at {t_ms}");
            for (labels, t_ms, bits) in rows {
                told.stored.entry(labels).or_default().insert(t_ms, bits);
            }
        }
        Err(_) => told.doubtful = rows,
    }
}

#[track_caller]
fn check(mode: Mode, at: usize) -> usize {
    let inner = MemoryFs::new();
    let plan = Arc::new(Plan {
        mode,
        at,
        count: AtomicUsize::new(0),
    });
    let failing: Arc<dyn Vfs> = Arc::new(FailingFs {
        inner: inner.clone(),
        plan: Arc::clone(&plan),
    });
    let mut told = Told::default();
    script(&failing, &plan, &mut told);
    let fs: Arc<dyn Vfs> = Arc::new(inner);
    for restart in 0..2 {
        let db = match Db::open(Arc::clone(&fs), Path::new(DIR), unlocked(), 99) {
            Ok(db) => db,
            Err(error) => panic!("{mode:?} at {at}, restart {restart}: {error}"),
        };
        let mut found = everything(&db);
        if found != told.stored {
            assert_eq!(mode, Mode::Stop, "at {at}: a batch that failed must not be there");
            for (labels, t_ms, bits) in &told.doubtful {
                let there = found.get_mut(labels).and_then(|samples| samples.remove(t_ms));
                assert_eq!(there, Some(*bits), "{mode:?} at {at}: a batch is there in part");
            }
            found.retain(|_, samples| !samples.is_empty());
            assert!(
                found == told.stored,
                "{mode:?} at {at}, restart {restart}: not what was told"
            );
        }
        db.maintain(99).unwrap();
    }
    let left: Vec<PathBuf> = vec![PathBuf::from(DIR)];
    assert!(
        fs.list(&left[0])
            .unwrap()
            .iter()
            .all(|name| !name.contains(".tmp"))
    );
    plan.count.load(Ordering::Relaxed)
}

fn check_all(mode: Mode) {
    let changes = check(mode, usize::MAX);
    assert!(changes > 300, "the script makes only {changes} changes");
    // Every fifth a run takes seconds; `CRASH_AT_EVERY=1` tries them all.
    let every = std::env::var("CRASH_AT_EVERY").ok().and_then(|n| n.parse().ok());
    for at in (0..changes).step_by(every.unwrap_or(5)) {
        check(mode, at);
    }
}

#[test]
fn a_kill_at_any_change_costs_nothing_that_was_acknowledged() {
    check_all(Mode::Stop);
}

#[test]
fn a_failure_at_any_change_is_survived_without_a_restart() {
    check_all(Mode::Once);
}
