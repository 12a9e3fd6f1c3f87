//! The file system as the database sees it: a trait, so that tests can lose power and fill disks.
//!
//! Everything inside a data directory is created, renamed, synced and removed through a [`Vfs`].
//! [`real::RealFs`] is the operating system's, [`memory::MemoryFs`] keeps files in memory, and
//! [`simulated::SimulatedFs`] loses what was not synced and fails where it is told to. Contracts that the formats
//! rely on: a rename replaces atomically; what was written survives the process at once and a power cut only
//! after [`VfsFile::sync`]; directory entries survive a power cut only after [`Vfs::sync_dir`].

pub(crate) mod buffered;
pub mod error;
pub mod memory;
mod mmap;
pub mod real;
pub mod simulated;
pub mod space;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use error::FileError;
pub use memory::MemoryFs;
pub use real::RealFs;
pub use simulated::SimulatedFs;
pub use space::Space;

/// Bytes of a whole file, mapped or copied, that stay valid while held.
pub type Mapped = Arc<dyn FileBytes>;

/// The bytes of a file.
pub trait FileBytes: AsRef<[u8]> + Send + Sync {
    /// Whether all bytes that were seen so far were the file's. A mapped file that someone else shortens, or
    /// that cannot be read, has zeros where its bytes are gone: whoever read from it asks this *afterwards*.
    fn is_whole(&self) -> bool {
        true
    }
}

impl FileBytes for Vec<u8> {}

/// How many mapped files others were found to have shortened, in this process.
pub fn torn_files() -> u64 {
    mmap::torn_count()
}

/// A file open for writing.
pub trait VfsFile: Send + Sync + fmt::Debug {
    /// Appends all of `bytes` at the end of the file.
    ///
    /// # Errors
    /// The system's; how much was written is then unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Overwrites bytes at `offset`, extending the file with zeros if need be.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// How long the file is.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds nothing.
    ///
    /// # Errors
    /// The system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends (with zeros) to `len` bytes.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Gives the file `len` bytes that really take room, so that nobody else can have it.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::Unsupported`] where the file system cannot.
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    /// Makes contents survive a power cut (`fdatasync`). After a failure the contents are unknown: never retry.
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// A directory, not a file.
    pub is_dir: bool,
    /// Length in bytes; 0 for directories.
    pub len: u64,
}

/// A lock held on a file until dropped; then the file goes.
pub trait VfsLock: Send + Sync + fmt::Debug {
    /// Unlocks and leaves the file if it was there before it was locked: whoever left it behind did not end
    /// well, which the next one may want to know.
    fn leave_as_found(&mut self);
}

/// A file system.
pub trait Vfs: Send + Sync + fmt::Debug {
    /// Makes a new empty file, replacing what is there.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>>;

    /// Opens an existing file for appending and overwriting.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotFound`] if it does not exist.
    fn open(&self, path: &Path) -> io::Result<Box<dyn VfsFile>>;

    /// The whole file as bytes that stay valid while held; mapped where that is possible.
    ///
    /// # Errors
    /// The system's.
    fn map(&self, path: &Path) -> io::Result<Mapped>;

    /// The whole file, copied.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Up to `len` bytes from `offset`; fewer at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// What is at `path`.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotFound`] if there is nothing.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Names in a directory, sorted.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory and those above it; fine if it exists.
    ///
    /// # Errors
    /// The system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Renames a file or directory, replacing a file that is there.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with everything in it.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the entries of a directory survive a power cut.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock on the file at `path` (made if absent), without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn VfsLock>>;

    /// What room there is where `path` lies.
    ///
    /// # Errors
    /// The system's.
    fn space(&self, path: &Path) -> io::Result<Space> {
        let _everywhere = path;
        Ok(Space::ENDLESS)
    }
}
