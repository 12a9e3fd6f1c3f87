//! How a database works.

use std::sync::Arc;

use crate::head::ReplayProgress;
use crate::wal::Compression;

/// Options of [`super::Db::open`]; the defaults are Prometheus'.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `--storage.tsdb.min-block-duration`: the length of a block cut from the head.
    pub min_block_ms: i64,
    /// `--storage.tsdb.max-block-duration`: the longest block that merging makes.
    pub max_block_ms: i64,
    /// `--storage.tsdb.retention.time`: how long samples are kept; 0 for ever.
    pub retention_ms: i64,
    /// `--storage.tsdb.retention.size`: how many bytes the directory may take; 0 for any number.
    pub retention_bytes: u64,
    /// `--storage.tsdb.wal-compression`
    pub wal_compression: Compression,
    /// `--storage.tsdb.wal-segment-size`
    pub wal_segment_bytes: u64,
    /// `--storage.tsdb.max-block-chunk-segment-size`
    pub chunk_segment_bytes: u64,
    /// `storage.exemplars.max_exemplars` where exemplar storage is on: how many are kept; 0 for none.
    /// [`super::Db::set_exemplars_max`] changes it later.
    pub exemplars_max: usize,
    /// `storage.tsdb.out_of_order_time_window`: how much earlier than the latest sample one may come; 0 takes
    /// none out of order. [`super::Db::set_out_of_order_window_ms`] changes it later.
    pub out_of_order_window_ms: i64,
    /// `--storage.tsdb.no-lockfile`
    pub no_lockfile: bool,
    /// How many samples of the log a start may have to replay: with more than that, and at its end, the database
    /// writes the head's open chunks to `deucalion/head` in its directory. 0 writes nothing there, and replays all.
    pub checkpoint_samples_max: u64,
    /// How many threads [`super::Db::open`] may work on, the caller's among them. More than one are started by it
    /// and are over when it returns.
    pub open_threads: usize,
    /// Told how far the start has come.
    pub progress: Arc<ReplayProgress>,
}

impl Default for DbOptions {
    fn default() -> Self {
        const HOUR_MS: i64 = 3_600_000;
        Self {
            min_block_ms: 2 * HOUR_MS,
            max_block_ms: 36 * HOUR_MS,
            retention_ms: 15 * 24 * HOUR_MS,
            retention_bytes: 0,
            wal_compression: Compression::Snappy,
            wal_segment_bytes: 128 << 20,
            chunk_segment_bytes: 512 << 20,
            exemplars_max: 0,
            out_of_order_window_ms: 0,
            no_lockfile: false,
            checkpoint_samples_max: 8_000_000,
            open_threads: 1,
            progress: Arc::default(),
        }
    }
}
