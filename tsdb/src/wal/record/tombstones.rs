//! Tombstone records: `u64 ref; varint mint; varint maxt`, both times deleted themselves.

use super::Kind;
use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// Begins a record without tombstones.
pub fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(Kind::Tombstones as u8);
}

/// Adds a tombstone to a record.
pub fn push(into: &mut Vec<u8>, series: u64, from_ms: i64, through_ms: i64) {
    into.extend_from_slice(&series.to_be_bytes());
    varint::put_varint(into, from_ms);
    varint::put_varint(into, through_ms);
}

/// Calls `each` with (ref, from, through) of every tombstone of a record.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(u64, i64, i64)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(super::body(record, Kind::Tombstones)?);
    while !rest.is_empty() {
        let series = rest.u64()?;
        let from_ms = rest.varint()?;
        each(series, from_ms, rest.varint()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tombstones_come_back_and_look_like_this() {
        let mut record = Vec::new();
        begin(&mut record);
        push(&mut record, 1, -1, 64);
        assert_eq!(record, [3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x80, 1]);
        let mut back = Vec::new();
        decode(&record, |r, from, through| back.push((r, from, through))).unwrap();
        assert_eq!(back, [(1, -1, 64)]);
        assert!(decode(&record[..11], |_, _, _| {}).is_err());
    }
}
