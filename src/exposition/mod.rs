//! What scrape targets answer: the text format 0.0.4 / 1.0.0 and OpenMetrics 1.0 / 0.0.1, read in place.
//!
//! This module knows bytes and entries. It knows neither HTTP (only the two headers of [`negotiate`])
//! nor what becomes of a sample: see `scrape`.
//!
//! ```text
//! # TYPE http_requests_total counter                  Entry::Type   family(), kind()
//! http_requests_total{code="200"} 1027                Entry::Series series(), value(), at_ms(), labels()
//! └────────── series ───────────┘ └ value
//! ```
//!
//! Start with [`Parser`].

mod error;
pub mod negotiate;
mod number;
mod openmetrics;
mod openmetrics_lexer;
mod parser;
mod plain;
mod quote;
mod text;
mod text_lexer;
mod token;

#[cfg(test)]
mod tests;

pub use error::ParseError;
pub(crate) use number::parse_float;
pub use parser::{Parser, RawLabel};
pub(crate) use quote::Quoted;

/// Which grammar a page follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain`, whatever its version.
    Text,
    /// `application/openmetrics-text`, whatever its version.
    OpenMetrics,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A sample.
    Series,
    /// `# TYPE`
    Type,
    /// `# HELP`
    Help,
    /// `# UNIT`
    Unit,
    /// Any other `#` line.
    Comment,
}
