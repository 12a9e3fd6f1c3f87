//! Series by their labels: the pairs of a lane in the order of their numbers, and series made of them.
//!
//! ```text
//! pair     str name | str value
//! series   varint number, by its distance to the one before | uvarint n | n × uvarint pair
//! ```

use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// Adds a pair.
pub(super) fn put_pair(into: &mut Vec<u8>, name: &str, value: &str) {
    varint::put_str(into, name);
    varint::put_str(into, value);
}

/// Calls `each` with every pair of a block.
pub(super) fn each_pair(bytes: &[u8], mut each: impl FnMut(&str, &str)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    while !rest.is_empty() {
        each(rest.str()?, rest.str()?);
    }
    Ok(())
}

/// Adds series to one block.
#[derive(Debug, Default)]
pub(super) struct SeriesEncoder {
    before: u64,
}

impl SeriesEncoder {
    pub(super) fn push(
        &mut self,
        into: &mut Vec<u8>,
        number: u64,
        pairs: impl ExactSizeIterator<Item = u32>,
    ) {
        varint::put_varint(into, number.wrapping_sub(self.before).cast_signed());
        self.before = number;
        varint::put_uvarint(into, pairs.len() as u64);
        for pair in pairs {
            varint::put_uvarint(into, u64::from(pair));
        }
    }
}

/// Calls `each` with number and pairs of every series of a block.
pub(super) fn each_series(
    bytes: &[u8],
    mut each: impl FnMut(u64, &[u32]) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    let mut number = 0u64;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        number = number.wrapping_add_signed(rest.varint()?);
        let count = rest.length()?;
        pairs.clear();
        for _ in 0..count {
            pairs.push(rest.uvarint32()?);
        }
        each(number, &pairs).map_err(|expected| rest.error(expected))?;
    }
    Ok(())
}
