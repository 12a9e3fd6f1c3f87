//! Addresses behind services, in slices.

use super::behind::{PodsBehind, Protocol};
use super::service::service_labels;
use super::{Targets, attach_namespace, attach_node};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::{MetaLabels, number, with_port};
use crate::discovery::kubernetes::object::{EndpointSlice, Key, Service, SliceEndpoint, SlicePort};
use crate::discovery::kubernetes::store::SERVICE_NAME_LABEL;

pub(super) fn targets(cluster: &Cluster, slice: &EndpointSlice) -> Targets {
    let meta = &slice.metadata;
    let mut labels = MetaLabels::within(&meta.namespace);
    labels
        .set("endpointslice_address_type", slice.address_type.as_str())
        .describe("endpointslice", meta);
    let service_name = meta.labels.get(SERVICE_NAME_LABEL);
    let service = service_name.and_then(|name| cluster.services.get(&Key::new(&meta.namespace, name)));
    if let Some(service) = service {
        labels.merge(&service_labels(service));
    }
    attach_namespace(&mut labels, cluster, meta);
    let mut targets = Vec::new();
    if service.is_some_and(|service| is_second_family(service, slice)) {
        return Targets { labels, targets };
    }
    let mut pods = PodsBehind::new(cluster);
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            for address in &endpoint.addresses {
                targets.push(target(cluster, &mut pods, address, endpoint, port));
            }
        }
    }
    targets.extend(pods.others());
    Targets { labels, targets }
}

fn target(
    cluster: &Cluster,
    pods: &mut PodsBehind<'_>,
    address: &str,
    endpoint: &SliceEndpoint,
    port: &SlicePort,
) -> MetaLabels {
    let mut target = MetaLabels::of_target(match port.port {
        Some(port) => with_port(address, port),
        None => address.to_owned(),
    });
    let leads_to = endpoint.target_ref.as_ref();
    let conditions = &endpoint.conditions;
    let said = |condition: Option<bool>| condition.map(|condition| condition.to_string());
    target
        .set_some("endpointslice_port_name", port.name.as_deref())
        .set_some("endpointslice_port_protocol", port.protocol.as_deref())
        .set_some("endpointslice_port", port.port.map(number))
        .set_some("endpointslice_port_app_protocol", port.app_protocol.as_deref())
        .set_some("endpointslice_endpoint_conditions_ready", said(conditions.ready))
        .set_some(
            "endpointslice_endpoint_conditions_serving",
            said(conditions.serving),
        )
        .set_some(
            "endpointslice_endpoint_conditions_terminating",
            said(conditions.terminating),
        )
        .set_some("endpointslice_endpoint_hostname", endpoint.hostname.as_deref())
        .set_some(
            "endpointslice_address_target_kind",
            leads_to.map(|to| to.kind.as_str()),
        )
        .set_some(
            "endpointslice_address_target_name",
            leads_to.map(|to| to.name.as_str()),
        )
        .set_some("endpointslice_endpoint_node_name", endpoint.node_name.as_deref())
        .set_some("endpointslice_endpoint_zone", endpoint.zone.as_deref());
    for (name, value) in &endpoint.deprecated_topology {
        target
            .set_sanitized("endpointslice_endpoint_topology_", name, value.as_str())
            .set_sanitized("endpointslice_endpoint_topology_present_", name, "true");
    }
    let node = leads_to.filter(|to| to.kind == "Node").map(|to| &to.name);
    if let Some(node) = node.or(endpoint.node_name.as_ref()) {
        attach_node(&mut target, cluster, node);
    }
    pods.tell(&mut target, leads_to, port.port, &Protocol::Container);
    target
}

/// Whether the slice repeats, in its other IP family, what the slices of the first family say.
fn is_second_family(service: &Service, slice: &EndpointSlice) -> bool {
    let policy = service.spec.ip_family_policy.as_deref();
    let first = service.spec.ip_families.first();
    matches!(policy, Some("PreferDualStack" | "RequireDualStack"))
        && first.is_some_and(|first| *first != slice.address_type)
}
