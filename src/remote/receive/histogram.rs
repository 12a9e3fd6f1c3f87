//! Native histograms as `prometheus.Histogram` has them.
//!
//! Counts come whole or as floats; which, the field of the count says. Whether the numbers fit each other is the
//! histogram's own to check.

use tsdb::encoding::varint::{read_uvarint, unzigzag};
use tsdb::model::{FloatHistogram, Histogram, IntHistogram, ResetHint, Span};

use super::wire::{Fields, Value, WireError};

/// A histogram of a request: when, and what.
///
/// # Errors
/// When the bytes are none.
pub(super) fn read(bytes: &[u8]) -> Result<(i64, Histogram), WireError> {
    let (mut whole, mut float) = (IntHistogram::default(), FloatHistogram::default());
    let (mut is_float, mut at_ms) = (false, 0);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => (whole.count, is_float) = (value.uint64("CountInt")?, false),
            2 => (float.count, is_float) = (double(value, "CountFloat")?, true),
            3 => whole.sum = double(value, "Sum")?,
            4 => whole.schema = sint32(value, "Schema")?,
            5 => whole.zero_threshold = double(value, "ZeroThreshold")?,
            6 => whole.zero_count = value.uint64("ZeroCountInt")?,
            7 => float.zero_count = double(value, "ZeroCountFloat")?,
            8 => whole.negative_spans.push(span(value.bytes("NegativeSpans")?)?),
            9 => deltas(value, "NegativeDeltas", &mut whole.negative_deltas)?,
            10 => doubles(value, "NegativeCounts", &mut float.negative_buckets)?,
            11 => whole.positive_spans.push(span(value.bytes("PositiveSpans")?)?),
            12 => deltas(value, "PositiveDeltas", &mut whole.positive_deltas)?,
            13 => doubles(value, "PositiveCounts", &mut float.positive_buckets)?,
            14 => whole.reset_hint = hint(value.uint64("ResetHint")?),
            15 => at_ms = value.int64("Timestamp")?,
            16 => doubles(value, "CustomValues", &mut whole.custom_bounds)?,
            _ => {}
        }
    }
    if !is_float {
        return Ok((at_ms, Histogram::Integer(whole)));
    }
    let float = FloatHistogram {
        reset_hint: whole.reset_hint,
        schema: whole.schema,
        zero_threshold: whole.zero_threshold,
        sum: whole.sum,
        positive_spans: whole.positive_spans,
        negative_spans: whole.negative_spans,
        custom_bounds: whole.custom_bounds,
        ..float
    };
    Ok((at_ms, Histogram::Float(float)))
}

fn hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

fn double(value: Value<'_>, field: &'static str) -> Result<f64, WireError> {
    value.double_bits(field).map(f64::from_bits)
}

/// A sint32; what does not fit loses its upper bits, as in Go.
fn sint32(value: Value<'_>, field: &'static str) -> Result<i32, WireError> {
    let number = unzigzag(value.uint64(field)? & u64::from(u32::MAX));
    Ok(number as i32)
}

fn span(bytes: &[u8]) -> Result<Span, WireError> {
    let mut span = Span::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => span.offset = sint32(value, "Offset")?,
            // Likewise.
            2 => span.length = value.uint64("Length")? as u32,
            _ => {}
        }
    }
    Ok(span)
}

/// Numbers one by one or packed.
fn deltas(value: Value<'_>, field: &'static str, into: &mut Vec<i64>) -> Result<(), WireError> {
    let Value::Bytes(mut packed) = value else {
        into.push(unzigzag(value.uint64(field)?));
        return Ok(());
    };
    while !packed.is_empty() {
        let (number, length) = read_uvarint(packed).ok_or(WireError::Truncated)?;
        into.push(unzigzag(number));
        packed = &packed[length..];
    }
    Ok(())
}

/// Doubles one by one or packed.
fn doubles(value: Value<'_>, field: &'static str, into: &mut Vec<f64>) -> Result<(), WireError> {
    let Value::Bytes(packed) = value else {
        into.push(double(value, field)?);
        return Ok(());
    };
    let (whole, rest) = packed.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(WireError::Truncated);
    }
    into.extend(whole.iter().map(|bytes| f64::from_le_bytes(*bytes)));
    Ok(())
}
