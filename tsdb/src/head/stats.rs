//! What the head has counted since its start, behind Prometheus' `prometheus_tsdb_head_*` and `_wal_*`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters; each name is explained by the metric that shows it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// `prometheus_tsdb_head_samples_appended_total{type="float"}`
    pub samples_appended: AtomicU64,
    /// `prometheus_tsdb_head_samples_appended_total{type="histogram"}`
    pub histograms_appended: AtomicU64,
    /// `prometheus_tsdb_exemplar_exemplars_appended_total`
    pub exemplars_appended: AtomicU64,
    /// `prometheus_tsdb_exemplar_out_of_order_exemplars_total`
    pub exemplars_out_of_order: AtomicU64,
    /// `prometheus_tsdb_out_of_order_samples_total{type="float"}`: refused since no window takes them.
    pub out_of_order: AtomicU64,
    /// `prometheus_tsdb_head_out_of_order_samples_appended_total`: taken by the window.
    pub late_appended: AtomicU64,
    /// Writes to the write-behind log that failed.
    pub wbl_writes_failed: AtomicU64,
    /// `prometheus_tsdb_out_of_bound_samples_total{type="float"}`
    pub out_of_bounds: AtomicU64,
    /// `prometheus_tsdb_too_old_samples_total{type="float"}`
    pub too_old: AtomicU64,
    /// Samples whose time was there already with another value.
    pub duplicates: AtomicU64,
    /// `prometheus_tsdb_head_series_created_total`
    pub series_created: AtomicU64,
    /// `deucalion_tsdb_series_refused_total`: there were as many as may be.
    pub series_refused: AtomicU64,
    /// `prometheus_tsdb_head_series_removed_total`
    pub series_removed: AtomicU64,
    /// `prometheus_tsdb_head_series_not_found_total`
    pub series_not_found: AtomicU64,
    /// `prometheus_tsdb_head_chunks_created_total`
    pub chunks_created: AtomicU64,
    /// `prometheus_tsdb_head_chunks_removed_total`
    pub chunks_removed: AtomicU64,
    /// `prometheus_tsdb_mmap_chunks_total`: closed chunks written to chunks_head.
    pub chunks_mapped: AtomicU64,
    /// `prometheus_tsdb_mmap_chunk_corruptions_total`
    pub chunk_corruptions: AtomicU64,
    /// `prometheus_tsdb_head_gc_duration_seconds_count`
    pub collections: AtomicU64,
    /// Bytes appended to the log.
    pub wal_bytes: AtomicU64,
    /// Records appended to the log.
    pub wal_records: AtomicU64,
    /// Syncs of the log that had something to do.
    pub wal_fsyncs: AtomicU64,
    /// `prometheus_tsdb_wal_page_flushes_total`: writes to the log, one a commit.
    pub wal_page_flushes: AtomicU64,
    /// `prometheus_tsdb_wal_writes_failed_total`
    pub wal_writes_failed: AtomicU64,
    /// `prometheus_tsdb_wal_corruptions_total`
    pub wal_corruptions: AtomicU64,
    /// `prometheus_tsdb_wal_truncations_total`
    pub wal_truncations: AtomicU64,
    /// `prometheus_tsdb_wal_truncations_failed_total`
    pub wal_truncations_failed: AtomicU64,
    /// `prometheus_tsdb_checkpoint_creations_total`
    pub checkpoints: AtomicU64,
    /// `prometheus_tsdb_checkpoint_creations_failed_total`
    pub checkpoints_failed: AtomicU64,
    /// `prometheus_tsdb_checkpoint_deletions_total`
    pub checkpoint_deletions: AtomicU64,
    /// `prometheus_tsdb_checkpoint_deletions_failed_total`
    pub checkpoint_deletions_failed: AtomicU64,
    /// `prometheus_tsdb_head_truncations_total`
    pub truncations: AtomicU64,
    /// Samples of series that no record had announced, met while replaying.
    pub replay_unknown_series: AtomicU64,
    /// Samples read from the log at the start.
    pub replay_samples: AtomicU64,
    /// 1 if the start had a checkpoint of the head, so that it read the end of the log alone.
    pub checkpoint_loads: AtomicU64,
    /// Milliseconds that the start took are the caller's to measure; this counts segments read.
    pub replay_segments: AtomicU64,
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// A counter's present value.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
