//! Upper and lower case as Go maps them: one character to one.
//!
//! Rust knows that `ß` in capitals is `SS`; Go's `strings.ToUpper` leaves it alone.

/// The text in lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// The text in upper case.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

fn lower_char(c: char) -> char {
    // The only one whose lower case is more than one character: İ becomes i and a dot above.
    single(c.to_lowercase()).unwrap_or('i')
}

fn upper_char(c: char) -> char {
    single(c.to_uppercase()).unwrap_or_else(|| match c {
        // Greek vowels with an iota below become those with one beside, eight further on.
        '\u{1F80}'..='\u{1FAF}' if (c as u32) & 8 == 0 => further(c, 8),
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => further(c, 9),
        c => c,
    })
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next()?;
    mapped.next().is_none().then_some(first)
}

fn further(c: char, by: u32) -> char {
    char::from_u32(c as u32 + by).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_becomes_one_character() {
        assert_eq!(upper("straße ǆ ﬁ ŉ ᾳ ᾀ ⱥ é"), "STRAßE Ǆ ﬁ ŉ ᾼ ᾈ Ⱥ É");
        assert_eq!(lower("İI ΟΔΟΣ ǅ Ⱥ ẞ É"), "ii οδοσ ǆ ⱥ ß é");
    }

    #[test]
    fn only_the_dotted_i_has_a_long_lower_case() {
        let long = |c: &char| single(c.to_lowercase()).is_none();
        assert_eq!((char::MIN..=char::MAX).filter(long).collect::<Vec<_>>(), ['İ']);
    }
}
