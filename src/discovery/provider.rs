//! What a mechanism of discovery is, and which there are.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::consul::ConsulProvider;
use super::dns::DnsProvider;
use super::ec2::Ec2Provider;
use super::file::FileProvider;
use super::fixed::FixedProvider;
use super::http::HttpProvider;
use super::kubernetes::KubernetesProvider;
use super::moby::MobyProvider;
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::{DiscoveryConfigs, SdConfig, StaticGroup};

/// A source of target groups.
pub trait Provider: Send + 'static {
    /// Tells of groups, all of them first and then those that change, until it is dropped.
    ///
    /// It may end when nothing can change any more; what it told stands.
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where a provider tells of its groups.
#[derive(Clone, Debug)]
pub struct Updates(mpsc::Sender<Vec<TargetGroup>>);

impl Updates {
    /// A place to tell, and where it is heard.
    pub(super) fn channel() -> (Self, mpsc::Receiver<Vec<TargetGroup>>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Tells of groups; `false` says that nobody listens any more.
    pub async fn send(&self, groups: Vec<TargetGroup>) -> bool {
        self.0.send(groups).await.is_ok()
    }
}

/// The configuration of one provider; equal ones share a provider.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ProviderConfig {
    Fixed(Vec<StaticGroup>),
    Mechanism(SdConfig),
}

impl ProviderConfig {
    /// The providers of one job. A job without any has one without targets, so that its reader hears of it.
    pub(super) fn of_job(job: &DiscoveryConfigs) -> Vec<Self> {
        let fixed = (!job.static_configs.is_empty()).then(|| Self::Fixed(job.static_configs.clone()));
        let mut all: Vec<Self> = fixed.into_iter().collect();
        all.extend(job.mechanisms.iter().cloned().map(Self::Mechanism));
        if all.is_empty() {
            all.push(Self::Fixed(Vec::new()));
        }
        all
    }

    /// The mechanism's name in metrics.
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "static",
            Self::Mechanism(config) => config.name(),
        }
    }

    /// Builds the provider; `job` is the first job that uses it.
    pub(super) fn build(&self, job: &str, metrics: &DiscoveryMetrics) -> Result<Box<dyn Provider>, String> {
        let config = match self {
            Self::Fixed(groups) => return Ok(Box::new(FixedProvider::new(groups))),
            Self::Mechanism(config) => config,
        };
        Ok(match config {
            SdConfig::Consul(config) => Box::new(ConsulProvider::new(config, metrics)?),
            SdConfig::Dns(config) => Box::new(DnsProvider::new(config, job, metrics)),
            SdConfig::Docker(config) => Box::new(MobyProvider::docker(config, job, metrics)?),
            SdConfig::DockerSwarm(config) => Box::new(MobyProvider::swarm(config, job, metrics)?),
            SdConfig::Ec2(config) => Box::new(Ec2Provider::new(config, job, metrics)?),
            SdConfig::File(config) => Box::new(FileProvider::new(config, metrics)),
            SdConfig::Http(config) => Box::new(HttpProvider::new(config, job, metrics)?),
            SdConfig::Kubernetes(config) => Box::new(KubernetesProvider::new(config, &metrics.kubernetes)?),
        })
    }
}

/// A written group with a source and one more label.
pub(super) fn named_group(
    mut written: StaticGroup,
    source: String,
    meta: Option<(&str, &str)>,
) -> TargetGroup {
    if let Some((name, value)) = meta {
        written.labels.insert(name.to_owned(), value.to_owned());
    }
    TargetGroup::from_written(&written, source)
}
