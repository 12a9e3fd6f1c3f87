//! Prometheus' time-series database: its directory, its formats, its semantics, in less memory.
//!
//! ```text
//! scrape / rules / remote write
//!   → one [`batch::Batch`] a scrape or request          (series refs, times, value bits)
//!   → judged under one lane lock                        in order? duplicate? too old?
//!   → WAL, one write(2) a commit                        before memory
//!   → head: open chunk, labels as symbols, postings
//!   → closed chunks to chunks_head; every 2 h a block; blocks merged 2h → 6h → 18h …
//!   ← [`query::Queryable::open`]: matchers → postings → columns of samples
//! ```
//!
//! The crate is a synchronous library: it starts no thread that outlives a call, reads no clock ("now" is an argument),
//! knows no HTTP, YAML or environment. Files are touched only through [`fs::Vfs`].
//!
//! Inside, a room may use what stands to its right, never to its left:
//! `db → compact, checkpoint, head, query → block → wal, chunk, index, postings → encoding, fs → model`
//! (`head` also opens what `checkpoint` wrote of it).
//!
//! Start with [`model`] (the vocabulary), then [`batch`] (writing) and [`query`] (reading).

pub mod batch;
pub mod block;
pub mod checkpoint;
pub mod chunk;
pub mod compact;
pub mod db;
pub mod encoding;
pub mod fs;
pub mod head;
pub mod index;
mod memory;
pub mod model;
pub mod postings;
pub mod query;
pub mod wal;
