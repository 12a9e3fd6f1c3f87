//! Blocks: immutable directories, each with all samples of a range of time.
//!
//! ```text
//! 01J0ABCDEFGHJKMNPQRSTVWXYZ/
//!   meta.json      what it spans, how much is in it, what it was made of     [`meta`]
//!   index          labels → series → chunks                                  [`crate::index`]
//!   chunks/000001  samples                                                   [`crate::chunk::segment`]
//!   tombstones     what was deleted since                                    [`tombstones`]
//! ```
//!
//! A block appears whole or not at all: it is written beside its place and renamed ([`writer`]). Only
//! `meta.json` and `tombstones` change later, each replaced by renaming.
//!
//! Start with [`Block::open`] and [`BlockWriter`].

pub mod filenames;
pub mod meta;
pub mod reader;
pub mod remove;
pub mod tombstones;
pub mod ulid;
pub mod writer;

pub use meta::{Compaction, Meta, Parent, Stats};
pub use reader::Block;
pub use remove::{remove_block, remove_leftovers};
pub use tombstones::{Interval, Intervals, Tombstones};
pub use ulid::Ulid;
pub use writer::{BlockWriter, ChunkToWrite};

#[cfg(test)]
pub(crate) mod tests;
