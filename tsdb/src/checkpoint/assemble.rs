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
const COPY_BYTES: usize = 64;

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
            end = end.saturating_sub(usize::from(found.overlaps));
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::part::PartWriter;
    use super::super::pieces::{Piece, put};
    use super::*;
    use crate::fs::MemoryFs;

    const PARTS: usize = 5;

    /// In which part a chunk begins, and of each part how many bytes it grows by and whether the last one before
    /// is replaced.
    fn growth() -> impl Strategy<Value = (usize, [(usize, bool); PARTS])> {
        let step = (prop_oneof![0usize..40, 0usize..200], any::<bool>());
        (0..PARTS, prop::array::uniform5(step))
    }

    fn reader(fs: &MemoryFs, number: u32, pieces: &[u8]) -> PartReader {
        let dir = Path::new("/head");
        let mut writer = PartWriter::create(fs, dir, number).unwrap();
        writer.block(BlockKind::Pieces, 2, 7, pieces).unwrap();
        PartReader::open(fs, dir, &writer.finish().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn chunks_are_what_they_had_grown_to(
            series in prop::collection::vec(growth(), 1..60),
            left_out in any::<u64>(),
        ) {
            let fs = MemoryFs::new();
            let mut chunks = vec![Vec::<u8>::new(); series.len()];
            let mut byte = 0u8;
            let parts: Vec<PartReader> = (0..PARTS).map(|part| {
                let mut block = Vec::new();
                for (chunk, (first, growth)) in chunks.iter_mut().zip(&series) {
                    let (len, replaces) = growth[part];
                    if part < *first {
                        put(&mut block, None);
                        continue;
                    }
                    let overlaps = part > *first && replaces && !chunk.is_empty();
                    if overlaps {
                        chunk.pop();
                    }
                    let from = chunk.len();
                    chunk.extend((0..len).map(|_| {
                        byte = byte.wrapping_add(1);
                        byte
                    }));
                    let (is_fresh, bytes) = (part == *first, &chunk[from..]);
                    put(&mut block, Some(Piece { is_fresh, overlaps, bytes }));
                }
                reader(&fs, part as u32, &block)
            }).collect();
            let mut assembly = Assembly::new(&parts, 2);
            for _ in 0..2 {
                assembly.begin(7);
                for (at, chunk) in chunks.iter().enumerate() {
                    // Not every series is asked for.
                    if left_out & 1 << (at % 64) == 0 {
                        prop_assert_eq!(assembly.chunk(at).unwrap(), &chunk[..]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_chunk_whose_beginning_is_in_no_part_is_refused() {
        let fs = MemoryFs::new();
        let mut block = Vec::new();
        let piece = Piece {
            is_fresh: false,
            overlaps: false,
            bytes: &[1, 2],
        };
        put(&mut block, Some(piece));
        put(&mut block, None);
        let parts = [reader(&fs, 1, &block)];
        let mut assembly = Assembly::new(&parts, 2);
        assembly.begin(7);
        assert!(assembly.chunk(0).is_err());
        assembly.begin(7);
        assert!(assembly.chunk(1).is_err());
    }

    #[test]
    fn a_chunk_longer_than_any_is_refused() {
        let fs = MemoryFs::new();
        let mut block = Vec::new();
        for len in [CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1] {
            let piece = Piece {
                is_fresh: true,
                overlaps: true,
                bytes: &vec![1; len],
            };
            put(&mut block, Some(piece));
        }
        let parts = [reader(&fs, 1, &block)];
        let mut assembly = Assembly::new(&parts, 2);
        assembly.begin(7);
        assert_eq!(assembly.chunk(0).unwrap().len(), CHUNK_BYTES_MAX);
        assert!(assembly.chunk(1).is_err());
    }
}
