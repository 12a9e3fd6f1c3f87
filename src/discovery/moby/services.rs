//! The services of a swarm: a target for each virtual address and TCP port, and labels for their tasks.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tsdb::model::{Labels, LabelsBuilder};

use super::Daemon;
use super::engine::{Filters, prefix_address};
use super::networks::NetworkLabels;
use crate::discovery::json::nullable;
use crate::discovery::label::{host_port, sanitized};

/// What the API says of a service.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    spec: Spec,
    #[serde(deserialize_with = "nullable")]
    endpoint: Endpoint,
    update_status: Option<UpdateStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    labels: HashMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    task_template: TaskTemplate,
    #[serde(deserialize_with = "nullable")]
    mode: Mode,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskTemplate {
    /// Missing where the tasks are no containers.
    container_spec: Option<ContainerSpec>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    #[serde(deserialize_with = "nullable")]
    hostname: String,
    #[serde(deserialize_with = "nullable")]
    image: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mode {
    replicated: Option<IgnoredAny>,
    global: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(deserialize_with = "nullable")]
    ports: Vec<Port>,
    #[serde(rename = "VirtualIPs", deserialize_with = "nullable")]
    virtual_ips: Vec<VirtualIp>,
}

/// A published port of a service or task.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Port {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    protocol: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) published_port: u32,
    #[serde(deserialize_with = "nullable")]
    pub(super) publish_mode: String,
}

impl Port {
    pub(super) fn is_tcp(&self) -> bool {
        self.protocol == "tcp"
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VirtualIp {
    #[serde(rename = "NetworkID", deserialize_with = "nullable")]
    network_id: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    #[serde(deserialize_with = "nullable")]
    state: String,
}

/// What a service gives its tasks.
pub(super) struct OfService {
    pub(super) labels: LabelsBuilder,
    pub(super) ports: Vec<Port>,
}

impl Service {
    /// The labels that the service's tasks get too.
    fn labels(&self) -> LabelsBuilder {
        let mode = match (&self.spec.mode.global, &self.spec.mode.replicated) {
            (Some(_), _) => "global",
            (None, Some(_)) => "replicated",
            (None, None) => "",
        };
        let mut labels = LabelsBuilder::new();
        labels
            .set("__meta_dockerswarm_service_id", &self.id)
            .set("__meta_dockerswarm_service_name", &self.spec.name)
            .set("__meta_dockerswarm_service_mode", mode);
        for (key, value) in &self.spec.labels {
            let key = sanitized(key);
            labels.set(&format!("__meta_dockerswarm_service_label_{key}"), value);
        }
        labels
    }

    fn add_targets(
        &self,
        port: i64,
        networks: &NetworkLabels,
        targets: &mut Vec<Labels>,
    ) -> Result<(), String> {
        let mut common = self.labels();
        if let Some(container) = &self.spec.task_template.container_spec {
            common
                .set(
                    "__meta_dockerswarm_service_task_container_hostname",
                    &container.hostname,
                )
                .set(
                    "__meta_dockerswarm_service_task_container_image",
                    &container.image,
                );
        }
        if let Some(update) = &self.update_status {
            common.set("__meta_dockerswarm_service_updating_status", &update.state);
        }
        for virtual_ip in &self.endpoint.virtual_ips {
            let ip = prefix_address(&virtual_ip.addr)?;
            let mut labels = common.clone();
            for (name, value) in networks.get(&virtual_ip.network_id).into_iter().flatten() {
                labels.set(name, value);
            }
            let before = targets.len();
            for published in self.endpoint.ports.iter().filter(|port| port.is_tcp()) {
                let mut labels = labels.clone();
                labels
                    .set("__address__", &host_port(&ip, published.published_port))
                    .set("__meta_dockerswarm_service_endpoint_port_name", &published.name)
                    .set(
                        "__meta_dockerswarm_service_endpoint_port_publish_mode",
                        &published.publish_mode,
                    );
                targets.push(labels.build());
            }
            if targets.len() == before {
                targets.push(labels.set("__address__", &host_port(&ip, port)).build());
            }
        }
        Ok(())
    }
}

impl Daemon {
    /// The targets of all services.
    pub(super) async fn services(&self) -> Result<Vec<Labels>, String> {
        let services = self.list_services(&self.filters).await;
        let services = services.map_err(|error| format!("error while listing swarm services: {error}"))?;
        let networks = self
            .network_labels("__meta_dockerswarm_")
            .await
            .map_err(|error| format!("error while computing swarm network labels: {error}"))?;
        let mut targets = Vec::new();
        for service in &services {
            service.add_targets(self.port, &networks, &mut targets)?;
        }
        Ok(targets)
    }

    /// What each service gives its tasks, by its id.
    pub(super) async fn of_services(&self) -> Result<HashMap<String, OfService>, String> {
        let services = self.list_services(&Filters::default()).await;
        let services =
            services.map_err(|error| format!("error while computing services labels and ports: {error}"))?;
        let given = services.into_iter().map(|service| {
            let labels = service.labels();
            let ports = service.endpoint.ports;
            (service.id, OfService { labels, ports })
        });
        Ok(given.collect())
    }

    async fn list_services(&self, filters: &Filters) -> Result<Vec<Service>, String> {
        self.engine.list("/services", filters).await
    }
}
