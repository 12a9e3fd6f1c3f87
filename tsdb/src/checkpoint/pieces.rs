//! Bytes of open chunks of floats: of each series those that its chunk has grown by since the part before.
//!
//! ```text
//! entry   0                                                      no open chunk of floats
//!         uvarint 1 + (bytes << 2 | overlaps << 1 | is fresh) | bytes
//! ```
//!
//! The chunk's count of samples is not among the bytes. A piece that overlaps replaces the last byte of those
//! before, which was not full; a fresh one begins the chunk. A chunk is put together from the newest part back to
//! the one where it is fresh.

use crate::encoding::{DecodeBuffer, DecodeError, varint};

const FRESH: u64 = 1;
const OVERLAPS: u64 = 1 << 1;

/// A part of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) is_fresh: bool,
    pub(super) overlaps: bool,
    pub(super) bytes: &'a [u8],
}

/// Adds what a series' chunk has grown by.
pub(super) fn put(into: &mut Vec<u8>, piece: Option<Piece<'_>>) {
    let Some(piece) = piece else {
        into.push(0);
        return;
    };
    let flags = u64::from(piece.is_fresh) * FRESH + u64::from(piece.overlaps) * OVERLAPS;
    varint::put_uvarint(into, 1 + ((piece.bytes.len() as u64) << 2 | flags));
    into.extend_from_slice(piece.bytes);
}

/// Reads the next entry.
///
/// # Errors
/// When the bytes are none.
#[inline]
pub(super) fn next<'a>(from: &mut DecodeBuffer<'a>) -> Result<Option<Piece<'a>>, DecodeError> {
    let Some(code) = from.uvarint_short()?.checked_sub(1) else {
        return Ok(None);
    };
    let len = usize::try_from(code >> 2).map_err(|_| from.error("a length"))?;
    Ok(Some(Piece {
        is_fresh: code & FRESH != 0,
        overlaps: code & OVERLAPS != 0,
        bytes: from.bytes(len)?,
    }))
}
