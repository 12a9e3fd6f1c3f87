//! A cluster that hears of objects without an API, and the groups that it makes of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tsdb::model::Labels;

use crate::config::{AttachMetadata, KubernetesRole};
use crate::discovery::TargetGroup;
use crate::discovery::kubernetes::cluster::{Cluster, News};
use crate::discovery::kubernetes::metrics::KubernetesMetrics;
use crate::discovery::kubernetes::object::Key;
use crate::discovery::kubernetes::resource::Resource;
use crate::telemetry::Registry;

/// A cluster and what it was told.
pub(in super::super) struct Scene {
    cluster: Cluster,
    sources: Vec<(Resource, String)>,
    registry: Registry,
    version: u64,
}

/// Everything attached.
pub(in super::super) const ATTACH_ALL: AttachMetadata = AttachMetadata {
    node: true,
    namespace: true,
    deployment: true,
    job: true,
    cronjob: true,
};

impl Scene {
    /// A cluster that looks at all namespaces, with nothing listed yet.
    pub(in super::super) fn new(role: KubernetesRole, attach: AttachMetadata) -> Self {
        Self::within(role, attach, &[""])
    }

    pub(in super::super) fn within(
        role: KubernetesRole,
        attach: AttachMetadata,
        namespaces: &[&str],
    ) -> Self {
        let mut sources = Vec::new();
        for resource in Resource::needed(role, attach) {
            let within = if resource.is_namespaced() {
                namespaces
            } else {
                &[""]
            };
            sources.extend(within.iter().map(|namespace| (resource, (*namespace).to_owned())));
        }
        let registry = Registry::new();
        let metrics = KubernetesMetrics::new(&registry).of_role(role);
        Self {
            cluster: Cluster::new(role, attach, &sources, metrics),
            sources,
            registry,
            version: 0,
        }
    }

    /// Says of every list that it is complete: what was put before stays.
    pub(in super::super) fn list_all(&mut self) -> &mut Self {
        for (resource, namespace) in self.sources.clone() {
            self.list(resource, &namespace);
        }
        self
    }

    /// Says of a list that it is complete: what was put before stays.
    pub(in super::super) fn list(&mut self, resource: Resource, namespace: &str) {
        let known = self.cluster.keys(resource, namespace);
        let source = self.source(resource, namespace);
        self.cluster.hear(source, News::ListBegins);
        for key in known {
            self.cluster.note_listed(source, key);
        }
        self.cluster.hear(source, News::ListEnds);
    }

    /// Says that a list is empty now.
    pub(in super::super) fn list_nothing(&mut self, resource: Resource) {
        let source = self.source(resource, "");
        self.cluster.hear(source, News::ListBegins);
        self.cluster.hear(source, News::ListEnds);
    }

    fn source(&self, resource: Resource, namespace: &str) -> usize {
        let found = self
            .sources
            .iter()
            .position(|(r, n)| *r == resource && (n == namespace || n.is_empty()));
        found.unwrap_or_else(|| panic!("{resource:?} in {namespace:?} is not followed"))
    }

    /// Tells of an object; it gets a new version unless it brings one.
    pub(in super::super) fn put(&mut self, resource: Resource, mut object: Value) -> &mut Self {
        self.version += 1;
        let meta = &mut object["metadata"];
        if meta["resourceVersion"].is_null() {
            meta["resourceVersion"] = json!(self.version.to_string());
        }
        let namespace = meta["namespace"].as_str().unwrap_or_default().to_owned();
        let source = self.source(resource, &namespace);
        let object = resource.read(&object.to_string()).unwrap();
        self.cluster.hear(source, News::Changed(object));
        self
    }

    /// Tells that an object is gone.
    pub(in super::super) fn delete(&mut self, resource: Resource, namespace: &str, name: &str) -> &mut Self {
        let source = self.source(resource, namespace);
        self.cluster.hear(source, News::Gone(Key::new(namespace, name)));
        self
    }

    /// The groups that are to be told now, by source.
    pub(in super::super) fn groups(&mut self) -> BTreeMap<String, TargetGroup> {
        let groups = self.cluster.take_groups();
        groups
            .into_iter()
            .map(|group| (group.source.clone(), group))
            .collect()
    }

    /// The sources of the groups that are to be told now.
    pub(in super::super) fn sources(&mut self) -> Vec<String> {
        self.groups().into_keys().collect()
    }

    /// The only group that is to be told.
    #[track_caller]
    pub(in super::super) fn group(&mut self) -> TargetGroup {
        let mut groups: Vec<TargetGroup> = self.groups().into_values().collect();
        assert_eq!(groups.len(), 1, "{groups:?}");
        groups.remove(0)
    }

    /// All metrics as text.
    pub(in super::super) fn metrics(&self) -> String {
        self.registry.render()
    }
}

/// Labels as `a=b` pairs, without what all names have in common.
pub(in super::super) fn told(labels: &Labels) -> String {
    let pairs = labels.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_kubernetes_")))
        .collect();
    pairs.join(" ")
}
