//! Containers: a target for each network that one is in and each TCP port that it exposes.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use tsdb::model::{Labels, LabelsBuilder};

use super::engine::address;
use super::networks::NetworkLabels;
use super::{Daemon, Role};
use crate::discovery::json::nullable;
use crate::discovery::label::{host_port, sanitized};

/// What the API says of a container.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    #[serde(deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    names: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    image: String,
    #[serde(rename = "ImageID", deserialize_with = "nullable")]
    image_id: String,
    #[serde(deserialize_with = "nullable")]
    ports: Vec<Port>,
    #[serde(deserialize_with = "nullable")]
    labels: HashMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    host_config: HostConfig,
    #[serde(deserialize_with = "nullable")]
    network_settings: NetworkSettings,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Port {
    #[serde(rename = "IP", deserialize_with = "nullable")]
    ip: String,
    #[serde(deserialize_with = "nullable")]
    private_port: u16,
    #[serde(deserialize_with = "nullable")]
    public_port: u16,
    #[serde(rename = "Type", deserialize_with = "nullable")]
    protocol: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    #[serde(deserialize_with = "nullable")]
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    #[serde(deserialize_with = "nullable")]
    networks: BTreeMap<String, Option<Endpoint>>,
}

/// A container's place in a network.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(rename = "NetworkID", deserialize_with = "nullable")]
    network_id: String,
    #[serde(rename = "IPAddress", deserialize_with = "nullable")]
    ip_address: String,
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "nullable")]
    global_ipv6_address: String,
}

impl Daemon {
    /// The targets of all containers that have a name.
    pub(super) async fn containers(&self) -> Result<Vec<Labels>, String> {
        let containers: Vec<Container> = self
            .engine
            .list("/containers/json", &self.filters)
            .await
            .map_err(|error| format!("error while listing containers: {error}"))?;
        let networks = self
            .network_labels("__meta_docker_")
            .await
            .map_err(|error| format!("error while computing network labels: {error}"))?;
        let by_id: HashMap<&str, &Container> = containers.iter().map(|c| (c.id.as_str(), c)).collect();
        let mut targets = Vec::new();
        for container in &containers {
            if let Some(name) = container.names.first() {
                self.add_container(container, name, &by_id, &networks, &mut targets)
                    .map_err(|error| format!("container {}: {error}", container.id))?;
            }
        }
        Ok(targets)
    }

    fn add_container(
        &self,
        container: &Container,
        name: &str,
        by_id: &HashMap<&str, &Container>,
        networks: &NetworkLabels,
        targets: &mut Vec<Labels>,
    ) -> Result<(), String> {
        let Role::Containers {
            host_networking_host,
            match_first_network,
        } = &self.role
        else {
            unreachable!("containers are asked for in their role alone");
        };
        let mut common = LabelsBuilder::new();
        common
            .set("__meta_docker_container_id", &container.id)
            .set("__meta_docker_container_name", name)
            .set("__meta_docker_container_image", &container.image)
            .set("__meta_docker_container_image_id", &container.image_id)
            .set(
                "__meta_docker_container_network_mode",
                &container.host_config.network_mode,
            );
        for (key, value) in &container.labels {
            let key = sanitized(key);
            common.set(&format!("__meta_docker_container_label_{key}"), value);
        }
        let first = if *match_first_network { 1 } else { usize::MAX };
        for endpoint in endpoints(container, by_id).into_iter().take(first) {
            let mut labels = common.clone();
            let ip = match address(&endpoint.ip_address)? {
                Some(ip) => ip,
                None => address(&endpoint.global_ipv6_address)?.unwrap_or_default(),
            };
            labels.set("__meta_docker_network_ip", &ip);
            for (name, value) in networks.get(&endpoint.network_id).into_iter().flatten() {
                labels.set(name, value);
            }
            let before = targets.len();
            for port in container.ports.iter().filter(|port| port.protocol == "tcp") {
                targets.push(port.target(labels.clone(), &ip)?);
            }
            if targets.len() == before {
                let address = match container.host_config.network_mode.as_str() {
                    "host" => host_networking_host.clone(),
                    _ => host_port(&ip, self.port),
                };
                targets.push(labels.set("__address__", &address).build());
            }
        }
        Ok(())
    }
}

impl Port {
    fn target(&self, mut labels: LabelsBuilder, ip: &str) -> Result<Labels, String> {
        labels
            .set("__address__", &host_port(ip, self.private_port))
            .set("__meta_docker_port_private", &self.private_port.to_string());
        if self.public_port > 0 {
            labels
                .set("__meta_docker_port_public", &self.public_port.to_string())
                .set(
                    "__meta_docker_port_public_ip",
                    &address(&self.ip)?.unwrap_or_default(),
                );
        }
        Ok(labels.build())
    }
}

/// The places of a container in networks, by the name of the network: its own, or those of the container
/// whose network it shares.
fn endpoints<'c>(container: &'c Container, by_id: &HashMap<&str, &'c Container>) -> Vec<&'c Endpoint> {
    let mut owner = container;
    // Containers that share each other's network in a ring have none.
    for _ in 0..by_id.len() {
        if !owner.network_settings.networks.is_empty() {
            break;
        }
        let Some(id) = owner.host_config.network_mode.strip_prefix("container:") else {
            break;
        };
        let Some(next) = by_id.get(id) else { break };
        owner = next;
    }
    owner.network_settings.networks.values().flatten().collect()
}
