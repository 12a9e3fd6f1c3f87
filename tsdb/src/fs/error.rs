//! What is wrong with a file, and where in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file of a data directory that cannot be read, written or understood.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    offset: Option<u64>,
    kind: FileErrorKind,
}

#[derive(Debug)]
enum FileErrorKind {
    Io(io::Error),
    Damaged(String),
    Unsupported(String),
}

impl FileError {
    /// The system refused.
    pub fn io(path: &Path, error: io::Error) -> Self {
        Self::new(path, None, FileErrorKind::Io(error))
    }

    /// The bytes cannot be what they should be.
    pub fn damaged(path: &Path, text: impl Into<String>) -> Self {
        Self::new(path, None, FileErrorKind::Damaged(text.into()))
    }

    /// The bytes from `offset` on cannot be what they should be.
    pub fn damaged_at(path: &Path, offset: u64, text: impl Into<String>) -> Self {
        Self::new(path, Some(offset), FileErrorKind::Damaged(text.into()))
    }

    /// A mapped file lacks bytes that it had when it was mapped.
    pub fn torn(path: &Path) -> Self {
        Self::damaged(
            path,
            "was shortened while in use, or the disk cannot give what is in it",
        )
    }

    /// The bytes may well be good, but this program cannot deal with them.
    pub fn unsupported(path: &Path, text: impl Into<String>) -> Self {
        Self::new(path, None, FileErrorKind::Unsupported(text.into()))
    }

    /// As [`Self::unsupported`], at a place.
    pub fn unsupported_at(path: &Path, offset: u64, text: impl Into<String>) -> Self {
        Self::new(path, Some(offset), FileErrorKind::Unsupported(text.into()))
    }

    fn new(path: &Path, offset: Option<u64>, kind: FileErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            offset,
            kind,
        }
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the bytes are wrong, so that reading again cannot help.
    pub fn is_damage(&self) -> bool {
        matches!(self.kind, FileErrorKind::Damaged(_))
    }

    /// Whether a later version, or Prometheus, may understand the file.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.kind, FileErrorKind::Unsupported(_))
    }

    /// Whether the disk has no room or takes no writes, so that it may go well later.
    pub fn is_no_room(&self) -> bool {
        matches!(&self.kind, FileErrorKind::Io(error) if super::space::is_no_room(error))
    }

    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.kind, FileErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        match &self.kind {
            // Many who print this print one line only, and then this is what they need to know.
            FileErrorKind::Io(error) => write!(f, ": {error}"),
            FileErrorKind::Damaged(text) | FileErrorKind::Unsupported(text) => write!(f, ": {text}"),
        }
    }
}

impl std::error::Error for FileError {}

/// Adds the file's name to what the system says.
pub(crate) trait AtPath<T> {
    fn at(self, path: &Path) -> Result<T, FileError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, FileError> {
        self.map_err(|error| FileError::io(path, error))
    }
}
