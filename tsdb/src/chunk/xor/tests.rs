//! XOR chunks: round trips, bytes, damage.

use proptest::prelude::*;

use super::*;
use crate::chunk::ChunkError;

fn encoded(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut chunk = Vec::new();
    encode(samples.iter().map(|&(t, v)| (t, v.to_bits())), &mut chunk);
    chunk
}

fn decoded(chunk: &[u8]) -> Result<Vec<(i64, u64)>, ChunkError> {
    let (mut t, mut v) = (vec![7], vec![7.0]);
    let result = decode_all(chunk, &mut t, &mut v);
    assert_eq!((t[0], v[0]), (7, 7.0), "what was there stays");
    assert_eq!(t.len(), v.len());
    match result {
        Ok(()) => Ok(t
            .into_iter()
            .zip(v.into_iter().map(f64::to_bits))
            .skip(1)
            .collect()),
        Err(error) => {
            assert_eq!(t.len(), 1, "a damaged chunk leaves nothing behind");
            Err(error)
        }
    }
}

#[track_caller]
fn check_round_trip(samples: &[(i64, f64)]) {
    let expected: Vec<_> = samples.iter().map(|&(t, v)| (t, v.to_bits())).collect();
    assert_eq!(decoded(&encoded(samples)), Ok(expected));
}

#[test]
fn the_bytes_of_an_example_are_these() {
    // 1000 ms and 1.0; 15 s later 1.0; 15 s later 2.0; 15.001 s later 2.0
    let chunk = encoded(&[(1_000, 1.0), (16_000, 1.0), (31_000, 2.0), (46_001, 2.0)]);
    let mut expected = vec![0, 4, 0xd0, 0x0f]; // four samples, zigzag 2000
    expected.extend(1.0f64.to_bits().to_be_bytes());
    expected.extend([0x98, 0x75]); // 15000
    // 1.0 ^ 2.0 is 0x7ff0…: 1 leading zero, 11 significant bits.
    // 0 | 0 | 11 00001 001011 11111111111 | 10 00000000000001 | 0
    expected.extend([
        0b0011_0000,
        0b1001_0111,
        0b1111_1111,
        0b1110_0000,
        0b0000_0000,
        0b0100_0000,
    ]);
    assert_eq!(chunk, expected);
}

#[test]
fn values_and_times_at_the_edges_come_back() {
    check_round_trip(&[]);
    check_round_trip(&[(i64::MIN, f64::NAN)]);
    check_round_trip(&[
        (i64::MIN, -0.0),
        (i64::MAX, 0.0),
        (i64::MIN, f64::INFINITY),
        (0, f64::MIN),
    ]);
    let stale = crate::model::stale_marker();
    check_round_trip(&[(0, 1.0), (1, stale), (2, stale), (3, 1.0)]);
}

#[test]
fn each_bucket_of_the_delta_of_delta_holds_its_edges() {
    for edge in [8_191, 8_192, 65_535, 65_536, 524_287, 524_288] {
        for dod in [edge, edge + 1, -edge, -edge - 1] {
            let third = 2_000_000 + dod;
            check_round_trip(&[(0, 0.0), (1_000_000, 0.0), (third, 0.0), (third + 1, 5.0)]);
        }
    }
}

#[test]
fn a_window_that_was_never_opened_is_all_64_bits() {
    // A writer that continued a chunk of equal values does this: two samples, then `10` and 64 bits.
    let mut chunk = encoded(&[(1, 1.0), (2, 1.0)]);
    chunk[1] = 3;
    let bits = (chunk.len() - 1) * 8 + 1;
    chunk.resize(chunk.len() + 10, 0);
    crate::encoding::bits::put_bits(&mut chunk, bits, (0b010 << 64) | 0xf, 67);
    chunk.truncate((bits + 67).div_ceil(8));
    assert_eq!(decoded(&chunk).unwrap()[2], (3, 1.0f64.to_bits() ^ 0xf));
}

#[test]
fn a_chunk_cut_short_is_refused_at_every_length() {
    let whole = encoded(
        &(0..50)
            .map(|i| (i * 15_000 + i % 3, (i * i) as f64 / 7.0))
            .collect::<Vec<_>>(),
    );
    for len in 0..whole.len() {
        assert!(decoded(&whole[..len]).is_err(), "{len} bytes");
    }
    assert_eq!(
        decoded(&[0]).unwrap_err().to_string(),
        "chunk is shorter than its header of 2 bytes"
    );
    assert_eq!(
        decoded(&[0, 3, 0]).unwrap_err().to_string(),
        "chunk ends before the last of the 3 samples it announces"
    );
}

#[test]
fn a_window_wider_than_a_value_is_refused() {
    let mut chunk = encoded(&[(1, 1.0), (2, 1.0)]);
    let bits = (chunk.len() - 1) * 8;
    chunk.resize(chunk.len() + 20, 0);
    crate::encoding::bits::put_bits(&mut chunk, bits, 0b1_1111_1111_1111, 13);
    assert_eq!(
        decoded(&chunk).unwrap_err().to_string(),
        "chunk of 2 samples has a window of more than 64 bits"
    );
}

#[test]
fn a_time_wider_than_64_bits_is_refused() {
    let mut chunk = vec![0, 1];
    chunk.extend([0xff; 20]);
    assert_eq!(
        decoded(&chunk).unwrap_err().to_string(),
        "chunk sample 0 has a time of more than 64 bits"
    );
}

#[test]
fn memory_that_might_not_suffice_is_left_alone() {
    let mut appender = Appender::new();
    let mut memory = [0xee; 2 + SAMPLE_BYTES_MAX];
    assert!(!appender.append_within(&mut memory[..20], 1, 1));
    assert_eq!(memory, [0xee; 2 + SAMPLE_BYTES_MAX]);
    assert!(appender.append_within(&mut memory, 1, 1));
    assert!(!appender.append_within(&mut memory, 2, 1));
    assert_eq!(decoded(&memory[..appender.byte_len()]), Ok(vec![(1, 1)]));
}

fn any_samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = prop_oneof![
        4 => Just(15_000i64),
        2 => 14_990..15_010i64,
        1 => -600_000..600_000i64,
        1 => any::<i64>(),
    ];
    let value = prop_oneof![
        3 => Just(1.0f64),
        3 => (0..1000i32).prop_map(f64::from),
        2 => (0..1000i32).prop_map(|v| f64::from(v) / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
    ];
    proptest::collection::vec((step, value), 0..300).prop_map(|steps| {
        let mut t = 1_700_000_000_000i64;
        steps
            .into_iter()
            .map(|(step, v)| {
                t = t.wrapping_add(step);
                (t, v)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_samples_come_back(samples in any_samples()) {
        check_round_trip(&samples);
    }

    #[test]
    fn a_continued_chunk_is_the_chunk_written_at_once(samples in any_samples(), at in 0usize..300) {
        let at = at.min(samples.len());
        let mut chunk = encoded(&samples[..at]);
        let mut written = Vec::new();
        let state = encode(samples[..at].iter().map(|&(t, v)| (t, v.to_bits())), &mut written);
        let mut appender = Appender::resume(&chunk).unwrap();
        prop_assert_eq!(appender, state);
        for &(t, v) in &samples[at..] {
            appender.append(&mut chunk, t, v.to_bits());
        }
        prop_assert_eq!(chunk, encoded(&samples));
    }

    #[test]
    fn memory_used_before_makes_no_difference(samples in any_samples(), dirt: u8) {
        let mut memory = vec![dirt; 2 + (samples.len() + 1) * SAMPLE_BYTES_MAX];
        let mut appender = Appender::new();
        for &(t, v) in &samples {
            prop_assert!(appender.append_within(&mut memory, t, v.to_bits()));
            // Nothing of what lies behind is read later.
            memory[appender.byte_len()..].fill(!dirt);
        }
        if !samples.is_empty() {
            prop_assert_eq!(&memory[..appender.byte_len()], encoded(&samples));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = decoded(&bytes);
        let _any = Appender::resume(&bytes);
    }
}
