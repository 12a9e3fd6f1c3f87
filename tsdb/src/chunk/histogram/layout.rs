//! What all samples of a chunk share: zero threshold, schema, spans, custom bounds.
//!
//! | zero threshold | written as |
//! |---|---|
//! | 0 | byte 0 |
//! | 2^-243 ..= 2^10, a power of two | one byte, exponent + 244 |
//! | any other | byte 255, 64 bits |
//!
//! | custom bound | written as |
//! |---|---|
//! | 0 ..= 33 554.43 in thousandths | unsigned number of thousandths, plus one |
//! | any other | bit 0, 64 bits |

use crate::chunk::varbit::{put_int, put_uint, read_int, read_uint};
use crate::chunk::{ChunkError, varbit};
use crate::encoding::bits::{BitReader, BitWriter};
use crate::model::Span;
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, READABLE_SCHEMAS, bucket_count};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive_spans: Vec<Span>,
    pub(super) negative_spans: Vec<Span>,
    pub(super) custom_bounds: Vec<f64>,
}

impl Layout {
    pub(super) fn write(&self, into: &mut BitWriter) {
        put_zero_threshold(into, self.zero_threshold);
        put_int(into, i64::from(self.schema));
        for spans in [&self.positive_spans, &self.negative_spans] {
            put_uint(into, spans.len() as u64);
            for span in spans {
                put_uint(into, u64::from(span.length));
                put_int(into, i64::from(span.offset));
            }
        }
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            put_uint(into, self.custom_bounds.len() as u64);
            for &bound in &self.custom_bounds {
                put_custom_bound(into, bound);
            }
        }
    }

    /// Reads a layout. Lists that are longer than what is left of the chunk are refused before there is room
    /// made for them: each of their items takes a bit at least.
    pub(super) fn read(from: &mut BitReader<'_>) -> Result<Self, ChunkError> {
        let zero_threshold = read_zero_threshold(from);
        let schema = read_int(from);
        let schema = i32::try_from(schema)
            .ok()
            .filter(|schema| READABLE_SCHEMAS.contains(schema) || *schema == CUSTOM_BUCKETS_SCHEMA)
            .ok_or(ChunkError::schema(schema))?;
        let mut layout = Self {
            schema,
            zero_threshold,
            positive_spans: read_spans(from)?,
            negative_spans: read_spans(from)?,
            custom_bounds: Vec::new(),
        };
        if schema == CUSTOM_BUCKETS_SCHEMA {
            let count = read_count(from)?;
            layout.custom_bounds = (0..count).map(|_| read_custom_bound(from)).collect();
        }
        let buckets = bucket_count(&layout.positive_spans) + bucket_count(&layout.negative_spans);
        if buckets > from.remaining() as u64 {
            return Err(ChunkError::LAYOUT);
        }
        Ok(layout)
    }
}

fn read_count(from: &mut BitReader<'_>) -> Result<usize, ChunkError> {
    let count = usize::try_from(read_uint(from)).ok();
    count
        .filter(|&count| count <= from.remaining())
        .ok_or(ChunkError::LAYOUT)
}

fn read_spans(from: &mut BitReader<'_>) -> Result<Vec<Span>, ChunkError> {
    let count = read_count(from)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let length = u32::try_from(read_uint(from));
        let offset = i32::try_from(varbit::read_int(from));
        match (length, offset) {
            (Ok(length), Ok(offset)) => spans.push(Span { offset, length }),
            _ => return Err(ChunkError::LAYOUT),
        }
    }
    Ok(spans)
}

/// Bits of a float's fraction.
const FRACTION_BITS: u32 = 52;

fn put_zero_threshold(into: &mut BitWriter, threshold: f64) {
    let bits = threshold.to_bits();
    // Exponent of the float as 2^n, for floats that are a power of two; the sign would show in it.
    let exponent = i64::try_from(bits >> FRACTION_BITS).unwrap_or(i64::MAX) - 1023;
    let is_power = bits & ((1 << FRACTION_BITS) - 1) == 0;
    match exponent {
        _ if threshold == 0.0 => into.put(0, 8),
        -243..=10 if is_power => into.put((exponent + 244) as u128, 8),
        _ => {
            into.put(255, 8);
            into.put(u128::from(bits), 64);
        }
    }
}

fn read_zero_threshold(from: &mut BitReader<'_>) -> f64 {
    match from.read(8) {
        0 => 0.0,
        255 => f64::from_bits(from.read(64)),
        power => f64::from_bits((power + 1023 - 244) << FRACTION_BITS),
    }
}

/// The most thousandths that take 25 bits, one being added.
const THOUSANDTHS_MAX: f64 = 33_554_430.0;

fn put_custom_bound(into: &mut BitWriter, bound: f64) {
    let thousandths = (bound * 1000.0).round();
    if !(bound * 1000.0 < 0.0 || bound * 1000.0 > THOUSANDTHS_MAX) && thousandths / 1000.0 == bound {
        put_uint(into, thousandths as u64 + 1);
    } else {
        into.put(0, 1);
        into.put(u128::from(bound.to_bits()), 64);
    }
}

fn read_custom_bound(from: &mut BitReader<'_>) -> f64 {
    match read_uint(from) {
        0 => f64::from_bits(from.read(64)),
        thousandths => (thousandths - 1) as f64 / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_threshold(threshold: f64, bytes: &[u8]) {
        let mut writer = BitWriter::default();
        put_zero_threshold(&mut writer, threshold);
        assert_eq!(writer.bytes(), bytes);
        let back = read_zero_threshold(&mut BitReader::new(bytes));
        assert_eq!(back.to_bits(), threshold.to_bits());
    }

    #[test]
    fn powers_of_two_take_a_byte() {
        check_threshold(0.0, &[0]);
        check_threshold(2f64.powi(-128), &[116]);
        check_threshold(2f64.powi(-243), &[1]);
        check_threshold(2f64.powi(10), &[254]);
        check_threshold(2f64.powi(11), &[255, 0x40, 0xa0, 0, 0, 0, 0, 0, 0]);
        check_threshold(-1.0, &[255, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn bounds_come_back_short_or_long() {
        for (bound, bits) in [
            (0.0, 5),
            (0.005, 5),
            (0.25, 13),
            (33_554.43, 32),
            (33_554.431, 65),
            (-1.0, 65),
            (1.0 / 3.0, 65),
            (f64::NEG_INFINITY, 65),
        ] {
            let mut writer = BitWriter::default();
            put_custom_bound(&mut writer, bound);
            let mut reader = BitReader::new(writer.bytes());
            assert_eq!(read_custom_bound(&mut reader).to_bits(), bound.to_bits());
            assert_eq!(reader.position(), bits, "{bound}");
        }
    }
}
