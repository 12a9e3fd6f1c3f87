//! What a target of each role is: one file a role, from the objects of the cluster to a group.
//!
//! | role | group | a target is |
//! |---|---|---|
//! | node | `node/<name>` | the kubelet |
//! | pod | `pod/<namespace>/<name>` | a port of a container, or a container without ports |
//! | service | `svc/<namespace>/<name>` | a port |
//! | endpoints | `endpoints/<namespace>/<name>` | an address and port, or another port of a pod behind it |
//! | endpointslice | `endpointslice/<namespace>/<name>` | the same |
//! | ingress | `ingress/<namespace>/<name>` | a path |
//!
//! A group holds what its objects say at the moment; when it is made again is [`super::cluster`]'s to say.

mod behind;
mod endpoints;
mod endpointslice;
mod ingress;
mod node;
mod pod;
mod service;

#[cfg(test)]
mod tests;

use super::cluster::Cluster;
use super::labels::MetaLabels;
use super::object::{Key, Meta};
use crate::config::KubernetesRole;
use crate::discovery::TargetGroup;

/// The name of an object's group.
pub(super) fn source(role: KubernetesRole, key: &Key) -> String {
    let kind = match role {
        KubernetesRole::Service => "svc",
        other => other.as_str(),
    };
    format!("{kind}/{key}")
}

/// The group of an object: empty if it is gone, none if nothing is to be told.
pub(super) fn group(cluster: &Cluster, key: &Key) -> Option<TargetGroup> {
    let source = source(cluster.role, key);
    let told = match cluster.role {
        KubernetesRole::Node => cluster.nodes.get(key).map(node::targets),
        KubernetesRole::Pod => cluster.pods.get(key).map(|pod| Some(pod::targets(cluster, pod))),
        KubernetesRole::Service => cluster
            .services
            .get(key)
            .map(|s| Some(service::targets(cluster, s))),
        KubernetesRole::Endpoints => cluster
            .endpoints
            .get(key)
            .map(|e| Some(endpoints::targets(cluster, e))),
        KubernetesRole::EndpointSlice => cluster
            .slices
            .get(key)
            .map(|s| Some(endpointslice::targets(cluster, s))),
        KubernetesRole::Ingress => cluster
            .ingresses
            .get(key)
            .map(|i| Some(ingress::targets(cluster, i))),
    };
    // Gone and empty are the same to whoever hears it.
    let told = told.unwrap_or_else(|| Some(Targets::default()))?;
    Some(TargetGroup {
        source,
        targets: told.targets.iter().map(MetaLabels::build).collect(),
        labels: told.labels.build(),
    })
}

/// The content of a group.
#[derive(Debug, Default)]
struct Targets {
    /// Labels of all targets.
    labels: MetaLabels,
    targets: Vec<MetaLabels>,
}

/// Tells of a node by name, if nodes are attached and this one is known.
fn attach_node(labels: &mut MetaLabels, cluster: &Cluster, name: &str) {
    if let Some(node) = cluster.attached_node(name) {
        labels.describe("node", node);
    }
}

/// Tells of a namespace, if namespaces are attached and this one is known.
fn attach_namespace(labels: &mut MetaLabels, cluster: &Cluster, of: &Meta) {
    if let Some(namespace) = cluster.namespaces.get(&Key::new("", &of.namespace)) {
        labels.describe_unnamed("namespace", &namespace.metadata);
    }
}
