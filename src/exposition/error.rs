//! Why a page cannot be read, in Prometheus' words.

use std::fmt;

use super::quote::Quoted;

/// A page that breaks its format's rules; the text is Prometheus' and quotes the offending bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
}

impl ParseError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// `problem while parsing: "the line so far"`
    pub(super) fn during(problem: impl fmt::Display, line: &[u8]) -> Self {
        Self::new(format!("{problem} while parsing: {}", Quoted(line)))
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ParseError {}
