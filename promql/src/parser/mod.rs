//! From text to a typed syntax tree, and back. Names only the vocabulary of [`tsdb::model`].
//!
//! ```text
//! text ─ lexer ─→ tokens ─ grammar ─→ tree ─ check ─→ typed tree ─┬─ Display: one line
//!                    └────────────────────────┴─→ ParseErrors     ├─ pretty: many lines
//!                                                                 └─ json: what the UI draws
//! ```
//!
//! What is accepted, what is refused, the words of a refusal and its position are Prometheus' 3.14.
//! Start with [`parse_expr`].

pub mod ast;
mod check;
pub mod error;
mod grammar;
pub mod json;
mod lexer;
pub(crate) mod literal;
pub mod position;
pub mod pretty;
mod print;
pub mod series;
mod token;
mod visit;

use tsdb::model::Matcher;

pub use ast::{Expr, Span};
pub use error::{ParseError, ParseErrors};
pub use json::json;
pub use position::Place;
pub use pretty::pretty;
pub use series::{SequenceValue, parse_metric, parse_series};

/// Which parts of the language are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParserOptions {
    /// `--enable-feature=promql-experimental-functions`: functions and aggregations that may still change.
    pub experimental_functions: bool,
    /// `--enable-feature=promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// Arithmetic in ranges, steps and offsets; on since 3.14.
    pub duration_expressions: bool,
    /// `--enable-feature=promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub binop_fill: bool,
}

impl ParserOptions {
    /// Everything on, as Prometheus' own test scripts have it.
    pub const fn all() -> Self {
        Self {
            experimental_functions: true,
            extended_range_selectors: true,
            duration_expressions: true,
            binop_fill: true,
        }
    }
}

impl Default for ParserOptions {
    /// What a server without feature flags accepts.
    fn default() -> Self {
        Self {
            experimental_functions: false,
            extended_range_selectors: false,
            duration_expressions: true,
            binop_fill: false,
        }
    }
}

/// Reads a duration as Prometheus writes them (`1h30m`), in milliseconds.
///
/// # Errors
/// When it is none, in the words of `model.ParseDuration`.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    literal::duration_ns(text).map(|ns| ns / 1_000_000)
}

/// Writes milliseconds as Prometheus writes a duration: `1h30m`, `0s`.
pub fn format_duration(ms: i64) -> String {
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    // Writing into a string cannot fail.
    let _written = literal::write_duration(&mut out, ms.unsigned_abs());
    out
}

/// Reads an expression and checks its types.
///
/// # Errors
/// When Prometheus would refuse it, in the same words.
pub fn parse_expr(query: &str, options: &ParserOptions) -> Result<Expr, ParseErrors> {
    let mut expr = grammar::Parser::new(query, *options)
        .expression()
        .map_err(|error| ParseErrors::from(*error))?;
    match ParseErrors::from_vec(check::check(query, &mut expr)) {
        None => Ok(expr),
        Some(errors) => Err(errors),
    }
}

/// Reads a selector of series, as `match[]` of the API takes it. It may well match all series.
///
/// # Errors
/// When Prometheus would refuse it, in the same words.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseErrors> {
    match grammar::Parser::new(text, ParserOptions::default()).lone_selector() {
        Ok(selector) => Ok(selector.matchers),
        Err(error) => Err((*error).into()),
    }
}

#[cfg(test)]
mod tests;
