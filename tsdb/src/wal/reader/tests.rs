//! Pages read whole, torn and damaged.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::wal::page::write_record;
use crate::wal::{Compressed, Compression, Compressor};

fn written(records: &[Vec<u8>], kind: Compression) -> Vec<u8> {
    let (mut bytes, mut used) = (Vec::new(), 0);
    let mut compressor = Compressor::new(kind);
    for record in records {
        let mut small = Compressed::default();
        compressor.compress(record, &mut small).unwrap();
        used = write_record(&small.bytes, small.flags, used, &mut bytes);
    }
    bytes
}

fn read(bytes: Vec<u8>) -> (Vec<Vec<u8>>, Option<WalError>) {
    let mut reader = SegmentReader::new(Path::new("wal/00000000"), Arc::new(bytes));
    let mut records = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(record.to_vec()),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(
        records in prop::collection::vec((0usize..70_000, any::<u8>()), 0..12),
        kind in prop::sample::select(vec![Compression::None, Compression::Snappy, Compression::Zstd]),
    ) {
        let records: Vec<Vec<u8>> = records
            .into_iter()
            .map(|(len, seed)| (0..len).map(|i| (i as u8).wrapping_mul(seed) ^ (i >> 8) as u8).collect())
            .collect();
        let (back, error) = read(written(&records, kind));
        prop_assert!(error.is_none());
        prop_assert_eq!(back, records);
    }

    #[test]
    fn a_flipped_bit_never_yields_a_record_that_was_not_written(at in 0usize..3000, bit in 0u8..8) {
        let records: Vec<Vec<u8>> = (0..10u8).map(|i| vec![i + 1; 293]).collect();
        let mut bytes = written(&records, Compression::None);
        bytes[at] ^= 1 << bit;
        let (back, error) = read(bytes);
        // Only the compression bits are outside the checksum; flipped, they make the body undecodable.
        prop_assert!(error.is_some() || back.len() == 10);
        prop_assert!(back.iter().zip(&records).all(|(a, b)| a == b));
    }
}

#[test]
fn a_file_cut_anywhere_yields_its_whole_records_and_says_where_they_end() {
    let records: Vec<Vec<u8>> = (0..5u8).map(|i| vec![i + 1; 100]).collect();
    let bytes = written(&records, Compression::None);
    for cut in 0..bytes.len() {
        let (back, error) = read(bytes[..cut].to_vec());
        // A header of one or two bytes, filled up with zeros, is a record without content; Prometheus
        // reads it as one too, and content without a kind is passed over.
        let empty = usize::from((1..=2).contains(&(cut % 107)));
        assert_eq!(back.len(), cut / 107 + empty, "cut at {cut}");
        if cut % 107 <= 2 {
            assert!(error.is_none());
        } else {
            let error = error.unwrap();
            assert!(error.is_corruption());
            assert_eq!(error.offset(), (cut / 107 * 107) as u64);
        }
    }
}

#[test]
fn pages_of_zeros_between_records_are_passed_over() {
    let mut bytes = written(&[vec![1; 10]], Compression::None);
    bytes.resize(3 * PAGE_BYTES, 0);
    bytes.extend(written(&[vec![2; 10]], Compression::None));
    let (back, error) = read(bytes);
    assert!(error.is_none());
    assert_eq!(back, [vec![1; 10], vec![2; 10]]);
}

#[test]
fn a_record_whose_end_never_came_is_torn() {
    let bytes = written(&[vec![1; PAGE_BYTES]], Compression::None);
    let (back, error) = read(bytes[..PAGE_BYTES].to_vec());
    assert!(back.is_empty());
    assert!(error.unwrap().to_string().ends_with("last record is torn"));
}

#[test]
fn something_between_the_zeros_of_a_page_is_damage() {
    let mut bytes = written(&[vec![1; 10]], Compression::None);
    bytes.resize(PAGE_BYTES, 0);
    bytes[PAGE_BYTES - 1] = 1;
    assert!(read(bytes).1.unwrap().is_corruption());
}
