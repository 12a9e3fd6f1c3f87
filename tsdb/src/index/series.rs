//! One series in an index: its labels as symbols, its chunks with their time ranges.
//!
//! ```text
//! uvarint labels │ (uvarint name, uvarint value) …
//! uvarint chunks │ varint min, uvarint max-min, uvarint ref             of the first
//!                │ uvarint min - max before, uvarint max-min, varint ref - ref before …
//! ```

use crate::chunk::segment::ChunkRef;
use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// A chunk of a series: what it spans and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// Time of its first sample.
    pub min_ms: i64,
    /// Time of its last sample, itself included.
    pub max_ms: i64,
    /// Where it lies in the chunk files.
    pub at: ChunkRef,
}

impl ChunkMeta {
    /// Whether it may hold samples from `from_ms` through `through_ms`.
    #[inline]
    pub fn overlaps(&self, from_ms: i64, through_ms: i64) -> bool {
        self.min_ms <= through_ms && self.max_ms >= from_ms
    }
}

/// Appends the body of a series' entry. Chunks must be ascending and apart, as the writer has checked.
pub(super) fn encode(labels: &[(u32, u32)], chunks: &[ChunkMeta], out: &mut Vec<u8>) {
    varint::put_uvarint(out, labels.len() as u64);
    for &(name, value) in labels {
        varint::put_uvarint(out, u64::from(name));
        varint::put_uvarint(out, u64::from(value));
    }
    varint::put_uvarint(out, chunks.len() as u64);
    let mut before: Option<&ChunkMeta> = None;
    for chunk in chunks {
        match before {
            None => varint::put_varint(out, chunk.min_ms),
            Some(before) => varint::put_uvarint(out, apart(before.max_ms, chunk.min_ms)),
        }
        varint::put_uvarint(out, apart(chunk.min_ms, chunk.max_ms));
        match before {
            None => varint::put_uvarint(out, chunk.at.0),
            Some(before) => varint::put_varint(out, chunk.at.0.wrapping_sub(before.at.0).cast_signed()),
        }
        before = Some(chunk);
    }
}

fn apart(from_ms: i64, to_ms: i64) -> u64 {
    to_ms.wrapping_sub(from_ms).cast_unsigned()
}

/// Reads labels from the front of a series' entry, appending them.
pub(super) fn decode_labels(
    buffer: &mut DecodeBuffer<'_>,
    labels: &mut Vec<(u32, u32)>,
) -> Result<(), DecodeError> {
    for _ in 0..buffer.length()? {
        labels.push((buffer.uvarint32()?, buffer.uvarint32()?));
    }
    Ok(())
}

/// Passes over the labels at the front of a series' entry.
pub(super) fn skip_labels(buffer: &mut DecodeBuffer<'_>) -> Result<(), DecodeError> {
    for _ in 0..buffer.length()? {
        buffer.uvarint()?;
        buffer.uvarint()?;
    }
    Ok(())
}

/// Reads chunks after the labels of a series' entry, appending them.
pub(super) fn decode_chunks(
    buffer: &mut DecodeBuffer<'_>,
    chunks: &mut Vec<ChunkMeta>,
) -> Result<(), DecodeError> {
    let count = buffer.length()?;
    if count == 0 {
        return Ok(());
    }
    let mut min_ms = buffer.varint()?;
    let mut max_ms = later(buffer, min_ms)?;
    let mut at = buffer.uvarint()?;
    chunks.push(ChunkMeta {
        min_ms,
        max_ms,
        at: ChunkRef(at),
    });
    for _ in 1..count {
        min_ms = later(buffer, max_ms)?;
        max_ms = later(buffer, min_ms)?;
        at = at.wrapping_add_signed(buffer.varint()?);
        chunks.push(ChunkMeta {
            min_ms,
            max_ms,
            at: ChunkRef(at),
        });
    }
    Ok(())
}

fn later(buffer: &mut DecodeBuffer<'_>, from_ms: i64) -> Result<i64, DecodeError> {
    let offset = buffer.offset();
    let apart = buffer.uvarint()?;
    from_ms
        .checked_add_unsigned(apart)
        .ok_or(DecodeError::new(offset, "a time of 64 bits"))
}
