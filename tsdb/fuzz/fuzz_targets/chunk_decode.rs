//! Any bytes as a chunk of any encoding: refused or decoded, never a panic; what was decoded is encoded and
//! comes back.
//!
//! `cargo +nightly fuzz run chunk_decode`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::chunk::encode::encode;
use tsdb::chunk::{Encoding, decode_all, xor};
use tsdb::model::Columns;

/// Columns of any encoding: what they say survives being encoded.
fn check_columns(encoding: Encoding, bytes: &[u8]) {
    let mut columns = Columns::default();
    if decode_all(encoding, bytes, &mut columns).is_err() {
        assert!(columns.is_empty());
        return;
    }
    let mut again = Columns::default();
    for chunk in encode(&columns, 120) {
        decode_all(chunk.encoding, &chunk.bytes, &mut again).expect("our own chunk");
    }
    assert_eq!(again.t_ms, columns.t_ms);
    assert_eq!(again.histograms.len(), columns.histograms.len());
    let sums = |columns: &Columns| -> Vec<u64> {
        columns.histograms.iter().map(|(_, h)| h.sum().to_bits()).collect()
    };
    assert_eq!(sums(&again), sums(&columns));
}

fuzz_target!(|bytes: &[u8]| {
    if let Some((&first, rest)) = bytes.split_first()
        && let Some(encoding) = Encoding::from_u8(first)
    {
        check_columns(encoding, rest);
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
});
