//! Marker records of the write-behind log: `u64 ref; u64 place`. What the log held of the series up to here is
//! in the out-of-order chunk at that place of chunks_head, the file's number above, its offset below; 0 stands
//! for a chunk that was not written yet.

use super::Kind;
use crate::encoding::{DecodeBuffer, DecodeError};

/// Begins a record without markers.
pub fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(Kind::MmapMarkers as u8);
}

/// Adds a marker to a record.
pub fn push(into: &mut Vec<u8>, series: u64, place: u64) {
    into.extend_from_slice(&series.to_be_bytes());
    into.extend_from_slice(&place.to_be_bytes());
}

/// Calls `each` with (ref, place) of every marker of a record.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(u64, u64)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(super::body(record, Kind::MmapMarkers)?);
    while !rest.is_empty() {
        let series = rest.u64()?;
        each(series, rest.u64()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_come_back_and_look_like_this() {
        let mut record = Vec::new();
        begin(&mut record);
        push(&mut record, 1, 2 << 32 | 8);
        assert_eq!(record, [5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 8]);
        let mut back = Vec::new();
        decode(&record, |series, place| back.push((series, place))).unwrap();
        assert_eq!(back, [(1, 2 << 32 | 8)]);
        assert!(decode(&record[..16], |_, _| {}).is_err());
    }
}
