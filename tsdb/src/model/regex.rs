//! Regular expressions in Go's syntax (RE2), as Prometheus' matchers, relabelling and templates use them.

use regex_automata::meta;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: Box<str>,
    compiled: meta::Regex,
}

/// A pattern that does not compile; the text is Go's (`error parsing regexp: …`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    text: String,
}

impl std::fmt::Display for RegexError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for RegexError {}

impl Regex {
    /// Compiles `pattern` to match anywhere in a text, as Go's `regexp.Compile` does.
    ///
    /// # Errors
    /// When the pattern is not in Go's syntax.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        Self::compile(pattern, pattern)
    }

    /// Compiles `pattern` to match whole texts only, newlines included: `^(?s:pattern)$`.
    ///
    /// # Errors
    /// When the pattern is not in Go's syntax.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        Self::compile(pattern, &format!("^(?s:{pattern})$"))
    }

    fn compile(pattern: &str, whole: &str) -> Result<Self, RegexError> {
        match meta::Regex::new(whole) {
            Ok(compiled) => Ok(Self {
                pattern: pattern.into(),
                compiled,
            }),
            Err(error) => Err(RegexError {
                text: format!("error parsing regexp: {error}"),
            }),
        }
    }

    /// The pattern as it was written, without anchors.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// Byte ranges of the first match and its groups; group 0 is the whole match.
    pub fn captures(&self, text: &str) -> Option<Vec<Option<std::ops::Range<usize>>>> {
        let mut captures = self.compiled.create_captures();
        self.compiled.captures(text, &mut captures);
        captures
            .is_match()
            .then(|| captures.iter().map(|span| span.map(|s| s.start..s.end)).collect())
    }

    /// Expands `template` as Go's `Regexp.Expand`: `$1`, `${name}`, `$$`; unknown groups are empty.
    ///
    /// `captures` must come from [`Regex::captures`] on the same `text`.
    pub fn expand(
        &self,
        template: &str,
        text: &str,
        captures: &[Option<std::ops::Range<usize>>],
        into: &mut String,
    ) {
        let mut rest = template;
        while let Some(dollar) = rest.find('$') {
            into.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            if let Some(after) = rest.strip_prefix("$$") {
                into.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = group_name(&rest[1..]) else {
                into.push('$');
                rest = &rest[1..];
                continue;
            };
            let group = match name.parse::<usize>() {
                Ok(number) => Some(number),
                Err(_) => self.group_index(name),
            };
            if let Some(Some(range)) = group.and_then(|g| captures.get(g)) {
                into.push_str(&text[range.clone()]);
            }
            rest = after;
        }
        into.push_str(rest);
    }

    fn group_index(&self, name: &str) -> Option<usize> {
        self.compiled
            .group_info()
            .to_index(regex_automata::PatternID::ZERO, name)
    }
}

/// Splits a group reference (after its `$`) from what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let word = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    if let Some(braced) = text.strip_prefix('{') {
        let end = word(braced);
        let after = braced[end..].strip_prefix('}')?;
        return (end > 0).then(|| (&braced[..end], after));
    }
    let end = word(text);
    (end > 0).then(|| text.split_at(end))
}
