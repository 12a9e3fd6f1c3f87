//! What others may see of all pools while scraping goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tsdb::model::{Labels, Metadata};

use super::metadata::size;
use super::metrics::ScrapeMetrics;
use super::status::Watched;
use super::url::Outside;
use crate::web::views::{ActiveTarget, DroppedTarget, TargetsView};

/// What may be seen of one pool.
#[derive(Debug, Default)]
pub(super) struct PoolView {
    pub(super) active: Vec<Arc<Watched>>,
    /// Discovered labels of dropped targets, as many as are kept.
    pub(super) dropped: Vec<Labels>,
    pub(super) dropped_count: usize,
}

/// All pools by job name. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Targets {
    pub(super) pools: Arc<RwLock<BTreeMap<String, PoolView>>>,
    pub(super) outside: Arc<RwLock<Outside>>,
    pub(super) metrics: ScrapeMetrics,
}

impl Targets {
    pub(super) fn new(metrics: ScrapeMetrics) -> Self {
        Self {
            pools: Arc::default(),
            outside: Arc::default(),
            metrics,
        }
    }

    /// Brings the metrics of metadata up to date; to be called before metrics are rendered.
    pub fn refresh_metrics(&self) {
        for (job, pool) in &*self.pools.read() {
            let sizes = pool.active.iter().map(|watched| size(&watched.families()));
            let (count, bytes) = sizes.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
            self.metrics.metadata_entries.with(&[job]).set(count as f64);
            self.metrics.metadata_bytes.with(&[job]).set(bytes as f64);
        }
    }
}

impl TargetsView for Targets {
    fn pools(&self) -> Vec<String> {
        self.pools.read().keys().cloned().collect()
    }

    fn active(&self) -> Vec<ActiveTarget> {
        let outside = self.outside.read();
        let pools = self.pools.read();
        let all = pools
            .iter()
            .flat_map(|(job, pool)| pool.active.iter().map(move |watched| (job, watched)));
        all.map(|(job, watched)| watched.view(job, &outside)).collect()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let pools = self.pools.read();
        let all = pools
            .iter()
            .flat_map(|(job, pool)| pool.dropped.iter().map(move |labels| (job, labels)));
        let dropped = |(job, labels): (&String, &Labels)| DroppedTarget {
            discovered_labels: labels.clone(),
            scrape_pool: job.clone(),
        };
        all.map(dropped).collect()
    }

    fn dropped_counts(&self) -> Vec<(String, usize)> {
        let pools = self.pools.read();
        pools
            .iter()
            .map(|(job, pool)| (job.clone(), pool.dropped_count))
            .collect()
    }

    fn metadata(&self) -> Vec<(Labels, String, Metadata)> {
        let pools = self.pools.read();
        let watched = pools.values().flat_map(|pool| &pool.active);
        let of_target = |watched: &Arc<Watched>| {
            let labels = watched.target().labels.clone();
            let said = watched.metadata().into_iter();
            said.map(move |(name, said)| (labels.clone(), name, said))
        };
        watched.flat_map(of_target).collect()
    }
}
