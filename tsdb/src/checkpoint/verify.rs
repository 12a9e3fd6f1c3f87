//! Whether a checkpoint and the directory that it lies in belong together.
//!
//! The same [`look`] describes the directory when the manifest is written and when it is read: what was there
//! must be there still, as long as it was and ending as it did; what was added since is the tail.

use std::io;
use std::path::Path;

use super::manifest::{FileLength, Manifest, Window};
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};
use crate::head::lane::LANES;
use crate::head::{chunk_files, chunks_dir, wal_dir};
use crate::wal::segment;

/// How many bytes before the end of the log and of the chunk files must be as they were.
const WINDOW_BYTES: u64 = if cfg!(test) { 512 } else { 64 << 10 };

/// What the head that is being opened is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) min_valid_ms: i64,
    pub(super) range_ms: i64,
}

fn wal_error(dir: &Path) -> impl FnOnce(crate::wal::WalError) -> FileError {
    move |error| FileError::damaged(dir, error.to_string())
}

/// The files of chunks_head, ascending.
pub(super) fn chunk_files(fs: &dyn Vfs, dir: &Path) -> Result<Vec<FileLength>, FileError> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.at(dir)?,
    };
    let mut found = Vec::new();
    for number in names.iter().filter_map(|name| name.parse().ok()) {
        let path = chunk_files::path(dir, number);
        let len = fs.stat(&path).at(&path)?.len;
        found.push(FileLength { number, len });
    }
    found.sort_unstable_by_key(|file| file.number);
    Ok(found)
}

/// Fills in what the directory is like at the position that the manifest names.
///
/// # Errors
/// The system's.
pub(super) fn look(fs: &dyn Vfs, data_dir: &Path, manifest: &mut Manifest) -> Result<(), FileError> {
    let wal = wal_dir(data_dir);
    let checkpoints = segment::checkpoints(fs, &wal).map_err(wal_error(&wal))?;
    manifest.log_checkpoint = checkpoints.last().map(|&(number, _)| number);
    manifest.segments_before = segments(fs, &wal)?;
    manifest
        .segments_before
        .retain(|segment| segment.number < manifest.segment);
    manifest.log_window = log_window(fs, &wal, manifest)?;
    let chunks = chunks_dir(data_dir);
    manifest.chunk_files = chunk_files(fs, &chunks)?;
    manifest.chunks_window = chunks_window(fs, &chunks, &manifest.chunk_files)?;
    Ok(())
}

fn segments(fs: &dyn Vfs, wal: &Path) -> Result<Vec<FileLength>, FileError> {
    let numbers = segment::list(fs, wal).map_err(wal_error(wal))?;
    let mut all = Vec::with_capacity(numbers.len());
    for number in numbers {
        let path = segment::path(wal, number);
        let len = fs.stat(&path).at(&path)?.len;
        all.push(FileLength { number, len });
    }
    Ok(all)
}

/// The last bytes of the log before the position, of two segments where one is short.
fn log_window(fs: &dyn Vfs, wal: &Path, manifest: &Manifest) -> Result<Window, FileError> {
    let mut hasher = crc32fast::Hasher::new();
    let here = manifest.offset.min(WINDOW_BYTES);
    let mut len = 0;
    let mut add = |number: u32, end: u64, wanted: u64| -> Result<(), FileError> {
        let path = segment::path(wal, number);
        let bytes = fs.read_at(&path, end - wanted, wanted as usize).at(&path)?;
        hasher.update(&bytes);
        len += bytes.len() as u64;
        Ok(())
    };
    if let Some(before) = manifest.segments_before.last() {
        let wanted = before.len.min(WINDOW_BYTES - here);
        add(before.number, before.len, wanted)?;
    }
    add(manifest.segment, manifest.offset, here)?;
    Ok(Window {
        len,
        crc: hasher.finalize(),
    })
}

fn chunks_window(fs: &dyn Vfs, dir: &Path, files: &[FileLength]) -> Result<Window, FileError> {
    let Some(last) = files.last() else {
        return Ok(Window::default());
    };
    let path = chunk_files::path(dir, last.number);
    let len = last.len.min(WINDOW_BYTES);
    let bytes = fs.read_at(&path, last.len - len, len as usize).at(&path)?;
    Ok(Window {
        len: bytes.len() as u64,
        crc: crc32fast::hash(&bytes),
    })
}

/// Whether the manifest is of this directory; the text says what is not.
///
/// # Errors
/// The system's.
pub(super) fn check(
    fs: &dyn Vfs,
    data_dir: &Path,
    manifest: &Manifest,
    wanted: Wanted,
) -> Result<Result<(), &'static str>, FileError> {
    if usize::from(manifest.lanes) != LANES || manifest.parts.is_empty() {
        return Ok(Err("it is of another version"));
    }
    if manifest.range_ms != wanted.range_ms {
        return Ok(Err("blocks had another length"));
    }
    if manifest.min_valid_ms != wanted.min_valid_ms {
        return Ok(Err("blocks end at another time"));
    }
    let wal = wal_dir(data_dir);
    let here = segments(fs, &wal)?;
    let long_enough =
        |segment: &FileLength| segment.number == manifest.segment && segment.len >= manifest.offset;
    let Some(at) = here.iter().position(long_enough) else {
        return Ok(Err("the log does not reach where it ended"));
    };
    if here[..at] != manifest.segments_before {
        return Ok(Err("segments of the log before it are not as they were"));
    }
    let checkpoints = segment::checkpoints(fs, &wal).map_err(wal_error(&wal))?;
    if checkpoints.last().map(|&(number, _)| number) != manifest.log_checkpoint {
        return Ok(Err("the log was shortened since"));
    }
    if log_window(fs, &wal, manifest)? != manifest.log_window {
        return Ok(Err("the log reads otherwise where it ended"));
    }
    let tail = here[at..].iter().map(|segment| segment.len).sum::<u64>() - manifest.offset;
    if manifest.is_clean && tail > 0 {
        return Ok(Err("another program has written to the log since"));
    }
    let chunks = chunks_dir(data_dir);
    let files = chunk_files(fs, &chunks)?;
    let Some(known) = files.get(..manifest.chunk_files.len()) else {
        return Ok(Err("files of chunks_head are missing"));
    };
    let is_as_it_was = |(now, then): (&FileLength, &FileLength)| {
        now.number == then.number && (now.len == then.len || now.len > then.len && !manifest.is_clean)
    };
    if !known.iter().zip(&manifest.chunk_files).all(is_as_it_was) {
        return Ok(Err("files of chunks_head are not as they were"));
    }
    if manifest.is_clean && files.len() > known.len() {
        return Ok(Err("another program has written to chunks_head since"));
    }
    if chunks_window(fs, &chunks, &manifest.chunk_files)? != manifest.chunks_window {
        return Ok(Err("chunks_head reads otherwise where it ended"));
    }
    Ok(Ok(()))
}
