//! Series records: `u64 ref; uvarint n; n × (name, value)`, names ascending.

use super::Kind;
use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// Begins a record without series.
pub fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(Kind::Series as u8);
}

/// Adds a series of `count` labels to a record.
pub fn push<'a>(
    into: &mut Vec<u8>,
    series: u64,
    count: usize,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) {
    into.extend_from_slice(&series.to_be_bytes());
    varint::put_uvarint(into, count as u64);
    for (name, value) in labels {
        varint::put_str(into, name);
        varint::put_str(into, value);
    }
}

/// Calls `each` with every series of a record. Labels come in a buffer that is used again.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode<'a>(
    record: &'a [u8],
    mut each: impl FnMut(u64, &[(&'a str, &'a str)]),
) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(super::body(record, Kind::Series)?);
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let series = rest.u64()?;
        let count = rest.length()?;
        labels.clear();
        for _ in 0..count {
            labels.push((rest.str()?, rest.str()?));
        }
        each(series, &labels);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(all: &[(u64, Vec<(&str, &str)>)]) -> Vec<u8> {
        let mut record = Vec::new();
        begin(&mut record);
        for (series, labels) in all {
            push(&mut record, *series, labels.len(), labels.iter().copied());
        }
        record
    }

    #[test]
    fn the_bytes_of_one_series_are_these() {
        assert_eq!(
            encoded(&[(258, vec![("job", "x")])]),
            [1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 3, b'j', b'o', b'b', 1, b'x']
        );
    }

    #[test]
    fn a_record_cut_short_is_refused() {
        let whole = encoded(&[(1, vec![("a", "b")])]);
        for len in (0..whole.len()).filter(|&len| len != 1) {
            assert!(decode(&whole[..len], |_, _| {}).is_err(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn series_come_back(all in prop::collection::vec((any::<u64>(), prop::collection::vec((".{0,9}", ".{0,9}"), 0..5)), 0..5)) {
            let borrowed: Vec<_> = all
                .iter()
                .map(|(r, l)| (*r, l.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>()))
                .collect();
            let mut back = Vec::new();
            let record = encoded(&borrowed);
            decode(&record, |series, labels| back.push((series, labels.to_vec()))).unwrap();
            prop_assert_eq!(back, borrowed);
        }
    }
}
