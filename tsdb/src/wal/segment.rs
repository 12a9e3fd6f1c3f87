//! Segments and checkpoints by name: what is in a log's directory.

use std::path::{Path, PathBuf};

use super::WalError;
use crate::fs::Vfs;

/// Where segment `number` of the log in `dir` is.
pub fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}"))
}

/// The segments of the log in `dir`, ascending. A directory that does not exist has none.
///
/// # Errors
/// When the directory cannot be listed, or a number is missing between others.
pub fn list(fs: &dyn Vfs, dir: &Path) -> Result<Vec<u32>, WalError> {
    let mut numbers: Vec<u32> = names(fs, dir)?
        .iter()
        .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|name| name.parse().ok())
        .collect();
    numbers.sort_unstable();
    if numbers.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
        return Err(WalError::corrupt(dir, 0, "segments are not sequential"));
    }
    Ok(numbers)
}

/// Makes what is in the segments of the log in `dir` survive a power cut, and that they are there. A process
/// that was killed leaves what the next one takes for stored; that one never writes into these files again.
///
/// # Errors
/// The system's.
pub fn sync_all(fs: &dyn Vfs, dir: &Path) -> Result<(), WalError> {
    for number in list(fs, dir)? {
        let path = path(dir, number);
        let synced = fs.open(&path).and_then(|mut file| file.sync());
        synced.map_err(|error| WalError::io(&path, error))?;
    }
    fs.sync_dir(dir).map_err(|error| WalError::io(dir, error))
}

/// Removes segment `number` of the log in `dir`, for certain: were the next removed before it is certain, a power
/// cut might leave a gap.
///
/// # Errors
/// The system's.
pub fn remove(fs: &dyn Vfs, dir: &Path, number: u32) -> Result<(), WalError> {
    let path = path(dir, number);
    fs.remove_file(&path)
        .and_then(|()| fs.sync_dir(dir))
        .map_err(|error| WalError::io(&path, error))
}

/// The checkpoints in `dir`, ascending by the last segment that they stand for.
///
/// # Errors
/// When the directory cannot be listed.
pub fn checkpoints(fs: &dyn Vfs, dir: &Path) -> Result<Vec<(u32, PathBuf)>, WalError> {
    let mut found: Vec<(u32, PathBuf)> = names(fs, dir)?
        .iter()
        .filter_map(|name| {
            let number = name.strip_prefix("checkpoint.")?;
            // `checkpoint.00000007.tmp` is one that was never finished.
            let number = number.bytes().all(|b| b.is_ascii_digit()).then_some(number)?;
            Some((number.parse().ok()?, dir.join(name)))
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn names(fs: &dyn Vfs, dir: &Path) -> Result<Vec<String>, WalError> {
    match fs.list(dir) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(WalError::io(dir, error)),
    }
}
