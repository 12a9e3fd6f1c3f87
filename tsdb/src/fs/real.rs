//! The operating system's files.
//!
//! Thin over `std::fs`: what is added is positioned appends, mapping, and the lock that Prometheus
//! takes on a data directory. Start with [`RealFs`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation, StatVfsMountFlags};

use super::mmap::MappedFile;
use super::{Mapped, Space, Stat, Vfs, VfsFile, VfsLock};

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

impl RealFs {
    /// The file system of the operating system.
    pub fn new() -> Self {
        Self
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
    /// Where the next append goes. Kept here because `O_APPEND` would send `write_at` to the end too.
    end: u64,
}

impl VfsFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)?;
        self.end = self.end.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.end)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.end = len;
        Ok(())
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len)?;
        self.end = self.end.max(len);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// An `flock` on a file, which is removed when the lock is given back.
#[derive(Debug)]
struct RealLock {
    file: File,
    path: PathBuf,
    /// Whether the file was there before.
    was_there: bool,
    /// Whether it is removed in the end.
    goes: bool,
}

impl VfsLock for RealLock {
    fn leave_as_found(&mut self) {
        self.goes = !self.was_there;
    }
}

impl Drop for RealLock {
    fn drop(&mut self) {
        if self.goes {
            // Removed while still locked, so that nobody's new lock file is removed. A file that stays
            // behind is harmless: it can be locked again.
            let _removed = fs::remove_file(&self.path);
        }
        let _unlocked = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

impl Vfs for RealFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let open_new = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)
        };
        let file = match open_new() {
            // Emptying the old file would pull the pages from under those who have it mapped.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                open_new()?
            }
            other => other?,
        };
        Ok(Box::new(RealFile { file, end: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let end = file.metadata()?.len();
        Ok(Box::new(RealFile { file, end }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            // The system refuses to map nothing.
            return Ok(Arc::new(Vec::<u8>::new()));
        }
        Ok(Arc::new(MappedFile::new(&file, path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let rest = file.metadata()?.len().saturating_sub(offset);
        let mut bytes = vec![0; len.min(usize::try_from(rest).unwrap_or(usize::MAX))];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let found = fs::metadata(path)?;
        let is_dir = found.is_dir();
        Ok(Stat {
            is_dir,
            len: if is_dir { 0 } else { found.len() },
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        let was_there = path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock {
            file,
            path: path.to_owned(),
            was_there,
            goes: true,
        }))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let system = rustix::fs::statvfs(path)?;
        Ok(Space {
            free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
            is_read_only: system.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overwritten_does_not_move_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut file = RealFs.create(&path).unwrap();
        file.append(b"abcd").unwrap();
        file.write_at(1, b"X").unwrap();
        file.append(b"e").unwrap();
        assert_eq!(RealFs.read(&path).unwrap(), b"aXcde");
        assert_eq!(RealFs.read_at(&path, 3, 100).unwrap(), b"de");
        assert_eq!(RealFs.read_at(&path, 30, 100).unwrap(), b"");
    }

    #[test]
    fn a_lock_file_goes_unless_it_is_to_be_left_as_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        RealFs.lock(&path).unwrap().leave_as_found();
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        RealFs.lock(&path).unwrap().leave_as_found();
        assert!(path.exists());
        drop(RealFs.lock(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_file_made_anew_leaves_an_old_mapping_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        RealFs.create(&path).unwrap().append(b"old").unwrap();
        let mapped = RealFs.map(&path).unwrap();
        assert_eq!(RealFs.create(&path).unwrap().len().unwrap(), 0);
        assert_eq!((*mapped).as_ref(), b"old");
        assert_eq!((*RealFs.map(&path).unwrap()).as_ref(), b"");
    }

    #[test]
    fn a_held_lock_is_refused_and_its_file_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = RealFs.lock(&path).unwrap();
        assert_eq!(RealFs.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert_eq!(RealFs.stat(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(RealFs.lock(&path).unwrap());
    }
}
