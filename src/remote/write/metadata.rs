//! What metrics are, sent now and then beside the samples, in requests of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::error;
use tsdb::model::Metadata;

use super::encode;
use super::queue::Core;
use super::send::{Backoff, Compressor};

/// What targets say of their metrics.
pub trait MetadataSource: Send + Sync + std::fmt::Debug {
    /// Each metric family with what is said of it; of equal sayings there is one.
    fn families(&self) -> Vec<(String, Metadata)>;
}

/// Sends what `source` says at each interval, until told to stop between two requests.
pub(super) async fn send_until(
    core: Arc<Core>,
    source: Arc<dyn MetadataSource>,
    mut quit: watch::Receiver<bool>,
) {
    let every = Duration::from_millis(core.config.metadata.send_interval_ms.max(1).unsigned_abs());
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut compressor = Compressor::default();
    loop {
        tokio::select! {
            _ = quit.wait_for(|quit| *quit) => return,
            _ = ticks.tick() => {}
        }
        send_all(&core, &*source, &mut compressor).await;
    }
}

async fn send_all(core: &Core, source: &dyn MetadataSource, compressor: &mut Compressor) {
    let size = core.config.metadata.max_samples_per_send;
    if size == 0 {
        return;
    }
    let families = source.families();
    let mut raw = Vec::new();
    for batch in families.chunks(size) {
        raw.clear();
        for (name, said) in batch {
            encode::put_metadata(&mut raw, name, said);
        }
        let body = compressor.compress(&raw);
        let (count, metrics) = (batch.len() as f64, &core.metrics);
        let mut backoff = Backoff::new(core);
        let refused = loop {
            match core.store(body.clone(), backoff.attempt()).await {
                Ok(_) => break None,
                Err(refusal) if !refusal.may_pass => break Some(refusal),
                Err(refusal) => backoff.wait(core, &refusal).await,
            }
            metrics.metadata_retried.add(count);
        };
        match refused {
            None => {
                metrics.metadata.add(count);
                metrics.metadata_bytes.add(body.len() as f64);
            }
            Some(refusal) => {
                metrics.metadata_failed.add(count);
                if core.repeats.is_new(&refusal.text) {
                    error!(
                        remote_name = core.name,
                        url = core.url,
                        count,
                        err = refusal.text,
                        "non-recoverable error while sending metadata"
                    );
                }
            }
        }
    }
}
