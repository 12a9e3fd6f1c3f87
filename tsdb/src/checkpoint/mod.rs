//! The head as it stood, in a directory of ours: a start reads it and the end of the log instead of all the log.
//!
//! ```text
//! deucalion/head/manifest     which parts count, and what log and chunks_head were like: see `manifest`, `verify`
//! deucalion/head/00000007     a part that begins anew: all series, all chunks
//!               /00000008     what was new since: series, closed chunks, the bytes that open ones grew by
//!               /00000009     …
//! ```
//!
//! Prometheus ignores the directory, and nothing in it is needed: without it, or where it does not belong to what
//! lies beside it, the log is replayed. It holds no sample that the log does not hold; it may be removed at any
//! time.
//!
//! # Why the tail may be replayed over it
//!
//! A part stands for a position in the log. The position is taken while no batch is between log and memory, so
//! that all that lies before it is in memory. Series are copied after that, a run of them under one lock, while
//! others are written to; so the copy may hold some of what lies behind the position, and all of that is met once
//! more in the tail:
//!
//! * a sample in order is passed over if its series' last sample is as late: the copy of a series has its last
//!   time and its chunk of one moment. What a commit found to be overtaken, or out of order, is as late, too, so
//!   that it is refused again. Histograms likewise;
//! * a series that was copied is found by its number; one that was copied before its record was logged is left
//!   out, since nothing else in the copy is of it;
//! * tombstones are united with those that are there, and nobody deletes while a part is written; the last
//!   metadata of a series counts, whichever was copied;
//! * exemplars are copied at the position itself;
//! * samples out of order are in the write-behind log, which is replayed whole. Of them only places in
//!   chunks_head are kept here, which change in maintenance alone;
//! * chunks that are closed and written after the copy stand behind the recorded ends of the chunk files. They
//!   are read there, and an open chunk of the copy that one of them covers gives way to it.
//!
//! So it does not matter who wrote the tail, as long as it was written behind the position; that what lies before
//! it is the same log is what `verify` asks. Blocks and checkpoints of the log that came since took series and
//! chunks out of the head, or the records of series out of the log: then this is not used.
//!
//! Start with `write::Checkpointer` and `load::Checkpoint`; they mirror each other.

mod assemble;
mod beside;
mod closed;
mod ends;
mod global;
mod labels;
mod load;
mod manifest;
mod part;
mod pieces;
mod state;
mod verify;
mod write;

use std::path::{Path, PathBuf};

pub(crate) use load::{Checkpoint, Refused, set_running};
pub(crate) use write::Checkpointer;

use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

/// How many series' open chunks are one block.
const PAGE_SERIES: u32 = 16 << 10;

/// Stands for a lane where a block is of none.
const GLOBAL_LANE: u8 = u8::MAX;

/// Where the checkpoint of a data directory is.
pub(crate) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("deucalion").join("head")
}

/// Removes the checkpoint, the manifest first.
///
/// # Errors
/// The system's.
pub(crate) fn remove(fs: &dyn Vfs, data_dir: &Path) -> Result<(), FileError> {
    let dir = directory(data_dir);
    if fs.stat(&dir).is_err() {
        return Ok(());
    }
    let path = manifest::path(&dir);
    if fs.stat(&path).is_ok() {
        fs.remove_file(&path).at(&path)?;
    }
    fs.remove_dir_all(&dir).at(&dir)
}

/// Puts other bytes in the place of a block and all checksums right again, so that whoever reads the checkpoint of
/// a data directory gets to see them: for those who try what it does with bytes that nobody has written. Says
/// whether there is such a block.
///
/// # Errors
/// The system's, or when there is no checkpoint.
#[doc(hidden)]
pub fn replace_block(
    fs: &dyn Vfs,
    data_dir: &Path,
    part: usize,
    block: usize,
    bytes: &[u8],
) -> Result<bool, FileError> {
    let dir = directory(data_dir);
    let Some(mut manifest) = manifest::Manifest::read(fs, &dir)? else {
        return Err(FileError::damaged(&dir, "there is no checkpoint"));
    };
    let Some(at) = manifest.parts.get_mut(part) else {
        return Ok(false);
    };
    let Some(replaced) = part::replace_block(fs, &dir, at, block, bytes)? else {
        return Ok(false);
    };
    *at = replaced;
    manifest.write(fs, &dir)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
