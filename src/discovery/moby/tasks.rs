//! The tasks of a swarm: a target for each port that one publishes on its node, and for each address that it
//! has in a network and TCP port of its service.

use std::collections::HashMap;

use serde::Deserialize;
use tsdb::model::{Labels, LabelsBuilder};

use super::Daemon;
use super::engine::prefix_address;
use super::networks::NetworkLabels;
use super::services::{OfService, Port};
use crate::discovery::json::nullable;
use crate::discovery::label::{host_port, sanitized};

/// What the API says of a task.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Task {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    spec: Spec,
    #[serde(rename = "ServiceID", deserialize_with = "nullable")]
    service_id: String,
    #[serde(deserialize_with = "nullable")]
    slot: i64,
    #[serde(rename = "NodeID", deserialize_with = "nullable")]
    node_id: String,
    #[serde(deserialize_with = "nullable")]
    status: Status,
    #[serde(deserialize_with = "nullable")]
    desired_state: String,
    #[serde(deserialize_with = "nullable")]
    networks_attachments: Vec<Attachment>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    #[serde(deserialize_with = "nullable")]
    container_spec: ContainerSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    #[serde(deserialize_with = "nullable")]
    labels: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    #[serde(deserialize_with = "nullable")]
    state: String,
    #[serde(deserialize_with = "nullable")]
    container_status: ContainerStatus,
    #[serde(deserialize_with = "nullable")]
    port_status: PortStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerStatus {
    #[serde(rename = "ContainerID", deserialize_with = "nullable")]
    container_id: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PortStatus {
    #[serde(deserialize_with = "nullable")]
    ports: Vec<Port>,
}

/// A task's place in a network.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attachment {
    #[serde(deserialize_with = "nullable")]
    network: Network,
    #[serde(deserialize_with = "nullable")]
    addresses: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
}

/// What tasks get labels from.
struct Surroundings {
    services: HashMap<String, OfService>,
    nodes: HashMap<String, LabelsBuilder>,
    networks: NetworkLabels,
}

impl Task {
    fn labels(&self, around: &Surroundings) -> LabelsBuilder {
        let mut labels = LabelsBuilder::new();
        labels
            .set("__meta_dockerswarm_task_id", &self.id)
            .set("__meta_dockerswarm_task_desired_state", &self.desired_state)
            .set("__meta_dockerswarm_task_state", &self.status.state)
            .set("__meta_dockerswarm_task_slot", &self.slot.to_string())
            .set(
                "__meta_dockerswarm_task_container_id",
                &self.status.container_status.container_id,
            );
        for (key, value) in &self.spec.container_spec.labels {
            let key = sanitized(key);
            labels.set(&format!("__meta_dockerswarm_container_label_{key}"), value);
        }
        let service = around.services.get(&self.service_id).map(|of| &of.labels);
        for given in service.into_iter().chain(around.nodes.get(&self.node_id)) {
            for (name, value) in given.iter() {
                labels.set(name, value);
            }
        }
        labels
    }

    fn add_targets(&self, port: i64, around: &Surroundings, targets: &mut Vec<Labels>) -> Result<(), String> {
        let common = self.labels(around);
        let node = common.get("__meta_dockerswarm_node_address").unwrap_or_default();
        for published in self.status.port_status.ports.iter().filter(|port| port.is_tcp()) {
            targets.push(published_target(common.clone(), node, published));
        }
        let service_ports = around.services.get(&self.service_id);
        let service_ports = service_ports.map_or(&[][..], |of| of.ports.as_slice());
        for attachment in &self.networks_attachments {
            let mut labels = common.clone();
            for (name, value) in around.networks.get(&attachment.network.id).into_iter().flatten() {
                labels.set(name, value);
            }
            for address in &attachment.addresses {
                let ip = prefix_address(address)?;
                let before = targets.len();
                for published in service_ports.iter().filter(|port| port.is_tcp()) {
                    targets.push(published_target(labels.clone(), &ip, published));
                }
                if targets.len() == before {
                    targets.push(labels.clone().set("__address__", &host_port(&ip, port)).build());
                }
            }
        }
        Ok(())
    }
}

fn published_target(mut labels: LabelsBuilder, host: &str, port: &Port) -> Labels {
    labels
        .set("__address__", &host_port(host, port.published_port))
        .set("__meta_dockerswarm_task_port_publish_mode", &port.publish_mode)
        .build()
}

impl Daemon {
    /// The targets of all tasks.
    pub(super) async fn tasks(&self) -> Result<Vec<Labels>, String> {
        let tasks: Vec<Task> = self
            .engine
            .list("/tasks", &self.filters)
            .await
            .map_err(|error| format!("error while listing swarm tasks: {error}"))?;
        let around = Surroundings {
            services: self.of_services().await?,
            nodes: self.node_labels().await?,
            networks: self
                .network_labels("__meta_dockerswarm_")
                .await
                .map_err(|error| format!("error while computing swarm network labels: {error}"))?,
        };
        let mut targets = Vec::new();
        for task in &tasks {
            task.add_targets(self.port, &around, &mut targets)?;
        }
        Ok(targets)
    }
}
