//! A disk of a certain size, on which others write too, that may turn read-only and lose syncs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::Mutex;

use super::*;
use crate::fs::{Mapped, Space, Stat, VfsFile};

/// What the disk is like now.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Bytes that it holds.
    pub(super) bytes: AtomicU64,
    /// Bytes of others.
    pub(super) taken: AtomicU64,
    pub(super) read_only: AtomicBool,
    pub(super) syncs_fail: AtomicBool,
    /// Files whose path holds this get no room.
    denied: Mutex<Option<&'static str>>,
}

/// A file system on such a disk. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct DiskFs {
    inner: MemoryFs,
    pub(super) disk: Arc<Disk>,
}

impl DiskFs {
    pub(super) fn new(bytes: u64) -> Self {
        let disk = Disk::default();
        disk.bytes.store(bytes, Ordering::Relaxed);
        Self {
            inner: MemoryFs::new(),
            disk: Arc::new(disk),
        }
    }

    pub(super) fn vfs(&self) -> Arc<dyn Vfs> {
        Arc::new(self.clone())
    }

    /// Others take all that is free but so many bytes.
    pub(super) fn fill_but(&self, left: u64) {
        let free = self.disk.bytes.load(Ordering::Relaxed) - self.used(Path::new("/"));
        self.disk
            .taken
            .store(free.saturating_sub(left), Ordering::Relaxed);
    }

    /// Others give back what they took.
    pub(super) fn empty(&self) {
        self.disk.taken.store(0, Ordering::Relaxed);
    }

    /// No room for files whose path holds `part`, and for all others.
    pub(super) fn deny(&self, part: &'static str) {
        *self.disk.denied.lock() = Some(part);
    }

    pub(super) fn deny_nothing(&self) {
        *self.disk.denied.lock() = None;
    }

    /// All files below `dir`, with their directories.
    pub(super) fn tree(&self, dir: &Path) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for name in self.inner.list(dir).unwrap_or_default() {
            let path = dir.join(name);
            if self.inner.stat(&path).is_ok_and(|stat| stat.is_dir) {
                all.extend(self.tree(&path));
            }
            all.push(path);
        }
        all
    }

    fn used(&self, dir: &Path) -> u64 {
        let len = |path: &PathBuf| self.inner.stat(path).map_or(0, |stat| stat.len);
        self.tree(dir).iter().map(len).sum()
    }

    fn free(&self) -> u64 {
        let all = self.disk.bytes.load(Ordering::Relaxed);
        let taken = self.disk.taken.load(Ordering::Relaxed);
        all.saturating_sub(taken)
            .saturating_sub(self.used(Path::new("/")))
    }

    fn room_for(&self, path: &Path) -> io::Result<u64> {
        self.check_writable()?;
        let path = path.to_string_lossy();
        match *self.disk.denied.lock() {
            Some(part) if path.contains(part) => Ok(0),
            _ => Ok(self.free()),
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.disk.read_only.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            false => Ok(()),
        }
    }

    fn file(&self, path: &Path, inner: Box<dyn VfsFile>) -> Box<dyn VfsFile> {
        Box::new(DiskFile {
            fs: self.clone(),
            path: path.to_owned(),
            inner,
        })
    }
}

#[derive(Debug)]
struct DiskFile {
    fs: DiskFs,
    path: PathBuf,
    inner: Box<dyn VfsFile>,
}

impl VfsFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.fs.room_for(&self.path)?).unwrap_or(usize::MAX);
        if bytes.len() <= room {
            return self.inner.append(bytes);
        }
        // As much as fits is written.
        self.inner.append(&bytes[..room])?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.fs.check_writable()?;
        self.inner.write_at(offset, bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.fs.check_writable()?;
        self.inner.set_len(len)
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        match self.fs.room_for(&self.path)? >= len {
            true => self.inner.set_len(len),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.fs.disk.syncs_fail.load(Ordering::Relaxed) {
            true => Err(io::Error::other("input/output error")),
            false => self.inner.sync(),
        }
    }
}

impl Vfs for DiskFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        self.check_writable()?;
        Ok(self.file(path, self.inner.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        self.check_writable()?;
        Ok(self.file(path, self.inner.open(path)?))
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
        match self.inner.stat(dir) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.check_writable()?;
                self.inner.create_dir_all(dir)
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_writable()?;
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.check_writable()?;
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.check_writable()?;
        self.inner.remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        self.check_writable()?;
        self.inner.lock(path)
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space {
            free_bytes: self.free(),
            is_read_only: self.disk.read_only.load(Ordering::Relaxed),
        })
    }
}
