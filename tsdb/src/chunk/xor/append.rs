//! Writing: one sample at a time, the state in the caller's hands.

use super::HEADER_BYTES;
use crate::chunk::ChunkError;
use crate::encoding::bits::{BitWriter, put_bits};
use crate::encoding::varint;

/// The most bytes by which one sample can lengthen a chunk: 80 bits of time (the second sample's, when it
/// lies before the first), 77 of value, rounded up.
pub const SAMPLE_BYTES_MAX: usize = 20;

/// Bits that a sample takes which comes one interval after the last with the same value; they are zeros.
pub const REPEAT_BITS: u32 = 2;

/// A time of no more bits goes into one write with the longest value: 24 and 77, within 120.
const TIME_BITS_SHORT: u32 = 24;

/// What [`Appender::leading`] says before any window was opened.
const NO_WINDOW: u8 = 0xff;

/// Where the writer of one chunk stands. A plain value: keep it beside the chunk's bytes, wherever they are.
///
/// Windows are chosen as Prometheus chooses them: an open one is kept for as long as the next XOR fits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appender {
    /// Time of the last sample.
    pub last_t_ms: i64,
    /// Last sample's time less that of the one before, modulo 2^64.
    pub delta_ms: u64,
    /// Value of the last sample.
    pub last_bits: u64,
    /// Length of the chunk in bits, its header included.
    pub bit_len: u32,
    /// How many samples.
    pub samples: u16,
    /// Leading zeros of the open window; 255 before the first.
    pub leading: u8,
    /// Trailing zeros of the open window.
    pub trailing: u8,
}

impl Default for Appender {
    fn default() -> Self {
        Self::new()
    }
}

impl Appender {
    /// The writer of a chunk without samples, whose bytes are yet to be written.
    pub const fn new() -> Self {
        Self {
            last_t_ms: 0,
            delta_ms: 0,
            last_bits: 0,
            bit_len: (HEADER_BYTES * 8) as u32,
            samples: 0,
            leading: NO_WINDOW,
            trailing: 0,
        }
    }

    /// The writer that left `bytes` behind, so that the chunk can be continued.
    ///
    /// # Errors
    /// When the bytes are no chunk.
    pub fn resume(bytes: &[u8]) -> Result<Self, ChunkError> {
        super::decode_all::resume(bytes)
    }

    /// How long the chunk is in bytes.
    #[inline]
    pub fn byte_len(&self) -> usize {
        (self.bit_len as usize).div_ceil(8)
    }

    /// Appends a sample to a chunk in a `Vec`; an empty one gets its header.
    ///
    /// # Panics
    /// When `chunk` is not what this writer has written, or holds [`super::SAMPLES_MAX`] samples already.
    #[inline]
    pub fn append(&mut self, chunk: &mut Vec<u8>, t_ms: i64, bits: u64) {
        debug_assert!(self.samples == 0 || chunk.len() == self.byte_len());
        chunk.resize(self.byte_len() + SAMPLE_BYTES_MAX, 0);
        self.put(chunk, t_ms, bits);
        chunk.truncate(self.byte_len());
    }

    /// Appends a sample to a chunk at the front of memory of fixed size. Says `false`, changing nothing, when
    /// the memory might not suffice: it takes [`SAMPLE_BYTES_MAX`] spare bytes to be sure.
    ///
    /// # Panics
    /// When the chunk holds [`super::SAMPLES_MAX`] samples already.
    #[inline]
    #[must_use]
    pub fn append_within(&mut self, memory: &mut [u8], t_ms: i64, bits: u64) -> bool {
        if memory.len() < self.byte_len() + SAMPLE_BYTES_MAX {
            return false;
        }
        self.put(memory, t_ms, bits);
        true
    }

    /// Appends a sample that comes one interval after the last with the same value, if this is such a one, to a
    /// chunk whose memory is zeros behind its end: that is what would be written.
    #[inline]
    #[must_use]
    pub fn append_repeat(&mut self, t_ms: i64, bits: u64) -> bool {
        let delta_ms = t_ms.wrapping_sub(self.last_t_ms).cast_unsigned();
        let repeats = self.samples >= 2 && delta_ms == self.delta_ms && bits == self.last_bits;
        if repeats && self.samples < u16::MAX {
            self.last_t_ms = t_ms;
            self.samples += 1;
            self.bit_len += REPEAT_BITS;
            return true;
        }
        false
    }

    #[inline]
    fn put(&mut self, memory: &mut [u8], t_ms: i64, bits: u64) {
        match self.samples {
            0 => self.put_first(memory, t_ms, bits),
            1 => self.put_second(memory, t_ms, bits),
            _ => self.put_later(memory, t_ms, bits),
        }
        self.last_t_ms = t_ms;
        self.last_bits = bits;
        self.samples = self
            .samples
            .checked_add(1)
            .expect("a chunk is cut before 65536 samples");
        memory[..HEADER_BYTES].copy_from_slice(&self.samples.to_be_bytes());
    }

    #[cold]
    fn put_first(&mut self, memory: &mut [u8], t_ms: i64, bits: u64) {
        self.put_uvarint(memory, varint::zigzag(t_ms));
        self.put_bits(memory, u128::from(bits), 64);
    }

    #[cold]
    fn put_second(&mut self, memory: &mut [u8], t_ms: i64, bits: u64) {
        self.delta_ms = t_ms.wrapping_sub(self.last_t_ms).cast_unsigned();
        self.put_uvarint(memory, self.delta_ms);
        self.put_value(memory, bits);
    }

    #[inline]
    fn put_later(&mut self, memory: &mut [u8], t_ms: i64, bits: u64) {
        let delta_ms = t_ms.wrapping_sub(self.last_t_ms).cast_unsigned();
        let dod_ms = delta_ms.wrapping_sub(self.delta_ms).cast_signed();
        self.delta_ms = delta_ms;
        if dod_ms == 0 && bits == self.last_bits {
            return self.put_two_zeros(memory);
        }
        let (time, time_bits) = time_code(dod_ms);
        if time_bits > TIME_BITS_SHORT {
            self.put_bits(memory, time, time_bits);
            return self.put_value(memory, bits);
        }
        let (value, value_bits) = self.value_code(bits);
        self.put_bits(memory, time << value_bits | value, time_bits + value_bits);
    }

    /// What says "one interval later, the same value".
    #[inline]
    fn put_two_zeros(&mut self, memory: &mut [u8]) {
        let (byte, used) = (self.bit_len as usize / 8, self.bit_len % 8);
        // What is left of a byte that was begun is zero already.
        match used {
            0 => memory[byte] = 0,
            7 => memory[byte + 1] = 0,
            _ => {}
        }
        self.bit_len += REPEAT_BITS;
    }

    #[inline]
    fn put_value(&mut self, memory: &mut [u8], bits: u64) {
        let (value, count) = self.value_code(bits);
        self.put_bits(memory, value, count);
    }

    /// The bits that say how a value differs from the last, and how many they are.
    #[inline]
    fn value_code(&mut self, bits: u64) -> (u128, u32) {
        xor_code(bits ^ self.last_bits, &mut self.leading, &mut self.trailing)
    }

    fn put_uvarint(&mut self, memory: &mut [u8], value: u64) {
        let mut encoded = Vec::with_capacity(varint::BYTES_MAX);
        varint::put_uvarint(&mut encoded, value);
        for byte in encoded {
            self.put_bits(memory, u128::from(byte), 8);
        }
    }

    #[inline(always)]
    fn put_bits(&mut self, memory: &mut [u8], value: u128, count: u32) {
        put_bits(memory, self.bit_len as usize, value, count);
        self.bit_len += count;
    }
}

/// The bits that say a XOR, and how many they are.
#[inline(always)]
fn xor_code(xor: u64, open_leading: &mut u8, open_trailing: &mut u8) -> (u128, u32) {
    if xor == 0 {
        return (0, 1);
    }
    // Five bits hold at most 31.
    let leading = xor.leading_zeros().min(31);
    let trailing = xor.trailing_zeros();
    let (kept_leading, kept_trailing) = (u32::from(*open_leading), u32::from(*open_trailing));
    if *open_leading != NO_WINDOW && leading >= kept_leading && trailing >= kept_trailing {
        let width = 64 - kept_leading - kept_trailing;
        return ((0b10 << width) | u128::from(xor >> kept_trailing), 2 + width);
    }
    let width = 64 - leading - trailing;
    let head = (0b11 << 11) | (leading << 6) | (width & 63);
    (*open_leading, *open_trailing) = (leading as u8, trailing as u8);
    (
        (u128::from(head) << width) | u128::from(xor >> trailing),
        13 + width,
    )
}

/// The window of one field that is written as XORs, wherever it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowWriter {
    leading: u8,
    trailing: u8,
}

impl Default for WindowWriter {
    fn default() -> Self {
        Self {
            leading: NO_WINDOW,
            trailing: 0,
        }
    }
}

impl WindowWriter {
    /// Writes how a value differs from the last.
    pub(crate) fn put(&mut self, into: &mut BitWriter, last_bits: u64, bits: u64) {
        let (code, count) = xor_code(bits ^ last_bits, &mut self.leading, &mut self.trailing);
        into.put(code, count);
    }
}

/// The bits that say how an interval differs from the one before, and how many they are.
#[inline]
pub(super) fn time_code(dod_ms: i64) -> (u128, u32) {
    let low = |bits: u32| u128::from(dod_ms.cast_unsigned() & ((1 << bits) - 1));
    match dod_ms {
        0 => (0, 1),
        -8_191..=8_192 => ((0b10 << 14) | low(14), 16),
        -65_535..=65_536 => ((0b110 << 17) | low(17), 20),
        -524_287..=524_288 => ((0b1110 << 20) | low(20), 24),
        _ => ((0b1111 << 64) | u128::from(dod_ms.cast_unsigned()), 68),
    }
}

/// Encodes samples as one chunk, replacing what is in `chunk`.
///
/// # Panics
/// When there are more than [`super::SAMPLES_MAX`].
pub fn encode(samples: impl IntoIterator<Item = (i64, u64)>, chunk: &mut Vec<u8>) -> Appender {
    chunk.clear();
    chunk.resize(HEADER_BYTES, 0);
    let mut appender = Appender::new();
    for (t_ms, bits) in samples {
        appender.append(chunk, t_ms, bits);
    }
    appender
}
