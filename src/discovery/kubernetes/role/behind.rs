//! The pods behind a service: they are told of with each address, and their other ports are targets too.

use std::collections::BTreeMap;

use super::pod::{containers, pod_labels, set_container};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::{MetaLabels, with_port};
use crate::discovery::kubernetes::object::{Key, Pod, Reference};

/// The pods seen behind one object.
#[derive(Debug)]
pub(super) struct PodsBehind<'c> {
    cluster: &'c Cluster,
    seen: BTreeMap<Key, PodBehind<'c>>,
}

#[derive(Debug)]
struct PodBehind<'c> {
    pod: &'c Pod,
    labels: MetaLabels,
    /// The ports that have a target already.
    ports: Vec<i32>,
}

/// Whose word on a container port's protocol counts.
pub(super) enum Protocol<'p> {
    /// The endpoint's.
    Endpoint(&'p str),
    /// The container's.
    Container,
}

impl<'c> PodsBehind<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        Self {
            cluster,
            seen: BTreeMap::new(),
        }
    }

    /// Tells of the pod that `target` leads to, if it is one and known, and of its container with that port.
    pub(super) fn tell(
        &mut self,
        labels: &mut MetaLabels,
        target: Option<&Reference>,
        port: Option<i32>,
        protocol: &Protocol<'_>,
    ) {
        let Some(target) = target.filter(|target| target.kind == "Pod") else {
            return;
        };
        let key = Key::new(&target.namespace, &target.name);
        let Some(pod) = self.cluster.pods.get(&key) else {
            return;
        };
        let behind = self.seen.entry(key).or_insert_with(|| PodBehind {
            pod,
            labels: pod_labels(self.cluster, pod),
            ports: Vec::new(),
        });
        labels.merge(&behind.labels);
        behind.ports.extend(port);
        for (container, is_init) in containers(pod) {
            // The last container with the port is told of, by its first port of that number.
            let announced = container
                .ports
                .iter()
                .find(|own| Some(own.container_port) == port);
            if let Some(announced) = announced {
                let protocol = match protocol {
                    Protocol::Endpoint(protocol) => protocol,
                    Protocol::Container => announced.protocol.as_str(),
                };
                set_container(labels, container, announced, protocol, is_init);
            }
        }
    }

    /// Targets for the ports that pods announce and that had none yet.
    pub(super) fn others(self) -> Vec<MetaLabels> {
        let mut targets = Vec::new();
        for behind in self.seen.values() {
            let ip = &behind.pod.status.pod_ip;
            if ip.is_empty() {
                continue;
            }
            for (container, is_init) in containers(behind.pod) {
                for port in &container.ports {
                    if behind.ports.contains(&port.container_port) {
                        continue;
                    }
                    let mut target = MetaLabels::of_target(with_port(ip, port.container_port));
                    set_container(&mut target, container, port, &port.protocol, is_init);
                    target.merge(&behind.labels);
                    targets.push(target);
                }
            }
        }
        targets
    }
}
