//! Matchers: the conditions on labels that select series. A label that is absent counts as empty.

mod regex;

use super::regex::{Regex, RegexError};

/// The four operators of a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchKind {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl MatchKind {
    /// The operator as PromQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: Box<str>,
    value: Box<str>,
    kind: MatchKind,
    regex: Option<Regex>,
}

impl Matcher {
    /// A matcher; compiles the value when the kind asks for it.
    ///
    /// # Errors
    /// When `value` should be a regular expression and is none.
    pub fn new(kind: MatchKind, name: &str, value: &str) -> Result<Self, RegexError> {
        let regex = match kind {
            MatchKind::Equal | MatchKind::NotEqual => None,
            MatchKind::Regex | MatchKind::NotRegex => Some(Regex::anchored(value)?),
        };
        Ok(Self {
            name: name.into(),
            value: value.into(),
            kind,
            regex,
        })
    }

    /// `name="value"`, which cannot fail.
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            kind: MatchKind::Equal,
            regex: None,
        }
    }

    /// The label asked about.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value or pattern as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The operator.
    pub fn kind(&self) -> MatchKind {
        self.kind
    }

    /// The compiled pattern of `=~` and `!~`.
    pub fn regex(&self) -> Option<&Regex> {
        self.regex.as_ref()
    }

    /// Whether a label of this value (empty if absent) satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        match (self.kind, &self.regex) {
            (MatchKind::Equal, _) => *self.value == *value,
            (MatchKind::NotEqual, _) => *self.value != *value,
            (MatchKind::Regex, Some(regex)) => regex.is_match(value),
            (MatchKind::NotRegex, Some(regex)) => !regex.is_match(value),
            (_, None) => unreachable!("a regex matcher is built with its regex"),
        }
    }

    /// Whether a series without the label satisfies the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.value) == (other.kind, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl std::fmt::Display for Matcher {
    /// As PromQL writes it: `name="value"`, the name quoted when it is no plain identifier.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if super::labels::is_legacy_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            super::labels::write_quoted(f, &self.name)?;
        }
        f.write_str(self.kind.as_str())?;
        super::labels::write_quoted(f, &self.value)
    }
}
