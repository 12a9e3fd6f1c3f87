//! Addresses behind services, as the old API has them: one object a service, with its name.

use tracing::warn;

use super::behind::{PodsBehind, Protocol};
use super::service::service_labels;
use super::{Targets, attach_namespace, attach_node};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::{MetaLabels, with_port};
use crate::discovery::kubernetes::object::{EndpointAddress, EndpointPort, Endpoints};

/// The label by which the cluster says that there are more addresses than the object may hold.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

pub(super) fn targets(cluster: &Cluster, endpoints: &Endpoints) -> Targets {
    let meta = &endpoints.metadata;
    let mut labels = MetaLabels::within(&meta.namespace);
    if let Some(service) = cluster.services.get(&meta.key()) {
        labels.merge(&service_labels(service));
    }
    labels.describe("endpoints", meta);
    attach_namespace(&mut labels, cluster, meta);
    let mut pods = PodsBehind::new(cluster);
    let mut targets = Vec::new();
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            for (addresses, ready) in [
                (&subset.addresses, "true"),
                (&subset.not_ready_addresses, "false"),
            ] {
                let told = addresses
                    .iter()
                    .map(|a| target(cluster, &mut pods, a, port, ready));
                targets.extend(told);
            }
        }
    }
    warn_of_capacity(endpoints);
    targets.extend(pods.others());
    Targets { labels, targets }
}

fn target(
    cluster: &Cluster,
    pods: &mut PodsBehind<'_>,
    address: &EndpointAddress,
    port: &EndpointPort,
    ready: &str,
) -> MetaLabels {
    let leads_to = address.target_ref.as_ref();
    let mut target = MetaLabels::of_target(with_port(&address.ip, port.port));
    target
        .set("endpoint_port_name", port.name.as_str())
        .set("endpoint_port_protocol", port.protocol.as_str())
        .set("endpoint_ready", ready)
        .set_some(
            "endpoint_address_target_kind",
            leads_to.map(|to| to.kind.as_str()),
        )
        .set_some(
            "endpoint_address_target_name",
            leads_to.map(|to| to.name.as_str()),
        )
        .set_some("endpoint_node_name", address.node_name.as_deref())
        .set("endpoint_hostname", address.hostname.as_str());
    let node = leads_to.filter(|to| to.kind == "Node").map(|to| &to.name);
    if let Some(node) = address.node_name.as_ref().or(node) {
        attach_node(&mut target, cluster, node);
    }
    pods.tell(
        &mut target,
        leads_to,
        Some(port.port),
        &Protocol::Endpoint(&port.protocol),
    );
    target
}

fn warn_of_capacity(endpoints: &Endpoints) {
    let state = endpoints.metadata.labels.get(OVER_CAPACITY).map(String::as_str);
    let text = match state {
        Some("truncated") => {
            "Number of endpoints in one Endpoints object exceeds 1000 and has been truncated, please use \"role: \
             endpointslice\" instead"
        }
        Some("warning") => {
            "Number of endpoints in one Endpoints object exceeds 1000, please use \"role: endpointslice\" instead"
        }
        _ => return,
    };
    warn!(endpoint = endpoints.metadata.name, "{text}");
}
