//! Open chunks without their bytes: one entry a series, told by how it differs from the one before.
//!
//! ```text
//! entry   u8 flags | [varint last time]
//!         | [varint end | varint interval | varint samples]           of an open chunk
//!         | [u8 leading | u8 trailing] | [u8 n | n bytes] | uvarint bits    of floats
//!         | varint range end | u8 predicted | u8 encoding | uvarint length | chunk    of histograms
//! ```
//!
//! Series of one target are scraped together and their chunks end together, so that most of this is left out.
//! A value is written without its last bytes that are zero.

use crate::chunk::{Encoding, xor};
use crate::encoding::{DecodeBuffer, DecodeError, varint};

const FLOATS: u8 = 1;
const HISTOGRAMS: u8 = 1 << 1;
/// It has had no sample yet.
const NEVER: u8 = 1 << 3;
const SAME_TIME: u8 = 1 << 4;
const SAME_SHAPE: u8 = 1 << 5;
const SAME_WINDOW: u8 = 1 << 6;
const SAME_VALUE: u8 = 1 << 7;

/// How a series stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State<'a> {
    /// Time of the last sample, also of one in a closed chunk; `i64::MIN` before the first.
    pub(super) last_t_ms: i64,
    pub(super) open: Open<'a>,
}

/// The open chunk of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open<'a> {
    None,
    Floats {
        next_at_ms: i64,
        /// Its last time is that of the series.
        writer: xor::Appender,
    },
    Histograms(OpenHistograms<'a>),
}

/// An open chunk of histograms, which is small in number and kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenHistograms<'a> {
    pub(super) next_at_ms: i64,
    pub(super) range_end_ms: i64,
    pub(super) is_predicted: bool,
    pub(super) encoding: Encoding,
    pub(super) chunk: &'a [u8],
}

/// What the entry before said.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    last_t_ms: i64,
    /// End, interval, samples.
    shape: [i64; 3],
    window: [u8; 2],
    bits: u64,
}

/// Adds entries to one block.
#[derive(Debug, Default)]
pub(super) struct StateEncoder {
    before: Before,
}

impl StateEncoder {
    pub(super) fn push(&mut self, into: &mut Vec<u8>, state: &State<'_>) {
        let flags_at = into.len();
        into.push(0);
        let before = &mut self.before;
        let mut flags = 0;
        if state.last_t_ms == i64::MIN {
            flags |= NEVER;
        } else if state.last_t_ms == before.last_t_ms {
            flags |= SAME_TIME;
        } else {
            varint::put_varint(into, state.last_t_ms.wrapping_sub(before.last_t_ms));
            before.last_t_ms = state.last_t_ms;
        }
        let shape = match &state.open {
            Open::None => before.shape,
            Open::Floats { next_at_ms, writer } => [
                *next_at_ms,
                writer.delta_ms.cast_signed(),
                i64::from(writer.samples),
            ],
            Open::Histograms(open) => [open.next_at_ms, before.shape[1], before.shape[2]],
        };
        if shape == before.shape {
            flags |= SAME_SHAPE;
        } else {
            for (now, before) in shape.iter().zip(before.shape) {
                varint::put_varint(into, now.wrapping_sub(before));
            }
            before.shape = shape;
        }
        match &state.open {
            Open::None => {}
            Open::Floats { writer, .. } => {
                flags |= FLOATS;
                let window = [writer.leading, writer.trailing];
                if window == before.window {
                    flags |= SAME_WINDOW;
                } else {
                    into.extend(window);
                    before.window = window;
                }
                if writer.last_bits == before.bits {
                    flags |= SAME_VALUE;
                } else {
                    let kept = 8 - (writer.last_bits.trailing_zeros() / 8).min(8) as usize;
                    into.push(kept as u8);
                    into.extend_from_slice(&writer.last_bits.to_be_bytes()[..kept]);
                    before.bits = writer.last_bits;
                }
                varint::put_uvarint(into, u64::from(writer.bit_len));
            }
            Open::Histograms(open) => {
                flags |= HISTOGRAMS;
                varint::put_varint(into, open.range_end_ms);
                into.extend([u8::from(open.is_predicted), open.encoding.as_u8()]);
                varint::put_uvarint(into, open.chunk.len() as u64);
                into.extend_from_slice(open.chunk);
            }
        }
        into[flags_at] = flags;
    }
}

/// Reads the entries of one block.
#[derive(Debug)]
pub(super) struct StateDecoder<'a> {
    rest: DecodeBuffer<'a>,
    before: Before,
}

impl<'a> StateDecoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: DecodeBuffer::new(bytes),
            before: Before::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next entry.
    ///
    /// # Errors
    /// When the bytes are none.
    pub(super) fn next(&mut self) -> Result<State<'a>, DecodeError> {
        let Self { rest, before } = self;
        let flags = rest.u8()?;
        let last_t_ms = if flags & NEVER != 0 {
            i64::MIN
        } else {
            if flags & SAME_TIME == 0 {
                before.last_t_ms = before.last_t_ms.wrapping_add(rest.varint()?);
            }
            before.last_t_ms
        };
        if flags & SAME_SHAPE == 0 {
            for field in &mut before.shape {
                *field = field.wrapping_add(rest.varint()?);
            }
        }
        let [next_at_ms, delta_ms, samples] = before.shape;
        let open = match flags & (FLOATS | HISTOGRAMS) {
            0 => Open::None,
            FLOATS => {
                if flags & SAME_WINDOW == 0 {
                    before.window = [rest.u8()?, rest.u8()?];
                }
                if flags & SAME_VALUE == 0 {
                    let kept = usize::from(rest.u8()?);
                    let mut bits = [0; 8];
                    match bits.get_mut(..kept) {
                        Some(high) => high.copy_from_slice(rest.bytes(kept)?),
                        None => return Err(rest.error("at most eight bytes of a value")),
                    }
                    before.bits = u64::from_be_bytes(bits);
                }
                let bit_len = rest.uvarint32()?;
                let (Ok(samples), true) = (u16::try_from(samples), samples > 0) else {
                    return Err(rest.error("a number of samples"));
                };
                Open::Floats {
                    next_at_ms,
                    writer: xor::Appender {
                        last_t_ms,
                        delta_ms: delta_ms.cast_unsigned(),
                        last_bits: before.bits,
                        bit_len,
                        samples,
                        leading: before.window[0],
                        trailing: before.window[1],
                    },
                }
            }
            HISTOGRAMS => Open::Histograms(OpenHistograms {
                next_at_ms,
                range_end_ms: rest.varint()?,
                is_predicted: rest.u8()? != 0,
                encoding: Encoding::from_u8(rest.u8()?).ok_or_else(|| rest.error("an encoding"))?,
                chunk: rest.prefixed_bytes()?,
            }),
            _ => return Err(rest.error("floats or histograms")),
        };
        Ok(State { last_t_ms, open })
    }
}
