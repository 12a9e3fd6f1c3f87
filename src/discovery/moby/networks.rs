//! The networks of a daemon, whose labels targets in them get.

use std::collections::HashMap;

use serde::Deserialize;

use super::Daemon;
use super::engine::Filters;
use crate::discovery::json::nullable;
use crate::discovery::label::sanitized;

/// The labels of each network, by its id.
pub(super) type NetworkLabels = HashMap<String, Vec<(String, String)>>;

/// What the API says of a network.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    #[serde(deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    scope: String,
    #[serde(deserialize_with = "nullable")]
    internal: bool,
    #[serde(deserialize_with = "nullable")]
    ingress: bool,
    #[serde(deserialize_with = "nullable")]
    labels: HashMap<String, String>,
}

impl Daemon {
    /// `prefix` is `__meta_docker_` or `__meta_dockerswarm_`.
    pub(super) async fn network_labels(&self, prefix: &str) -> Result<NetworkLabels, String> {
        let networks: Vec<Network> = self.engine.list("/networks", &Filters::default()).await?;
        let of_network = |network: Network| {
            let named = |part: &str, value: String| (format!("{prefix}network_{part}"), value);
            let mut labels = vec![
                named("id", network.id.clone()),
                named("name", network.name),
                named("scope", network.scope),
                named("internal", network.internal.to_string()),
                named("ingress", network.ingress.to_string()),
            ];
            for (key, value) in network.labels {
                labels.push(named(&format!("label_{}", sanitized(&key)), value));
            }
            (network.id, labels)
        };
        Ok(networks.into_iter().map(of_network).collect())
    }
}
