//! PromQL: text → syntax tree → plan → values and annotations.
//!
//! ```text
//! "sum by (job) (rate(http_requests_total[5m]))"
//!   → parser      typed tree, each node with its span
//!   → plan        constants folded, equal selectors read once, the time range of each selector
//!   → eval        by series over all steps, on decoded columns; aggregations stream
//!   → value       scalar, string, vector, matrix; annotations beside it
//! ```
//!
//! The crate is synchronous and reads no clock. Of storage it sees [`tsdb::model`] (words) and
//! [`tsdb::query`] (reading); its parser sees the words alone.

pub mod annotations;
pub mod engine;
mod eval;
pub mod format;
pub mod functions;
mod go_math;
mod go_sort;
pub mod histogram;
mod kahan;
pub mod parser;
mod plan;
mod quantile;
pub mod script;
pub mod value;
