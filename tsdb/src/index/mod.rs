//! The index file of a block: which series there are, their labels, where their chunks lie.
//!
//! ```text
//! u32 BA AA D7 00 │ u8 version 2
//! symbols          u32 len │ u32 n │ n × text, ascending │ crc          every name and value, once
//! series           each at a multiple of 16: uvarint len │ body │ crc   in label order; ref = offset / 16
//! label indices    (written before Prometheus 3.7, never read)
//! postings         each at a multiple of 4: u32 len │ u32 n │ n × u32 ref, ascending │ crc
//! postings table   u32 len │ u32 n │ n × (2, name, value, offset of postings) │ crc
//! contents         6 × u64 offset of a section │ crc                    the last 52 bytes
//! ```
//!
//! Lengths count what stands between them and the checksum (CRC-32C), which covers the same bytes. Since
//! series stand in label order, ascending refs are ascending labels. The first postings are those of name
//! and value `""`: all series.
//!
//! [`IndexWriter`] writes version 2 as Prometheus 3.14 does; [`IndexReader`] reads it from a mapping and
//! keeps every 16th symbol's and every 32nd postings entry's place in memory. In version 1 (before
//! Prometheus 2.1) symbols and series are named by their offsets and the postings table is in no order.

mod labels;
mod postings_table;
mod reader;
mod series;
mod symbols;
mod toc;
mod writer;

pub use postings_table::PostingsEntries;
pub use reader::IndexReader;
pub use series::ChunkMeta;
pub use writer::IndexWriter;

use crate::encoding::{DecodeBuffer, DecodeError, crc32c};

const MAGIC: u32 = 0xbaaa_d700;
const VERSION: u8 = 2;
const HEADER_BYTES: usize = 5;
const SERIES_ALIGN: u64 = 16;
const POSTINGS_ALIGN: u64 = 4;

/// The body of a section that begins at `offset` with its length, its checksum verified; and where in the
/// file the body begins.
fn section<'a>(bytes: &'a [u8], offset: u64, name: &'static str) -> Result<(&'a [u8], usize), SectionError> {
    let (body, begin) = section_unverified(bytes, offset, name)?;
    let footer = bytes[begin + body.len()..].first_chunk();
    let stored = u32::from_be_bytes(*footer.ok_or(SectionError::Beyond { name, offset })?);
    let computed = crc32c(body);
    if stored == computed {
        return Ok((body, begin));
    }
    Err(SectionError::Checksum {
        name,
        offset,
        stored,
        computed,
    })
}

/// As [`section`], for one whose checksum was verified before.
fn section_unverified<'a>(
    bytes: &'a [u8],
    offset: u64,
    name: &'static str,
) -> Result<(&'a [u8], usize), SectionError> {
    let beyond = SectionError::Beyond { name, offset };
    let at = usize::try_from(offset).ok().filter(|&at| at <= bytes.len());
    let Some(at) = at else {
        return Err(beyond);
    };
    let mut buffer = DecodeBuffer::new(&bytes[at..]);
    match buffer.u32().and_then(|len| buffer.bytes(len as usize)) {
        Ok(body) => Ok((body, at + 4)),
        Err(_) => Err(beyond),
    }
}

/// What can be wrong with a section as such.
#[derive(Debug)]
enum SectionError {
    Beyond {
        name: &'static str,
        offset: u64,
    },
    Checksum {
        name: &'static str,
        offset: u64,
        stored: u32,
        computed: u32,
    },
    Content {
        name: &'static str,
        offset: u64,
        text: String,
    },
}

impl SectionError {
    fn content(name: &'static str, begin: usize, error: DecodeError) -> Self {
        Self::Content {
            name,
            offset: (begin + error.offset()) as u64,
            text: error.to_string(),
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Beyond { offset, .. } | Self::Checksum { offset, .. } | Self::Content { offset, .. } => {
                *offset
            }
        }
    }
}

impl std::fmt::Display for SectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Beyond { name, .. } => write!(f, "{name} section reaches beyond the file"),
            Self::Checksum {
                name,
                stored,
                computed,
                ..
            } => write!(
                f,
                "{name} section has checksum {computed:#010x}, its footer says {stored:#010x}"
            ),
            Self::Content { name, text, .. } => write!(f, "{name} section: {text}"),
        }
    }
}

#[cfg(test)]
mod tests;
