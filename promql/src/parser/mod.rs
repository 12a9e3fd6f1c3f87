//! From text to a typed syntax tree. Names only the vocabulary of [`tsdb::model`].

pub mod ast;

pub use ast::{Expr, Span};
