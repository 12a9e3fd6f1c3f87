//! What is wrong with a query, in Prometheus' words and with Prometheus' positions.
//!
//! A mistake of syntax ends the reading; mistakes of type are all collected. Only the first is shown
//! when the whole is printed, as Prometheus does it.

use std::fmt;

use super::ast::Span;
use super::position::Place;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    span: Span,
    place: Place,
    text: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, span: Span, text: String) -> Self {
        Self {
            span,
            place: span.place(query),
            text,
        }
    }

    /// Which bytes of the query are meant.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Line and column of the beginning.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The complaint without its position.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: parse error: {}", self.place, self.text)
    }
}

impl std::error::Error for ParseError {}

/// All mistakes found in one query; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseErrors {
    first: ParseError,
    more: Vec<ParseError>,
}

impl ParseErrors {
    /// `errors` in order of discovery, if there are any.
    pub(crate) fn from_vec(mut errors: Vec<ParseError>) -> Option<Self> {
        if errors.is_empty() {
            return None;
        }
        let more = errors.split_off(1);
        errors.pop().map(|first| Self { first, more })
    }

    /// The mistake that is shown.
    pub fn first(&self) -> &ParseError {
        &self.first
    }

    /// All of them, in order of discovery.
    pub fn iter(&self) -> impl Iterator<Item = &ParseError> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Moves all positions down by `lines`, for a query that is part of a larger file.
    #[must_use]
    pub fn below(mut self, lines: u32) -> Self {
        for error in std::iter::once(&mut self.first).chain(&mut self.more) {
            error.place = error.place.below(lines);
        }
        self
    }
}

impl From<ParseError> for ParseErrors {
    fn from(first: ParseError) -> Self {
        Self {
            first,
            more: Vec::new(),
        }
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)
    }
}

impl std::error::Error for ParseErrors {}
