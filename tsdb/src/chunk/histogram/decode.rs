//! Reading: a whole chunk into columns.

use super::layout::Layout;
use super::{Form, HEADER_BYTES, RESET_AT, Reset};
use crate::chunk::start_times::{COUNT_MASK, StartTimes};
use crate::chunk::{ChunkError, varbit};
use crate::encoding::bits::BitReader;
use crate::model::{Columns, ResetHint, is_stale};

/// Time, count, zero count and sum take a bit each at least.
const SAMPLE_BITS_MIN: usize = 4;

/// Appends all samples of a chunk to the columns; `with_start` if it is of the encoding with start times.
///
/// # Errors
/// When the bytes are no chunk; the columns are then as they were.
pub(in crate::chunk) fn decode_all<F: Form>(
    chunk: &[u8],
    with_start: bool,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    let before = into.len();
    let decoded = decode::<F>(chunk, with_start, |t_ms, start_ms, hint, histogram| {
        let mut histogram = histogram.wrap();
        histogram.set_reset_hint(hint);
        histogram.limit_resolution();
        if start_ms != 0 || !into.start_ms.is_empty() {
            into.start_ms.resize(into.len(), 0);
            into.start_ms.push(start_ms);
        }
        into.push_histogram(t_ms, histogram);
    });
    if decoded.is_err() {
        into.truncate(before);
    }
    decoded
}

/// Calls `each` with every sample of a chunk, as it was put in.
pub(super) fn each<F: Form>(chunk: &[u8], mut each: impl FnMut(i64, F)) -> Result<(), ChunkError> {
    decode::<F>(chunk, false, |t_ms, _, _, histogram| each(t_ms, histogram))
}

fn decode<F: Form>(
    chunk: &[u8],
    with_start: bool,
    mut each: impl FnMut(i64, i64, ResetHint, F),
) -> Result<(), ChunkError> {
    let (Some(header), Some(body)) = (chunk.first_chunk::<HEADER_BYTES>(), chunk.get(HEADER_BYTES..)) else {
        return Err(ChunkError::NO_HEADER);
    };
    let mut count = u16::from_be_bytes([header[0], header[1]]);
    let (reset, mut start) = match with_start {
        true => (Reset::of(header[0]), StartTimes::of(header[2])),
        false => (Reset::of(header[RESET_AT]), StartTimes::default()),
    };
    if with_start {
        count &= COUNT_MASK;
    }
    if count == 0 {
        return Ok(());
    }
    let mut from = BitReader::new(body);
    if usize::from(count) * SAMPLE_BITS_MIN > from.remaining() {
        return Err(ChunkError::ends_within(count));
    }
    let mut now = F::empty(Layout::read(&mut from)?);
    let mut read = F::Read::default();
    let (mut t_ms, mut delta_ms) = (0i64, 0i64);
    for sample in 0..count {
        let before_ms = t_ms;
        if sample == 0 {
            t_ms = varbit::read_int(&mut from);
            now.read_first(&mut read, &mut from);
        } else {
            delta_ms = delta_ms.wrapping_add(varbit::read_int(&mut from));
            t_ms = t_ms.wrapping_add(delta_ms);
            now.read_later(&mut read, &mut from);
        }
        let start_ms = start
            .read(sample, t_ms, before_ms, &mut from)
            .ok_or(ChunkError::number(sample))?;
        if from.overran() {
            return Err(ChunkError::ends_within(count));
        }
        let hint = match reset {
            Reset::Gauge => ResetHint::Gauge,
            _ if sample > 0 => ResetHint::NotReset,
            _ => ResetHint::Unknown,
        };
        match is_stale(now.sum()) {
            true => each(t_ms, start_ms, ResetHint::Unknown, F::stale(now.sum())),
            false => each(t_ms, start_ms, hint, now.clone()),
        }
    }
    Ok(())
}
