//! Room on a file system, and the errors that say that there is none.

use std::io;

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Nothing may be written, whatever is free.
    pub is_read_only: bool,
}

impl Space {
    /// Where there is always room.
    pub const ENDLESS: Self = Self {
        free_bytes: u64::MAX,
        is_read_only: false,
    };
}

/// Whether a write failed for want of room, or since the file system takes no writes at all: it may go well later.
pub fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}
