//! Open chunks put together from their pieces: a page of series at a time, series by series, all parts side by side.
//!
//! ```text
//! newest part   │ piece of series 0 │ of 1 │ of 2 │ …
//! older         │ piece of series 0 │ of 1 │ …            read until the chunk at hand is fresh
//! older still   not opened before a chunk needs it
//! ```

use super::part::{BlockKind, PartReader};
use super::pieces;
use crate::encoding::{DecodeBuffer, DecodeError};
use crate::fs::FileError;

/// The most that an open chunk takes: its length in bits is a number of 16 bits.
const CHUNK_BYTES_MAX: usize = (u16::MAX as usize).div_ceil(8);

/// Short pieces are copied in one go, with what lies behind them.
const COPY_BYTES: usize = 32;

/// The pieces of one part.
struct Pieces<'a> {
    bytes: &'a [u8],
    /// Where the next entry begins, and whose it is.
    offset: usize,
    next: usize,
}

/// Where the piece of a chunk is.
#[derive(Clone, Copy)]
struct Found {
    from: usize,
    len: usize,
    is_fresh: bool,
    overlaps: bool,
}

impl Pieces<'_> {
    /// The piece of series `at` of the page, which is not before that of the call before.
    #[inline]
    fn piece(&mut self, at: usize) -> Result<Option<Found>, DecodeError> {
        loop {
            let mut rest = DecodeBuffer::new(&self.bytes[self.offset..]);
            let piece = pieces::next(&mut rest).map_err(|error| error.behind(self.offset))?;
            self.offset += rest.offset();
            self.next += 1;
            if self.next > at {
                return Ok(piece.map(|piece| Found {
                    from: self.offset - piece.bytes.len(),
                    len: piece.bytes.len(),
                    is_fresh: piece.is_fresh,
                    overlaps: piece.overlaps,
                }));
            }
        }
    }
}

/// See the module.
pub(super) struct Assembly<'a> {
    parts: &'a [PartReader],
    lane: u8,
    page: u32,
    /// From the newest part on, as far as they were needed.
    pieces: Vec<Pieces<'a>>,
    found: Vec<Found>,
    chunk: Box<[u8; CHUNK_BYTES_MAX + COPY_BYTES]>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(parts: &'a [PartReader], lane: u8) -> Self {
        Self {
            parts,
            lane,
            page: 0,
            pieces: Vec::new(),
            found: Vec::new(),
            chunk: Box::new([0; _]),
        }
    }

    /// Begins with a page.
    pub(super) fn begin(&mut self, page: u32) {
        self.page = page;
        self.pieces.clear();
    }

    /// The bytes of the open chunk of series `at` of the page, which is behind that of the call before.
    ///
    /// # Errors
    /// When a part cannot be read, or the pieces make no chunk.
    pub(super) fn chunk(&mut self, at: usize) -> Result<&[u8], FileError> {
        self.found.clear();
        loop {
            let part = self.found.len();
            if part == self.pieces.len() {
                self.open_older()?;
            }
            let found = self.pieces[part].piece(at).and_then(|found| {
                found.ok_or_else(|| DecodeError::new(self.pieces[part].offset, "a piece of an open chunk"))
            });
            let found = found.map_err(|error| self.error(part, &error))?;
            self.found.push(found);
            if found.is_fresh {
                break;
            }
        }
        let mut end = 0usize;
        for (found, pieces) in self.found.iter().zip(&self.pieces).rev() {
            if found.overlaps {
                end = end.saturating_sub(1);
            }
            let (from, len) = (found.from, found.len);
            if end + len > CHUNK_BYTES_MAX {
                return Err(self.error(0, &DecodeError::new(0, "a chunk of at most 8 KiB")));
            }
            match pieces.bytes[from..].first_chunk::<COPY_BYTES>() {
                Some(bytes) if len <= COPY_BYTES => self.chunk[end..end + COPY_BYTES].copy_from_slice(bytes),
                _ => self.chunk[end..end + len].copy_from_slice(&pieces.bytes[from..from + len]),
            }
            end += len;
        }
        Ok(&self.chunk[..end])
    }

    /// Takes the next older part in.
    fn open_older(&mut self) -> Result<(), FileError> {
        let Some(part) = self.parts.iter().rev().nth(self.pieces.len()) else {
            return Err(self.error(0, &DecodeError::new(0, "the beginning of every chunk")));
        };
        self.pieces.push(Pieces {
            bytes: part.block(BlockKind::Pieces, self.lane, self.page)?,
            offset: 0,
            next: 0,
        });
        Ok(())
    }

    /// An error in what a part says, counted from the newest.
    fn error(&self, part: usize, error: &DecodeError) -> FileError {
        match self.parts.iter().rev().nth(part) {
            Some(part) => part.error(BlockKind::Pieces, self.lane, error),
            None => unreachable!("a checkpoint without parts is not opened"),
        }
    }
}
