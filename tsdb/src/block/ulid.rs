//! ULIDs: 48 bits of milliseconds and 80 random ones, as 26 characters that sort by time.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARS: usize = 26;
const RANDOM_BITS: u32 = 80;

/// The id of a block.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

impl Ulid {
    /// The id for a moment and random bits, of which the low 80 count.
    pub fn new(at_ms: i64, random: u128) -> Self {
        let time = u128::from(at_ms.max(0).cast_unsigned() & ((1 << 48) - 1));
        Self(time << RANDOM_BITS | random & ((1 << RANDOM_BITS) - 1))
    }

    /// When it was made.
    pub fn at_ms(self) -> i64 {
        (self.0 >> RANDOM_BITS) as i64
    }

    /// Reads the 26 characters; lower case is taken too.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARS || !text.starts_with(|first| matches!(first, '0'..='7')) {
            return None;
        }
        text.bytes()
            .try_fold(0, |sum: u128, byte| {
                let digit = ALPHABET.iter().position(|&c| c == byte.to_ascii_uppercase())?;
                Some(sum << 5 | digit as u128)
            })
            .map(Self)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = (0..CHARS)
            .rev()
            .map(|at| char::from(ALPHABET[(self.0 >> (5 * at) & 31) as usize]))
            .collect();
        f.pad(&text)
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ulid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ulid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no ULID")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let ulid = Ulid::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
        assert_eq!(ulid.at_ms(), 1_469_922_850_259);
        assert_eq!(ulid.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(Ulid::parse("01arz3ndektsv4rrffq69g5fav"), Some(ulid));
    }

    #[test]
    fn later_ids_sort_later() {
        assert!(Ulid::new(1, u128::MAX) < Ulid::new(2, 0));
        assert!(Ulid::new(1, u128::MAX).to_string() < Ulid::new(2, 0).to_string());
    }

    #[test]
    fn what_is_too_long_too_short_or_too_large_is_no_ulid() {
        for text in [
            "",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "01ARZ3NDEKTSV4RRFFQ69G5FAVV",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        ] {
            assert_eq!(Ulid::parse(text), None, "{text}");
        }
    }
}
