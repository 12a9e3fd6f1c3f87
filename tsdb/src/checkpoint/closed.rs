//! Closed chunks in files that are in no group: of each series its own, the oldest first.
//!
//! ```text
//! list    uvarint ordinals since the last list | uvarint n | n × chunk
//! chunk   varint file | varint offset | varint first time | varint duration | varint samples
//! ```
//!
//! All numbers of a chunk are told by their distance to those of the chunk before, whosever it was: chunks that
//! were closed together lie behind each other and are of like length.

use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::head::closed::{Closed, Place};

/// The numbers of a chunk, in the order of writing.
type Fields = [i64; 5];

/// Adds lists to one block.
#[derive(Debug, Default)]
pub(super) struct ClosedEncoder {
    next_ordinal: u32,
    before: Fields,
}

impl ClosedEncoder {
    /// Begins the list of a series; `count` chunks follow. Ordinals ascend.
    pub(super) fn begin(&mut self, into: &mut Vec<u8>, ordinal: u32, count: usize) {
        varint::put_uvarint(into, u64::from(ordinal - self.next_ordinal));
        varint::put_uvarint(into, count as u64);
        self.next_ordinal = ordinal + 1;
    }

    /// Adds a chunk that is in a file.
    pub(super) fn push(&mut self, into: &mut Vec<u8>, chunk: &Closed, file: u32, offset: u32) {
        let now = [
            i64::from(file),
            i64::from(offset),
            chunk.min_ms,
            chunk.max_ms.wrapping_sub(chunk.min_ms),
            i64::from(chunk.samples),
        ];
        for (now, before) in now.iter().zip(self.before) {
            varint::put_varint(into, now.wrapping_sub(before));
        }
        self.before = now;
    }
}

/// Calls `each` with ordinal and chunk of every entry of a block.
pub(super) fn each_closed(
    bytes: &[u8],
    mut each: impl FnMut(u32, Closed) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    let mut fields = Fields::default();
    let mut next_ordinal = 0u32;
    while !rest.is_empty() {
        let skipped = rest.uvarint32()?;
        let ordinal = next_ordinal
            .checked_add(skipped)
            .filter(|&ordinal| ordinal < u32::MAX)
            .ok_or_else(|| rest.error("an ordinal"))?;
        next_ordinal = ordinal + 1;
        for _ in 0..rest.length()? {
            for field in &mut fields {
                *field = field.wrapping_add(rest.varint()?);
            }
            let [file, offset, min_ms, duration_ms, samples] = fields;
            let (Ok(number), Ok(offset), Ok(samples)) =
                (u32::try_from(file), u32::try_from(offset), u16::try_from(samples))
            else {
                return Err(rest.error("the place of a chunk"));
            };
            let chunk = Closed {
                min_ms,
                max_ms: min_ms.wrapping_add(duration_ms),
                place: Place::File { number, offset },
                samples,
            };
            each(ordinal, chunk).map_err(|expected| rest.error(expected))?;
        }
    }
    Ok(())
}
