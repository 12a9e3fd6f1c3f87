//! Providers that ask for everything again and again.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::error;

use super::TargetGroup;
use super::metrics::RefreshMetrics;
use super::provider::Updates;

/// Something that can be asked for all its groups.
pub(super) trait Refresh: Send {
    /// All groups, and an empty one for each that is gone.
    fn refresh(&mut self) -> impl Future<Output = Result<Vec<TargetGroup>, String>> + Send;
}

/// Asks at once and then each `every`; an error is logged and counted, and what was told before stands.
pub(super) async fn keep_asking(
    mut source: impl Refresh,
    every: Duration,
    metrics: RefreshMetrics,
    updates: Updates,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let answer = source.refresh().await;
        let seconds = began.elapsed().as_secs_f64();
        metrics.duration.observe(seconds);
        metrics.duration_histogram.observe(seconds);
        match answer {
            Ok(groups) => {
                if !updates.send(groups).await {
                    return;
                }
            }
            Err(error) => {
                metrics.failures.inc();
                error!(%error, "Unable to refresh target groups");
            }
        }
    }
}
