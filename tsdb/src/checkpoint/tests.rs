//! What the blocks of a checkpoint say, byte for byte and there and back. The checkpoint as a whole is tested with
//! the database.

use proptest::prelude::*;

use super::closed::{ClosedEncoder, each_closed};
use super::global::Global;
use super::labels::{SeriesEncoder, each_pair, each_series, put_pair};
use super::manifest::{FileLength, Manifest, Window};
use super::part::Part;
use super::pieces::{self, Piece};
use super::state::{Open, OpenHistograms, State, StateDecoder, StateEncoder};
use crate::chunk::{Encoding, xor};
use crate::encoding::DecodeBuffer;
use crate::head::closed::{Closed, Place};
use crate::head::lookup::Address;
use crate::model::{Exemplar, Labels};

fn floats(last_t_ms: i64, bits: u64, samples: u16) -> State<'static> {
    State {
        last_t_ms,
        open: Open::Floats {
            next_at_ms: 7_200_000,
            writer: xor::Appender {
                last_t_ms,
                delta_ms: 15_000,
                last_bits: bits,
                bit_len: 150,
                samples,
                leading: 12,
                trailing: 40,
            },
        },
    }
}

fn encoded(states: &[State<'_>]) -> Vec<u8> {
    let (mut encoder, mut bytes) = (StateEncoder::default(), Vec::new());
    for state in states {
        encoder.push(&mut bytes, state);
    }
    bytes
}

fn decoded(bytes: &[u8]) -> Vec<State<'_>> {
    let mut decoder = StateDecoder::new(bytes);
    let mut states = Vec::new();
    while !decoder.is_empty() {
        states.push(decoder.next().unwrap());
    }
    states
}

#[test]
fn the_bytes_of_three_series_of_a_target_are_these() {
    let states = [
        floats(60_000, 1f64.to_bits(), 5),
        floats(60_000, 2f64.to_bits(), 5),
        State {
            last_t_ms: i64::MIN,
            open: Open::None,
        },
    ];
    let expected = [
        // Floats: time; end, interval, samples; window; two bytes of 1.0; bits.
        &[0x01, 0xc0, 0xa9, 0x07][..],
        &[0x80, 0xf4, 0xee, 0x06, 0xb0, 0xea, 0x01, 10],
        &[12, 40, 2, 0x3f, 0xf0, 0x96, 0x01],
        // All as before but the value.
        &[0x01 | 0x10 | 0x20 | 0x40, 1, 0x40, 0x96, 0x01],
        // No sample yet.
        &[0x08 | 0x20],
    ];
    assert_eq!(encoded(&states), expected.concat());
    assert_eq!(decoded(&encoded(&states)), states);
}

#[test]
fn open_histograms_come_back_with_their_chunk() {
    let histograms = State {
        last_t_ms: 5,
        open: Open::Histograms(OpenHistograms {
            next_at_ms: 9,
            range_end_ms: 7,
            is_predicted: true,
            encoding: Encoding::FloatHistogram,
            chunk: &[1, 2, 3],
        }),
    };
    let states = [floats(1, 2, 3), histograms, floats(4, 5, 6)];
    assert_eq!(decoded(&encoded(&states)), states);
}

#[test]
fn bytes_cut_short_are_refused() {
    let whole = encoded(&[floats(60_000, 1f64.to_bits(), 5)]);
    for len in 1..whole.len() {
        assert!(StateDecoder::new(&whole[..len]).next().is_err(), "{len}");
    }
    // Both floats and histograms; nine bytes of a value.
    assert!(StateDecoder::new(&[0x03 | 0x30]).next().is_err());
    assert!(
        StateDecoder::new(&[0x71, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            .next()
            .is_err()
    );
}

fn any_state() -> impl Strategy<Value = State<'static>> {
    let writer = (any::<u32>(), any::<u64>(), any::<u32>(), 1u16.., any::<[u8; 2]>());
    prop_oneof![
        any::<i64>().prop_map(|last_t_ms| State {
            last_t_ms,
            open: Open::None
        }),
        (any::<i64>(), any::<i64>(), writer).prop_map(|(last_t_ms, next_at_ms, writer)| State {
            last_t_ms,
            open: Open::Floats {
                next_at_ms,
                writer: xor::Appender {
                    last_t_ms,
                    delta_ms: u64::from(writer.0),
                    last_bits: writer.1,
                    bit_len: writer.2,
                    samples: writer.3,
                    leading: writer.4[0],
                    trailing: writer.4[1],
                },
            },
        }),
    ]
}

fn any_piece() -> impl Strategy<Value = Option<(bool, bool, Vec<u8>)>> {
    prop::option::of((
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..50),
    ))
}

proptest! {
    #[test]
    fn states_come_back(states in prop::collection::vec(any_state(), 0..20)) {
        let bytes = encoded(&states);
        prop_assert_eq!(decoded(&bytes), states);
    }

    #[test]
    fn pieces_come_back(all in prop::collection::vec(any_piece(), 0..20)) {
        let mut bytes = Vec::new();
        let pieces: Vec<Option<Piece<'_>>> = all
            .iter()
            .map(|piece| piece.as_ref().map(|(is_fresh, overlaps, bytes)| Piece {
                is_fresh: *is_fresh,
                overlaps: *overlaps,
                bytes,
            }))
            .collect();
        for piece in &pieces {
            pieces::put(&mut bytes, *piece);
        }
        let mut rest = DecodeBuffer::new(&bytes);
        for piece in pieces {
            prop_assert_eq!(super::pieces::next(&mut rest).unwrap(), piece);
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn closed_chunks_come_back(
        all in prop::collection::vec((0u32..9, prop::collection::vec(any::<(u32, u32, i64, i64, u16)>(), 0..4)), 0..20),
    ) {
        let (mut encoder, mut bytes, mut ordinal) = (ClosedEncoder::default(), Vec::new(), 0);
        let mut expected = Vec::new();
        for (skipped, chunks) in all {
            ordinal += skipped;
            encoder.begin(&mut bytes, ordinal, chunks.len());
            for (number, offset, min_ms, max_ms, samples) in chunks {
                let place = Place::File { number, offset };
                let chunk = Closed { min_ms, max_ms, place, samples };
                encoder.push(&mut bytes, &chunk, number, offset);
                expected.push((ordinal, chunk));
            }
            ordinal += 1;
        }
        let mut found = Vec::new();
        each_closed(&bytes, |ordinal, chunk| {
            found.push((ordinal, chunk));
            Ok(())
        })
        .unwrap();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn series_and_pairs_come_back(
        all in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u32>(), 0..9)), 0..20),
        pairs in prop::collection::vec(any::<(String, String)>(), 0..9),
    ) {
        let (mut encoder, mut bytes) = (SeriesEncoder::default(), Vec::new());
        for (number, pairs) in &all {
            encoder.push(&mut bytes, *number, pairs.iter().copied());
        }
        let mut found = Vec::new();
        each_series(&bytes, |number, pairs| {
            found.push((number, pairs.to_vec()));
            Ok(())
        })
        .unwrap();
        prop_assert_eq!(found, all);
        bytes.clear();
        for (name, value) in &pairs {
            put_pair(&mut bytes, name, value);
        }
        let mut found = Vec::new();
        each_pair(&bytes, |name, value| found.push((name.to_owned(), value.to_owned()))).unwrap();
        prop_assert_eq!(found, pairs);
    }
}

fn manifest() -> Manifest {
    Manifest {
        is_clean: true,
        lanes: 4,
        min_valid_ms: i64::MIN,
        range_ms: 7_200_000,
        segment: 3,
        offset: 300,
        log_window: Window { len: 5, crc: 7 },
        log_checkpoint: Some(1),
        segments_before: vec![FileLength { number: 2, len: 9 }],
        chunk_files: vec![FileLength { number: 1, len: 8 }],
        chunks_window: Window { len: 8, crc: 6 },
        parts: vec![Part {
            number: 4,
            len: 100,
            table_at: 90,
            table_crc: 5,
        }],
    }
}

#[test]
fn the_bytes_of_a_manifest_are_these() {
    let bytes = manifest().encode();
    let expected = [
        &b"DeucMani"[..],
        &[1, 1, 4],
        &[0x80, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0x6d, 0xdd, 0],
        &[0, 0, 0, 3, 0xac, 0x02, 5, 0, 0, 0, 7],
        &[1, 0, 0, 0, 1],
        &[1, 0, 0, 0, 2, 9],
        &[1, 0, 0, 0, 1, 8, 8, 0, 0, 0, 6],
        &[1, 0, 0, 0, 4, 100, 90, 0, 0, 0, 5],
    ]
    .concat();
    let (body, crc) = bytes.split_at(bytes.len() - 4);
    assert_eq!(body, expected);
    assert_eq!(crc, crc32fast::hash(body).to_be_bytes());
    assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
}

#[test]
fn a_manifest_that_is_damaged_anywhere_is_refused() {
    let bytes = manifest().encode();
    for at in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(Manifest::decode(&flipped).is_err(), "flipped at {at}");
    }
    assert!(Manifest::decode(&[]).is_err());
}

#[test]
fn what_belongs_to_no_lane_comes_back() {
    let exemplar = |t_ms| Exemplar {
        labels: Labels::from_pairs([("trace_id", "x")]),
        value: 0.5,
        at_ms: Some(t_ms),
    };
    let of = |name| Labels::from_pairs([("__name__", name), ("job", "a")]);
    let global = Global {
        last_ref: 77,
        min_ms: -5,
        max_ms: 9,
        late_min_ms: i64::MAX,
        aliases: vec![(3, Address::new(2, 5))],
        expiries: vec![(1, 4), (2, i64::MAX)],
        exemplars_max: 10,
        exemplars: vec![
            (of("b"), exemplar(1)),
            (of("a"), exemplar(3)),
            (of("b"), exemplar(2)),
        ],
    };
    let bytes = global.encode();
    assert_eq!(Global::decode(&bytes), Ok(global));
    for len in 0..bytes.len() {
        assert!(Global::decode(&bytes[..len]).is_err(), "{len}");
    }
}
