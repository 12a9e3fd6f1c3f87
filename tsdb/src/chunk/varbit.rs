//! Whole numbers of one to 72 bits, the smaller the shorter: what histograms and start times are made of.
//!
//! | prefix | payload bits | signed | unsigned |
//! |---|---:|---|---|
//! | `0` | 0 | 0 | 0 |
//! | `10` | 3 | -3 ..= 4 | ..= 7 |
//! | `110` | 6 | -31 ..= 32 | ..= 63 |
//! | `1110` | 9 | -255 ..= 256 | ..= 511 |
//! | `11110` | 12 | -2 047 ..= 2 048 | ..= 4 095 |
//! | `111110` | 18 | -131 071 ..= 131 072 | ..= 262 143 |
//! | `1111110` | 25 | -(2^24 - 1) ..= 2^24 | ..= 2^25 - 1 |
//! | `11111110` | 56 | -(2^55 - 1) ..= 2^55 | ..= 2^56 - 1 |
//! | `11111111` | 64 | every other `i64` | every other `u64` |
//!
//! The signed ranges lean one to the right: the pattern 100…0 stands for +2^(n-1).

use crate::encoding::bits::{BitReader, BitWriter};

/// Payload bits by how many ones the prefix begins with.
const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

fn put(into: &mut BitWriter, class: usize, payload: u64) {
    let width = WIDTHS[class];
    // The prefix of the widest class has no zero at its end.
    let (prefix, prefix_bits) = match class {
        8 => (0xff, 8),
        ones => ((1u128 << (ones + 1)) - 2, ones as u32 + 1),
    };
    let payload = match width {
        64 => payload,
        width => payload & ((1 << width) - 1),
    };
    into.put((prefix << width) | u128::from(payload), prefix_bits + width);
}

/// Appends a signed number.
pub(crate) fn put_int(into: &mut BitWriter, value: i64) {
    let fits = |width: u32| match width {
        0 => value == 0,
        64 => true,
        width => {
            let half = 1i64 << (width - 1);
            (-(half - 1)..=half).contains(&value)
        }
    };
    let class = WIDTHS.iter().position(|&width| fits(width)).unwrap_or(8);
    put(into, class, value.cast_unsigned());
}

/// Appends an unsigned number.
pub(crate) fn put_uint(into: &mut BitWriter, value: u64) {
    let fits = |width: u32| width == 64 || value < 1 << width;
    let class = WIDTHS.iter().position(|&width| fits(width)).unwrap_or(8);
    put(into, class, value);
}

fn read_width(from: &mut BitReader<'_>) -> u32 {
    let ones = (!from.peek()).leading_zeros().min(8);
    from.skip((ones + 1).min(8));
    WIDTHS[ones as usize]
}

/// Reads a signed number.
pub(crate) fn read_int(from: &mut BitReader<'_>) -> i64 {
    match read_width(from) {
        0 => 0,
        64 => from.read(64).cast_signed(),
        width => {
            let pattern = from.read(width).cast_signed();
            if pattern > 1 << (width - 1) {
                pattern - (1 << width)
            } else {
                pattern
            }
        }
    }
}

/// Reads an unsigned number.
pub(crate) fn read_uint(from: &mut BitReader<'_>) -> u64 {
    match read_width(from) {
        0 => 0,
        width => from.read(width),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bits_of_examples_are_these() {
        let mut writer = BitWriter::default();
        for value in [0, 4, -3, 32, -256] {
            put_int(&mut writer, value);
        }
        // 0 | 10 100 | 10 101 | 110 100000 | 111110 + 18 bits, since -256 does not fit nine
        assert_eq!(writer.bytes()[..3], [0b0101_0010, 0b1011_1010, 0b0000_1111]);
        let mut writer = BitWriter::default();
        put_uint(&mut writer, 7);
        put_uint(&mut writer, u64::MAX);
        assert_eq!(writer.bytes()[..2], [0b1011_1111, 0b1111_1111]);
    }

    proptest! {
        #[test]
        fn what_is_put_is_read_back(values in prop::collection::vec((any::<u64>(), 0u32..64), 0..50)) {
            let mut writer = BitWriter::default();
            for &(value, shift) in &values {
                put_uint(&mut writer, value >> shift);
                put_int(&mut writer, value.cast_signed() >> shift);
            }
            let mut reader = BitReader::new(writer.bytes());
            for &(value, shift) in &values {
                prop_assert_eq!(read_uint(&mut reader), value >> shift);
                prop_assert_eq!(read_int(&mut reader), value.cast_signed() >> shift);
            }
            prop_assert!(!reader.overran());
        }
    }

    #[test]
    fn the_ends_of_each_range_come_back() {
        for width in WIDTHS {
            let half = 1i64.checked_shl(width.saturating_sub(1)).unwrap_or(0);
            for value in [
                half,
                half.wrapping_add(1),
                half.wrapping_neg(),
                half.wrapping_neg().wrapping_add(1),
                i64::MAX,
            ] {
                let mut writer = BitWriter::default();
                put_int(&mut writer, value);
                assert_eq!(read_int(&mut BitReader::new(writer.bytes())), value);
            }
        }
    }
}
