//! How a database works.

use std::sync::Arc;

use super::RoomOptions;
use crate::chunk::encode::Chunking;
use crate::compact::tiers::Tier;
use crate::head::ReplayProgress;
use crate::wal::Compression;

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// For how long; 0 for ever.
    pub age_ms: i64,
    /// How many bytes; 0 for any number.
    pub bytes: u64,
}

/// Options of [`super::Db::open`]; the defaults are Prometheus'.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `--storage.tsdb.min-block-duration`: the length of a block cut from the head.
    pub min_block_ms: i64,
    /// `--storage.tsdb.max-block-duration`: the longest block that merging makes.
    pub max_block_ms: i64,
    /// `--storage.tsdb.retention.time`: how long samples are kept; 0 for ever. This and the size can be changed
    /// later: [`super::Db::set_retention`].
    pub retention_ms: i64,
    /// `--storage.tsdb.retention.size`: how many bytes the directory may take; 0 for any number.
    pub retention_bytes: u64,
    /// Series that are kept for another time than that.
    pub tiers: Vec<Tier>,
    /// Whether the size is a bound on everything in the directory at any moment, snapshots alone left out: what a
    /// compaction needs while it runs is freed before. Otherwise it is what Prometheus counts, when it counts.
    pub retention_is_bound: bool,
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
    /// What of the disk is left alone.
    pub room: RoomOptions,
    /// `--storage.tsdb.no-lockfile`
    pub no_lockfile: bool,
    /// How many samples of the log a start may have to replay: with more than that, and at its end, the database
    /// writes the head's open chunks to `deucalion/head` in its directory. 0 writes nothing there, and replays all.
    pub checkpoint_samples_max: u64,
    /// How many threads [`super::Db::open`] may work on, the caller's among them. More than one are started by it
    /// and are over when it returns.
    pub open_threads: usize,
    /// How many series the head may hold; 0 for any number. Beyond it new ones are refused, except where a batch
    /// is [`crate::batch::Batch::beyond_limits`].
    pub series_max: u64,
    /// Whether blocks get long chunks of float samples in as few bits as possible, rather than Prometheus' 120
    /// samples a chunk. Prometheus reads both.
    pub long_chunks: bool,
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
            tiers: Vec::new(),
            retention_is_bound: false,
            wal_compression: Compression::Snappy,
            wal_segment_bytes: 128 << 20,
            chunk_segment_bytes: 512 << 20,
            exemplars_max: 0,
            out_of_order_window_ms: 0,
            room: RoomOptions::default(),
            no_lockfile: false,
            checkpoint_samples_max: 8_000_000,
            open_threads: 1,
            series_max: 0,
            long_chunks: true,
            progress: Arc::default(),
        }
    }
}

/// Samples a chunk in the shortest blocks: two hours of one sample every 15 s.
const SAMPLES_OF_SHORT: usize = 480;

/// Samples a chunk in longer blocks. More would save little: what a chunk costs beyond its samples is a few
/// hundredths of a byte for each by then, and an instant query reads the whole chunk.
const SAMPLES_OF_LONG: usize = 960;

impl DbOptions {
    /// How float samples are to lie in a block of this length.
    pub(super) fn chunking(&self, range_ms: i64) -> Chunking {
        match self.long_chunks {
            false => Chunking::Plain,
            true if range_ms <= self.min_block_ms => Chunking::Packed {
                samples: SAMPLES_OF_SHORT,
            },
            true => Chunking::Packed {
                samples: SAMPLES_OF_LONG,
            },
        }
    }
}
