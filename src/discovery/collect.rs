//! One look at what the providers of a job tell, for whoever is not there to stay.
//!
//! [`super::Manager`] stays. Begin with [`collect`].

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::provider::{ProviderConfig, Updates};
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::DiscoveryConfigs;

/// Everything that the providers of `job` tell within `time`, in the order they tell it: a source that is told
/// of twice is there twice. Ends before that only if no provider can have more to tell.
///
/// # Errors
/// When a provider cannot be built.
pub async fn collect(
    job: &str,
    configs: &DiscoveryConfigs,
    metrics: &DiscoveryMetrics,
    time: Duration,
) -> Result<Vec<TargetGroup>, String> {
    let (updates, mut told) = Updates::channel();
    let mut running = JoinSet::new();
    for config in ProviderConfig::of_job(configs) {
        running.spawn(config.build(job, metrics)?.run(updates.clone()));
    }
    drop(updates);
    let mut groups = Vec::new();
    let listening = async {
        while let Some(more) = told.recv().await {
            groups.extend(more);
        }
    };
    // That the time is over is how it ends.
    drop(timeout(time, listening).await);
    Ok(groups)
}
