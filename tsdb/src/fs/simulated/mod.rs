//! A disk in memory that can be cut from power, and a process that can be killed or refused at any call:
//! what happens follows from a seed.
//!
//! ```text
//! Db ─▶ SimulatedFs ── process: counts calls, fails those that are planned
//!            └─────── disk: what is seen │ what is synced │ what is not
//!                       kill() ─▶ a new process on what is seen
//!                       cut_power(seed) ─▶ a new process on what is synced and some of the rest
//! ```
//!
//! Stricter than any one file system: an entry of a directory is certain only once that directory is
//! synced, so that a file in a new directory needs the directory above synced too. Start with
//! [`SimulatedFs::new`] and [`SimulatedFs::plan`]; the tests of the database show both.

mod dice;
mod disk;
mod power;
mod process;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use dice::Dice;
pub use process::{Calls, Fault};

use self::disk::{Change, Disk, Id, Node};
use self::process::{Denied, Process};
use super::{Mapped, Stat, Vfs, VfsFile, VfsLock};

/// A simulated disk as one process sees it. Cloning shares both.
#[derive(Clone, Debug)]
pub struct SimulatedFs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    process: Process,
}

impl State {
    fn look(&mut self, name: &str, path: &Path) -> io::Result<&Disk> {
        self.process.admit(Calls::Looks, name, path)?;
        Ok(&self.disk)
    }

    fn change(&mut self, name: &str, path: &Path) -> Result<&mut Disk, Denied> {
        self.process.admit(Calls::Changes, name, path)?;
        Ok(&mut self.disk)
    }
}

impl SimulatedFs {
    /// An empty disk, and a process whose calls go well.
    pub fn new(seed: u64) -> Self {
        Self::of(Disk::default(), Process::new(seed))
    }

    fn of(disk: Disk, process: Process) -> Self {
        Self {
            state: Arc::new(Mutex::new(State { disk, process })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the calls with these numbers, counted from 0, go wrong. A plan replaces the one before.
    pub fn plan(&self, calls: Calls, which: Range<usize>, fault: Fault) {
        self.state().process.plan(calls, which, fault);
    }

    /// How many calls there were.
    pub fn count(&self, calls: Calls) -> usize {
        self.state().process.count(calls)
    }

    /// Whether the process was killed.
    pub fn is_dead(&self) -> bool {
        self.state().process.is_dead()
    }

    /// The calls that failed as planned, each with its path.
    pub fn failed(&self) -> Vec<String> {
        self.state().process.failed.clone()
    }

    /// Kills the process, if it is not dead yet. Another finds all that was written, and counts on from there;
    /// it goes by the same plan, unless that is what killed this one.
    #[must_use]
    pub fn kill(&self, seed: u64) -> Self {
        let mut state = self.state();
        let successor = state.process.successor(seed);
        state.process.die();
        Self::of(state.disk.clone(), successor)
    }

    /// Cuts the power. Another process, as after a kill, finds what was synced, and of the rest what `seed`
    /// leaves.
    #[must_use]
    pub fn cut_power(&self, seed: u64) -> Self {
        let mut state = self.state();
        let successor = state.process.successor(seed);
        state.process.die();
        let disk = state.disk.after_power_cut(&mut Dice::new(seed));
        Self::of(disk, successor)
    }
}

#[derive(Debug)]
struct SimulatedFile {
    fs: SimulatedFs,
    path: PathBuf,
    id: Id,
}

impl SimulatedFile {
    fn write(&self, at: Option<u64>, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.fs.state();
        let at = match at {
            Some(at) => usize::try_from(at).map_err(io::Error::other)?,
            None => state.disk.file(self.id)?.now.len(),
        };
        let admitted = state.process.admit(Calls::Changes, "write", &self.path);
        let kept = match &admitted {
            Ok(()) => bytes.len(),
            Err(denied) if denied.partly => state.process.dice.below(bytes.len() + 1),
            Err(_) => 0,
        };
        if kept > 0 {
            state
                .disk
                .change(self.id, Change::Write(at, bytes[..kept].to_vec()));
        }
        Ok(admitted?)
    }
}

impl VfsFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(None, bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write(Some(offset), bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.fs.state().disk.file(self.id)?.now.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let mut state = self.fs.state();
        let disk = state.change("set_len", &self.path)?;
        disk.change(self.id, Change::Length(len));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let state = &mut *self.fs.state();
        let admitted = state.process.admit(Calls::Changes, "sync", &self.path);
        match &admitted {
            Ok(()) => state.disk.sync(self.id),
            Err(denied) if denied.partly && denied.fault != Fault::Kill => {
                state.disk.forget_unsynced(self.id);
            }
            Err(_) => {}
        }
        Ok(admitted?)
    }
}

#[derive(Debug)]
struct SimulatedLock {
    fs: SimulatedFs,
    path: PathBuf,
    was_there: bool,
    goes: bool,
}

impl VfsLock for SimulatedLock {
    fn leave_as_found(&mut self) {
        self.goes = !self.was_there;
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let state = &mut *self.fs.state();
        state.process.locked.remove(&self.path);
        if self.goes && state.process.admit(Calls::Changes, "unlock", &self.path).is_ok() {
            // A lock file that stays is harmless.
            let _removed = state.disk.remove_file(&self.path);
        }
    }
}

impl SimulatedFs {
    fn handle(&self, path: &Path, id: Id) -> Box<dyn VfsFile> {
        let (fs, path) = (self.clone(), path.to_owned());
        Box::new(SimulatedFile { fs, path, id })
    }

    fn content(&self, name: &str, path: &Path) -> io::Result<Arc<Vec<u8>>> {
        let mut state = self.state();
        let disk = state.look(name, path)?;
        Ok(Arc::clone(&disk.file(disk.find(path)?)?.now))
    }
}

impl Vfs for SimulatedFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let id = self.state().change("create", path)?.create(path)?;
        Ok(self.handle(path, id))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let id = {
            let mut state = self.state();
            let disk = state.look("open", path)?;
            let id = disk.find(path)?;
            disk.file(id)?;
            id
        };
        Ok(self.handle(path, id))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        // Written to later, it is copied first: a mapping's length is what it was.
        Ok(self.content("map", path)?)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(Vec::clone(&*self.content("read", path)?))
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let all = self.content("read_at", path)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?.min(all.len());
        Ok(all[from..from.saturating_add(len).min(all.len())].to_vec())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let mut state = self.state();
        let disk = state.look("stat", path)?;
        Ok(match &disk.nodes[&disk.find(path)?] {
            Node::Dir(_) => Stat { is_dir: true, len: 0 },
            Node::File(file) => Stat {
                is_dir: false,
                len: file.now.len() as u64,
            },
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        let disk = state.look("list", dir)?;
        Ok(disk.dir(disk.find(dir)?)?.now.keys().cloned().collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let there = state.disk.find(dir).is_ok();
        let name = if there { "stat" } else { "create_dir_all" };
        state.change(name, dir)?.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().change("rename", from)?.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state().change("remove_file", path)?.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        match state.process.admit(Calls::Changes, "remove_dir_all", dir) {
            Ok(()) => state.disk.remove_dir_all(dir, usize::MAX),
            Err(denied) => {
                if denied.partly {
                    state.disk.remove_dir_all(dir, state.process.dice.below(4))?;
                }
                Err(denied.into())
            }
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().change("sync_dir", dir)?.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        let state = &mut *self.state();
        if state.process.locked.contains(path) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "already locked"));
        }
        let was_there = state.disk.find(path).is_ok();
        let disk = state.change("lock", path)?;
        if !was_there {
            disk.create(path)?;
        }
        state.process.locked.insert(path.to_owned());
        Ok(Box::new(SimulatedLock {
            fs: self.clone(),
            path: path.to_owned(),
            was_there,
            goes: true,
        }))
    }
}
