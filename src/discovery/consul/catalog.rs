//! The catalog: which services there are, and a watcher for each that is wanted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::error;

use super::{Consul, instances};
use crate::discovery::TargetGroup;
use crate::discovery::provider::Updates;

/// The services of the catalog with their tags.
type Services = HashMap<String, Option<Vec<String>>>;

/// A watcher at work. Dropping it stops it.
struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    /// Stops it, so that it tells nothing any more.
    async fn stop(mut self) {
        self.0.abort();
        // It was told to stop: how it ended says nothing.
        drop((&mut self.0).await);
    }
}

/// Watches the catalog, and the services in it that are wanted, until nobody listens.
pub(super) async fn watch(consul: &Arc<Consul>, updates: &Updates) {
    let mut ticks = consul.ticks();
    let mut watched = BTreeMap::new();
    let mut index = 0;
    loop {
        let began = Instant::now();
        let parameters = consul.watching.parameters(index, &consul.filter);
        let answer = consul
            .api
            .get::<Services>(&["catalog", "services"], &parameters)
            .await;
        consul.catalog_duration.observe(began.elapsed().as_secs_f64());
        match answer {
            // With the same index the wait is over and nothing is new.
            Ok(answer) if answer.index == index => {}
            Ok(answer) => {
                index = answer.index;
                if !follow(consul, &answer.value, &mut watched, updates).await {
                    return;
                }
            }
            Err(error) => {
                error!(%error, datacenter = consul.datacenter, "Error refreshing service list");
                consul.failures.inc();
                sleep(consul.retry).await;
            }
        }
        ticks.tick().await;
    }
}

/// Watches what is new and leaves what is gone; `false` says that nobody listens any more.
///
/// A service that loses its tags is watched on, as in Prometheus: its instances are asked for by tag.
async fn follow(
    consul: &Arc<Consul>,
    services: &Services,
    watched: &mut BTreeMap<String, Watcher>,
    updates: &Updates,
) -> bool {
    for (name, tags) in services {
        let tags = tags.as_deref().unwrap_or_default();
        if consul.wants(name, tags) && !watched.contains_key(name) {
            let (consul, updates, service) = (Arc::clone(consul), updates.clone(), name.clone());
            let watching = async move { instances::watch(&consul, &service, &updates).await };
            watched.insert(name.clone(), Watcher(tokio::spawn(watching)));
        }
    }
    let is_gone = |name: &String, _: &mut Watcher| !services.contains_key(name);
    let gone: Vec<(String, Watcher)> = watched.extract_if(.., is_gone).collect();
    for (source, watcher) in gone {
        watcher.stop().await;
        let empty = TargetGroup {
            source,
            ..TargetGroup::default()
        };
        if !updates.send(vec![empty]).await {
            return false;
        }
    }
    // Also that there is nothing is news, once.
    !watched.is_empty() || updates.send(vec![TargetGroup::default()]).await
}

impl Consul {
    /// Whether a service is to be watched.
    fn wants(&self, name: &str, tags: &[String]) -> bool {
        let is_named = self.services.is_empty() || self.services.iter().any(|service| service == name);
        is_named && self.tags.iter().all(|tag| tags.contains(tag))
    }
}
