//! The crate from outside: one binary, a chapter a file.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod contents;
mod peers;

mod blocks_of_prometheus;
mod checkpoint_in_turn;
mod damage;
mod decoders;
mod decoders_by_chance;
mod histograms_in_turn;
mod late_in_turn;
mod regressions;
mod shared_directory;
mod simulation;
