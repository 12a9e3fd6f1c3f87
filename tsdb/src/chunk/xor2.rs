//! Float samples in the encoding of Prometheus 3.11 and later, which only writes it when asked to. Read here,
//! never written.
//!
//! | bits | a later sample |
//! |---|---|
//! | `0` | one interval later, the same value |
//! | `10` | one interval later, a XOR: `0` in the open window, `1` in a new one |
//! | `110` + 13, `1110` + 20, `11110` + 64 | the interval differs by so much; value as below |
//! | `11111` | one interval later, the staleness marker |
//!
//! | bits | value |
//! |---|---|
//! | `0` | the same |
//! | `10`, `110` | a XOR in the open window, in a new one |
//! | `111` | the staleness marker |
//!
//! XORs are taken with the last value that is no staleness marker. Start times follow each sample.

use super::ChunkError;
use super::start_times::StartTimes;
use super::xor::Window;
use crate::encoding::bits::BitReader;
use crate::encoding::varint;
use crate::model::{Columns, STALE_NAN_BITS};

/// Count and start-time header.
const HEADER_BYTES: usize = 3;

/// Appends all samples of a chunk to the columns.
///
/// # Errors
/// When the bytes are no chunk; the columns are then as they were.
pub(super) fn decode_all(chunk: &[u8], into: &mut Columns) -> Result<(), ChunkError> {
    let before = into.len();
    let decoded = decode(chunk, into);
    if decoded.is_err() {
        into.truncate(before);
    }
    decoded
}

fn decode(chunk: &[u8], into: &mut Columns) -> Result<(), ChunkError> {
    let (Some(header), Some(body)) = (chunk.first_chunk::<HEADER_BYTES>(), chunk.get(HEADER_BYTES..)) else {
        return Err(ChunkError::NO_HEADER);
    };
    let count = u16::from_be_bytes([header[0], header[1]]);
    let mut start = StartTimes::of(header[2]);
    let mut from = BitReader::new(body);
    if usize::from(count) > from.remaining() {
        return Err(ChunkError::ends_within(count));
    }
    let mut values = Values::default();
    let (mut t_ms, mut delta_ms) = (0i64, 0u64);
    for sample in 0..count {
        let before_ms = t_ms;
        let bits = match sample {
            0 => {
                let code = from.read_uvarint().ok_or(ChunkError::number(0))?;
                t_ms = varint::unzigzag(code);
                values.first(from.read(64))
            }
            1 => {
                delta_ms = from.read_uvarint().ok_or(ChunkError::number(1))?;
                t_ms = t_ms.wrapping_add_unsigned(delta_ms);
                values.read(&mut from)
            }
            _ => {
                let ones = (!from.peek()).leading_zeros().min(5);
                from.skip((ones + 1).min(5));
                let width = [0, 0, 13, 20, 64, 0][ones as usize];
                if width > 0 {
                    delta_ms = delta_ms.wrapping_add(read_signed(&mut from, width));
                }
                t_ms = t_ms.wrapping_add_unsigned(delta_ms);
                match ones {
                    0 => values.baseline,
                    1 => {
                        let is_new = from.read(1) == 1;
                        values.read_xor(is_new, &mut from)
                    }
                    5 => STALE_NAN_BITS,
                    _ => values.read(&mut from),
                }
            }
        };
        let start_ms = start
            .read(sample, t_ms, before_ms, &mut from)
            .ok_or(ChunkError::number(sample))?;
        if start_ms != 0 || !into.start_ms.is_empty() {
            into.start_ms.resize(into.len(), 0);
            into.start_ms.push(start_ms);
        }
        into.push(t_ms, f64::from_bits(bits));
    }
    if from.overran() {
        return Err(ChunkError::ends_within(count));
    }
    if values.window.is_broken() {
        return Err(ChunkError::window(count));
    }
    Ok(())
}

/// Two's complement, as a number modulo 2^64.
fn read_signed(from: &mut BitReader<'_>, width: u32) -> u64 {
    let pattern = from.read(width);
    let shift = 64 - width;
    ((pattern << shift).cast_signed() >> shift).cast_unsigned()
}

#[derive(Default)]
struct Values {
    /// The last value that is no staleness marker.
    baseline: u64,
    window: Window,
}

impl Values {
    fn first(&mut self, bits: u64) -> u64 {
        if bits != STALE_NAN_BITS {
            self.baseline = bits;
        }
        bits
    }

    fn read(&mut self, from: &mut BitReader<'_>) -> u64 {
        let ones = (!from.peek()).leading_zeros().min(3);
        from.skip((ones + 1).min(3));
        match ones {
            0 => self.baseline,
            1 => self.read_xor(false, from),
            2 => self.read_xor(true, from),
            _ => STALE_NAN_BITS,
        }
    }

    fn read_xor(&mut self, is_new: bool, from: &mut BitReader<'_>) -> u64 {
        if is_new {
            let head = from.read(11);
            self.window.open((head >> 6) as u32, (head & 63) as u32);
        }
        self.baseline ^= self.window.read_open(from);
        self.baseline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::bits::BitWriter;

    fn byte(into: &mut BitWriter, byte: u8) {
        into.put(u128::from(byte), 8);
    }

    /// Five samples by the table above; `starts` of them also since when they count.
    fn example(with_starts: bool) -> Vec<u8> {
        let mut bits = BitWriter::after(vec![0, 5, if with_starts { 0x82 } else { 0 }]);
        // Time 100, value 1.0.
        for part in [0xc8, 0x01] {
            byte(&mut bits, part);
        }
        bits.put(u128::from(1f64.to_bits()), 64);
        if with_starts {
            // It began 40 before.
            byte(&mut bits, 80);
        }
        // 15 later, the staleness marker.
        byte(&mut bits, 15);
        bits.put(0b111, 3);
        // 15 later, the value before the marker.
        bits.put(0b0, 1);
        if with_starts {
            // Began 5 before the sample before: 10 101 would be -3, 110 000101 is 5.
            bits.put(0b1_1000_0101, 9);
        }
        // The interval grows by one; a XOR in a new window: 2.0 is 1.0 with all exponent bits but one turned.
        let xor = 1f64.to_bits() ^ 2f64.to_bits();
        let (leading, trailing) = (xor.leading_zeros(), xor.trailing_zeros());
        let width = 64 - leading - trailing;
        bits.put((0b110 << 13) | 1, 16);
        bits.put(0b110, 3);
        bits.put(u128::from((leading << 6) | width), 11);
        bits.put(u128::from(xor >> trailing), width);
        if with_starts {
            // No change of the distance.
            bits.put(0, 1);
        }
        // As long an interval, back to 1.0 in the open window.
        bits.put(0b10, 2);
        bits.put(0, 1);
        bits.put(u128::from(xor >> trailing), width);
        if with_starts {
            bits.put(0, 1);
        }
        bits.into_bytes()
    }

    #[test]
    fn the_bits_of_an_example_are_read() {
        let mut found = Columns::default();
        decode_all(&example(false), &mut found).unwrap();
        assert_eq!(found.t_ms, [100, 115, 130, 146, 162]);
        let bits: Vec<u64> = found.v.iter().map(|v| v.to_bits()).collect();
        let (one, two) = (1f64.to_bits(), 2f64.to_bits());
        assert_eq!(bits, [one, STALE_NAN_BITS, one, two, one]);
        assert!(found.start_ms.is_empty());
    }

    #[test]
    fn start_times_are_read_with_their_samples() {
        let mut found = Columns::default();
        decode_all(&example(true), &mut found).unwrap();
        assert_eq!(found.t_ms, [100, 115, 130, 146, 162]);
        assert_eq!(found.start_ms, [60, 60, 110, 125, 141]);
    }

    #[test]
    fn a_chunk_cut_short_is_refused() {
        let whole = example(false);
        for len in 0..whole.len() - 1 {
            let mut found = Columns::default();
            assert!(decode_all(&whole[..len], &mut found).is_err(), "{len}");
            assert!(found.is_empty());
        }
    }
}
