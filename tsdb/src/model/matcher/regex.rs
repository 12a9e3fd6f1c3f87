//! What an index can use of a matcher's pattern, so that it need not try every value.
//!
//! | pattern | the index |
//! |---|---|
//! | `foo\|bar` | looks up two values: [`Matcher::set_matches`] |
//! | `foo.*` | looks at the values that begin with `foo`: [`Matcher::prefix`] |
//! | `.*foo` | tries all |

use super::Matcher;

impl Matcher {
    /// For `=~` and `!~`: the values that the pattern matches, sorted, if they can be listed.
    ///
    /// The empty value, which an absent label has too, may be among them.
    pub fn set_matches(&self) -> Option<&[String]> {
        self.regex.as_ref().and_then(|regex| regex.set_matches())
    }

    /// For `=~` and `!~`: what every value begins with that the pattern matches, if something is known.
    pub fn prefix(&self) -> Option<&str> {
        self.regex.as_ref().and_then(|regex| regex.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::super::MatchKind;
    use super::*;

    #[test]
    fn patterns_tell_the_index_what_to_look_at() {
        let matcher = |kind, pattern| Matcher::new(kind, "job", pattern).unwrap();
        let set = matcher(MatchKind::NotRegex, "b|a");
        assert_eq!(set.set_matches().unwrap(), ["a", "b"]);
        assert_eq!(matcher(MatchKind::Regex, "a.+b").prefix(), Some("a"));
        assert_eq!(matcher(MatchKind::Equal, "a").set_matches(), None);
        assert_eq!(matcher(MatchKind::Regex, ".*a").prefix(), None);
    }
}
