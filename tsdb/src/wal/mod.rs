//! The write-ahead log: a directory of numbered segments, each a run of 32 KiB pages.
//!
//! Writers append whole records; a record larger than the rest of a page continues on the next page,
//! never in the next segment. This module knows segments, pages and the bodies of records; it knows
//! nothing of series in memory. Deleting segments is decided by [`checkpoint`] and [`repair`] alone.
//!
//! ```text
//! wal/00000007             ┌ page ─────────────┬ page ─────────────┐
//!                          │ full │ full │ 1st │ last │ full │ 0…0 │
//!                          └───────────────────┴───────────────────┘
//! wal/checkpoint.00000006/ what is still needed of segments up to 6, in the same format
//! ```
//!
//! Start with [`Writer::append`] and [`reader::SegmentReader::next`]; they mirror each other.

pub mod checkpoint;
pub mod compression;
mod error;
pub mod page;
pub mod reader;
pub mod record;
pub mod repair;
pub mod segment;
pub mod watch;
pub mod writer;

pub use compression::{Compressed, Compression, Compressor};
pub use error::WalError;
pub use reader::SegmentReader;
pub use record::Kind;
pub use watch::{Position, Seen, Watcher};
pub use writer::{Sync, Writer};
