//! Kubelets.

use std::collections::BTreeMap;

use tracing::warn;

use super::Targets;
use crate::discovery::kubernetes::labels::{MetaLabels, with_port};
use crate::discovery::kubernetes::object::Node;

/// The kinds of address, the best first.
const ADDRESS_KINDS: [&str; 6] = [
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
];

/// `None` for a node without any address: what was told of it before stands.
pub(super) fn targets(node: &Node) -> Option<Targets> {
    let mut addresses: BTreeMap<&str, &str> = BTreeMap::new();
    for address in &node.status.addresses {
        // The first of a kind counts.
        addresses.entry(&address.kind).or_insert(&address.address);
    }
    let Some(host) = ADDRESS_KINDS.iter().find_map(|kind| addresses.get(kind)) else {
        warn!(node = node.metadata.name, "No node address found");
        return None;
    };
    let mut labels = MetaLabels::default();
    labels.set("node_provider_id", node.spec.provider_id.as_str());
    for condition in &node.status.conditions {
        let kind = condition.kind.to_lowercase();
        labels.set_sanitized("node_condition_", &kind, condition.status.to_lowercase());
    }
    labels.describe("node", &node.metadata);
    let port = node.status.daemon_endpoints.kubelet_endpoint.port;
    let mut target = MetaLabels::of_target(with_port(host, port));
    target.set_instance(&node.metadata.name);
    for (kind, address) in addresses {
        target.set_sanitized("node_address_", kind, address);
    }
    Some(Targets {
        labels,
        targets: vec![target],
    })
}
