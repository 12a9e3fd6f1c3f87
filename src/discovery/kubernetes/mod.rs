//! `kubernetes_sd_configs`: targets from the objects of a Kubernetes cluster.
//!
//! ```text
//! follow (one a resource and namespace) ─ list, then changes ─┐
//! follow …                                                    ├─▶ cluster ─ whose groups? ─▶ role ─▶ groups
//! follow …                                                    ┘
//! ```
//!
//! [`access`] says how the API is reached, [`api`] asks it, [`follow`] keeps asking, [`cluster`] joins what is
//! told, [`role`] makes groups of it. Of each object only what labels are made of is kept; a change makes the
//! groups that it concerns and no others. Start with [`KubernetesProvider`].

mod access;
mod api;
mod cluster;
mod follow;
mod kubeconfig;
mod labels;
mod metrics;
mod object;
mod resource;
mod role;
mod store;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::access::{Access, Pod};
use self::api::{Api, ApiFeed, Followed};
use self::cluster::{Cluster, News};
use self::follow::Follow;
pub(super) use self::metrics::KubernetesMetrics;
use self::resource::Resource;
use super::provider::{Provider, Updates};
use crate::config::KubernetesSdConfig;

/// How much news may wait to be taken in.
const NEWS_WAITING_MAX: usize = 1024;

/// How much news is taken in before groups are made.
const NEWS_AT_ONCE_MAX: usize = 4096;

/// Tells of targets in a cluster.
#[derive(Debug)]
pub(super) struct KubernetesProvider {
    api: Api,
    /// In the order of their numbers.
    sources: Vec<Followed>,
    cluster: Cluster,
}

impl KubernetesProvider {
    /// A provider for the configuration, as the process finds itself.
    ///
    /// # Errors
    /// When there is no way to the API.
    pub(super) fn new(config: &KubernetesSdConfig, metrics: &KubernetesMetrics) -> Result<Self, String> {
        Self::within(config, &Pod::of_process(), metrics)
    }

    fn within(config: &KubernetesSdConfig, pod: &Pod, metrics: &KubernetesMetrics) -> Result<Self, String> {
        let access = Access::new(config, pod)?;
        let sources = sources(config, access.own_namespace.as_deref());
        let heard: Vec<(Resource, String)> = sources
            .iter()
            .map(|followed| (followed.resource, followed.namespace.clone()))
            .collect();
        Ok(Self {
            api: Api {
                client: access.client,
                address: access.address,
                metrics: metrics.clone(),
            },
            sources,
            cluster: Cluster::new(
                config.role,
                config.attach_metadata,
                &heard,
                metrics.of_role(config.role),
            ),
        })
    }

    async fn keep_telling(mut self, updates: Updates) {
        let (news, mut heard) = mpsc::channel(NEWS_WAITING_MAX);
        let mut followers = JoinSet::new();
        for (number, followed) in self.sources.drain(..).enumerate() {
            followers.spawn(self.api.follow(followed, number, news.clone()).run());
        }
        drop(news);
        let mut taken = Vec::new();
        while heard.recv_many(&mut taken, NEWS_AT_ONCE_MAX).await > 0 {
            for (source, news) in taken.drain(..) {
                self.cluster.hear(source, news);
            }
            let groups = self.cluster.take_groups();
            if !groups.is_empty() && !updates.send(groups).await {
                return;
            }
        }
    }
}

impl Provider for KubernetesProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.keep_telling(updates))
    }
}

impl Api {
    fn follow(
        &self,
        followed: Followed,
        number: usize,
        news: mpsc::Sender<(usize, News)>,
    ) -> Follow<ApiFeed> {
        let mut what = followed.resource.plural().to_owned();
        if !followed.namespace.is_empty() {
            what = format!("{what} in {}", followed.namespace);
        }
        let failures = self.metrics.failures.clone();
        let feed = ApiFeed {
            api: self.clone(),
            followed,
        };
        Follow::new(feed, number, news, what, failures)
    }
}

/// The lists that a configuration needs: one a resource and namespace.
fn sources(config: &KubernetesSdConfig, own_namespace: Option<&str>) -> Vec<Followed> {
    let mut namespaces: Vec<&str> = config.namespaces.iter().map(String::as_str).collect();
    namespaces.extend(own_namespace);
    if namespaces.is_empty() {
        namespaces.push("");
    }
    namespaces.sort_unstable();
    namespaces.dedup();
    // All of them in one list, should one of the names be empty.
    if namespaces.first() == Some(&"") {
        namespaces.truncate(1);
    }
    let mut sources = Vec::new();
    for resource in Resource::needed(config.role, config.attach_metadata) {
        let selector = config
            .selectors
            .iter()
            .find(|selector| resource.selected_by() == Some(selector.role));
        let within = if resource.is_namespaced() {
            namespaces.as_slice()
        } else {
            &[""]
        };
        for namespace in within {
            sources.push(Followed {
                resource,
                namespace: (*namespace).to_owned(),
                label: selector.map_or_else(String::new, |selector| selector.label.clone()),
                field: selector.map_or_else(String::new, |selector| selector.field.clone()),
            });
        }
    }
    sources
}
