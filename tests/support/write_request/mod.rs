//! Requests of remote write 1.0: [`build`] as a sender does, [`read`] as a receiver does.
//!
//! Both are shared with the tests of `src/remote` themselves, which take one of the two each.

#[allow(dead_code, reason = "each of its users needs a part of it")]
pub(crate) mod build;
pub(crate) mod read;

pub(crate) use read::WriteRequest;
