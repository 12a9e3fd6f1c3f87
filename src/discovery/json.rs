//! JSON as Go reads it: null is nothing, what follows the value is left alone.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

/// The first value of `text`.
///
/// # Errors
/// When it is none, or not of the form wanted: says where.
pub(super) fn decode<T: DeserializeOwned + Default>(text: &[u8]) -> Result<T, String> {
    let mut decoder = serde_json::Deserializer::from_slice(text);
    nullable(&mut decoder).map_err(|error| format!("invalid JSON: {error}"))
}

/// A value that is its default where null is written.
pub(super) fn nullable<'de, D, T>(decoder: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(decoder).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_nothing_and_the_rest_is_left_alone() {
        assert_eq!(decode::<Vec<u8>>(b"null"), Ok(Vec::new()));
        assert_eq!(decode::<Vec<u8>>(b"[1] [2"), Ok(vec![1]));
    }

    #[test]
    fn an_error_says_where() {
        let error = decode::<Vec<u8>>(b"[1,\n\"x\"]").unwrap_err();
        assert!(error.ends_with("at line 2 column 3"), "{error}");
        assert!(decode::<Vec<u8>>(b"[1,").is_err());
        assert!(decode::<Vec<u8>>(b"").is_err());
    }
}
