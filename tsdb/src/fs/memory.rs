//! Files in memory: for tests that need a data directory and no disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Mapped, Stat, Vfs, VfsFile, VfsLock};

/// A file system in memory. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct MemoryFs {
    tree: Arc<Mutex<BTreeMap<PathBuf, Entry>>>,
}

#[derive(Clone, Debug)]
enum Entry {
    Dir,
    File(Arc<Mutex<Vec<u8>>>),
    Locked,
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("{}: no such file or directory", path.display()),
    )
}

impl MemoryFs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    fn file(&self, path: &Path) -> io::Result<Arc<Mutex<Vec<u8>>>> {
        match guard(&self.tree).get(path) {
            Some(Entry::File(bytes)) => Ok(Arc::clone(bytes)),
            _ => Err(not_found(path)),
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl VfsFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        guard(&self.bytes).extend_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut all = guard(&self.bytes);
        let end = offset + bytes.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[offset..end].copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(guard(&self.bytes).len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        guard(&self.bytes).resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLock {
    fs: MemoryFs,
    path: PathBuf,
}

impl VfsLock for MemoryLock {
    /// A lock in memory is never left behind.
    fn leave_as_found(&mut self) {}
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        guard(&self.fs.tree).remove(&self.path);
    }
}

impl Vfs for MemoryFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        guard(&self.tree).insert(path.to_owned(), Entry::File(Arc::clone(&bytes)));
        Ok(Box::new(MemoryFile { bytes }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        Ok(Box::new(MemoryFile {
            bytes: self.file(path)?,
        }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        Ok(Arc::new(self.read(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(guard(&*self.file(path)?).clone())
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = self.file(path)?;
        let bytes = guard(&file);
        let from = usize::try_from(offset)
            .map_err(io::Error::other)?
            .min(bytes.len());
        let end = from.saturating_add(len).min(bytes.len());
        Ok(bytes[from..end].to_vec())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        match guard(&self.tree).get(path) {
            Some(Entry::Dir) => Ok(Stat { is_dir: true, len: 0 }),
            Some(Entry::File(bytes)) => Ok(Stat {
                is_dir: false,
                len: guard(bytes).len() as u64,
            }),
            Some(Entry::Locked) => Ok(Stat {
                is_dir: false,
                len: 0,
            }),
            None => Err(not_found(path)),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.stat(dir)?;
        let tree = guard(&self.tree);
        let inside = tree.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut tree = guard(&self.tree);
        for ancestor in dir.ancestors() {
            tree.entry(ancestor.to_owned()).or_insert(Entry::Dir);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = guard(&self.tree);
        let moved: Vec<PathBuf> = tree
            .keys()
            .filter(|path| path.starts_with(from))
            .cloned()
            .collect();
        let [first, ..] = &*moved else {
            return Err(not_found(from));
        };
        let is_below = |path: &PathBuf| path != to && path.starts_with(to);
        if from != to && first == from && tree.keys().any(is_below) {
            return Err(io::Error::new(
                io::ErrorKind::DirectoryNotEmpty,
                to.display().to_string(),
            ));
        }
        for path in moved {
            if let (Some(entry), Ok(rest)) = (tree.remove(&path), path.strip_prefix(from)) {
                let target = if rest.as_os_str().is_empty() {
                    to.to_owned()
                } else {
                    to.join(rest)
                };
                tree.insert(target, entry);
            }
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        guard(&self.tree)
            .remove(path)
            .map(|_| ())
            .ok_or_else(|| not_found(path))
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.stat(dir)?;
        guard(&self.tree).retain(|path, _| !path.starts_with(dir));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.stat(dir).map(|_| ())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>> {
        let mut tree = guard(&self.tree);
        if matches!(tree.get(path), Some(Entry::Locked)) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "already locked"));
        }
        tree.insert(path.to_owned(), Entry::Locked);
        Ok(Box::new(MemoryLock {
            fs: self.clone(),
            path: path.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_directory_takes_its_files_along() {
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new("/data/a.tmp")).unwrap();
        fs.create(Path::new("/data/a.tmp/index"))
            .unwrap()
            .append(b"abc")
            .unwrap();
        fs.rename(Path::new("/data/a.tmp"), Path::new("/data/a")).unwrap();
        assert_eq!(fs.read(Path::new("/data/a/index")).unwrap(), b"abc");
        assert_eq!(fs.list(Path::new("/data")).unwrap(), ["a"]);
    }

    #[test]
    fn a_second_lock_waits_for_nobody_and_fails() {
        let fs = MemoryFs::new();
        let held = fs.lock(Path::new("/data/lock")).unwrap();
        assert_eq!(
            fs.lock(Path::new("/data/lock")).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(held);
        fs.lock(Path::new("/data/lock")).unwrap();
    }
}
