//! Bit streams, most significant bit first: what chunks are made of.
//!
//! A [`BitReader`] is a position; each look loads eight bytes anew from there. What a decoder skips along a
//! predicted path is then known before the bytes are, and loads of later samples run ahead.
//!
//! Beyond the end it reads zeros and remembers that it did: a decoder of many small fields checks once,
//! at the end, whether it [`BitReader::overran`].

/// Reads bits from the front of bytes.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// How many bits [`Self::peek`] sees: the first of eight bytes may be read but for one bit.
    pub const PEEKED: u32 = 57;

    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next 57 bits, left-aligned, with zeros past the end; those below are unspecified.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        let from = self.position / 8;
        match self.bytes.get(from..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(eight) => u64::from_be_bytes(*eight) << (self.position % 8),
            None => self.peek_at_end(from),
        }
    }

    #[cold]
    fn peek_at_end(&self, from: usize) -> u64 {
        let eight = match self.bytes.last_chunk::<8>() {
            // The last eight bytes without those that were passed over.
            Some(last) => {
                let passed = u32::try_from((from + 8 - self.bytes.len()) * 8).unwrap_or(u32::MAX);
                u64::from_be_bytes(*last).checked_shl(passed).unwrap_or(0)
            }
            None => {
                let rest = self.bytes.get(from..).unwrap_or(&[]);
                let mut eight = [0; 8];
                eight[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(eight)
            }
        };
        eight << (self.position % 8)
    }

    /// Passes over `count` bits.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        self.position += count as usize;
    }

    /// The next `count` (1 to 64) bits.
    #[inline(always)]
    pub fn read(&mut self, count: u32) -> u64 {
        debug_assert!((1..=64).contains(&count));
        if count <= Self::PEEKED {
            let bits = self.peek() >> (64 - count);
            self.skip(count);
            return bits;
        }
        let high = self.peek() >> 32;
        self.skip(32);
        let low_count = count - 32;
        let low = self.peek() >> (64 - low_count);
        self.skip(low_count);
        (high << low_count) | low
    }

    /// How many bits were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bits are left, none once too many were read.
    pub fn remaining(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    /// Whether more bits were read than there are.
    pub fn overran(&self) -> bool {
        self.position > self.bytes.len() * 8
    }

    /// A variable-length number of whole bytes, which need not lie on byte boundaries.
    ///
    /// `None` when it does not fit 64 bits.
    pub fn read_uvarint(&mut self) -> Option<u64> {
        let mut value = 0;
        for at in 0..super::varint::BYTES_MAX {
            let byte = self.read(8);
            if at == super::varint::BYTES_MAX - 1 && byte > 1 {
                return None;
            }
            value |= (byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Puts the low `count` (at most 120) bits of `value` at bit `position` of `into`, whose earlier bits of that
/// byte stay and whose later ones are lost.
///
/// # Panics
/// When `into` is too short.
#[inline(always)]
pub fn put_bits(into: &mut [u8], position: usize, value: u128, count: u32) {
    let (byte, used) = (position / 8, (position % 8) as u32);
    debug_assert!(count + used <= 128 && (count == 128 || value >> count == 0));
    let end = (position + count as usize).div_ceil(8);
    let kept = if used == 0 {
        0
    } else {
        into[byte] & !(0xff >> used)
    };
    if count + used <= 64 {
        let word = (u64::from(kept) << 56) | shifted64(value as u64, 64 - used - count);
        into[byte..end].copy_from_slice(&word.to_be_bytes()[..end - byte]);
    } else {
        let word = (u128::from(kept) << 120) | (value << (128 - used - count));
        into[byte..end].copy_from_slice(&word.to_be_bytes()[..end - byte]);
    }
}

/// Bytes that grow bit by bit.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// In bits.
    position: usize,
}

impl BitWriter {
    /// Goes on behind whole bytes.
    pub fn after(bytes: Vec<u8>) -> Self {
        let position = bytes.len() * 8;
        Self { bytes, position }
    }

    /// Appends the low `count` (at most 120) bits of `value`.
    #[inline]
    pub fn put(&mut self, value: u128, count: u32) {
        let end = self.position + count as usize;
        self.bytes.resize(end.div_ceil(8), 0);
        put_bits(&mut self.bytes, self.position, value, count);
        self.position = end;
    }

    /// What was written; the last byte's missing bits are zeros.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Gives the bytes away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[inline(always)]
fn shifted64(value: u64, by: u32) -> u64 {
    value.checked_shl(by).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bits_fill_bytes_from_the_top() {
        let mut bytes = [0xff; 3];
        put_bits(&mut bytes, 0, 0b101, 3);
        put_bits(&mut bytes, 3, 0b0_1111_0000, 9);
        assert_eq!(bytes, [0b1010_1111, 0b0000_0000, 0xff]);
    }

    #[test]
    fn reading_past_the_end_gives_zeros_and_is_remembered() {
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!(reader.read(8), 0xff);
        assert!(!reader.overran());
        assert_eq!(reader.read(64), 0);
        assert!(reader.overran());
    }

    proptest! {
        #[test]
        fn what_is_put_is_read_back(fields in proptest::collection::vec((any::<u64>(), 1u32..=64), 0..200)) {
            let mut bytes = vec![0xaa; 200 * 8 + 16];
            let mut position = 0;
            for &(value, count) in &fields {
                put_bits(&mut bytes, position, u128::from(value >> (64 - count)), count);
                position += count as usize;
            }
            bytes.truncate(position.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for &(value, count) in &fields {
                prop_assert_eq!(reader.read(count), value >> (64 - count));
            }
            prop_assert_eq!(reader.position(), position);
            prop_assert!(!reader.overran());
        }
    }
}
