//! Looking for chunks that this program cannot carry on, before it writes to a directory.

use std::fmt;
use std::path::Path;

use super::Block;
use crate::chunk::Encoding;
use crate::fs::{FileError, Vfs};
use crate::model::Labels;

/// A chunk whose encoding is not supported, and where it lies.
#[derive(Debug)]
pub struct Unsupported {
    at: FileError,
    encoding: u8,
    series: Labels,
}

impl Unsupported {
    /// The encoding's number.
    pub fn encoding(&self) -> u8 {
        self.encoding
    }

    /// Whose chunk it is.
    pub fn series(&self) -> &Labels {
        &self.series
    }

    /// The chunk file.
    pub fn path(&self) -> &Path {
        self.at.path()
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

impl std::error::Error for Unsupported {}

/// The number of an encoding, with its name if it has one.
pub(crate) fn describe(encoding: u8) -> String {
    match Encoding::from_u8(encoding) {
        Some(known) => format!("{known} ({encoding})"),
        None => format!("{encoding}"),
    }
}

/// The first chunk of the block in `dir` that is not of float samples in the XOR encoding.
///
/// Reads one byte of every chunk, and no data.
///
/// # Errors
/// When the block cannot be opened or its index is damaged.
pub fn find_unsupported(fs: &dyn Vfs, dir: &Path) -> Result<Option<Unsupported>, FileError> {
    let block = Block::open(fs, dir)?;
    let mut all = Vec::new();
    block.index().all_postings(&mut all)?;
    let mut chunks = Vec::new();
    for series in all {
        chunks.clear();
        block.index().chunks(series, &mut chunks)?;
        for chunk in &chunks {
            let encoding = block.segments().encoding(chunk.at)?;
            if encoding == Encoding::Xor.as_u8() {
                continue;
            }
            let labels = block.labels(series)?;
            let name = describe(encoding);
            let text = format!("chunk of series {labels} has encoding {name}, expected XOR (1)");
            return Ok(Some(Unsupported {
                at: block.segments().unsupported(chunk.at, text),
                encoding,
                series: labels,
            }));
        }
    }
    Ok(None)
}
