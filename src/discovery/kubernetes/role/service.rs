//! Ports of services.

use super::{Targets, attach_namespace};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::{MetaLabels, with_port};
use crate::discovery::kubernetes::object::Service;

pub(super) fn targets(cluster: &Cluster, service: &Service) -> Targets {
    let (meta, spec) = (&service.metadata, &service.spec);
    let mut labels = service_labels(service);
    attach_namespace(&mut labels, cluster, meta);
    let host = format!("{}.{}.svc", meta.name, meta.namespace);
    let targets = spec.ports.iter().map(|port| {
        let mut target = MetaLabels::of_target(with_port(&host, port.port));
        target
            .set("service_port_name", port.name.as_str())
            .set("service_port_number", port.port.to_string())
            .set("service_port_protocol", port.protocol.as_str())
            .set("service_type", spec.kind.as_str());
        match spec.kind.as_str() {
            "ExternalName" => target.set("service_external_name", spec.external_name.as_str()),
            _ => target.set("service_cluster_ip", spec.cluster_ip.as_str()),
        };
        if spec.kind == "LoadBalancer" {
            // The address that was asked for; the one that was given is told from the next version on.
            target.set("service_loadbalancer_ip", spec.load_balancer_ip.as_str());
        }
        target
    });
    Targets {
        targets: targets.collect(),
        labels,
    }
}

/// What is told of a service wherever it stands.
pub(super) fn service_labels(service: &Service) -> MetaLabels {
    let mut labels = MetaLabels::within(&service.metadata.namespace);
    labels.describe("service", &service.metadata);
    labels
}
