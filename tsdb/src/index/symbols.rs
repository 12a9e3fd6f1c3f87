//! The symbol table: every label name and value of a block, ascending, known by position.

use super::{SectionError, section};
use crate::encoding::{DecodeBuffer, DecodeError};

/// Of how many symbols one's place is kept in memory; the others are found by walking from there.
const EVERY: usize = 16;

/// Where the symbols of a mapped index lie. The bytes are the caller's.
#[derive(Debug)]
pub(super) struct Symbols {
    /// Where the texts begin in the file.
    begin: usize,
    end: usize,
    count: u32,
    /// Where every 16th text begins, counted from `begin`.
    places: Vec<u32>,
}

impl Symbols {
    pub(super) fn read(file: &[u8], offset: u64) -> Result<Self, SectionError> {
        const NAME: &str = "symbols";
        let (body, body_begin) = section(file, offset, NAME)?;
        let mut buffer = DecodeBuffer::new(body);
        let content = |error| SectionError::content(NAME, body_begin, error);
        let count = buffer.u32().map_err(content)?;
        let texts_begin = buffer.offset();
        let mut places = Vec::with_capacity((count as usize / EVERY).min(body.len()) + 1);
        for at in 0..count as usize {
            if at % EVERY == 0 {
                // The section's length is a u32.
                places.push((buffer.offset() - texts_begin) as u32);
            }
            buffer.prefixed_bytes().map_err(content)?;
        }
        Ok(Self {
            begin: body_begin + texts_begin,
            end: body_begin + buffer.offset(),
            count,
            places,
        })
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The symbol at position `at`.
    pub(super) fn get<'a>(&self, file: &'a [u8], at: u32) -> Result<&'a str, DecodeError> {
        if at >= self.count {
            return Err(DecodeError::new(0, "a symbol of the table"));
        }
        let mut buffer = self.texts(file, at as usize / EVERY);
        for _ in 0..at as usize % EVERY {
            buffer.prefixed_bytes()?;
        }
        buffer.str()
    }

    /// The position of the symbol that begins at `offset` of the file, as version 1 of the format names it.
    pub(super) fn position_of(&self, file: &[u8], offset: u32) -> Result<u32, DecodeError> {
        let none = || DecodeError::new(0, "the place of a symbol");
        let place = (offset as usize).checked_sub(self.begin).ok_or_else(none)?;
        let after = self.places.partition_point(|&first| first as usize <= place);
        let block = after.checked_sub(1).ok_or_else(none)?;
        let mut buffer = self.texts(file, block);
        let begin = self.places[block] as usize;
        for at in (block * EVERY..self.count as usize).take(EVERY) {
            if begin + buffer.offset() == place {
                return u32::try_from(at).map_err(|_| none());
            }
            buffer.prefixed_bytes()?;
        }
        Err(none())
    }

    /// The position of `text`.
    pub(super) fn find(&self, file: &[u8], text: &str) -> Result<Option<u32>, DecodeError> {
        let mut failed = None;
        let block = self.places.partition_point(|&place| {
            let first = DecodeBuffer::new(&file[self.begin + place as usize..self.end]).prefixed_bytes();
            match first {
                Ok(first) => first <= text.as_bytes(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let Some(block) = block.checked_sub(1) else {
            return Ok(None);
        };
        let mut buffer = self.texts(file, block);
        let first = block * EVERY;
        for at in first..(first + EVERY).min(self.count as usize) {
            if buffer.prefixed_bytes()? == text.as_bytes() {
                return Ok(u32::try_from(at).ok());
            }
        }
        Ok(None)
    }

    /// All symbols in order.
    pub(super) fn iter<'a>(&self, file: &'a [u8]) -> impl Iterator<Item = Result<&'a str, DecodeError>> {
        let mut buffer = DecodeBuffer::new(&file[self.begin..self.end]);
        (0..self.count).map(move |_| buffer.str())
    }

    fn texts<'a>(&self, file: &'a [u8], block: usize) -> DecodeBuffer<'a> {
        DecodeBuffer::new(&file[self.begin + self.places[block] as usize..self.end])
    }
}
