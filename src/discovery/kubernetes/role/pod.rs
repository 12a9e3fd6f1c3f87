//! Containers and their ports.

use super::{Targets, attach_namespace, attach_node};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::{MetaLabels, number, with_port};
use crate::discovery::kubernetes::object::{Container, ContainerPort, ContainerStatus, Key, Pod};

pub(super) fn targets(cluster: &Cluster, pod: &Pod) -> Targets {
    let ip = &pod.status.pod_ip;
    // A pod has no address while it starts and after it was evicted; one on a node that no selector chose
    // is not wanted.
    let is_elsewhere = cluster.attach.node && cluster.attached_node(&pod.spec.node_name).is_none();
    if ip.is_empty() || is_elsewhere {
        return Targets::default();
    }
    let mut labels = pod_labels(cluster, pod);
    labels.set("namespace", pod.metadata.namespace.as_str());
    if cluster.attach.node {
        attach_node(&mut labels, cluster, &pod.spec.node_name);
    }
    attach_namespace(&mut labels, cluster, &pod.metadata);
    let mut targets = Vec::new();
    for (container, is_init) in containers(pod) {
        let statuses = match is_init {
            true => &pod.status.init_container_statuses,
            false => &pod.status.container_statuses,
        };
        let id = container_id(statuses, &container.name);
        let mut about = MetaLabels::default();
        about
            .set("pod_container_name", container.name.as_str())
            .set("pod_container_id", id)
            .set("pod_container_image", container.image.as_str())
            .set("pod_container_init", is_init.to_string());
        if container.ports.is_empty() {
            let mut target = MetaLabels::of_target(ip.as_str());
            target.merge(&about);
            targets.push(target);
        }
        for port in &container.ports {
            let mut target = MetaLabels::of_target(with_port(ip, port.container_port));
            target.merge(&about);
            set_port(&mut target, port, &port.protocol);
            targets.push(target);
        }
    }
    Targets { labels, targets }
}

/// The containers of a pod, those that only start it last and marked.
pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let main = pod.spec.containers.iter().map(|container| (container, false));
    let init = pod.spec.init_containers.iter().map(|container| (container, true));
    main.chain(init)
}

/// Tells of a port of a container.
pub(super) fn set_port(target: &mut MetaLabels, port: &ContainerPort, protocol: &str) {
    target
        .set("pod_container_port_name", port.name.as_str())
        .set("pod_container_port_number", number(port.container_port))
        .set("pod_container_port_protocol", protocol);
}

/// Tells of a container port where the pod stands behind a service.
pub(super) fn set_container(
    target: &mut MetaLabels,
    container: &Container,
    port: &ContainerPort,
    protocol: &str,
    is_init: bool,
) {
    target
        .set("pod_container_name", container.name.as_str())
        .set("pod_container_image", container.image.as_str())
        .set("pod_container_init", is_init.to_string());
    set_port(target, port, protocol);
}

fn container_id<'s>(statuses: &'s [ContainerStatus], name: &str) -> &'s str {
    let status = statuses.iter().find(|status| status.name == name);
    status.map_or("", |status| status.container_id.as_str())
}

/// What is told of a pod wherever it stands.
pub(super) fn pod_labels(cluster: &Cluster, pod: &Pod) -> MetaLabels {
    let (meta, status) = (&pod.metadata, &pod.status);
    let mut labels = MetaLabels::default();
    labels
        .set("pod_ip", status.pod_ip.as_str())
        .set("pod_ready", readiness(pod))
        .set("pod_phase", status.phase.as_str())
        .set("pod_node_name", pod.spec.node_name.as_str())
        .set("pod_host_ip", status.host_ip.as_str())
        .set("pod_uid", meta.uid.as_str())
        .describe("pod", meta);
    let Some(owner) = meta.controller() else {
        return labels;
    };
    labels
        .set("pod_controller_kind", owner.kind.as_str())
        .set("pod_controller_name", owner.name.as_str());
    let owner_key = Key::new(&meta.namespace, &owner.name);
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let replica_set = cluster.replica_sets.get(&owner_key);
            let deployment = replica_set.and_then(|set| set.metadata.controller());
            let deployment = deployment.filter(|owner| owner.kind == "Deployment");
            labels.set_some("pod_deployment_name", deployment.map(|owner| owner.name.as_str()));
        }
        "Job" => {
            if cluster.attach.job {
                labels.set("pod_job_name", owner.name.as_str());
            }
            let job = cluster.jobs.get(&owner_key).filter(|_| cluster.attach.cronjob);
            let cronjob = job.and_then(|job| job.metadata.controller());
            let cronjob = cronjob.filter(|owner| owner.kind == "CronJob");
            labels.set_some("pod_cronjob_name", cronjob.map(|owner| owner.name.as_str()));
        }
        _ => {}
    }
    labels
}

/// `true`, `false` or `unknown`.
fn readiness(pod: &Pod) -> String {
    let ready = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    ready.map_or_else(|| "unknown".to_owned(), |ready| ready.status.to_lowercase())
}
