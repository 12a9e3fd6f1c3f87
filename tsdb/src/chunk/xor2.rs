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
