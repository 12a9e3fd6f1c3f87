//! The whole discovery: what concerns whom, and against an API server that fails in every way.

mod failures;
mod reactions;
pub(super) mod scene;

// Shared with the tests from outside, which use other parts of it.
#[allow(dead_code, reason = "each of its two users needs a part of it")]
#[path = "../../../tests/support/kubernetes/mod.rs"]
mod fake;
