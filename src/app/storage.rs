//! The data directory: opened beside the running web, synced each second, maintained in the background.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{error, info, warn};
use tsdb::db::{Db, DbOptions, Intake, Retention};
use tsdb::fs::RealFs;
use tsdb::head::Stats;

use super::clock;
use super::late_storage::LateStorage;
use crate::config::storage::{RetentionConfig, StorageConfig};
use crate::telemetry::Registry;

/// How often what was committed is made to survive a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How many exemplars are kept where storing them is on and the configuration does not say: as in Prometheus.
const EXEMPLARS_MAX: usize = 100_000;

/// How many exemplars are kept.
pub(super) fn exemplars_max(keeps_exemplars: bool, config: &StorageConfig) -> usize {
    match (keeps_exemplars, config.max_exemplars) {
        (false, _) => 0,
        (true, None) => EXEMPLARS_MAX,
        (true, Some(max)) => usize::try_from(max).unwrap_or(0),
    }
}

/// What is to be kept in the directory `dir`.
pub(super) fn retention(dir: &Path, config: &RetentionConfig) -> Retention {
    Retention {
        age_ms: config.time_ms,
        bytes: match config.percentage {
            // The share of the file system counts before the size.
            share if share > 0.0 => share_bytes(dir, share),
            _ => config.size_bytes,
        },
    }
}

/// So many percent of the file system that the directory is on, or will be on once it is made.
pub(super) fn share_bytes(dir: &Path, percentage: f64) -> u64 {
    let total = dir
        .ancestors()
        .chain([Path::new(".")])
        .find_map(|place| rustix::fs::statvfs(place).ok())
        .map_or(0, |system| system.f_blocks.saturating_mul(system.f_frsize));
    (total as f64 * percentage / 100.0) as u64
}

/// How many levels below normal the maintenance thread runs.
const NICE: i32 = 10;

/// The database behind its door, with the threads that keep it.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) late: LateStorage<Db>,
    options: DbOptions,
    keeper: Arc<Keeper>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// What the threads wait on.
#[derive(Debug, Default)]
struct Keeper {
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Keeper {
    /// Waits for `time`; true when it is time to end.
    fn rest(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            // Waking up early only does the work early.
            let _timed_out = self.wake.wait_for(&mut stopped, time);
        }
        *stopped
    }
}

impl Storage {
    pub(super) fn new(options: DbOptions, registry: &Registry) -> Self {
        let late = LateStorage::default();
        register(&late, registry);
        Self {
            late,
            options,
            keeper: Arc::default(),
            threads: Mutex::default(),
        }
    }

    /// Progress of the replay.
    pub(super) fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Puts into effect what of the section can change while running.
    ///
    /// # Errors
    /// When the log of samples out of order cannot be begun.
    pub(super) fn apply(&self, keeps_exemplars: bool, config: &StorageConfig) -> Result<(), String> {
        let Some(db) = self.late.get() else { return Ok(()) };
        db.set_exemplars_max(exemplars_max(keeps_exemplars, config));
        db.set_retention(retention(db.dir(), &config.tsdb.retention));
        db.set_out_of_order_window_ms(config.tsdb.out_of_order_time_window_ms)
            .map_err(|error| format!("out_of_order_time_window: {error}"))
    }

    /// Why nothing is stored any more, if that is so until a restart.
    pub(super) fn lost(&self) -> Option<String> {
        self.late.get()?.lost().map(str::to_owned)
    }

    /// Opens the directory, which may take a while, and starts the threads.
    pub(super) fn open(&self, dir: &Path, maintain_every: Duration) -> Result<Arc<Db>, String> {
        let began = std::time::Instant::now();
        info!("Starting TSDB ...");
        let db = Db::open(Arc::new(RealFs), dir, self.options.clone(), clock::now_ms())
            .map_err(|error| super::logging::with_sources(&error))?;
        let db = Arc::new(db);
        info!(
            took_ms = began.elapsed().as_millis() as u64,
            series = db.head_series(),
            replayed = Stats::get(&db.head_stats().replay_samples),
            checkpoint = Stats::get(&db.head_stats().checkpoint_loads) > 0,
            "TSDB started"
        );
        self.late.open(Arc::clone(&db));
        let keeper = Arc::clone(&self.keeper);
        let synced = Arc::clone(&db);
        self.spawn("tsdb-sync", move || sync_loop(&synced, &keeper))?;
        let keeper = Arc::clone(&self.keeper);
        let maintained = Arc::clone(&db);
        self.spawn("tsdb-maintain", move || {
            maintain_loop(&maintained, &keeper, maintain_every)
        })?;
        Ok(db)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|e| e.to_string())?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Ends the threads and closes the directory.
    pub(super) fn close(&self) {
        *self.keeper.stopped.lock() = true;
        self.keeper.wake.notify_all();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                error!("A thread of the database ended in a panic");
            }
        }
        if let Some(db) = self.late.get()
            && let Err(error) = db.close()
        {
            error!(%error, "Closing the database failed; what was committed is in its log");
        }
    }
}

fn sync_loop(db: &Db, keeper: &Keeper) {
    while !keeper.rest(SYNC_EVERY) {
        if let Err(error) = db.sync() {
            error!(%error, "The log cannot be made durable; nothing is taken any more until a restart");
            return;
        }
    }
}

fn maintain_loop(db: &Db, keeper: &Keeper, every: Duration) {
    if let Err(error) = rustix::process::nice(NICE) {
        warn!(%error, "Maintenance keeps the priority of the rest");
    }
    while !keeper.rest(every) {
        match db.maintain(clock::now_ms()) {
            Ok(done) if done.head_compactions > 0 => {
                info!(
                    head_compactions = done.head_compactions,
                    "Head compacted to blocks"
                );
            }
            Ok(_) => {}
            Err(error) => error!(%error, "Maintenance of the database failed; it will be tried again"),
        }
    }
}

/// How often blocks are looked at: as told, but often enough for blocks that are short.
pub(super) fn maintain_every(reload_interval_ms: i64, min_block_ms: i64) -> Duration {
    let every_ms = reload_interval_ms.min(min_block_ms / 4).max(250);
    Duration::from_millis(every_ms.unsigned_abs())
}

type Read = fn(&Db) -> f64;

fn head(counter: fn(&tsdb::head::Stats) -> &AtomicU64, db: &Db) -> f64 {
    counter(db.head_stats()).load(Ordering::Relaxed) as f64
}

fn of_db(counter: fn(&tsdb::db::Stats) -> &AtomicU64, db: &Db) -> f64 {
    counter(db.stats()).load(Ordering::Relaxed) as f64
}

/// Counters read from the database: name, help, where.
const COUNTERS: &[(&str, &str, Read)] = &[
    (
        "deucalion_tsdb_series_without_room_total",
        "Series that were not made for want of room on the disk.",
        |db| db.refused().0 as f64,
    ),
    (
        "deucalion_tsdb_samples_without_room_total",
        "Samples that were not stored for want of room on the disk, or since the log is lost.",
        |db| db.refused().1 as f64,
    ),
    (
        "deucalion_tsdb_reserve_uses_total",
        "Times that maintenance of a full disk went on with the reserve.",
        |db| of_db(|s| &s.reserve_uses, db),
    ),
    (
        "deucalion_tsdb_mapped_files_torn_total",
        "Files that someone else shortened while they were in use.",
        |_| tsdb::fs::torn_files() as f64,
    ),
    (
        "deucalion_tsdb_blocks_set_aside_total",
        "Blocks, or their tombstones, that were damaged at the start and are kept in quarantine.",
        |db| of_db(|s| &s.blocks_set_aside, db),
    ),
    (
        "prometheus_tsdb_exemplar_exemplars_appended_total",
        "Total number of appended exemplars.",
        |db| head(|s| &s.exemplars_appended, db),
    ),
    (
        "prometheus_tsdb_exemplar_out_of_order_exemplars_total",
        "Total number of out of order exemplar ingestion failed attempts.",
        |db| head(|s| &s.exemplars_out_of_order, db),
    ),
    (
        "prometheus_tsdb_compactions_triggered_total",
        "Total number of triggered compactions for the partition.",
        |db| of_db(|s| &s.compactions_triggered, db),
    ),
    (
        "prometheus_tsdb_compactions_total",
        "Total number of compactions that were executed for the partition.",
        |db| of_db(|s| &s.compactions, db),
    ),
    (
        "prometheus_tsdb_compactions_failed_total",
        "Total number of compactions that failed for the partition.",
        |db| of_db(|s| &s.compactions_failed, db),
    ),
    (
        "prometheus_tsdb_reloads_total",
        "Number of times the database reloaded block data from disk.",
        |db| of_db(|s| &s.reloads, db),
    ),
    (
        "prometheus_tsdb_reloads_failures_total",
        "Number of times the database failed to reload block data from disk.",
        |db| of_db(|s| &s.reloads_failed, db),
    ),
    (
        "prometheus_tsdb_time_retentions_total",
        "The number of times that blocks were deleted because the maximum time limit was exceeded.",
        |db| of_db(|s| &s.time_retentions, db),
    ),
    (
        "prometheus_tsdb_size_retentions_total",
        "The number of times that blocks were deleted because the maximum number of bytes was exceeded.",
        |db| of_db(|s| &s.size_retentions, db),
    ),
    (
        "prometheus_tsdb_head_series_created_total",
        "Total number of series created in the head",
        |db| head(|s| &s.series_created, db),
    ),
    (
        "deucalion_tsdb_series_refused_total",
        "Total number of times that a new series was refused since there were as many as --storage.tsdb.max-series allows.",
        |db| head(|s| &s.series_refused, db),
    ),
    (
        "prometheus_tsdb_head_series_removed_total",
        "Total number of series removed in the head",
        |db| head(|s| &s.series_removed, db),
    ),
    (
        "prometheus_tsdb_head_series_not_found_total",
        "Total number of requests for series that were not found.",
        |db| head(|s| &s.series_not_found, db),
    ),
    (
        "prometheus_tsdb_head_chunks_created_total",
        "Total number of chunks created in the head",
        |db| head(|s| &s.chunks_created, db),
    ),
    (
        "prometheus_tsdb_head_chunks_removed_total",
        "Total number of chunks removed in the head",
        |db| head(|s| &s.chunks_removed, db),
    ),
    (
        "prometheus_tsdb_mmap_chunks_total",
        "Total number of chunks that were memory-mapped.",
        |db| head(|s| &s.chunks_mapped, db),
    ),
    (
        "prometheus_tsdb_mmap_chunk_corruptions_total",
        "Total number of memory-mapped chunk corruptions.",
        |db| head(|s| &s.chunk_corruptions, db),
    ),
    (
        "prometheus_tsdb_wal_page_flushes_total",
        "Total number of page flushes.",
        |db| head(|s| &s.wal_page_flushes, db),
    ),
    (
        "prometheus_tsdb_wal_writes_failed_total",
        "Total number of write log writes that failed.",
        |db| head(|s| &s.wal_writes_failed, db),
    ),
    (
        "prometheus_tsdb_wal_corruptions_total",
        "Total number of WAL corruptions.",
        |db| head(|s| &s.wal_corruptions, db),
    ),
    (
        "prometheus_tsdb_wal_truncations_total",
        "Total number of write log truncations attempted.",
        |db| head(|s| &s.wal_truncations, db),
    ),
    (
        "prometheus_tsdb_wal_truncations_failed_total",
        "Total number of write log truncations that failed.",
        |db| head(|s| &s.wal_truncations_failed, db),
    ),
    (
        "prometheus_tsdb_wal_record_bytes_total",
        "Total number of bytes appended to the write log.",
        |db| head(|s| &s.wal_bytes, db),
    ),
    (
        "prometheus_tsdb_checkpoint_creations_total",
        "Total number of checkpoint creations attempted.",
        |db| head(|s| &s.checkpoints, db),
    ),
    (
        "prometheus_tsdb_checkpoint_creations_failed_total",
        "Total number of checkpoint creations that failed.",
        |db| head(|s| &s.checkpoints_failed, db),
    ),
    (
        "prometheus_tsdb_checkpoint_deletions_total",
        "Total number of checkpoint deletions attempted.",
        |db| head(|s| &s.checkpoint_deletions, db),
    ),
    (
        "prometheus_tsdb_checkpoint_deletions_failed_total",
        "Total number of checkpoint deletions that failed.",
        |db| head(|s| &s.checkpoint_deletions_failed, db),
    ),
    (
        "prometheus_tsdb_head_truncations_total",
        "Total number of head truncations attempted.",
        |db| head(|s| &s.truncations, db),
    ),
    (
        "deucalion_tsdb_head_checkpoints_total",
        "Total number of times that open chunks were to be written for the next start.",
        |db| of_db(|s| &s.checkpoints, db),
    ),
    (
        "deucalion_tsdb_head_checkpoints_failed_total",
        "Total number of times that open chunks could not be written for the next start.",
        |db| of_db(|s| &s.checkpoints_failed, db),
    ),
    (
        "deucalion_tsdb_head_checkpoint_bytes_total",
        "Total number of bytes of open chunks written for the next start.",
        |db| of_db(|s| &s.checkpoint_bytes, db),
    ),
];

/// Gauges read from the database: name, help, where.
const GAUGES: &[(&str, &str, Read)] = &[
    (
        "deucalion_tsdb_disk_free_bytes",
        "Bytes free on the data directory's disk when it was last looked at, what the reserve lacks taken off.",
        |db| db.disk_free_bytes() as f64,
    ),
    (
        "deucalion_tsdb_reserve_bytes",
        "Bytes held in reserve for maintenance of a full disk.",
        |db| db.reserve_bytes() as f64,
    ),
    (
        "deucalion_tsdb_wal_fsync_failed",
        "Whether an fsync of the log failed, so that nothing is stored until a restart.",
        |db| f64::from(u8::from(db.lost().is_some())),
    ),
    (
        "deucalion_tsdb_start_samples_replayed",
        "Samples of the log that the start replayed.",
        |db| head(|s| &s.replay_samples, db),
    ),
    (
        "deucalion_tsdb_start_used_head_checkpoint",
        "Whether the start found open chunks that were written for it.",
        |db| head(|s| &s.checkpoint_loads, db),
    ),
    (
        "prometheus_tsdb_head_series",
        "Total number of series in the head block.",
        |db| db.head_series() as f64,
    ),
    (
        "deucalion_tsdb_series_limit",
        "Number of series that the head may hold, 0 for any number.",
        |db| db.options().series_max as f64,
    ),
    (
        "prometheus_tsdb_head_chunks",
        "Total number of chunks in the head block.",
        |db| db.head_chunks() as f64,
    ),
    (
        "prometheus_tsdb_head_min_time",
        "Minimum time bound of the head block. The unit is decided by the library consumer.",
        |db| db.head_time_range_ms().map_or(i64::MAX, |(from, _)| from) as f64,
    ),
    (
        "prometheus_tsdb_head_max_time",
        "Maximum timestamp of the head block. The unit is decided by the library consumer.",
        |db| db.head_time_range_ms().map_or(i64::MIN, |(_, through)| through) as f64,
    ),
    (
        "prometheus_tsdb_head_min_time_seconds",
        "Minimum time bound of the head block.",
        |db| db.head_time_range_ms().map_or(i64::MAX, |(from, _)| from) as f64 / 1000.0,
    ),
    (
        "prometheus_tsdb_head_max_time_seconds",
        "Maximum timestamp of the head block.",
        |db| db.head_time_range_ms().map_or(i64::MIN, |(_, through)| through) as f64 / 1000.0,
    ),
    (
        "prometheus_tsdb_lowest_timestamp",
        "Lowest timestamp value stored in the database. The unit is decided by the library consumer.",
        |db| db.lowest_timestamp_ms().unwrap_or(0) as f64,
    ),
    (
        "prometheus_tsdb_lowest_timestamp_seconds",
        "Lowest timestamp value stored in the database.",
        |db| db.lowest_timestamp_ms().unwrap_or(0) as f64 / 1000.0,
    ),
    (
        "prometheus_tsdb_wal_segment_current",
        "Write log segment index that TSDB is currently writing to.",
        |db| f64::from(db.wal_segment()),
    ),
    (
        "prometheus_tsdb_blocks_loaded",
        "Number of currently loaded data blocks",
        |db| db.block_metas().len() as f64,
    ),
    (
        "prometheus_tsdb_storage_blocks_bytes",
        "The number of bytes that are currently used for local storage by all blocks.",
        |db| of_db(|s| &s.blocks_bytes, db),
    ),
    (
        "prometheus_tsdb_retention_limit_seconds",
        "How long to retain samples in storage.",
        |db| db.retention().age_ms as f64 / 1000.0,
    ),
    (
        "prometheus_tsdb_exemplar_exemplars_in_storage",
        "Number of exemplars currently in circular storage.",
        |db| db.exemplar_status().stored as f64,
    ),
    (
        "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
        "Number of series with exemplars currently in circular storage.",
        |db| db.exemplar_status().series as f64,
    ),
    (
        "prometheus_tsdb_exemplar_max_exemplars",
        "Total number of exemplars the exemplar storage can store, resizeable.",
        |db| db.exemplar_status().max as f64,
    ),
    (
        "prometheus_tsdb_retention_limit_bytes",
        "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
        |db| db.retention().bytes as f64,
    ),
];

/// Counters with a `type` label that are told for all kinds together.
const FLOAT_COUNTERS: &[(&str, &str, Read)] = &[
    (
        "prometheus_tsdb_head_out_of_order_samples_appended_total",
        "Total number of appended out of order samples.",
        |db| head(|s| &s.late_appended, db),
    ),
    (
        "prometheus_tsdb_out_of_order_samples_total",
        "Total number of out of order samples ingestion failed attempts due to out of order being disabled.",
        |db| head(|s| &s.out_of_order, db),
    ),
    (
        "prometheus_tsdb_out_of_bound_samples_total",
        "Total number of out of bound samples ingestion failed attempts with out of order support disabled.",
        |db| head(|s| &s.out_of_bounds, db),
    ),
    (
        "prometheus_tsdb_too_old_samples_total",
        "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.",
        |db| head(|s| &s.too_old, db),
    ),
];

fn register(late: &LateStorage<Db>, registry: &Registry) {
    let read = |read: Read| {
        let late = late.clone();
        move || late.get().map_or(0.0, |db| read(db))
    };
    for &(name, help, from) in COUNTERS {
        registry.counter_fn(name, help, read(from));
    }
    for &(name, help, from) in GAUGES {
        registry.gauge_fn(name, help, read(from));
    }
    for &(name, help, from) in FLOAT_COUNTERS {
        registry.counter_fn_labelled(name, help, "type=\"float\"", read(from));
    }
    let held = late.clone();
    registry.gauges_fn(
        "deucalion_tsdb_head_bytes",
        "Memory that the head holds, by what is in it.",
        &["part"],
        move || {
            let parts = held.get().map_or_else(Vec::new, |db| db.head_bytes());
            let labelled = |(part, bytes): (&str, usize)| (vec![part.to_owned()], bytes as f64);
            parts.into_iter().map(labelled).collect()
        },
    );
    registry.counter_fns(
        "prometheus_tsdb_head_samples_appended_total",
        "Total number of appended samples.",
        vec![
            (
                "type=\"float\"",
                Box::new(read(|db| head(|s| &s.samples_appended, db))),
            ),
            (
                "type=\"histogram\"",
                Box::new(read(|db| head(|s| &s.histograms_appended, db))),
            ),
        ],
    );
    let asked = late.clone();
    registry.gauges_fn(
        "deucalion_tsdb_refuses",
        "Whether new series or samples are refused for want of room on the disk, or since the log is lost.",
        &["what"],
        move || {
            let intake = asked.get().map_or(Intake::All, |db| db.intake());
            let refuses = |what: &str, from| (vec![what.to_owned()], f64::from(u8::from(intake >= from)));
            vec![
                refuses("series", Intake::KnownSeries),
                refuses("samples", Intake::Nothing),
            ]
        },
    );
    let late = late.clone();
    registry.gauge_fn(
        "prometheus_ready",
        "Whether Prometheus startup was fully completed and the server is ready for normal operation.",
        move || f64::from(u8::from(late.get().is_some())),
    );
}
