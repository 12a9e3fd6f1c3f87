//! The manifest: which parts make up the checkpoint, and what the directory looked like when it was written.
//!
//! ```text
//! file    "DeucMani" | u8 version | body | u32 crc32 of all before, big-endian
//! body    u8 is clean | u8 lanes | i64 earliest not in blocks | i64 range
//!         log            u32 segment | uvarint offset | uvarint n, u32 crc32 of the n bytes before it
//!                        u8 has a checkpoint | u32 its number
//!                        uvarint n | n × (u32 number | uvarint length)           segments before
//!         chunks_head    uvarint n | n × (u32 number | uvarint length)
//!                        uvarint n, u32 crc32 of the last n bytes of the last file
//!         parts          uvarint n | n × (u32 number | uvarint length | uvarint table | u32 its crc32)
//! ```
//!
//! It is replaced whole, so that there is the one before or the one after.

use std::path::{Path, PathBuf};

use super::part::Part;
use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::fs::buffered::replace_file;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

const MAGIC: &[u8; 8] = b"DeucMani";

/// Raised whenever a part, a block or the lanes of series change their meaning: others are not read.
const VERSION: u8 = 1;

/// The end of bytes that must be as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) len: u64,
    pub(super) crc: u32,
}

/// A file and how long it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileLength {
    pub(super) number: u32,
    pub(super) len: u64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Nothing was written behind it by us: it was the last that was done.
    pub(super) is_clean: bool,
    pub(super) lanes: u8,
    /// What lies before was in blocks.
    pub(super) min_valid_ms: i64,
    pub(super) range_ms: i64,
    /// Where in the log the tail begins.
    pub(super) segment: u32,
    pub(super) offset: u64,
    pub(super) log_window: Window,
    /// The number of the log's own checkpoint.
    pub(super) log_checkpoint: Option<u32>,
    pub(super) segments_before: Vec<FileLength>,
    pub(super) chunk_files: Vec<FileLength>,
    pub(super) chunks_window: Window,
    /// From the oldest to the newest; the first begins anew.
    pub(super) parts: Vec<Part>,
}

/// Where the manifest is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("manifest")
}

fn put_lengths(into: &mut Vec<u8>, all: &[FileLength]) {
    varint::put_uvarint(into, all.len() as u64);
    for file in all {
        into.extend(file.number.to_be_bytes());
        varint::put_uvarint(into, file.len);
    }
}

fn lengths(from: &mut DecodeBuffer<'_>) -> Result<Vec<FileLength>, DecodeError> {
    let count = from.length()?;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(FileLength {
            number: from.u32()?,
            len: from.uvarint()?,
        });
    }
    Ok(all)
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut into = MAGIC.to_vec();
        into.extend([VERSION, u8::from(self.is_clean), self.lanes]);
        into.extend(self.min_valid_ms.to_be_bytes());
        into.extend(self.range_ms.to_be_bytes());
        into.extend(self.segment.to_be_bytes());
        varint::put_uvarint(&mut into, self.offset);
        varint::put_uvarint(&mut into, self.log_window.len);
        into.extend(self.log_window.crc.to_be_bytes());
        into.push(u8::from(self.log_checkpoint.is_some()));
        into.extend(self.log_checkpoint.unwrap_or(0).to_be_bytes());
        put_lengths(&mut into, &self.segments_before);
        put_lengths(&mut into, &self.chunk_files);
        varint::put_uvarint(&mut into, self.chunks_window.len);
        into.extend(self.chunks_window.crc.to_be_bytes());
        varint::put_uvarint(&mut into, self.parts.len() as u64);
        for part in &self.parts {
            into.extend(part.number.to_be_bytes());
            varint::put_uvarint(&mut into, part.len);
            varint::put_uvarint(&mut into, part.table_at);
            into.extend(part.table_crc.to_be_bytes());
        }
        let crc = crc32fast::hash(&into);
        into.extend(crc.to_be_bytes());
        into
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let checked = bytes.split_last_chunk::<4>();
        let Some((body, _)) = checked.filter(|(body, crc)| crc32fast::hash(body).to_be_bytes() == **crc)
        else {
            return Err(DecodeError::new(bytes.len(), "a right checksum"));
        };
        let mut from = DecodeBuffer::new(body);
        if from.bytes(MAGIC.len())? != MAGIC || from.u8()? != VERSION {
            return Err(from.error("a manifest of this version"));
        }
        let mut manifest = Self {
            is_clean: from.u8()? != 0,
            lanes: from.u8()?,
            min_valid_ms: from.i64()?,
            range_ms: from.i64()?,
            segment: from.u32()?,
            offset: from.uvarint()?,
            log_window: Window {
                len: from.uvarint()?,
                crc: from.u32()?,
            },
            ..Self::default()
        };
        let has_checkpoint = from.u8()? != 0;
        manifest.log_checkpoint = Some(from.u32()?).filter(|_| has_checkpoint);
        manifest.segments_before = lengths(&mut from)?;
        manifest.chunk_files = lengths(&mut from)?;
        manifest.chunks_window = Window {
            len: from.uvarint()?,
            crc: from.u32()?,
        };
        for _ in 0..from.length()? {
            manifest.parts.push(Part {
                number: from.u32()?,
                len: from.uvarint()?,
                table_at: from.uvarint()?,
                table_crc: from.u32()?,
            });
        }
        match from.is_empty() {
            true => Ok(manifest),
            false => Err(from.error("the end")),
        }
    }

    /// The manifest in `dir`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(super) fn read(fs: &dyn Vfs, dir: &Path) -> Result<Option<Self>, FileError> {
        let path = path(dir);
        let bytes = match fs.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).at(&path),
        };
        let decoded = Self::decode(&bytes);
        decoded
            .map(Some)
            .map_err(|error| FileError::damaged(&path, error.to_string()))
    }

    /// Puts this manifest in the place of the one before.
    ///
    /// # Errors
    /// The system's; the one before is then there as it was, or this one.
    pub(super) fn write(&self, fs: &dyn Vfs, dir: &Path) -> Result<(), FileError> {
        replace_file(fs, &path(dir), &self.encode())
    }
}
