//! Bit streams, most significant bit first: what chunks are made of.
//!
//! A [`BitReader`] keeps the next bits left-aligned in one word and refills it eight bytes at a time.
//! Beyond the end it reads zeros and remembers that it did: a decoder of many small fields checks once,
//! at the end, whether it [`BitReader::overran`].
//!
//! ```text
//! word   │ next bit … 56 to 63 valid bits … │ stale │      ── refill ORs in fresh bytes below ──▶
//! ```

/// Reads bits from the front of bytes.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next byte that is not wholly in `word` yet.
    next: usize,
    /// The next bits, left-aligned.
    word: u64,
    /// How many bits of `word` are good.
    valid: u32,
}

impl<'a> BitReader<'a> {
    /// The most bits that [`Self::refill`] guarantees.
    pub const REFILLED: u32 = 56;

    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            next: 0,
            word: 0,
            valid: 0,
        }
    }

    /// Makes at least 56 bits good, with zeros past the end.
    #[inline(always)]
    pub fn refill(&mut self) {
        if let Some(eight) = self
            .bytes
            .get(self.next..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            self.word |= u64::from_be_bytes(*eight) >> self.valid;
            self.next += ((63 - self.valid) >> 3) as usize;
            self.valid |= 56;
        } else {
            self.refill_at_end();
        }
    }

    #[cold]
    fn refill_at_end(&mut self) {
        // Bits below the valid ones may be there already, from a refill that took part of a byte.
        self.word = if self.valid == 0 {
            0
        } else {
            self.word & (u64::MAX << (64 - self.valid))
        };
        while self.valid <= 56 {
            let byte = self.bytes.get(self.next).copied().unwrap_or(0);
            self.word |= u64::from(byte) << (56 - self.valid);
            self.next += 1;
            self.valid += 8;
        }
    }

    /// The next bits, left-aligned; as many are good as the last refill and what was skipped since leave.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.word
    }

    /// Drops `count` (fewer than 64) good bits.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        debug_assert!(count <= self.valid && count < 64);
        self.word <<= count;
        self.valid -= count;
    }

    /// The next `count` (0 to 56) bits, which must be good.
    #[inline(always)]
    pub fn take(&mut self, count: u32) -> u64 {
        debug_assert!(count <= self.valid && count <= 56);
        // Two shifts, since one by 64 is none.
        let bits = (self.word >> 1) >> (63 - count);
        self.word <<= count;
        self.valid -= count;
        bits
    }

    /// The next `count` (0 to 64) bits, refilling as needed.
    #[inline(always)]
    pub fn read(&mut self, count: u32) -> u64 {
        if count <= 56 {
            if self.valid < count {
                self.refill();
            }
            return self.take(count);
        }
        self.refill();
        let high = self.take(32);
        self.refill();
        let low_count = count - 32;
        (high << low_count) | self.take(low_count)
    }

    /// How many bits were read.
    pub fn position(&self) -> usize {
        self.next * 8 - self.valid as usize
    }

    /// Whether more bits were read than there are.
    pub fn overran(&self) -> bool {
        self.position() > self.bytes.len() * 8
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
