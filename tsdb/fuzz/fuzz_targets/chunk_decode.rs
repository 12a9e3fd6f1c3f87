//! Any bytes as an XOR chunk: refused or decoded, never a panic; what was decoded is encoded and comes back.
//!
//! `cargo +nightly fuzz run chunk_decode`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::chunk::xor;

fuzz_target!(|bytes: &[u8]| {
    let (mut t_ms, mut v) = (Vec::new(), Vec::new());
    let decoded = xor::decode_all(bytes, &mut t_ms, &mut v);
    assert_eq!(t_ms.len(), v.len());
    assert_eq!(decoded.is_ok(), xor::Appender::resume(bytes).is_ok());
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
});
