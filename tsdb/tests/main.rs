//! The crate from outside: one binary, a chapter a file.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod peers;

mod blocks_of_prometheus;
mod histograms_in_turn;
mod late_in_turn;
mod shared_directory;
