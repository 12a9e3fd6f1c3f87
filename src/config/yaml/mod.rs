//! YAML as Prometheus reads and writes it (yaml.v2), with a position on every value.
//!
//! ```text
//! text ─ load ─► tree ─ decode ─► the sections of the configuration
//!                                 └ write ─► the text of /api/v1/status/config
//! ```
//!
//! [`mod@load`] turns the scanner's events into a [`tree`]; [`scalar`] says what an unquoted word means;
//! [`decode`] takes values out of the tree and collects every mistake; [`mod@write`] is the way back.

pub mod decode;
pub mod fields;
pub mod load;
pub mod mistake;
pub mod scalar;
pub mod tell;
pub mod tree;
pub mod write;

pub use decode::Decoder;
pub use fields::Fields;
pub use load::load;
pub use tree::{Mark, Node, Span, Value};
