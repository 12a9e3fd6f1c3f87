//! Reading: a whole chunk into columns.

use super::{Appender, HEADER_BYTES};
use crate::chunk::ChunkError;
use crate::encoding::bits::BitReader;
use crate::encoding::varint;

/// A byte of time and a whole value.
const FIRST_BITS_MIN: usize = 8 + 64;
/// A byte of time and one bit of value.
const SECOND_BITS_MIN: usize = 8 + 1;

/// How many samples the chunk says it holds.
///
/// # Errors
/// When it is too short to say.
pub fn sample_count(chunk: &[u8]) -> Result<u16, ChunkError> {
    chunk
        .first_chunk()
        .map(|header| u16::from_be_bytes(*header))
        .ok_or(ChunkError::NO_HEADER)
}

/// The count, refused where even the shortest samples would not fit: damage then costs next to nothing.
pub(super) fn possible_count(chunk: &[u8]) -> Result<u16, ChunkError> {
    let count = sample_count(chunk)?;
    let bits_min = match usize::from(count) {
        0 => 0,
        1 => FIRST_BITS_MIN,
        more => FIRST_BITS_MIN + SECOND_BITS_MIN + (more - 2) * 2,
    };
    if bits_min > (chunk.len() - HEADER_BYTES) * 8 {
        return Err(ChunkError::ends_within(count));
    }
    Ok(count)
}

/// Appends all samples of a chunk to the columns.
///
/// # Errors
/// When the bytes are no chunk; the columns are then as they were.
pub fn decode_all(chunk: &[u8], t_ms: &mut Vec<i64>, v: &mut Vec<f64>) -> Result<(), ChunkError> {
    let count = usize::from(possible_count(chunk)?);
    let (t_from, v_from) = (t_ms.len(), v.len());
    t_ms.resize(t_from + count, 0);
    v.resize(v_from + count, 0.0);
    let decoded = decode_into(chunk, &mut t_ms[t_from..], &mut v[v_from..]);
    if decoded.is_err() {
        t_ms.truncate(t_from);
        v.truncate(v_from);
    }
    decoded.map(|_| ())
}

/// The writer that left `chunk` behind.
pub(super) fn resume(chunk: &[u8]) -> Result<Appender, ChunkError> {
    let count = possible_count(chunk)?;
    let (mut t_ms, mut v) = (vec![0; usize::from(count)], vec![0.0; usize::from(count)]);
    let mut state = decode_into(chunk, &mut t_ms, &mut v)?;
    state.samples = count;
    Ok(state)
}

/// Fills both slices, which have the chunk's number of samples.
fn decode_into(chunk: &[u8], t_ms: &mut [i64], v: &mut [f64]) -> Result<Appender, ChunkError> {
    let body = chunk.get(HEADER_BYTES..).ok_or(ChunkError::NO_HEADER)?;
    let mut reader = BitReader::new(body);
    let mut window = Window::default();
    let mut state = Appender::new();
    let (mut t, mut delta, mut bits) = (0i64, 0u64, 0u64);
    let mut rows = t_ms.iter_mut().zip(v.iter_mut());

    if let Some((t0, v0)) = rows.next() {
        let code = reader.read_uvarint().ok_or(ChunkError::number(0))?;
        t = varint::unzigzag(code);
        bits = reader.read(64);
        (*t0, *v0) = (t, f64::from_bits(bits));
    }
    if let Some((t1, v1)) = rows.next() {
        delta = reader.read_uvarint().ok_or(ChunkError::number(1))?;
        t = t.wrapping_add_unsigned(delta);
        bits ^= window.read_xor(&mut reader);
        (*t1, *v1) = (t, f64::from_bits(bits));
    }
    for (t_row, v_row) in rows {
        window.read_sample(&mut reader, &mut delta, &mut bits);
        t = t.wrapping_add_unsigned(delta);
        *t_row = t;
        *v_row = f64::from_bits(bits);
    }
    let samples = u16::try_from(t_ms.len()).unwrap_or(u16::MAX);
    if reader.overran() {
        return Err(ChunkError::ends_within(samples));
    }
    if window.broken {
        return Err(ChunkError::window(samples));
    }
    (state.last_t_ms, state.delta_ms, state.last_bits) = (t, delta, bits);
    (state.leading, state.trailing) = (window.leading_or_none, window.trailing as u8);
    state.bit_len += u32::try_from(reader.position()).map_err(|_| ChunkError::ends_within(samples))?;
    Ok(state)
}

/// Reads a delta-of-delta, modulo 2^64; `next` is what lies ahead.
#[inline(always)]
fn read_dod(reader: &mut BitReader<'_>, next: u64) -> u64 {
    let (prefix, width) = match (!next).leading_zeros() {
        0 => {
            reader.skip(1);
            return 0;
        }
        1 => (2, 14),
        2 => (3, 17),
        3 => (4, 20),
        _ => {
            reader.skip(4);
            return reader.read(64);
        }
    };
    let pattern = (next << prefix) >> (64 - width);
    reader.skip(prefix + width);
    // The pattern 100…0 stands for +2^(n-1), not for its negative.
    if pattern > 1 << (width - 1) {
        pattern.wrapping_sub(1 << width)
    } else {
        pattern
    }
}

/// Which bits of a XOR are written.
#[derive(Debug)]
pub(crate) struct Window {
    width: u32,
    trailing: u32,
    leading_or_none: u8,
    /// Whether one of more than 64 bits was met. Looked at once, after the last sample.
    broken: bool,
}

impl Default for Window {
    /// Prometheus' readers take all 64 bits where a chunk reuses a window that was never opened.
    fn default() -> Self {
        Self {
            width: 64,
            trailing: 0,
            leading_or_none: 0xff,
            broken: false,
        }
    }
}

impl Window {
    /// Reads a sample behind the first two: how much later than the one before it, and what bits of its value.
    #[inline(always)]
    pub(super) fn read_sample(&mut self, reader: &mut BitReader<'_>, delta: &mut u64, bits: &mut u64) {
        let next = reader.peek();
        if next >> 63 == 1 {
            *delta = delta.wrapping_add(read_dod(reader, next));
            *bits ^= self.read_xor(reader);
        } else if next >> 62 == 0 {
            // One interval later the same value: the commonest sample of all.
            reader.skip(2);
        } else if next >> 61 == 0b010 && self.width <= BitReader::PEEKED - 3 {
            // One interval later another value within the open window: seen already.
            reader.skip(3 + self.width);
            *bits ^= ((next << 3) >> (64 - self.width)) << self.trailing;
        } else {
            reader.skip(1);
            *bits ^= self.read_xor(reader);
        }
    }

    #[inline(always)]
    pub(crate) fn read_xor(&mut self, reader: &mut BitReader<'_>) -> u64 {
        let next = reader.peek();
        if next >> 63 == 0 {
            reader.skip(1);
            return 0;
        }
        if (next >> 62) & 1 == 0 {
            reader.skip(2);
            // Seen already, unless the window is wide.
            if self.width <= BitReader::PEEKED - 2 {
                reader.skip(self.width);
                return ((next << 2) >> (64 - self.width)) << self.trailing;
            }
        } else {
            self.open(((next >> 57) & 31) as u32, ((next >> 51) & 63) as u32);
            reader.skip(13);
        }
        self.read_open(reader)
    }

    /// Reads a XOR in the open window.
    #[inline(always)]
    pub(crate) fn read_open(&self, reader: &mut BitReader<'_>) -> u64 {
        reader.read(self.width) << self.trailing
    }

    /// Whether a window of more than 64 bits was met.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Opens a window.
    #[inline(always)]
    pub(crate) fn open(&mut self, leading: u32, significant: u32) {
        let significant = if significant == 0 { 64 } else { significant };
        self.broken |= leading + significant > 64;
        self.width = significant;
        self.trailing = 64u32.saturating_sub(leading + significant);
        self.leading_or_none = leading as u8;
    }
}
