//! Remote write, protocol 1.0: each destination follows the write-ahead log and is sent what it reads.
//!
//! ```text
//! scrape, rules ─▶ Tracked ─▶ storage ─▶ wal/                    metadata of targets
//!                     └─ a word ──┐       │                              │
//!            RemoteWrite ─▶ Queue ─ follow ─▶ series ─▶ shards ─ send ─▶ client ─▶ POST
//!            (apply)        └─ reshard: more or fewer shards, each ten seconds
//! ```
//!
//! A series always goes through the same shard, so that its samples arrive in order. A shard that cannot
//! get rid of its samples fills up, then reading waits: the log is the buffer. What was written before a queue
//! began is not sent, except that a queue which takes over from another goes on where that one was.
//!
//! Start with [`RemoteWrite::apply`], then [`queue::Queue`].

mod client;
mod encode;
mod follow;
mod manager;
mod metadata;
mod metrics;
mod pick;
mod queue;
mod rate;
mod repeats;
mod reshard;
mod send;
mod series;
mod shards;
mod track;

#[cfg(test)]
mod tests;

pub use manager::{Log, Options, RemoteWrite, check};
pub use metadata::MetadataSource;
pub use track::Tracked;
