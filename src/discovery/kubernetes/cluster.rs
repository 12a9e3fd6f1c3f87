//! The objects of the cluster joined: which groups a change concerns.
//!
//! | role | its own objects | others, and whom a change of them concerns |
//! |---|---|---|
//! | node | any change | |
//! | pod | any change | nodes: pods on it; replica sets, jobs: pods of it; namespaces, when changed: pods in it |
//! | service, ingress | any change | namespaces, when changed: all in it |
//! | endpoints | any change | services: those of its name; nodes: those on it; pods, when the phase changed: those with it; namespaces, when changed: all in it |
//! | endpointslice | any change | services: their slices; nodes, namespaces: as endpoints |
//!
//! What is not in the table is seen the next time the group is made for another reason, as in Prometheus.
//! No group is made before everything it is joined with was listed once.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::metrics::RoleMetrics;
use super::object::{EndpointSlice, Endpoints, Ingress, Key, Meta, Node, Object, Plain, Pod, Service};
use super::resource::Resource;
use super::role;
use super::store::{LinkKind, Store, Stored};
use crate::config::{AttachMetadata, KubernetesRole};
use crate::discovery::TargetGroup;

/// Everything known of the cluster, for one role.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) role: KubernetesRole,
    pub(super) attach: AttachMetadata,
    pub(super) nodes: Store<Node>,
    node_metadata: Store<Plain>,
    pub(super) namespaces: Store<Plain>,
    pub(super) pods: Store<Pod>,
    pub(super) services: Store<Service>,
    pub(super) endpoints: Store<Endpoints>,
    pub(super) slices: Store<EndpointSlice>,
    pub(super) ingresses: Store<Ingress>,
    pub(super) replica_sets: Store<Plain>,
    pub(super) jobs: Store<Plain>,
    sources: Vec<Source>,
    /// The objects whose groups are to be made, and since when.
    concerned: BTreeMap<Key, Instant>,
    metrics: RoleMetrics,
}

/// A list that is being followed.
#[derive(Debug)]
struct Source {
    resource: Resource,
    /// Empty for all.
    namespace: String,
    is_listed: bool,
    /// What the list that is under way has named so far.
    listing: BTreeSet<Key>,
}

/// What following a list tells.
#[derive(Debug)]
pub(super) enum News {
    /// The whole list follows.
    ListBegins,
    /// A part of the list.
    Listed(Vec<Object>),
    /// That was the whole list: what it did not name is gone.
    ListEnds,
    /// An object is new or has changed.
    Changed(Object),
    /// An object is gone.
    Gone(Key),
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Add,
    Update,
    Delete,
}

/// What happened to an object, and whether anything of it that joins look at is different.
struct Happened {
    event: Event,
    is_different: bool,
}

impl Cluster {
    /// An empty cluster that will hear of `sources`: resources and their namespaces.
    pub(super) fn new(
        role: KubernetesRole,
        attach: AttachMetadata,
        sources: &[(Resource, String)],
        metrics: RoleMetrics,
    ) -> Self {
        let is_pod = role == KubernetesRole::Pod;
        let wanted = [
            (attach.node, LinkKind::Node),
            (!is_pod, LinkKind::Pod),
            (!is_pod, LinkKind::Service),
            (is_pod && attach.deployment, LinkKind::ReplicaSet),
            (is_pod && (attach.job || attach.cronjob), LinkKind::Job),
        ];
        let links: Vec<LinkKind> = wanted
            .into_iter()
            .filter(|(is_wanted, _)| *is_wanted)
            .map(|(_, kind)| kind)
            .collect();
        let sources = sources.iter().map(|(resource, namespace)| Source {
            resource: *resource,
            namespace: namespace.clone(),
            is_listed: false,
            listing: BTreeSet::new(),
        });
        Self {
            role,
            attach,
            nodes: Store::new(&[]),
            node_metadata: Store::new(&[]),
            namespaces: Store::new(&[]),
            pods: Store::new(if is_pod { &links } else { &[] }),
            services: Store::new(&[]),
            endpoints: Store::new(&links),
            slices: Store::new(&links),
            ingresses: Store::new(&[]),
            replica_sets: Store::new(&[]),
            jobs: Store::new(&[]),
            sources: sources.collect(),
            concerned: BTreeMap::new(),
            metrics,
        }
    }

    /// The metadata of a node, if nodes are attached and it is known.
    pub(super) fn attached_node(&self, name: &str) -> Option<&Meta> {
        self.node_metadata
            .get(&Key::new("", name))
            .map(|node| &node.metadata)
    }

    /// Takes in what following the source of that number has told.
    pub(super) fn hear(&mut self, source: usize, news: News) {
        let resource = self.sources[source].resource;
        match news {
            News::ListBegins => self.sources[source].listing.clear(),
            News::Listed(objects) => {
                for object in objects {
                    self.sources[source].listing.insert(object.meta().key());
                    self.put(resource, object);
                }
            }
            News::ListEnds => {
                let named = std::mem::take(&mut self.sources[source].listing);
                let namespace = self.sources[source].namespace.clone();
                for key in self.keys_within(resource, &namespace) {
                    if !named.contains(&key) {
                        self.remove(resource, &key);
                    }
                }
                self.sources[source].is_listed = true;
            }
            News::Changed(object) => self.put(resource, object),
            News::Gone(key) => self.remove(resource, &key),
        }
        self.metrics.depth.set(self.concerned.len() as f64);
    }

    /// Makes the groups that changes have concerned, as far as everything they are joined with is known.
    pub(super) fn take_groups(&mut self) -> Vec<TargetGroup> {
        if self.concerned.is_empty() {
            return Vec::new();
        }
        let missing: Vec<&Source> = self
            .sources
            .iter()
            .filter(|s| !s.is_listed && self.is_awaited(s.resource))
            .collect();
        if missing.iter().any(|source| source.namespace.is_empty()) {
            return Vec::new();
        }
        let is_missing = |key: &Key| missing.iter().any(|source| source.namespace == key.namespace);
        let (later, now): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.concerned)
            .into_iter()
            .partition(|(key, _)| is_missing(key));
        self.concerned = later;
        let mut groups = Vec::with_capacity(now.len());
        for (key, since) in now {
            let began = Instant::now();
            self.metrics.latency.observe((began - since).as_secs_f64());
            groups.extend(role::group(self, &key));
            self.metrics.work_duration.observe(began.elapsed().as_secs_f64());
        }
        self.metrics.depth.set(self.concerned.len() as f64);
        groups
    }

    /// Whether groups wait for the first list of a resource. Behind services Prometheus does not wait for
    /// those who own pods.
    fn is_awaited(&self, resource: Resource) -> bool {
        self.role == KubernetesRole::Pod || !matches!(resource, Resource::ReplicaSets | Resource::Jobs)
    }

    fn put(&mut self, resource: Resource, object: Object) {
        let key = object.meta().key();
        let happened = match object {
            Object::Node(node) => put(&mut self.nodes, *node, |_, _| true),
            Object::Pod(pod) => put(&mut self.pods, *pod, |a, b| a.status.phase != b.status.phase),
            Object::Service(service) => put(&mut self.services, *service, |_, _| true),
            Object::Endpoints(endpoints) => put(&mut self.endpoints, *endpoints, |_, _| true),
            Object::EndpointSlice(slice) => put(&mut self.slices, *slice, |_, _| true),
            Object::Ingress(ingress) => put(&mut self.ingresses, *ingress, |_, _| true),
            Object::Plain(plain) => match self.plain_store(resource) {
                Some(store) => put(store, *plain, |a, b| is_different(&a.metadata, &b.metadata)),
                None => return,
            },
        };
        if let Some(happened) = happened {
            self.follow_up(resource, &key, &happened);
        }
    }

    fn plain_store(&mut self, resource: Resource) -> Option<&mut Store<Plain>> {
        match resource {
            Resource::NodeMetadata => Some(&mut self.node_metadata),
            Resource::Namespaces => Some(&mut self.namespaces),
            Resource::ReplicaSets => Some(&mut self.replica_sets),
            Resource::Jobs => Some(&mut self.jobs),
            _ => None,
        }
    }

    fn remove(&mut self, resource: Resource, key: &Key) {
        let was_there = match resource {
            Resource::Nodes => self.nodes.remove(key).is_some(),
            Resource::Pods => self.pods.remove(key).is_some(),
            Resource::Services => self.services.remove(key).is_some(),
            Resource::Endpoints => self.endpoints.remove(key).is_some(),
            Resource::EndpointSlices => self.slices.remove(key).is_some(),
            Resource::Ingresses => self.ingresses.remove(key).is_some(),
            other => self
                .plain_store(other)
                .is_some_and(|store| store.remove(key).is_some()),
        };
        if was_there {
            let happened = Happened {
                event: Event::Delete,
                is_different: true,
            };
            self.follow_up(resource, key, &happened);
        }
    }

    fn keys_within(&self, resource: Resource, namespace: &str) -> Vec<Key> {
        match resource {
            Resource::Nodes => self.nodes.within(namespace).cloned().collect(),
            Resource::NodeMetadata => self.node_metadata.within(namespace).cloned().collect(),
            Resource::Namespaces => self.namespaces.within(namespace).cloned().collect(),
            Resource::Pods => self.pods.within(namespace).cloned().collect(),
            Resource::Services => self.services.within(namespace).cloned().collect(),
            Resource::Endpoints => self.endpoints.within(namespace).cloned().collect(),
            Resource::EndpointSlices => self.slices.within(namespace).cloned().collect(),
            Resource::Ingresses => self.ingresses.within(namespace).cloned().collect(),
            Resource::ReplicaSets => self.replica_sets.within(namespace).cloned().collect(),
            Resource::Jobs => self.jobs.within(namespace).cloned().collect(),
        }
    }

    /// Counts what happened and notes whom it concerns: see the table above.
    fn follow_up(&mut self, resource: Resource, key: &Key, happened: &Happened) {
        let event = happened.event;
        self.count(resource, event);
        let own = Resource::of_role(self.role);
        if resource == own {
            self.concern([key.clone()]);
            return;
        }
        let is_pod = self.role == KubernetesRole::Pod;
        let link = match resource {
            // Behind services anything that makes a group anew shows what else has changed.
            Resource::NodeMetadata if happened.is_different || !is_pod => LinkKind::Node,
            Resource::ReplicaSets if is_pod && happened.is_different => LinkKind::ReplicaSet,
            Resource::Jobs if is_pod && happened.is_different => LinkKind::Job,
            Resource::Services => LinkKind::Service,
            Resource::Pods if event == Event::Update && happened.is_different => LinkKind::Pod,
            Resource::Namespaces if event == Event::Update => {
                let keys = self.keys_within(own, &key.name);
                self.concern(keys);
                return;
            }
            _ => return,
        };
        let link = link.to(key.clone());
        let keys: Vec<Key> = match self.role {
            KubernetesRole::Pod => self.pods.linked(&link).cloned().collect(),
            KubernetesRole::Endpoints if link.kind == LinkKind::Service => {
                self.endpoints.get(key).map(|_| key.clone()).into_iter().collect()
            }
            KubernetesRole::Endpoints => self.endpoints.linked(&link).cloned().collect(),
            // Prometheus does not look at the phase of pods here.
            KubernetesRole::EndpointSlice if link.kind == LinkKind::Pod => return,
            KubernetesRole::EndpointSlice => self.slices.linked(&link).cloned().collect(),
            KubernetesRole::Node | KubernetesRole::Service | KubernetesRole::Ingress => return,
        };
        self.concern(keys);
    }

    fn concern(&mut self, keys: impl IntoIterator<Item = Key>) {
        let now = Instant::now();
        for key in keys {
            self.concerned.entry(key).or_insert_with(|| {
                self.metrics.items.inc();
                now
            });
        }
    }

    fn count(&self, resource: Resource, event: Event) {
        let role = match resource {
            own if own == Resource::of_role(self.role) => self.role,
            Resource::Services => KubernetesRole::Service,
            Resource::Pods if self.role == KubernetesRole::Endpoints && event == Event::Update => {
                KubernetesRole::Pod
            }
            _ => return,
        };
        self.metrics.count(role, event);
    }
}

#[cfg(test)]
impl Cluster {
    /// The objects that a list of a resource would name.
    pub(super) fn keys(&self, resource: Resource, namespace: &str) -> Vec<Key> {
        self.keys_within(resource, namespace)
    }

    /// Counts an object as named by the list that is under way.
    pub(super) fn note_listed(&mut self, source: usize, key: Key) {
        self.sources[source].listing.insert(key);
    }
}

/// Stores an object; `None` if it is known in this very state.
fn put<T: Stored>(
    store: &mut Store<T>,
    object: T,
    is_different: impl Fn(&T, &T) -> bool,
) -> Option<Happened> {
    let version = &object.meta().resource_version;
    let before = store.get(&object.meta().key());
    if !version.is_empty() && before.is_some_and(|before| before.meta().resource_version == *version) {
        return None;
    }
    let is_different = before.is_none_or(|before| is_different(before, &object));
    let before = store.put(object);
    Some(Happened {
        event: if before.is_some() {
            Event::Update
        } else {
            Event::Add
        },
        is_different,
    })
}

/// Whether anything differs that labels are made of.
fn is_different(a: &Meta, b: &Meta) -> bool {
    a.labels != b.labels || a.annotations != b.annotations || a.owner_references != b.owner_references
}
