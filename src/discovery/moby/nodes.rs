//! The nodes of a swarm: a target each, and labels for the tasks on them.

use std::collections::HashMap;

use serde::Deserialize;
use tsdb::model::{Labels, LabelsBuilder};

use super::Daemon;
use super::engine::Filters;
use crate::discovery::json::nullable;
use crate::discovery::label::{host_port, sanitized};

/// What the API says of a node.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    spec: Spec,
    #[serde(deserialize_with = "nullable")]
    description: Description,
    #[serde(deserialize_with = "nullable")]
    status: Status,
    manager_status: Option<ManagerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    #[serde(deserialize_with = "nullable")]
    role: String,
    #[serde(deserialize_with = "nullable")]
    availability: String,
    #[serde(deserialize_with = "nullable")]
    labels: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    #[serde(deserialize_with = "nullable")]
    hostname: String,
    #[serde(deserialize_with = "nullable")]
    platform: Platform,
    #[serde(deserialize_with = "nullable")]
    engine: EngineDescription,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Platform {
    #[serde(deserialize_with = "nullable")]
    architecture: String,
    #[serde(rename = "OS", deserialize_with = "nullable")]
    os: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EngineDescription {
    #[serde(deserialize_with = "nullable")]
    engine_version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    #[serde(deserialize_with = "nullable")]
    state: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ManagerStatus {
    #[serde(deserialize_with = "nullable")]
    leader: bool,
    #[serde(deserialize_with = "nullable")]
    reachability: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

impl Node {
    /// The labels that the node's tasks get too.
    fn labels(&self) -> LabelsBuilder {
        let mut labels = LabelsBuilder::new();
        labels
            .set("__meta_dockerswarm_node_id", &self.id)
            .set("__meta_dockerswarm_node_role", &self.spec.role)
            .set("__meta_dockerswarm_node_availability", &self.spec.availability)
            .set("__meta_dockerswarm_node_address", &self.status.addr)
            .set("__meta_dockerswarm_node_status", &self.status.state)
            .set("__meta_dockerswarm_node_hostname", &self.description.hostname)
            .set(
                "__meta_dockerswarm_node_platform_architecture",
                &self.description.platform.architecture,
            )
            .set(
                "__meta_dockerswarm_node_platform_os",
                &self.description.platform.os,
            );
        for (key, value) in &self.spec.labels {
            let key = sanitized(key);
            labels.set(&format!("__meta_dockerswarm_node_label_{key}"), value);
        }
        labels
    }

    fn target(&self, port: i64) -> Labels {
        let mut labels = self.labels();
        labels
            .set("__address__", &host_port(&self.status.addr, port))
            .set(
                "__meta_dockerswarm_node_engine_version",
                &self.description.engine.engine_version,
            );
        if let Some(manager) = &self.manager_status {
            labels
                .set(
                    "__meta_dockerswarm_node_manager_leader",
                    &manager.leader.to_string(),
                )
                .set(
                    "__meta_dockerswarm_node_manager_reachability",
                    &manager.reachability,
                )
                .set("__meta_dockerswarm_node_manager_address", &manager.addr);
        }
        labels.build()
    }
}

impl Daemon {
    /// A target for each node.
    pub(super) async fn nodes(&self) -> Result<Vec<Labels>, String> {
        let nodes = self.list_nodes(&self.filters).await?;
        Ok(nodes.iter().map(|node| node.target(self.port)).collect())
    }

    /// The labels of all nodes, by their ids.
    pub(super) async fn node_labels(&self) -> Result<HashMap<String, LabelsBuilder>, String> {
        let nodes = self.list_nodes(&Filters::default()).await?;
        let labelled = nodes.into_iter().map(|node| (node.id.clone(), node.labels()));
        Ok(labelled.collect())
    }

    async fn list_nodes(&self, filters: &Filters) -> Result<Vec<Node>, String> {
        let listed = self.engine.list("/nodes", filters).await;
        listed.map_err(|error| format!("error while listing swarm nodes: {error}"))
    }
}
