//! The objects of one kind as the API told of them last, and which of them name another object.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::object::{EndpointSlice, Endpoints, Ingress, Key, Meta, Node, Plain, Pod, Reference, Service};

/// The label of a slice that names its service.
pub(super) const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Another object that an object names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) key: Key,
}

/// What kind of object is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LinkKind {
    Node,
    Pod,
    Service,
    ReplicaSet,
    Job,
}

impl LinkKind {
    pub(super) fn to(self, key: Key) -> Link {
        Link { kind: self, key }
    }
}

/// An object that can be stored.
pub(super) trait Stored {
    fn meta(&self) -> &Meta;

    /// The objects that this one names and whose changes may concern it.
    fn links(&self) -> Vec<Link> {
        Vec::new()
    }
}

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct Store<T> {
    objects: BTreeMap<Key, T>,
    by_link: HashMap<Link, BTreeSet<Key>>,
    /// The links that are asked for; the others are not kept.
    kinds: Vec<LinkKind>,
}

impl<T: Stored> Store<T> {
    /// An empty store that knows who names objects of these kinds.
    pub(super) fn new(kinds: &[LinkKind]) -> Self {
        Self {
            objects: BTreeMap::new(),
            by_link: HashMap::new(),
            kinds: kinds.to_vec(),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&T> {
        self.objects.get(key)
    }

    /// Puts an object in the place of its former state, which it returns.
    pub(super) fn put(&mut self, object: T) -> Option<T> {
        let key = object.meta().key();
        let before = self.remove(&key);
        for link in self.kept_links(&object) {
            self.by_link.entry(link).or_default().insert(key.clone());
        }
        self.objects.insert(key, object);
        before
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<T> {
        let object = self.objects.remove(key)?;
        for link in self.kept_links(&object) {
            if let Some(keys) = self.by_link.get_mut(&link) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_link.remove(&link);
                }
            }
        }
        Some(object)
    }

    fn kept_links(&self, object: &T) -> Vec<Link> {
        if self.kinds.is_empty() {
            return Vec::new();
        }
        let mut links = object.links();
        links.retain(|link| self.kinds.contains(&link.kind));
        links
    }

    /// The objects that name another one.
    pub(super) fn linked(&self, link: &Link) -> impl Iterator<Item = &Key> {
        self.by_link.get(link).into_iter().flatten()
    }

    /// The objects of a namespace; an empty one stands for all.
    pub(super) fn within(&self, namespace: &str) -> impl Iterator<Item = &Key> {
        let keys = self.objects.range(Key::new(namespace, "")..).map(|(key, _)| key);
        keys.take_while(move |key| namespace.is_empty() || key.namespace == namespace)
    }
}

impl Stored for Pod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn links(&self) -> Vec<Link> {
        let mut links = vec![LinkKind::Node.to(Key::new("", &self.spec.node_name))];
        if let Some(owner) = self.metadata.controller() {
            let kind = match owner.kind.as_str() {
                "ReplicaSet" => Some(LinkKind::ReplicaSet),
                "Job" => Some(LinkKind::Job),
                _ => None,
            };
            links.extend(kind.map(|kind| kind.to(Key::new(&self.metadata.namespace, &owner.name))));
        }
        links
    }
}

impl Stored for Endpoints {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn links(&self) -> Vec<Link> {
        // Those that are not ready are not followed; Prometheus leaves them out too.
        let addresses = self.subsets.iter().flat_map(|subset| &subset.addresses);
        addresses
            .flat_map(|address| links_of(address.target_ref.as_ref(), address.node_name.as_ref()))
            .collect()
    }
}

impl Stored for EndpointSlice {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn links(&self) -> Vec<Link> {
        let service = self.metadata.labels.get(SERVICE_NAME_LABEL);
        let service = service.map(|name| LinkKind::Service.to(Key::new(&self.metadata.namespace, name)));
        let others = self.endpoints.iter();
        let others = others.flat_map(|e| links_of(e.target_ref.as_ref(), e.node_name.as_ref()));
        service.into_iter().chain(others).collect()
    }
}

/// What an address behind a service leads to.
fn links_of(target: Option<&Reference>, node_name: Option<&String>) -> Vec<Link> {
    match target {
        Some(target) if target.kind == "Pod" => {
            let pod = LinkKind::Pod.to(Key::new(&target.namespace, &target.name));
            let node = node_name.map(|name| LinkKind::Node.to(Key::new("", name)));
            node.into_iter().chain([pod]).collect()
        }
        Some(target) if target.kind == "Node" => vec![LinkKind::Node.to(Key::new("", &target.name))],
        _ => Vec::new(),
    }
}

macro_rules! unlinked {
    ($($name:ident),*) => {
        $(impl Stored for $name {
            fn meta(&self) -> &Meta {
                &self.metadata
            }
        })*
    };
}

unlinked!(Node, Service, Ingress, Plain);
