//! What can be wrong with a log on disk.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A log that cannot be read on, and where the reading stopped.
#[derive(Debug)]
pub struct WalError {
    path: PathBuf,
    offset: u64,
    kind: WalErrorKind,
}

#[derive(Debug)]
enum WalErrorKind {
    Io(io::Error),
    Corrupt(String),
    Foreign(String),
}

impl WalError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
            kind: WalErrorKind::Io(error),
        }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            offset,
            kind: WalErrorKind::Corrupt(reason.into()),
        }
    }

    pub(crate) fn foreign(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            offset,
            kind: WalErrorKind::Foreign(what.into()),
        }
    }

    /// The file in question.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where in the file; for corruption, the end of the last good record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the bytes are wrong, so that reading again cannot help.
    pub fn is_corruption(&self) -> bool {
        matches!(self.kind, WalErrorKind::Corrupt(_))
    }

    /// Whether the disk has no room or takes no writes, so that it may go well later.
    pub fn is_no_room(&self) -> bool {
        matches!(&self.kind, WalErrorKind::Io(error) if crate::fs::space::is_no_room(error))
    }

    /// Whether a file is not there: it went after it was found.
    pub fn is_missing(&self) -> bool {
        matches!(&self.kind, WalErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the bytes are right but hold what this version cannot carry.
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind, WalErrorKind::Foreign(_))
    }
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            // Many who print this print one line only, and then this is what they need to know.
            WalErrorKind::Io(error) => write!(f, "{path}: {error}"),
            WalErrorKind::Corrupt(reason) => {
                write!(f, "{path}: corruption after offset {}: {reason}", self.offset)
            }
            WalErrorKind::Foreign(what) => write!(f, "{path}: at offset {}: {what}", self.offset),
        }
    }
}

impl std::error::Error for WalError {}
