//! Pages: how records are cut into fragments so that damage stays local.
//!
//! ```text
//! byte  kind (bits 0–2) | 0x08 snappy | 0x10 zstd
//! u16   length of the payload, big-endian
//! u32   CRC-32C of the payload, big-endian
//! …     payload
//! ```
//!
//! A page with fewer than seven bytes left is filled with zeros; kind 0 says "zeros to the end of the page".

use crate::encoding::crc32c;

/// Bytes of a page. Readers rely on it, so it is part of the format.
pub const PAGE_BYTES: usize = 32 * 1024;

/// Bytes before each fragment's payload.
pub const HEADER_BYTES: usize = 7;

/// Most payload that one page can hold.
pub const PAYLOAD_BYTES_MAX: usize = PAGE_BYTES - HEADER_BYTES;

/// Set on every fragment of a record compressed with snappy.
pub const SNAPPY: u8 = 0x08;

/// Set on every fragment of a record compressed with zstd.
pub const ZSTD: u8 = 0x10;

/// Bits of the header's first byte that hold the fragment's kind.
pub const KIND_MASK: u8 = 0x07;

/// Which part of a record a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fragment {
    /// Zeros to the end of the page.
    PageEnd = 0,
    /// A whole record.
    Full = 1,
    /// The first of several.
    First = 2,
    /// Neither first nor last.
    Middle = 3,
    /// The last of several.
    Last = 4,
}

impl Fragment {
    /// The kind in a header's first byte, if it is one.
    pub fn of(header: u8) -> Option<Self> {
        Some(match header & KIND_MASK {
            0 => Self::PageEnd,
            1 => Self::Full,
            2 => Self::First,
            3 => Self::Middle,
            4 => Self::Last,
            _ => return None,
        })
    }
}

/// A fragment as it stands in a page.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Which part of a record it is.
    pub kind: Fragment,
    /// The header's first byte.
    pub flags: u8,
    /// The payload; for [`Fragment::PageEnd`] all that is left of the page.
    pub payload: &'a [u8],
}

/// The fragment at the beginning of `rest`, what is left of a page, checked.
///
/// # Errors
/// What is wrong with it.
pub fn read_fragment(rest: &[u8]) -> Result<Found<'_>, String> {
    let flags = rest.first().copied().unwrap_or(0);
    match Fragment::of(flags) {
        Some(Fragment::PageEnd) if rest.iter().all(|&b| b == 0) => Ok(Found {
            kind: Fragment::PageEnd,
            flags,
            payload: rest,
        }),
        Some(Fragment::PageEnd) => Err("unexpected non-zero byte in padded page".to_owned()),
        Some(kind) if rest.len() >= HEADER_BYTES => {
            let len = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
            let stored = u32::from_be_bytes([rest[3], rest[4], rest[5], rest[6]]);
            if len > PAYLOAD_BYTES_MAX || HEADER_BYTES + len > rest.len() {
                return Err(format!("invalid record size {len}"));
            }
            let payload = &rest[HEADER_BYTES..HEADER_BYTES + len];
            let computed = crc32c(payload);
            if stored != computed {
                return Err(format!("unexpected checksum {computed:x}, expected {stored:x}"));
            }
            Ok(Found { kind, flags, payload })
        }
        _ => Err(format!("unexpected record type {flags}")),
    }
}

/// Appends `record` as fragments to `into`, where the current page already holds `page_used` bytes.
/// Returns how many bytes the last page holds afterwards.
pub fn write_record(record: &[u8], flags: u8, mut page_used: usize, into: &mut Vec<u8>) -> usize {
    let mut rest = record;
    let mut first = true;
    loop {
        let room = PAGE_BYTES - page_used - HEADER_BYTES;
        let (part, after) = rest.split_at(rest.len().min(room));
        let kind = match (first, after.is_empty()) {
            (true, true) => Fragment::Full,
            (true, false) => Fragment::First,
            (false, false) => Fragment::Middle,
            (false, true) => Fragment::Last,
        };
        into.push(kind as u8 | flags);
        // `room` is below 2^15, so the length fits.
        into.extend_from_slice(&(part.len() as u16).to_be_bytes());
        into.extend_from_slice(&crc32c(part).to_be_bytes());
        into.extend_from_slice(part);
        page_used += HEADER_BYTES + part.len();
        if PAGE_BYTES - page_used < HEADER_BYTES {
            into.resize(into.len() + (PAGE_BYTES - page_used), 0);
            page_used = 0;
        }
        first = false;
        rest = after;
        if rest.is_empty() {
            return page_used;
        }
    }
}

/// How much payload fits into a segment of `segment_bytes` that already holds `used_bytes`.
pub fn room_in_segment(used_bytes: u64, segment_bytes: u64) -> u64 {
    let page = PAGE_BYTES as u64;
    let pages_done = used_bytes / page;
    let pages_after = (segment_bytes / page).saturating_sub(pages_done + 1);
    let in_page = (page - used_bytes % page).saturating_sub(HEADER_BYTES as u64);
    if pages_done >= segment_bytes / page {
        return 0;
    }
    in_page + pages_after * PAYLOAD_BYTES_MAX as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_record_is_one_fragment_with_its_checksum_before_it() {
        let mut bytes = Vec::new();
        let used = write_record(b"123456789", SNAPPY, 0, &mut bytes);
        // 0xe3069283 is the check value of CRC-32C.
        assert_eq!(bytes[..7], [0x09, 0, 9, 0xe3, 0x06, 0x92, 0x83]);
        assert_eq!((&bytes[7..], used), (&b"123456789"[..], 16));
    }

    #[test]
    fn a_record_larger_than_a_page_goes_on_in_the_next() {
        let mut bytes = Vec::new();
        let used = write_record(&vec![7; 2 * PAGE_BYTES], 0, 100, &mut bytes);
        let kinds: Vec<u8> = [0, PAGE_BYTES - 100, 2 * PAGE_BYTES - 100]
            .iter()
            .map(|&at| bytes[at])
            .collect();
        assert_eq!(kinds, [2, 3, 4]);
        assert_eq!((bytes.len() + 100) % PAGE_BYTES, used);
    }

    #[test]
    fn fewer_than_seven_bytes_at_the_end_of_a_page_are_zeros() {
        let mut bytes = Vec::new();
        let used = write_record(&[1; PAGE_BYTES - 10], 0, 0, &mut bytes);
        assert_eq!((bytes.len(), used), (PAGE_BYTES, 0));
        assert_eq!(bytes[PAGE_BYTES - 3..], [0, 0, 0]);
    }
}
