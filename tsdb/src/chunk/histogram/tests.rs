//! Chunks of histograms: what fits, round trips, bytes, damage.

use proptest::prelude::*;

use super::Appender;
use crate::chunk::{self, Encoding};
use crate::model::histogram::CUSTOM_BUCKETS_SCHEMA;
use crate::model::{
    Columns, FloatHistogram, Histogram, IntHistogram, ResetHint, STALE_NAN_BITS, Span, stale_marker,
};

fn span(offset: i32, length: u32) -> Span {
    Span { offset, length }
}

/// Counters in the buckets listed as (number, count).
fn counting(buckets: &[(i32, i64)]) -> IntHistogram {
    let (mut end, mut before) = (0, 0);
    let mut made = IntHistogram {
        zero_threshold: 2f64.powi(-128),
        ..IntHistogram::default()
    };
    for &(at, count) in buckets {
        match made.positive_spans.last_mut() {
            Some(last) if at == end => last.length += 1,
            _ => made.positive_spans.push(span(at - end, 1)),
        }
        made.positive_deltas.push(count - before);
        made.count += count.unsigned_abs();
        made.sum += count as f64;
        (end, before) = (at + 1, count);
    }
    made
}

/// Appends all, 15 s apart, as integers and as floats; says how many samples each chunk got and what its header
/// says, and checks that what comes back is what went in, but for empty buckets.
#[track_caller]
fn check_chunks(samples: &[IntHistogram], chunks: &[(u16, u8)]) {
    let floats: Vec<FloatHistogram> = samples.iter().map(IntHistogram::to_float).collect();
    let integers = samples.iter().cloned().map(Histogram::Integer);
    let found = appended::<IntHistogram>(samples);
    assert_eq!(found, chunks, "of whole counts");
    for (encoding, samples) in [
        (Encoding::Histogram, integers.collect::<Vec<_>>()),
        (
            Encoding::FloatHistogram,
            floats.into_iter().map(Histogram::Float).collect(),
        ),
    ] {
        let mut columns = Columns::default();
        for (t_ms, histogram) in (0..).zip(&samples) {
            columns.push_histogram(t_ms * 15_000, histogram.clone());
        }
        let mut back = Columns::default();
        for encoded in chunk::encode::encode(&columns, 120) {
            assert_eq!(encoded.encoding, encoding);
            chunk::decode_all(encoded.encoding, &encoded.bytes, &mut back).unwrap();
        }
        assert_eq!(back.t_ms, columns.t_ms);
        for ((row, found), (_, expected)) in back.histograms.iter().zip(&columns.histograms) {
            assert!(
                dense(found) == dense(expected),
                "row {row}: {found:?}, put in: {expected:?}"
            );
        }
    }
}

fn appended<F: super::Form>(samples: &[F]) -> Vec<(u16, u8)> {
    let mut chunks: Vec<Appender<F>> = vec![Appender::default()];
    for (t_ms, histogram) in (0..).zip(samples) {
        let last = chunks.last_mut().unwrap();
        if let Some(next) = last.append(t_ms * 15_000, histogram.clone()) {
            chunks.push(next);
        }
    }
    chunks
        .iter()
        .map(|chunk| (chunk.samples(), chunk.bytes()[2]))
        .collect()
}

/// All that matters of a histogram, its empty buckets left out: (schema, counts, sum, buckets, bounds).
#[expect(clippy::type_complexity, reason = "only to be compared")]
fn dense(of: &Histogram) -> (i32, u64, u64, u64, Vec<(bool, i64, u64)>, Vec<f64>) {
    let h = match of {
        Histogram::Integer(integer) => integer.to_float(),
        Histogram::Float(float) => float.clone(),
    };
    if h.sum.to_bits() == STALE_NAN_BITS {
        return (0, 0, 0, STALE_NAN_BITS, Vec::new(), Vec::new());
    }
    let mut buckets = Vec::new();
    for (positive, spans, counts) in [
        (true, &h.positive_spans, &h.positive_buckets),
        (false, &h.negative_spans, &h.negative_buckets),
    ] {
        let numbered = super::buckets::indexes(spans).zip(counts);
        buckets.extend(
            numbered
                .filter(|(_, count)| **count != 0.0)
                .map(|(at, count)| (positive, at, count.to_bits())),
        );
    }
    let bits = f64::to_bits;
    (
        h.schema,
        bits(h.count),
        bits(h.zero_count),
        bits(h.sum),
        buckets,
        h.custom_bounds,
    )
}

const UNKNOWN: u8 = 0;
const NOT_RESET: u8 = 0x40;
const RESET: u8 = 0x80;
const GAUGE: u8 = 0xc0;

#[test]
fn new_buckets_widen_the_chunk_and_missing_empty_ones_are_filled_in() {
    let growing = [
        counting(&[(1, 2), (2, 3)]),
        counting(&[(1, 2), (2, 4), (5, 1)]),
        counting(&[(0, 1), (1, 2), (2, 4), (5, 1)]),
        counting(&[(0, 1), (1, 2), (2, 4), (3, 0), (5, 2), (9, 9)]),
        counting(&[(0, 2), (1, 2), (2, 4), (5, 2), (9, 9)]),
    ];
    check_chunks(&growing, &[(5, UNKNOWN)]);
}

#[test]
fn a_reset_begins_a_chunk_that_says_so() {
    let samples = [
        counting(&[(1, 5)]),
        counting(&[(1, 6)]),
        counting(&[(1, 2)]),
        counting(&[(2, 2)]),
    ];
    check_chunks(&samples, &[(2, UNKNOWN), (1, RESET), (1, RESET)]);
}

#[test]
fn another_schema_begins_a_chunk_that_says_nothing() {
    let mut finer = counting(&[(1, 9)]);
    finer.schema = 3;
    check_chunks(&[counting(&[(1, 5)]), finer], &[(1, UNKNOWN), (1, UNKNOWN)]);
}

#[test]
fn other_bounds_begin_a_chunk() {
    let custom = |bounds: &[f64]| IntHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        custom_bounds: bounds.to_vec(),
        ..counting(&[(0, 1), (1, 4)])
    };
    let samples = [
        custom(&[0.25, 1.0]),
        custom(&[0.25, 1.0]),
        custom(&[0.25, 1.0 / 3.0]),
    ];
    check_chunks(&samples, &[(2, UNKNOWN), (1, RESET)]);
}

#[test]
fn after_a_staleness_marker_only_another_fits() {
    let stale = IntHistogram {
        sum: stale_marker(),
        ..counting(&[(4, 4)])
    };
    let one = counting(&[(1, 5)]);
    let samples = [one.clone(), stale.clone(), stale.clone(), one.clone(), stale];
    check_chunks(&samples, &[(3, UNKNOWN), (2, UNKNOWN)]);
}

#[test]
fn gauges_rise_and_fall_in_one_chunk() {
    let gauge = |buckets: &[(i32, i64)]| IntHistogram {
        reset_hint: ResetHint::Gauge,
        ..counting(buckets)
    };
    let samples = [
        gauge(&[(1, 5), (2, 1)]),
        gauge(&[(4, 1)]),
        gauge(&[(0, 7), (2, 3), (3, 1)]),
    ];
    check_chunks(&samples, &[(3, GAUGE)]);
    let mut columns = Columns::default();
    columns.push_histogram(0, Histogram::Integer(samples[0].clone()));
    columns.push_histogram(1, Histogram::Integer(samples[1].clone()));
    let encoded = chunk::encode::encode(&columns, 120);
    let mut back = Columns::default();
    chunk::decode_all(Encoding::Histogram, &encoded[0].bytes, &mut back).unwrap();
    assert!(
        back.histograms
            .iter()
            .all(|(_, h)| h.reset_hint() == ResetHint::Gauge)
    );
}

#[test]
fn only_the_first_of_a_chunk_comes_back_without_a_hint() {
    let samples: Vec<_> = (1..4).map(|n| counting(&[(1, n)])).collect();
    let mut columns = Columns::default();
    for (t_ms, histogram) in (0..).zip(samples) {
        columns.push_histogram(t_ms, Histogram::Integer(histogram));
    }
    let chunks = chunk::encode::encode(&columns, 2);
    assert_eq!(
        chunks.iter().map(|c| c.bytes[2]).collect::<Vec<_>>(),
        [UNKNOWN, NOT_RESET]
    );
    let mut back = Columns::default();
    for encoded in chunks {
        chunk::decode_all(encoded.encoding, &encoded.bytes, &mut back).unwrap();
    }
    let hints: Vec<_> = back.histograms.iter().map(|(_, h)| h.reset_hint()).collect();
    assert_eq!(
        hints,
        [ResetHint::Unknown, ResetHint::NotReset, ResetHint::Unknown]
    );
}

#[test]
fn the_bytes_of_an_example_are_these() {
    let mut chunk = Appender::default();
    assert!(chunk.append(0, counting(&[(1, 1)])).is_none());
    // Zero threshold 2^-128 is 116; schema 0 a zero bit; one positive span of length 1 and offset 1 as 10 001
    // three times; no negative span; time 0; count 10 001; zero count 0; sum 1.0; bucket 10 001.
    let bits = "01110100 0 10001 10001 10001 0 0 10001 0".replace(' ', "");
    let sum = format!("{:064b}", 1f64.to_bits());
    let bits = format!("{bits}{sum}10001");
    let mut expected = vec![0, 1, 0];
    for eight in bits.as_bytes().chunks(8) {
        let text = std::str::from_utf8(eight).unwrap();
        expected.push(u8::from_str_radix(&format!("{text:0<8}"), 2).unwrap());
    }
    assert_eq!(chunk.bytes(), expected);
}

#[test]
fn each_kind_of_damage_is_refused() {
    let mut whole = Appender::default();
    for n in 1..20 {
        assert!(whole.append(n, counting(&[(1, n), (3, n)])).is_none());
    }
    let refused = |bytes: &[u8]| {
        let mut columns = Columns::default();
        let error = chunk::decode_all(Encoding::Histogram, bytes, &mut columns).unwrap_err();
        assert!(columns.is_empty());
        error.to_string()
    };
    assert_eq!(refused(&[0]), "chunk is shorter than its header of 2 bytes");
    let half = &whole.bytes()[..whole.bytes().len() / 2];
    assert_eq!(
        refused(half),
        "chunk ends before the last of the 19 samples it announces"
    );
    // A list of 2^56 - 1 spans.
    let long = [&[0, 1, 0, 0, 0b0111_1111, 0b0111_1111], &[0xff; 20][..]].concat();
    assert_eq!(refused(&long), "chunk has a layout larger than itself");
    let mut unknown = counting(&[(1, 1)]);
    unknown.schema = 53;
    let mut chunk = Appender::default();
    assert!(chunk.append(0, unknown).is_none());
    assert!(refused(chunk.bytes()).starts_with("histogram has an unknown schema"));
}

fn any_histogram() -> impl Strategy<Value = IntHistogram> {
    let side = || prop::collection::btree_map(-20i32..20, 0i64..5, 0..5);
    (side(), side(), any::<f64>(), 0i32..3, 0u8..12).prop_map(|(positive, negative, sum, schema, kind)| {
        let positive = counting(&positive.into_iter().collect::<Vec<_>>());
        let negative = counting(&negative.into_iter().collect::<Vec<_>>());
        IntHistogram {
            schema: schema / 2,
            sum: if kind == 0 { stale_marker() } else { sum },
            reset_hint: match kind {
                1 => ResetHint::Reset,
                2..=5 => ResetHint::Gauge,
                _ => ResetHint::Unknown,
            },
            negative_spans: negative.positive_spans,
            negative_deltas: negative.positive_deltas,
            ..positive
        }
    })
}

proptest! {
    #[test]
    fn whatever_comes_comes_back(samples in prop::collection::vec(any_histogram(), 1..30)) {
        let chunks = appended::<IntHistogram>(&samples);
        check_chunks(&samples, &chunks);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), encoding in 2u8..=6) {
        let mut columns = Columns::default();
        let _decoded = chunk::decode_all(Encoding::from_u8(encoding).unwrap(), &bytes, &mut columns);
    }
}
