//! `docker_sd_configs` and `dockerswarm_sd_configs`: what a Docker daemon runs.
//!
//! ```text
//! Engine ── GET /v1.x/containers/json, networks ─────────── containers ─┐
//!        ── GET services, networks ──────────────────────── services ───┤
//!        ── GET tasks, services, nodes, networks ────────── tasks ──────┼─▶ one group
//!        ── GET nodes ───────────────────────────────────── nodes ──────┘
//! ```
//!
//! Each file of a role has what the API says of it and the labels that are made of that. Nothing here watches:
//! the daemon is asked again and again. Start with [`MobyProvider`].

mod containers;
mod engine;
mod networks;
mod nodes;
mod services;
mod tasks;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tsdb::model::Labels;

use self::engine::{Engine, Filters};
use super::metrics::RefreshMetrics;
use super::provider::{Provider, Updates};
use super::refresh::{Refresh, keep_asking};
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::{DockerSdConfig, DockerSwarmRole, DockerSwarmSdConfig};

/// Tells of what a Docker daemon runs.
#[derive(Debug)]
pub(super) struct MobyProvider {
    daemon: Daemon,
    every: Duration,
    metrics: RefreshMetrics,
}

/// A daemon, and what of it the targets are.
#[derive(Debug)]
struct Daemon {
    engine: Engine,
    filters: Filters,
    port: i64,
    role: Role,
}

/// What the targets are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Containers {
        host_networking_host: String,
        match_first_network: bool,
    },
    Swarm(DockerSwarmRole),
}

impl MobyProvider {
    /// The containers of a daemon.
    pub(super) fn docker(
        config: &DockerSdConfig,
        job: &str,
        metrics: &DiscoveryMetrics,
    ) -> Result<Self, String> {
        let every = interval(config.refresh_interval_ms);
        let engine = Engine::new(&config.host, &config.http_client, every)
            .map_err(|error| format!("error setting up docker client: {error}"))?;
        let daemon = Daemon {
            engine,
            filters: Filters::new(&config.filters),
            port: config.port,
            role: Role::Containers {
                host_networking_host: config.host_networking_host.clone(),
                match_first_network: config.match_first_network,
            },
        };
        Ok(Self {
            daemon,
            every,
            metrics: metrics.refresh("docker", job),
        })
    }

    /// A role of a swarm.
    pub(super) fn swarm(
        config: &DockerSwarmSdConfig,
        job: &str,
        metrics: &DiscoveryMetrics,
    ) -> Result<Self, String> {
        let every = interval(config.refresh_interval_ms);
        let engine = Engine::new(&config.host, &config.http_client, every)
            .map_err(|error| format!("error setting up docker swarm client: {error}"))?;
        let daemon = Daemon {
            engine,
            filters: Filters::new(&config.filters),
            port: config.port,
            role: Role::Swarm(config.role),
        };
        Ok(Self {
            daemon,
            every,
            metrics: metrics.refresh("dockerswarm", job),
        })
    }
}

fn interval(refresh_interval_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(refresh_interval_ms).unwrap_or(1).max(1))
}

impl Provider for MobyProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(keep_asking(self.daemon, self.every, self.metrics, updates))
    }
}

impl Refresh for Daemon {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, String> {
        let (source, targets) = match &self.role {
            Role::Containers { .. } => ("Docker", self.containers().await?),
            Role::Swarm(DockerSwarmRole::Services) => ("DockerSwarm", self.services().await?),
            Role::Swarm(DockerSwarmRole::Tasks) => ("DockerSwarm", self.tasks().await?),
            Role::Swarm(DockerSwarmRole::Nodes) => ("DockerSwarm", self.nodes().await?),
        };
        Ok(vec![TargetGroup {
            source: source.to_owned(),
            targets,
            labels: Labels::empty(),
        }])
    }
}

#[cfg(test)]
mod tests;
