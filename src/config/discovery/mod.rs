//! Where targets come from: one file a mechanism.
//!
//! The table [`SdConfig`] lists the mechanisms that are built; every other mechanism of Prometheus is read,
//! checked and refused by its name (see [`unbuilt`]). A new one is a file here with a [`Mechanism`] and a line
//! in the table.

mod consul;
mod dns;
mod docker;
mod dockerswarm;
mod ec2;
mod file;
mod http;
mod kubernetes;
mod statics;
mod unbuilt;

use std::path::{Path, PathBuf};

pub use consul::ConsulSdConfig;
pub use dns::{DnsRecordType, DnsSdConfig};
pub use docker::{DockerFilter, DockerSdConfig};
pub use dockerswarm::{DockerSwarmRole, DockerSwarmSdConfig};
pub use ec2::{Ec2Filter, Ec2SdConfig};
pub use file::FileSdConfig;
pub use http::HttpSdConfig;
pub use kubernetes::{AttachMetadata, KubernetesRole, KubernetesSdConfig, KubernetesSelector};
pub use statics::StaticGroup;

use super::http_client::HttpClientConfig;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Fields, Mark, Node, Span};
use crate::config::quote::quoted;

/// What the configuration of a mechanism can do.
pub trait Mechanism: Sized {
    /// Reads one item of its list; `None` after a mistake was noted.
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self>;

    /// As Prometheus writes it.
    fn to_out(&self) -> Out;

    /// Puts files beside the file that names them.
    fn set_directory(&mut self, directory: &Path);

    /// How its API is spoken to, if that is HTTP.
    fn http_client(&self) -> Option<&HttpClientConfig>;
}

/// The table of mechanisms: variant, configuration, name (as in metrics; the key is `<name>_sd_configs`) and
/// the Go type of the list as it stands in messages. Sorted by name, which is the order of reading and writing.
macro_rules! mechanisms {
    ($($(#[$doc:meta])* $variant:ident($config:ty), $name:literal, $go:literal;)*) => {
        /// A mechanism as configured.
        #[derive(Clone, Debug, PartialEq)]
        pub enum SdConfig {
            $($(#[$doc])* $variant(Box<$config>),)*
        }

        impl SdConfig {
            fn decode_all(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Vec<Self> {
                let mut all = Vec::new();
                $(
                    let key = concat!($name, "_sd_configs");
                    let list = decode_list(fields, key, $go, decoder, <$config as Mechanism>::decode);
                    all.extend(list.into_iter().map(Box::new).map(Self::$variant));
                )*
                all
            }

            /// The mechanism's name in metrics; `<name>_sd_configs` is its key.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// How its API is spoken to, if that is HTTP.
            pub fn http_client(&self) -> Option<&HttpClientConfig> {
                match self {
                    $(Self::$variant(config) => config.http_client(),)*
                }
            }

            fn set_directory(&mut self, directory: &Path) {
                match self {
                    $(Self::$variant(config) => config.set_directory(directory),)*
                }
            }

            fn to_out(&self) -> Out {
                match self {
                    $(Self::$variant(config) => config.to_out(),)*
                }
            }
        }
    };
}

mechanisms! {
    /// The services of a Consul catalog.
    Consul(ConsulSdConfig), "consul", "[]*consul.SDConfig";
    /// Records of DNS names.
    Dns(DnsSdConfig), "dns", "[]*dns.SDConfig";
    /// The containers of a Docker daemon.
    Docker(DockerSdConfig), "docker", "[]*moby.DockerSDConfig";
    /// The services, tasks or nodes of a Docker swarm.
    DockerSwarm(DockerSwarmSdConfig), "dockerswarm", "[]*moby.DockerSwarmSDConfig";
    /// Instances of AWS.
    Ec2(Ec2SdConfig), "ec2", "[]*aws.EC2SDConfig";
    /// Files that are watched.
    File(FileSdConfig), "file", "[]*file.SDConfig";
    /// A list on an HTTP server.
    Http(HttpSdConfig), "http", "[]*http.SDConfig";
    /// Objects of a Kubernetes cluster.
    Kubernetes(KubernetesSdConfig), "kubernetes", "[]*kubernetes.SDConfig";
}

/// The discoveries of one scrape job or Alertmanager section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiscoveryConfigs {
    /// `static_configs`.
    pub static_configs: Vec<StaticGroup>,
    /// Everything else, in the order of [`SdConfig`].
    pub mechanisms: Vec<SdConfig>,
}

impl DiscoveryConfigs {
    /// Takes the mechanisms out of the section that holds them; [`Self::decode_statics`] is to follow.
    pub fn decode(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Self {
        let mechanisms = SdConfig::decode_all(fields, decoder);
        unbuilt::decode_all(fields, decoder);
        Self {
            static_configs: Vec::new(),
            mechanisms,
        }
    }

    /// Takes the targets that are written down, too: Prometheus looks at their addresses after all else.
    ///
    /// `forbids_urls`: without relabelling, a static target must be an address, not a URL.
    pub fn decode_statics(&mut self, fields: &mut Fields<'_>, forbids_urls: bool, decoder: &mut Decoder) {
        let section = forbids_urls.then_some(fields.span);
        self.static_configs = decode_list(
            fields,
            "static_configs",
            "[]*targetgroup.Group",
            decoder,
            |n, d| StaticGroup::decode(n, section, d),
        );
    }

    /// The paths and patterns of all `file_sd_configs`.
    pub fn target_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.mechanisms.iter().flat_map(|mechanism| match mechanism {
            SdConfig::File(config) => config.files.as_slice(),
            _ => &[],
        })
    }

    /// Puts files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        for mechanism in &mut self.mechanisms {
            mechanism.set_directory(directory);
        }
    }

    /// Adds the discoveries as Prometheus writes them: sorted by key.
    pub fn write(&self, map: &mut OutMap) {
        let is_before_static = |mechanism: &&SdConfig| mechanism.name() < "static";
        let (before, after): (Vec<_>, Vec<_>) = self.mechanisms.iter().partition(is_before_static);
        write_lists(&before, map);
        map.put_unless_zero(
            "static_configs",
            Out::List(self.static_configs.iter().map(StaticGroup::to_out).collect()),
        );
        write_lists(&after, map);
    }
}

fn write_lists(mechanisms: &[&SdConfig], map: &mut OutMap) {
    for list in mechanisms.chunk_by(|a, b| a.name() == b.name()) {
        if let Some(first) = list.first() {
            let items = list.iter().map(|mechanism| mechanism.to_out()).collect();
            map.put(&format!("{}_sd_configs", first.name()), Out::List(items));
        }
    }
}

fn decode_list<T>(
    fields: &mut Fields<'_>,
    key: &str,
    type_name: &str,
    decoder: &mut Decoder,
    mut decode: impl FnMut(&Node, &mut Decoder) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.take(key) else {
        return Vec::new();
    };
    let mut configs = Vec::new();
    for item in decoder.items(node, type_name).unwrap_or_default() {
        if item.is_null() {
            decoder.mistake_of(fields.span, item.mark, format!("empty or null section in {key}"));
        } else {
            configs.extend(decode(item, decoder));
        }
    }
    configs
}

/// Refuses a target that is a URL rather than an address.
fn check_address(target: &str, mark: Mark, section: Span, decoder: &mut Decoder) {
    if target.contains('/') {
        let text = format!("{target} is not a valid hostname", target = quoted(target));
        decoder.mistake_of(section, mark, text);
    }
}
