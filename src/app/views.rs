//! What the web shows, asked of the components.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::RwLock;
use tokio::sync::watch;
use tsdb::db::Db;
use tsdb::db::SeriesExemplars;
use tsdb::db::StatusEntry;
use tsdb::model::{Labels, Matcher};

use super::clock;
use super::late_storage::LateStorage;
use super::load::Loaded;
use super::logging::with_sources;
use super::reload::Reloader;
use super::reload_state::ReloadState;
use super::storage::Storage;
use crate::config::duration;
use crate::config::size;
use crate::notifier::NotifierManager;
use crate::remote::receive::Receiver;
use crate::web::views::{
    AlertmanagersView, Lifecycle, NamedCount, RuntimeStatus, StatusView, StorageView, TsdbStatus, WalReplay,
    WriteReceiver,
};

/// The configuration in use. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Current(Arc<RwLock<Option<Arc<Loaded>>>>);

impl Current {
    pub(super) fn get(&self) -> Option<Arc<Loaded>> {
        self.0.read().as_ref().map(Arc::clone)
    }

    pub(super) fn set(&self, loaded: Arc<Loaded>) {
        *self.0.write() = Some(loaded);
    }
}

#[derive(Debug)]
pub(super) struct Alertmanagers(pub(super) NotifierManager);

impl AlertmanagersView for Alertmanagers {
    fn active(&self) -> Vec<String> {
        self.0.alertmanagers()
    }

    fn dropped(&self) -> Vec<String> {
        self.0.dropped_alertmanagers()
    }
}

#[derive(Debug)]
pub(super) struct Written(pub(super) Receiver);

impl WriteReceiver for Written {
    fn receive(
        &self,
        content_type: &str,
        encoding: &str,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), (u16, String)> {
        let received = self.0.receive(content_type, encoding, body, now_ms);
        received.map_err(|refusal| (refusal.status, refusal.text))
    }
}

/// What is stored.
#[derive(Debug)]
pub(super) struct Stored(pub(super) LateStorage<Db>);

impl Stored {
    fn db(&self) -> Result<&Db, String> {
        self.0
            .get()
            .map(|db| &**db)
            .ok_or_else(|| "TSDB not ready".to_owned())
    }
}

impl StorageView for Stored {
    fn exemplars(&self, from_ms: i64, through_ms: i64, selectors: &[Vec<Matcher>]) -> Vec<SeriesExemplars> {
        self.db()
            .map(|db| db.exemplars(from_ms, through_ms, selectors))
            .unwrap_or_default()
    }

    fn delete(&self, from_ms: i64, through_ms: i64, matchers: &[Matcher]) -> Result<(), String> {
        self.db()?
            .delete(from_ms, through_ms, matchers)
            .map_err(|error| with_sources(&error))
    }

    fn clean_tombstones(&self) -> Result<(), String> {
        self.db()?
            .clean_tombstones(clock::now_ms())
            .map_err(|error| with_sources(&error))
    }

    fn snapshot(&self, skip_head: bool, name: &str) -> Result<(), String> {
        let written = self.db()?.snapshot(skip_head, name, clock::now_ms());
        written.map(|_| ()).map_err(|error| with_sources(&error))
    }
}

#[derive(Debug)]
pub(super) struct Status {
    pub(super) late: LateStorage<Db>,
    pub(super) current: Current,
    pub(super) reload_state: Arc<ReloadState>,
    pub(super) flags: Vec<(String, String)>,
    pub(super) start_time_ms: i64,
    pub(super) ready: watch::Receiver<bool>,
    pub(super) progress: Arc<tsdb::head::ReplayProgress>,
    pub(super) storage: Arc<Storage>,
}

impl StatusView for Status {
    fn config_yaml(&self) -> String {
        self.current
            .get()
            .map_or_else(String::new, |loaded| loaded.yaml.clone())
    }

    fn flags(&self) -> Vec<(String, String)> {
        self.flags.clone()
    }

    fn runtime(&self) -> RuntimeStatus {
        let retention = self.late.get().map(|db| {
            let kept = db.retention();
            let mut parts = Vec::new();
            if kept.age_ms > 0 {
                parts.push(duration::format_ms(kept.age_ms));
            }
            if kept.bytes > 0 {
                parts.push(size::format_bytes(i64::try_from(kept.bytes).unwrap_or(i64::MAX)));
            }
            parts.join(" or ")
        });
        RuntimeStatus {
            start_time_ms: self.start_time_ms,
            working_directory: std::env::current_dir()
                .map_or_else(|_| String::new(), |dir| dir.display().to_string()),
            reload_config_success: self.reload_state.is_ok(),
            last_config_time_ms: self.reload_state.last_ms(),
            corruption_count: self
                .late
                .get()
                .map_or(0, |db| tsdb::head::Stats::get(&db.head_stats().wal_corruptions)),
            storage_retention: retention.unwrap_or_default(),
        }
    }

    fn tsdb(&self, limit: usize) -> TsdbStatus {
        let Some(db) = self.late.get() else {
            return TsdbStatus::default();
        };
        let status = db.head_status(limit);
        let counts = |entries: Vec<StatusEntry>| {
            entries
                .into_iter()
                .map(|entry| NamedCount {
                    name: entry.name,
                    value: entry.value,
                })
                .collect()
        };
        TsdbStatus {
            series: status.series,
            label_pairs: status.label_pairs,
            chunks: i64::try_from(status.chunks).unwrap_or(i64::MAX),
            min_time_ms: status.min_ms,
            max_time_ms: status.max_ms,
            series_by_metric: counts(status.series_by_metric),
            values_by_label: counts(status.values_by_label),
            bytes_by_label: counts(status.memory_by_label),
            series_by_pair: counts(status.series_by_pair),
        }
    }

    fn blocks(&self) -> Vec<String> {
        let metas = self.late.get().map(|db| db.block_metas());
        metas.iter().flatten().map(|meta| meta.to_known_json()).collect()
    }

    fn wal_replay(&self) -> WalReplay {
        let segment = |segment: &AtomicU32| i64::from(segment.load(Ordering::Relaxed));
        let progress = &*self.progress;
        WalReplay {
            min: segment(&progress.min),
            max: segment(&progress.max),
            current: segment(&progress.current),
        }
    }

    fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    fn lost(&self) -> Option<String> {
        self.storage.lost()
    }

    fn external_labels(&self) -> Labels {
        self.current.get().map_or_else(Labels::empty, |loaded| {
            loaded.config.global.external_labels.clone()
        })
    }
}

/// What requests may tell the server to do.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) reloader: Arc<Reloader>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) quit: watch::Sender<bool>,
}

impl Lifecycle for Orders {
    fn reload(&self) -> Result<(), String> {
        self.runtime.block_on(self.reloader.reload())
    }

    fn quit(&self) {
        self.quit.send_replace(true);
    }
}
