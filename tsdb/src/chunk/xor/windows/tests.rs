//! Packed chunks hold the same bits, in no more bytes than any other choice of windows.

use proptest::prelude::*;

use super::super::{Appender, SAMPLES_MAX, decode_all, encode};
use super::*;
use crate::model::STALE_NAN_BITS;

fn packed(samples: &[(i64, u64)]) -> Vec<u8> {
    let t_ms: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
    let v: Vec<f64> = samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
    PackedEncoder::default().encode(&t_ms, &v)
}

fn decoded(chunk: &[u8]) -> Vec<(i64, u64)> {
    let (mut t_ms, mut v) = (Vec::new(), Vec::new());
    decode_all(chunk, &mut t_ms, &mut v).unwrap();
    t_ms.into_iter().zip(v.into_iter().map(f64::to_bits)).collect()
}

fn greedy(samples: &[(i64, u64)]) -> Vec<u8> {
    let mut chunk = Vec::new();
    encode(samples.iter().copied(), &mut chunk);
    chunk
}

/// The least bits that XORs can take, by trying every last run.
fn least_bits(xors: &[u64]) -> u32 {
    let mut least = vec![0; xors.len() + 1];
    for end in 1..=xors.len() {
        let mut window = Window::of(xors[end - 1]);
        least[end] = u32::MAX;
        for begin in (0..end).rev() {
            window = window.with(Window::of(xors[begin]));
            let each = KEEPING_BITS + window.width();
            least[end] = least[end].min(least[begin] + OPENING_BITS + (end - begin) as u32 * each);
        }
    }
    least[xors.len()]
}

fn planned_bits(xors: &[u64]) -> u32 {
    let mut encoder = PackedEncoder {
        xors: xors.to_vec(),
        ..PackedEncoder::default()
    };
    encoder.plan();
    let mut begin = 0;
    let mut bits = 0;
    for run in &encoder.runs {
        bits += OPENING_BITS + (run.end - begin) as u32 * (KEEPING_BITS + run.window.width());
        begin = run.end;
    }
    assert_eq!(begin, xors.len());
    bits
}

/// XORs that resemble counters: mostly short, now and then wide.
fn xors() -> impl Strategy<Value = Vec<u64>> {
    let one =
        (any::<u64>(), 0u32..64, 0u32..64).prop_map(|(bits, up, down)| (bits >> up << down) | 1 << down);
    proptest::collection::vec(one, 0..120)
}

/// Samples of all kinds: steady and jumping times, equal, close and arbitrary values, markers and other NaNs.
fn samples() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let delta = prop_oneof![
        6 => Just(15_000i64),
        2 => 14_990i64..15_010,
        1 => 1i64..2_000_000_000_000,
    ];
    let step = prop_oneof![
        3 => Just(None),
        4 => (0u64..1000).prop_map(|step| Some((step as f64).to_bits())),
        1 => any::<u64>().prop_map(Some),
        1 => Just(Some(STALE_NAN_BITS)),
        1 => (1u64..1 << 52).prop_map(|payload| Some(0x7ff0 << 48 | payload)),
    ];
    (any::<i32>(), proptest::collection::vec((delta, step), 0..300)).prop_map(|(first_ms, steps)| {
        let (mut t_ms, mut bits) = (i64::from(first_ms) * 1000, 1f64.to_bits());
        let next = |(delta_ms, step): (i64, Option<u64>)| {
            t_ms += delta_ms;
            bits = step.unwrap_or(bits);
            (t_ms, bits)
        };
        steps.into_iter().map(next).collect()
    })
}

#[test]
fn a_wide_xor_does_not_make_all_later_ones_wide() {
    let value = |i: u64| if i == 3 { 0.1 } else { (1000 + i) as f64 };
    let samples: Vec<(i64, u64)> = (0..100u64)
        .map(|i| (i.cast_signed() * 10, value(i).to_bits()))
        .collect();
    assert_eq!(decoded(&packed(&samples)), samples);
    assert!(packed(&samples).len() * 2 < greedy(&samples).len());
}

#[test]
fn what_is_empty_or_single_or_constant_is_as_it_always_was() {
    for samples in [
        vec![],
        vec![(-5, 7)],
        vec![(-5, 7), (10, 7)],
        (0..500).map(|i| (i * 15_000, 1f64.to_bits())).collect(),
    ] {
        let expected = if samples.is_empty() {
            vec![0, 0]
        } else {
            greedy(&samples)
        };
        assert_eq!(packed(&samples), expected);
    }
}

#[test]
fn as_many_samples_as_a_chunk_can_count_are_taken() {
    let samples: Vec<(i64, u64)> = (0..i64::from(SAMPLES_MAX))
        .map(|i| (i, (i * 7 % 100).cast_unsigned()))
        .collect();
    assert_eq!(decoded(&packed(&samples)), samples);
}

#[test]
fn an_appender_can_go_on_behind_it() {
    let mut samples: Vec<(i64, u64)> = (0..50).map(|i| (i * 10, ((i * i) as f64).to_bits())).collect();
    let mut chunk = packed(&samples);
    let mut appender = Appender::resume(&chunk).unwrap();
    samples.push((600, 3f64.to_bits()));
    appender.append(&mut chunk, 600, 3f64.to_bits());
    assert_eq!(decoded(&chunk), samples);
}

proptest! {
    #[test]
    fn packed_chunks_hold_what_was_put_in_and_are_never_longer(samples in samples()) {
        let chunk = packed(&samples);
        prop_assert_eq!(decoded(&chunk), samples.clone());
        if !samples.is_empty() {
            let plain = greedy(&samples);
            prop_assert!(chunk.len() <= plain.len(), "{} > {}", chunk.len(), plain.len());
            prop_assert_eq!(decoded(&plain), samples);
        }
    }

    #[test]
    fn no_other_choice_of_windows_takes_fewer_bits(xors in xors()) {
        prop_assert_eq!(planned_bits(&xors), least_bits(&xors));
    }
}
