//! Beside the real Prometheus: the same directory, the same requests, the same answers.
//!
//! `testdata/DIFFERENCES.md` lists each case in which we follow a later version than the peer's; the tests
//! read it and fail when a listed difference is none any more.

mod api;
mod compare;
mod data;
mod histogram_data;
mod known;
mod queries;
mod random;
mod tally;
