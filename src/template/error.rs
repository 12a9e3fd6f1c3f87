//! What goes wrong with a template, in Go's words.

use std::fmt;

/// A template that does not parse or did not execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    text: String,
}

impl TemplateError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The same error told by an outer layer: `prefix: error`.
    pub(super) fn wrapped(&self, prefix: &str) -> Self {
        Self::new(format!("{prefix}: {}", self.text))
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TemplateError {}
