//! Variable-length integers as Go's `encoding/binary` writes them: LEB128, signed ones in zigzag.

/// The most bytes that a 64-bit number takes.
pub const BYTES_MAX: usize = 10;

/// Appends `value`: seven bits a byte, low ones first, the high bit set on all bytes but the last.
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends `value` in zigzag (0, -1, 1, -2, … become 0, 1, 2, 3, …).
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, zigzag(value));
}

/// Appends the length of `text` and then its bytes.
#[inline]
pub fn put_str(out: &mut Vec<u8>, text: &str) {
    put_uvarint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The unsigned number that stands for `value`.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The number that `code` stands for.
#[inline]
pub fn unzigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -((code & 1).cast_signed())
}

/// How many bytes [`put_uvarint`] writes for `value`.
#[inline]
pub fn uvarint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The number at the start of `bytes` and how many bytes it took; `None` if they end within it or it
/// does not fit 64 bits.
#[inline]
pub fn read_uvarint(bytes: &[u8]) -> Option<(u64, usize)> {
    if let Some(&first) = bytes.first()
        && first < 0x80
    {
        return Some((u64::from(first), 1));
    }
    // Most of the others take two.
    if let Some(&[first, second]) = bytes.first_chunk()
        && second < 0x80
    {
        return Some((u64::from(first & 0x7f) | u64::from(second) << 7, 2));
    }
    read_long(bytes)
}

#[cold]
fn read_long(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if at == BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        value |= part << (7 * at);
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

/// As [`read_uvarint`], in zigzag.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Option<(i64, usize)> {
    read_uvarint(bytes).map(|(code, len)| (unzigzag(code), len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_are_written_as_go_writes_them() {
        let mut out = Vec::new();
        put_uvarint(&mut out, 300);
        put_varint(&mut out, -2);
        put_varint(&mut out, 64);
        put_str(&mut out, "up");
        assert_eq!(out, [0xac, 0x02, 0x03, 0x80, 0x01, 2, b'u', b'p']);
    }

    #[test]
    fn a_number_cut_short_or_too_wide_is_refused() {
        assert_eq!(read_uvarint(&[]), None);
        assert_eq!(read_uvarint(&[0x80]), None);
        assert_eq!(read_uvarint(&[0xff; 11]), None);
        let widest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read_uvarint(&widest), Some((u64::MAX, 10)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value: i64, shift in 0u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(read_varint(&out), Some((value, out.len())));
            out.clear();
            let unsigned = value.cast_unsigned();
            put_uvarint(&mut out, unsigned);
            prop_assert_eq!(out.len(), uvarint_len(unsigned));
            prop_assert_eq!(read_uvarint(&out), Some((unsigned, out.len())));
        }
    }
}
