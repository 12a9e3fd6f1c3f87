//! What others may see of all pools while scraping goes on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use tsdb::model::{Labels, Metadata};

use super::metadata::size;
use super::status::Watched;
use super::url::Outside;
use crate::telemetry::Registry;
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
}

impl Targets {
    pub(super) fn new(registry: &Registry) -> Self {
        let targets = Self {
            pools: Arc::default(),
            outside: Arc::default(),
        };
        let (entries, bytes) = (targets.clone(), targets.clone());
        registry.gauges_fn(
            "prometheus_target_metadata_cache_entries",
            "Total number of metric metadata entries in the cache",
            &["scrape_job"],
            move || entries.metadata_sizes(|(count, _)| count),
        );
        registry.gauges_fn(
            "prometheus_target_metadata_cache_bytes",
            "The number of bytes that are currently used for storing metric metadata in the cache",
            &["scrape_job"],
            move || bytes.metadata_sizes(|(_, bytes)| bytes),
        );
        targets
    }

    /// By job, one of (families, bytes of their texts) summed over targets.
    fn metadata_sizes(&self, which: impl Fn((usize, usize)) -> usize) -> Vec<(Vec<String>, f64)> {
        let pools = self.pools.read();
        let of_pool = |(job, pool): (&String, &PoolView)| {
            let sizes = pool.active.iter().map(|watched| which(size(&watched.families())));
            (vec![job.clone()], sizes.sum::<usize>() as f64)
        };
        pools.iter().map(of_pool).collect()
    }
}

impl Targets {
    /// What all targets say of their metrics; what several say alike is there once.
    pub fn families(&self) -> Vec<(String, Metadata)> {
        let pools = self.pools.read();
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for watched in pools.values().flat_map(|pool| &pool.active) {
            let families = watched.families();
            for family in families.lock().iter().flatten() {
                // Targets share what they say alike, so that the place tells.
                if seen.insert(Arc::as_ptr(family)) {
                    all.push((family.name.clone(), family.said.clone()));
                }
            }
        }
        all
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
