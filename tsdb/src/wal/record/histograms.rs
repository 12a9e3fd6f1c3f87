//! Records of histograms. The first three fields of a sample are framed as in samples records, of the old kinds
//! as of the new; behind them stands the histogram itself.
//!
//! ```text
//! u8 reset hint │ varint schema │ f64 zero threshold
//! zero count │ count │ f64 sum                        uvarint, or f64 of float histograms
//! uvarint n, n × (varint offset, uvarint length)      positive spans, then negative ones
//! uvarint n, n × bucket                               varint difference, or f64 count; likewise
//! uvarint n, n × f64                                  custom bounds, with their schema alone
//! ```
//!
//! Histograms with custom bounds have record kinds of their own, since older Prometheus versions would
//! misread them.

use super::Kind;
use super::samples::{Frame, Framing};
use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, READABLE_SCHEMAS};
use crate::model::{FloatHistogram, Histogram, IntHistogram, ResetHint, Span};

/// The kind of record that a histogram goes into.
pub fn kind_of(histogram: &Histogram) -> Kind {
    match (histogram, histogram.schema() == CUSTOM_BUCKETS_SCHEMA) {
        (Histogram::Integer(_), false) => Kind::HistogramSamples,
        (Histogram::Integer(_), true) => Kind::CustomBucketsHistogramSamples,
        (Histogram::Float(_), false) => Kind::FloatHistogramSamples,
        (Histogram::Float(_), true) => Kind::CustomBucketsFloatHistogramSamples,
    }
}

/// Fills a record of one kind.
#[derive(Debug)]
pub struct Encoder<'a> {
    into: &'a mut Vec<u8>,
    base: Option<(u64, i64)>,
}

impl<'a> Encoder<'a> {
    /// Begins a record without histograms, replacing what is in `into`.
    pub fn new(kind: Kind, into: &'a mut Vec<u8>) -> Self {
        into.clear();
        into.push(kind as u8);
        Self { into, base: None }
    }

    /// Adds a histogram that belongs into this kind of record.
    pub fn push(&mut self, series: u64, t_ms: i64, histogram: &Histogram) {
        let (base_ref, base_t) = *self.base.get_or_insert_with(|| {
            self.into.extend_from_slice(&series.to_be_bytes());
            self.into.extend_from_slice(&t_ms.to_be_bytes());
            (series, t_ms)
        });
        varint::put_varint(self.into, series.wrapping_sub(base_ref).cast_signed());
        varint::put_varint(self.into, t_ms.wrapping_sub(base_t));
        put_histogram(self.into, histogram);
    }

    /// Whether no histogram was added.
    pub fn is_empty(&self) -> bool {
        self.base.is_none()
    }
}

fn put_histogram(into: &mut Vec<u8>, histogram: &Histogram) {
    match histogram {
        Histogram::Integer(h) => {
            put_front(into, h.reset_hint, h.schema, h.zero_threshold);
            varint::put_uvarint(into, h.zero_count);
            varint::put_uvarint(into, h.count);
            put_f64(into, h.sum);
            put_spans(into, &h.positive_spans);
            put_spans(into, &h.negative_spans);
            put_list(into, &h.positive_deltas, |into, delta| {
                varint::put_varint(into, *delta)
            });
            put_list(into, &h.negative_deltas, |into, delta| {
                varint::put_varint(into, *delta)
            });
            put_bounds(into, h.schema, &h.custom_bounds);
        }
        Histogram::Float(h) => {
            put_front(into, h.reset_hint, h.schema, h.zero_threshold);
            put_f64(into, h.zero_count);
            put_f64(into, h.count);
            put_f64(into, h.sum);
            put_spans(into, &h.positive_spans);
            put_spans(into, &h.negative_spans);
            put_list(into, &h.positive_buckets, |into, count| put_f64(into, *count));
            put_list(into, &h.negative_buckets, |into, count| put_f64(into, *count));
            put_bounds(into, h.schema, &h.custom_bounds);
        }
    }
}

fn put_front(into: &mut Vec<u8>, hint: ResetHint, schema: i32, zero_threshold: f64) {
    into.push(hint as u8);
    varint::put_varint(into, i64::from(schema));
    put_f64(into, zero_threshold);
}

fn put_f64(into: &mut Vec<u8>, value: f64) {
    into.extend_from_slice(&value.to_bits().to_be_bytes());
}

fn put_list<T>(into: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    varint::put_uvarint(into, items.len() as u64);
    items.iter().for_each(|item| put(into, item));
}

fn put_spans(into: &mut Vec<u8>, spans: &[Span]) {
    put_list(into, spans, |into, span| {
        varint::put_varint(into, i64::from(span.offset));
        varint::put_uvarint(into, u64::from(span.length));
    });
}

fn put_bounds(into: &mut Vec<u8>, schema: i32, bounds: &[f64]) {
    if schema == CUSTOM_BUCKETS_SCHEMA {
        put_list(into, bounds, |into, bound| put_f64(into, *bound));
    }
}

/// Calls `each` with every histogram of a record of any of the six kinds. Of those whose schema is not known it
/// is told nothing, as in Prometheus; finer resolutions are reduced.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(Frame, Histogram)) -> Result<(), DecodeError> {
    let (framing, is_float) = match Kind::of(record) {
        Some(Kind::HistogramSamples | Kind::CustomBucketsHistogramSamples) => (Framing::First, false),
        Some(Kind::FloatHistogramSamples | Kind::CustomBucketsFloatHistogramSamples) => {
            (Framing::First, true)
        }
        Some(Kind::HistogramSamplesV2) => (Framing::WithStart, false),
        Some(Kind::FloatHistogramSamplesV2) => (Framing::WithStart, true),
        _ => return Err(DecodeError::new(0, "a record of histograms")),
    };
    super::samples::each_framed(&record[1..], framing, |frame, from| {
        let before = from.offset();
        let mut histogram = match is_float {
            false => Histogram::Integer(integer(from)?),
            true => Histogram::Float(float(from)?),
        };
        if !histogram.is_well_formed() {
            return Err(DecodeError::new(before + 1, "as many buckets as spans have"));
        }
        let schema = histogram.schema();
        if READABLE_SCHEMAS.contains(&schema) || schema == CUSTOM_BUCKETS_SCHEMA {
            histogram.limit_resolution();
            each(frame, histogram);
        } else {
            tracing::warn!(
                schema,
                timestamp = frame.t_ms,
                "skipping histogram with unknown schema in WAL record"
            );
        }
        Ok(())
    })
}

/// Hint, schema, zero threshold.
fn front(from: &mut DecodeBuffer<'_>) -> Result<(ResetHint, i32, f64), DecodeError> {
    let hint = match from.u8()? {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    let before = from.offset();
    let schema = i32::try_from(from.varint()?).map_err(|_| DecodeError::new(before, "a schema"))?;
    Ok((hint, schema, f64::from_bits(from.u64()?)))
}

fn list<T>(
    from: &mut DecodeBuffer<'_>,
    item: impl Fn(&mut DecodeBuffer<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let before = from.offset();
    let count = from.length()?;
    // Each item takes a byte at least.
    if count > from.remaining() {
        return Err(DecodeError::new(before, "a shorter list"));
    }
    (0..count).map(|_| item(from)).collect()
}

fn span(from: &mut DecodeBuffer<'_>) -> Result<Span, DecodeError> {
    let before = from.offset();
    let offset = i32::try_from(from.varint()?).map_err(|_| DecodeError::new(before, "a span's offset"))?;
    let length = from.uvarint32()?;
    Ok(Span { offset, length })
}

fn delta(from: &mut DecodeBuffer<'_>) -> Result<i64, DecodeError> {
    from.varint()
}

fn f64_of(from: &mut DecodeBuffer<'_>) -> Result<f64, DecodeError> {
    from.u64().map(f64::from_bits)
}

fn bounds(from: &mut DecodeBuffer<'_>, schema: i32) -> Result<Vec<f64>, DecodeError> {
    match schema {
        CUSTOM_BUCKETS_SCHEMA => list(from, f64_of),
        _ => Ok(Vec::new()),
    }
}

fn integer(from: &mut DecodeBuffer<'_>) -> Result<IntHistogram, DecodeError> {
    let (reset_hint, schema, zero_threshold) = front(from)?;
    Ok(IntHistogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count: from.uvarint()?,
        count: from.uvarint()?,
        sum: f64_of(from)?,
        positive_spans: list(from, span)?,
        negative_spans: list(from, span)?,
        positive_deltas: list(from, delta)?,
        negative_deltas: list(from, delta)?,
        custom_bounds: bounds(from, schema)?,
    })
}

fn float(from: &mut DecodeBuffer<'_>) -> Result<FloatHistogram, DecodeError> {
    let (reset_hint, schema, zero_threshold) = front(from)?;
    Ok(FloatHistogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count: f64_of(from)?,
        count: f64_of(from)?,
        sum: f64_of(from)?,
        positive_spans: list(from, span)?,
        negative_spans: list(from, span)?,
        positive_buckets: list(from, f64_of)?,
        negative_buckets: list(from, f64_of)?,
        custom_bounds: bounds(from, schema)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(all: &[(u64, i64, Histogram)]) -> Vec<u8> {
        let mut record = Vec::new();
        let mut encoder = Encoder::new(kind_of(&all[0].2), &mut record);
        for (series, t_ms, histogram) in all {
            encoder.push(*series, *t_ms, histogram);
        }
        record
    }

    fn decoded(record: &[u8]) -> Result<Vec<(u64, i64, Histogram)>, DecodeError> {
        let mut back = Vec::new();
        decode(record, |frame, h| back.push((frame.series, frame.t_ms, h))).map(|()| back)
    }

    fn example() -> IntHistogram {
        IntHistogram {
            reset_hint: ResetHint::NotReset,
            schema: 1,
            count: 3,
            sum: 1.0,
            positive_spans: vec![Span {
                offset: -1,
                length: 2,
            }],
            positive_deltas: vec![1, 1],
            ..IntHistogram::default()
        }
    }

    #[test]
    fn the_bytes_of_an_example_are_these() {
        let mut expected = vec![7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0x03, 0xe8, 0, 0];
        expected.extend([2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        expected.extend([1, 1, 2, 0, 2, 2, 2, 0]);
        let all = [(9, 1000, Histogram::Integer(example()))];
        assert_eq!(encoded(&all), expected);
        assert_eq!(decoded(&expected).unwrap(), all);
    }

    #[test]
    fn a_record_with_start_times_is_read() {
        // ref 9, time 1000, start 600; then the next ref, 15 later, with the same start.
        let mut body = Vec::new();
        put_histogram(&mut body, &Histogram::Integer(example()));
        let mut record = vec![12, 18, 0xd0, 0x0f, 0xb0, 0x09];
        record.extend(&body);
        record.extend([2, 30, 1]);
        record.extend(&body);
        let mut starts = Vec::new();
        decode(&record, |frame, _| {
            starts.push((frame.series, frame.t_ms, frame.start_ms))
        })
        .unwrap();
        assert_eq!(starts, [(9, 1000, 600), (10, 1015, 600)]);
    }

    #[test]
    fn a_record_cut_short_or_with_too_few_buckets_is_refused() {
        let whole = encoded(&[(1, 2, Histogram::Integer(example()))]);
        for len in (2..whole.len()).filter(|&len| len != 17) {
            assert!(decoded(&whole[..len]).is_err(), "{len}");
        }
        let mut wrong = example();
        wrong.positive_deltas.pop();
        let wrong = encoded(&[(1, 2, Histogram::Integer(wrong))]);
        assert_eq!(
            decoded(&wrong).unwrap_err().to_string(),
            "expected as many buckets as spans have at byte 19"
        );
    }

    #[test]
    fn an_unknown_schema_is_passed_over() {
        let mut unknown = example();
        unknown.schema = 53;
        let all = [
            (1, 2, Histogram::Integer(unknown)),
            (1, 3, Histogram::Integer(example())),
        ];
        assert_eq!(decoded(&encoded(&all)).unwrap(), all[1..]);
    }

    fn any_histogram() -> impl Strategy<Value = IntHistogram> {
        let bits = any::<(u64, u64, i64)>();
        (
            bits,
            prop::collection::vec(any::<(i32, bool)>(), 0..6),
            any::<bool>(),
        )
            .prop_map(|((zero_count, count, delta), spans, custom)| IntHistogram {
                schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { 3 },
                zero_count,
                count,
                positive_spans: spans
                    .iter()
                    .map(|&(offset, _)| Span { offset, length: 1 })
                    .collect(),
                positive_deltas: spans.iter().map(|_| delta).collect(),
                custom_bounds: if custom { vec![0.5, 1.5] } else { Vec::new() },
                ..IntHistogram::default()
            })
    }

    proptest! {
        #[test]
        fn histograms_come_back(all in prop::collection::vec((any::<u64>(), any::<i64>(), any_histogram()), 1..9)) {
            let custom = all[0].2.schema;
            let all: Vec<_> = all
                .into_iter()
                .filter(|one| one.2.schema == custom)
                .map(|(series, t_ms, h)| (series, t_ms, Histogram::Integer(h)))
                .collect();
            prop_assert_eq!(decoded(&encoded(&all)).unwrap(), all);
        }
    }
}
