//! Chunks of every encoding.

use tsdb::chunk::encode::encode;
use tsdb::chunk::{Encoding, decode_all, sample_count, xor};
use tsdb::model::{Columns, Histogram};

use super::take::Take;

/// The first byte is the encoding; all of it is an XOR chunk as well.
pub(crate) fn any_bytes_as_a_chunk(bytes: &[u8]) {
    if let Some((&first, rest)) = bytes.split_first()
        && let Some(encoding) = Encoding::from_u8(first)
    {
        let mut columns = Columns::default();
        if decode_all(encoding, rest, &mut columns).is_err() {
            assert!(columns.is_empty(), "a chunk that is refused leaves nothing");
        } else {
            assert_eq!(sample_count(encoding, rest).map(usize::from), Ok(columns.len()));
            check_round_trip(&columns);
        }
    }
    let (mut t_ms, mut v) = (Vec::new(), Vec::new());
    let decoded = xor::decode_all(bytes, &mut t_ms, &mut v);
    assert_eq!(t_ms.len(), v.len());
    assert_eq!(decoded.is_ok(), xor::Appender::resume(bytes).is_ok());
    let (mut t_ranged, mut v_ranged) = (Vec::new(), Vec::new());
    let ranged = xor::decode_range(bytes, i64::MIN, i64::MAX, &mut t_ranged, &mut v_ranged);
    assert_eq!(ranged, decoded);
    assert_eq!(t_ranged, t_ms);
    if decoded.is_err() {
        assert!(t_ms.is_empty());
        return;
    }
    let mut again = Vec::new();
    let bits = v.iter().map(|v| v.to_bits());
    let appender = xor::encode(t_ms.iter().copied().zip(bits), &mut again);
    assert_eq!(appender, xor::Appender::resume(&again).expect("our own chunk"));
    let (mut t_again, mut v_again) = (Vec::new(), Vec::new());
    xor::decode_all(&again, &mut t_again, &mut v_again).expect("our own chunk");
    assert_eq!(t_ms, t_again);
    assert!(v.iter().zip(&v_again).all(|(a, b)| a.to_bits() == b.to_bits()));
    let packed = xor::PackedEncoder::default().encode(&t_ms, &v);
    assert!(packed.len() <= again.len());
    let (mut t_packed, mut v_packed) = (Vec::new(), Vec::new());
    xor::decode_all(&packed, &mut t_packed, &mut v_packed).expect("our own chunk");
    assert_eq!(t_ms, t_packed);
    assert!(v.iter().zip(&v_packed).all(|(a, b)| a.to_bits() == b.to_bits()));
}

/// Samples that the bytes stand for, as chunks and back.
pub(crate) fn any_samples_come_back(bytes: &[u8]) {
    check_round_trip(&Take(bytes).samples());
}

fn check_round_trip(columns: &Columns) {
    for samples_max in [120, 7] {
        let mut again = Columns::default();
        for chunk in encode(columns, samples_max) {
            let before = again.len();
            decode_all(chunk.encoding, &chunk.bytes, &mut again).expect("our own chunk");
            assert!(again.len() - before <= samples_max);
            assert_eq!(again.t_ms[before], chunk.min_ms);
            assert_eq!(again.t_ms.last(), Some(&chunk.max_ms));
        }
        assert_eq!(again.t_ms, columns.t_ms);
        assert_eq!(again.histograms.len(), columns.histograms.len());
        for row in 0..columns.len() {
            match (columns.histogram(row), again.histogram(row)) {
                (None, None) => assert_eq!(columns.v[row].to_bits(), again.v[row].to_bits()),
                (Some(a), Some(b)) => assert_eq!(counts(a), counts(b)),
                (a, b) => panic!("{a:?} became {b:?}"),
            }
        }
    }
}

/// What must not change: buckets that are empty may come and go, and hints are worked out anew.
#[derive(Debug, PartialEq)]
struct Counts {
    is_float: bool,
    schema: i32,
    count: u64,
    sum: u64,
    zero: u64,
    buckets: Vec<(i32, u64)>,
}

fn counts(histogram: &Histogram) -> Counts {
    let sum = histogram.sum().to_bits();
    if histogram.is_stale() {
        // All but the sum is gone.
        return Counts {
            is_float: matches!(histogram, Histogram::Float(_)),
            schema: 0,
            count: 0,
            sum,
            zero: 0,
            buckets: Vec::new(),
        };
    }
    let mut buckets = Vec::new();
    let mut add = |spans: &[tsdb::model::Span], bits: Vec<u64>, side: i32| {
        let (mut at, mut bits) = (0i32, bits.into_iter());
        for span in spans {
            at = at.wrapping_add(span.offset);
            for _ in 0..span.length {
                let bits = bits.next().expect("as many buckets as spans have");
                if bits != 0 {
                    buckets.push((at.wrapping_mul(2).wrapping_add(side), bits));
                }
                at = at.wrapping_add(1);
            }
        }
    };
    match histogram {
        Histogram::Integer(h) => {
            let absolute = |deltas: &[i64]| -> Vec<u64> {
                let mut sum = 0i64;
                let add = |delta: &i64| {
                    sum = sum.wrapping_add(*delta);
                    sum.cast_unsigned()
                };
                deltas.iter().map(add).collect()
            };
            add(&h.positive_spans, absolute(&h.positive_deltas), 0);
            add(&h.negative_spans, absolute(&h.negative_deltas), 1);
            Counts {
                is_float: false,
                schema: h.schema,
                count: h.count,
                sum,
                zero: h.zero_count,
                buckets,
            }
        }
        Histogram::Float(h) => {
            let bits = |all: &[f64]| all.iter().map(|v| v.to_bits()).collect();
            add(&h.positive_spans, bits(&h.positive_buckets), 0);
            add(&h.negative_spans, bits(&h.negative_buckets), 1);
            Counts {
                is_float: true,
                schema: h.schema,
                count: h.count.to_bits(),
                sum,
                zero: h.zero_count.to_bits(),
                buckets,
            }
        }
    }
}
