//! `dockerswarm_sd_configs`: the services, tasks or nodes of a Docker swarm.

use std::path::Path;

use super::Mechanism;
use super::docker::{DockerFilter, PORT_DEFAULT, REFRESH_INTERVAL_MS_DEFAULT, decode_host};
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::url;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node};

/// The services, tasks or nodes of a Docker swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerSwarmSdConfig {
    /// How the manager is spoken to, if its address is one of HTTP.
    pub http_client: HttpClientConfig,
    /// Where the manager listens: `unix://…`, `tcp://…`, `http://…` or `https://…`.
    pub host: String,
    /// What the targets are.
    pub role: DockerSwarmRole,
    /// The port of what publishes none.
    pub port: i64,
    /// What the manager is to list.
    pub filters: Vec<DockerFilter>,
    /// How often the manager is asked.
    pub refresh_interval_ms: i64,
}

/// What of a swarm the targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerSwarmRole {
    /// The virtual addresses of services.
    Services,
    /// The published ports and network addresses of tasks.
    Tasks,
    /// The nodes.
    Nodes,
}

impl DockerSwarmRole {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Tasks => "tasks",
            Self::Nodes => "nodes",
        }
    }

    fn decode(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Self {
        let mark = fields.mark_of("role");
        let text = decoder.text_of(fields, "role");
        let known = [Self::Services, Self::Tasks, Self::Nodes];
        if let Some(role) = known.into_iter().find(|role| role.name() == text) {
            return role;
        }
        let wrong = match text.as_str() {
            "" => "role missing (one of: tasks, services, nodes)".to_owned(),
            _ => format!("invalid role {text}, expected tasks, services, or nodes"),
        };
        decoder.mistake_of(fields.span, mark, wrong);
        Self::Services
    }
}

impl Mechanism for DockerSwarmSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "moby.plain")?;
        let span = fields.span;
        let config = Self {
            host: decode_host(&mut fields, decoder),
            role: DockerSwarmRole::decode(&mut fields, decoder),
            port: decoder.int_of(&mut fields, "port", PORT_DEFAULT),
            filters: DockerFilter::decode_all(&mut fields, decoder),
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            http_client: decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder)),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        Some(&self.http_client)
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        self.http_client.write(&mut map);
        map.put("host", url::redacted(&self.host))
            .put("role", self.role.name())
            .put("port", self.port)
            .put("filters", DockerFilter::all_to_out(&self.filters))
            .put("refresh_interval", format_ms(self.refresh_interval_ms));
        map.into()
    }
}
