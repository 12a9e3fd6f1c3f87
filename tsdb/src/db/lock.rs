//! One process a directory: the `lock` file, which Prometheus takes too.

use std::io;
use std::path::Path;

use super::OpenError;
use crate::fs::{Vfs, VfsLock};

/// Takes the lock of the data directory.
pub(super) fn take(fs: &dyn Vfs, dir: &Path) -> Result<Box<dyn VfsLock>, OpenError> {
    let path = dir.join("lock");
    fs.lock(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            OpenError::locked(&path)
        } else {
            OpenError::io(&path, error)
        }
    })
}
