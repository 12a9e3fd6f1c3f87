//! What the database counts, and what `/api/v1/status/tsdb` shows.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Db;
use crate::head;
use crate::model::METRIC_NAME;

/// Counters of what happens around the head; each name is explained by the metric that shows it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// `prometheus_tsdb_compactions_triggered_total`
    pub compactions_triggered: AtomicU64,
    /// `prometheus_tsdb_compactions_total`: blocks written, of the head and of other blocks.
    pub compactions: AtomicU64,
    /// `prometheus_tsdb_compactions_failed_total`
    pub compactions_failed: AtomicU64,
    /// `prometheus_tsdb_reloads_total`
    pub reloads: AtomicU64,
    /// `prometheus_tsdb_reloads_failures_total`
    pub reloads_failed: AtomicU64,
    /// `prometheus_tsdb_time_retentions_total`
    pub time_retentions: AtomicU64,
    /// `prometheus_tsdb_size_retentions_total`
    pub size_retentions: AtomicU64,
    /// `deucalion_tsdb_blocks_set_aside_total`
    pub blocks_set_aside: AtomicU64,
    /// `deucalion_tsdb_reserve_uses_total`
    pub reserve_uses: AtomicU64,
    /// `deucalion_tsdb_head_checkpoints_total`: parts of the head's checkpoint that were begun.
    pub checkpoints: AtomicU64,
    /// `deucalion_tsdb_head_checkpoints_failed_total`
    pub checkpoints_failed: AtomicU64,
    /// `deucalion_tsdb_head_checkpoint_bytes_total`
    pub checkpoint_bytes: AtomicU64,
    /// `prometheus_tsdb_storage_blocks_bytes`
    pub blocks_bytes: AtomicU64,
}

impl Stats {
    /// A counter's present value.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// A name with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// A metric name, label name, or `name=value`.
    pub name: String,
    /// Series, values or bytes.
    pub value: u64,
}

/// The head's contents in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadStatus {
    /// Series in the head.
    pub series: u64,
    /// Distinct pairs of label name and value.
    pub label_pairs: u64,
    /// Chunks, open and closed.
    pub chunks: u64,
    /// Time of the earliest sample, `i64::MAX` if there is none.
    pub min_ms: i64,
    /// Time of the latest sample, `i64::MIN` if there is none.
    pub max_ms: i64,
    /// Metric names by how many series they have, the largest first.
    pub series_by_metric: Vec<StatusEntry>,
    /// Label names by how many values they have.
    pub values_by_label: Vec<StatusEntry>,
    /// Label names by the bytes that their values would take if each series kept its own.
    pub memory_by_label: Vec<StatusEntry>,
    /// `name=value` by how many series carry it.
    pub series_by_pair: Vec<StatusEntry>,
}

impl Db {
    /// Counters of the database.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counters of the head and the log.
    pub fn head_stats(&self) -> &head::Stats {
        &self.head.stats
    }

    /// How many series are in the head.
    pub fn head_series(&self) -> u64 {
        self.head.series_count()
    }

    /// How many chunks are in the head, open and closed.
    pub fn head_chunks(&self) -> u64 {
        let lane = |lane: &head::lane::Lane| {
            let data = lane.data.read();
            data.closed.len() + data.hot.iter().filter(|hot| hot.is_open()).count()
        };
        self.head.lanes.iter().map(lane).sum::<usize>() as u64
    }

    /// Times of the earliest and latest sample in the head; `None` as long as there is none.
    pub fn head_time_range_ms(&self) -> Option<(i64, i64)> {
        self.head.time_range_ms()
    }

    /// The earliest time of which samples may be stored: of the oldest block, or of the head.
    pub fn lowest_timestamp_ms(&self) -> Option<i64> {
        let blocks = self.blocks();
        let of_blocks = blocks.iter().map(|block| block.meta().min_ms).min();
        let of_head = self.head.time_range_ms().map(|(from, _)| from);
        of_blocks.into_iter().chain(of_head).min()
    }

    /// The segment of the log that is being written.
    pub fn wal_segment(&self) -> u32 {
        self.head.wal.lock().segment()
    }

    /// Bytes that the head holds in memory, by part.
    pub fn head_bytes(&self) -> Vec<(&'static str, usize)> {
        self.head.held_bytes()
    }

    /// The head in numbers, each list with its `limit` largest entries.
    pub fn head_status(&self, limit: usize) -> HeadStatus {
        use hashbrown::HashMap;
        let mut pairs: HashMap<(String, String), u64> = HashMap::new();
        for lane in &self.head.lanes {
            let data = lane.data.read();
            for (name, of_name) in data.labels.names() {
                for &pair in of_name {
                    let count = data.postings.list(pair).len() as u64;
                    if count > 0 {
                        let key = (name.to_owned(), data.labels.words(pair).1.to_owned());
                        *pairs.entry(key).or_default() += count;
                    }
                }
            }
        }
        // An empty head begins where the blocks end.
        let blocks_end_ms = self.blocks().iter().map(|block| block.meta().max_ms).max();
        let empty = blocks_end_ms.map_or((i64::MAX, i64::MIN), |end_ms| (end_ms, end_ms));
        let (min_ms, max_ms) = self.head.time_range_ms().unwrap_or(empty);
        let mut values: HashMap<&str, (u64, u64)> = HashMap::new();
        for ((name, value), &count) in &pairs {
            let (number, bytes) = values.entry(name).or_default();
            *number += 1;
            *bytes += value.len() as u64 * count;
        }
        let metrics = pairs.iter().filter(|((name, _), _)| name == METRIC_NAME);
        HeadStatus {
            series: self.head_series(),
            label_pairs: pairs.len() as u64,
            chunks: self.head_chunks(),
            min_ms,
            max_ms,
            series_by_metric: largest(limit, metrics.map(|((_, value), &n)| (value.clone(), n))),
            values_by_label: largest(limit, values.iter().map(|(name, v)| ((*name).to_owned(), v.0))),
            memory_by_label: largest(limit, values.iter().map(|(name, v)| ((*name).to_owned(), v.1))),
            series_by_pair: largest(
                limit,
                pairs
                    .iter()
                    .map(|((name, value), &n)| (format!("{name}={value}"), n)),
            ),
        }
    }
}

fn largest(limit: usize, all: impl Iterator<Item = (String, u64)>) -> Vec<StatusEntry> {
    let mut all: Vec<StatusEntry> = all.map(|(name, value)| StatusEntry { name, value }).collect();
    all.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
    all.truncate(limit);
    all
}
