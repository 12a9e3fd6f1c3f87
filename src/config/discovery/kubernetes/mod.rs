//! `kubernetes_sd_configs`: targets from the objects of a Kubernetes cluster.
//!
//! How the API is reached is decided by what is written: `kubeconfig_file`, else `api_server` with the options
//! of the HTTP client, else the service account of the pod that the server runs in.

mod selector;

use std::path::{Path, PathBuf};

use super::Mechanism;
use crate::config::http_client::HttpClientConfig;
use crate::config::path;
use crate::config::quote::quoted;
use crate::config::url;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node};

/// Targets from the objects of a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSdConfig {
    /// Where the API is; without it the pod's service account or `kubeconfig_file` says so.
    pub api_server: Option<String>,
    /// Which objects become targets.
    pub role: KubernetesRole,
    /// The file that says where the API is and who we are.
    pub kubeconfig_file: Option<PathBuf>,
    /// How the API is spoken to; the default unless `api_server` is given.
    pub http_client: HttpClientConfig,
    /// Whether the pod's own namespace is looked at besides `namespaces`.
    pub own_namespace: bool,
    /// The namespaces to look at; all if there are none and `own_namespace` is off.
    pub namespaces: Vec<String>,
    /// Which objects to ask for, at most one a role.
    pub selectors: Vec<KubernetesSelector>,
    /// What else is told of targets.
    pub attach_metadata: AttachMetadata,
}

/// Which objects become targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KubernetesRole {
    /// Kubelets.
    Node,
    /// Containers and their ports.
    Pod,
    /// Ports of services.
    Service,
    /// Addresses behind services, as the old API has them.
    Endpoints,
    /// Addresses behind services.
    EndpointSlice,
    /// Paths of ingresses.
    Ingress,
}

impl KubernetesRole {
    /// Every role with its name and the roles that its selectors may name.
    const TABLE: [(Self, &'static str, &'static [&'static str]); 6] = [
        (Self::Node, "node", &["node"]),
        (Self::Pod, "pod", &["pod", "node"]),
        (Self::Service, "service", &["service"]),
        (Self::Endpoints, "endpoints", &["pod", "service", "endpoints"]),
        (
            Self::EndpointSlice,
            "endpointslice",
            &["pod", "service", "endpointslice"],
        ),
        (Self::Ingress, "ingress", &["ingress"]),
    ];

    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.into_iter().map(|(role, ..)| role)
    }

    /// Its name in the configuration and in metrics.
    pub fn as_str(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    fn selectable(self) -> &'static [&'static str] {
        Self::TABLE[self as usize].2
    }

    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let name = decoder.string(node)?;
        let found = Self::TABLE.into_iter().find(|(_, known, _)| *known == name);
        if found.is_none() {
            let name = quoted(&name);
            decoder.mistake_in(node, format!("unknown Kubernetes SD role {name}"));
        }
        found.map(|(role, ..)| role)
    }
}

/// Which objects of one role to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSelector {
    /// The role.
    pub role: KubernetesRole,
    /// By labels.
    pub label: String,
    /// By fields.
    pub field: String,
}

/// What else is told of targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachMetadata {
    /// Labels and annotations of the node.
    pub node: bool,
    /// Labels and annotations of the namespace.
    pub namespace: bool,
    /// The deployment behind a pod.
    pub deployment: bool,
    /// The job behind a pod.
    pub job: bool,
    /// The cron job behind a pod.
    pub cronjob: bool,
}

impl Mechanism for KubernetesSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "kubernetes.plain")?;
        let mark = fields.mark;
        let mistakes = decoder.mistakes.len();
        let role_node = fields.take("role");
        let role = role_node.and_then(|node| KubernetesRole::decode(node, decoder));
        let selectors = decode_selectors(&mut fields, decoder);
        if role_node.is_none() {
            decoder.mistake(
                mark,
                "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)",
            );
        }
        let (own_namespace, namespaces) = decode_namespaces(&mut fields, decoder);
        let config = Self {
            api_server: decode_api_server(&mut fields, decoder),
            role: role.unwrap_or(KubernetesRole::Pod),
            kubeconfig_file: decoder.path_of(&mut fields, "kubeconfig_file"),
            http_client: HttpClientConfig::decode(&mut fields, decoder),
            own_namespace,
            namespaces,
            selectors: Vec::new(),
            attach_metadata: AttachMetadata::decode(&mut fields, decoder),
        };
        decoder.finish(fields, &[]);
        // The rest would only repeat what is wrong already.
        if decoder.mistakes.len() > mistakes {
            return Some(config);
        }
        match config
            .mistake()
            .map_or_else(|| check_selectors(config.role, selectors), Err)
        {
            Ok(selectors) => Some(Self { selectors, ..config }),
            Err(text) => {
                decoder.mistake(mark, text);
                Some(config)
            }
        }
    }

    fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
        path::set_beside(directory, &mut self.kubeconfig_file);
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        Some(&self.http_client)
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        if let Some(api_server) = &self.api_server {
            map.put("api_server", url::redacted(api_server));
        }
        map.put("role", self.role.as_str())
            .put("kubeconfig_file", path::text(self.kubeconfig_file.as_ref()));
        self.http_client.write(&mut map);
        if self.own_namespace || !self.namespaces.is_empty() {
            let mut namespaces = OutMap::new();
            namespaces
                .put("own_namespace", self.own_namespace)
                .put("names", self.namespaces.clone());
            map.put("namespaces", namespaces);
        }
        map.put_unless_zero(
            "selectors",
            Out::List(self.selectors.iter().map(KubernetesSelector::to_out).collect()),
        );
        let attach = self.attach_metadata;
        if attach != AttachMetadata::default() {
            let mut inner = OutMap::new();
            inner
                .put("node", attach.node)
                .put("namespace", attach.namespace)
                .put("deployment", attach.deployment)
                .put("job", attach.job)
                .put("cronjob", attach.cronjob);
            map.put("attach_metadata", inner);
        }
        map.into()
    }
}

impl KubernetesSdConfig {
    /// What cannot stand together.
    fn mistake(&self) -> Option<String> {
        let has_kubeconfig = self.kubeconfig_file.is_some();
        let has_http_options = self.http_client != HttpClientConfig::default();
        let text = if self.api_server.is_some() && has_kubeconfig {
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously"
        } else if has_kubeconfig && has_http_options {
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'"
        } else if self.api_server.is_none() && has_http_options {
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly"
        } else if self.api_server.is_some() && self.own_namespace {
            "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously"
        } else if has_kubeconfig && self.own_namespace {
            "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously"
        } else {
            return None;
        };
        Some(text.to_owned())
    }
}

impl KubernetesSelector {
    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("role", self.role.as_str())
            .put_unless_zero("label", self.label.as_str())
            .put_unless_zero("field", self.field.as_str());
        map.into()
    }
}

/// A selector as written; its role may be missing.
type Written = (Option<KubernetesRole>, String, String);

fn decode_selectors(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Vec<Written> {
    let node = fields.take("selectors");
    let items = node.and_then(|node| decoder.items(node, "[]kubernetes.SelectorConfig"));
    let mut selectors = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(mut fields) = decoder.fields(item, "kubernetes.SelectorConfig") else {
            if item.is_null() {
                selectors.push((None, String::new(), String::new()));
            }
            continue;
        };
        selectors.push((
            fields
                .take("role")
                .and_then(|node| KubernetesRole::decode(node, decoder)),
            decoder.text_of(&mut fields, "label"),
            decoder.text_of(&mut fields, "field"),
        ));
        decoder.finish(fields, &[]);
    }
    selectors
}

fn check_selectors(role: KubernetesRole, written: Vec<Written>) -> Result<Vec<KubernetesSelector>, String> {
    let mut selectors: Vec<KubernetesSelector> = Vec::new();
    for (selected, label, field) in written {
        if let Some(twice) = selected.filter(|selected| selectors.iter().any(|s| s.role == *selected)) {
            return Err(format!("duplicated selector role: {}", twice.as_str()));
        }
        let Some(selected) = selected.filter(|selected| role.selectable().contains(&selected.as_str()))
        else {
            let (role, selectable) = (role.as_str(), role.selectable().join(", "));
            return Err(format!("{role} role supports only {selectable} selectors"));
        };
        selector::check_field(&field)?;
        selector::check_label(&label)?;
        selectors.push(KubernetesSelector {
            role: selected,
            label,
            field,
        });
    }
    Ok(selectors)
}

fn decode_api_server(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Option<String> {
    let node = fields.take("api_server")?;
    if node.is_null() {
        return None;
    }
    let text = decoder.string_as(node, "string")?;
    if let Err(problem) = url::split(&text) {
        decoder.mistake_in(node, problem);
    }
    Some(text)
}

fn decode_namespaces(fields: &mut Fields<'_>, decoder: &mut Decoder) -> (bool, Vec<String>) {
    let node = fields.take("namespaces");
    let Some(mut fields) = node.and_then(|node| decoder.fields(node, "kubernetes.plain")) else {
        return (false, Vec::new());
    };
    let own = decoder.bool_of(&mut fields, "own_namespace", false);
    let names = decoder.strings_of(&mut fields, "names");
    decoder.finish(fields, &[]);
    (own, names)
}

impl AttachMetadata {
    fn decode(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Self {
        let node = fields.take("attach_metadata");
        let Some(mut fields) = node.and_then(|node| decoder.fields(node, "kubernetes.AttachMetadataConfig"))
        else {
            return Self::default();
        };
        let attach = Self {
            node: decoder.bool_of(&mut fields, "node", false),
            namespace: decoder.bool_of(&mut fields, "namespace", false),
            deployment: decoder.bool_of(&mut fields, "deployment", false),
            job: decoder.bool_of(&mut fields, "job", false),
            cronjob: decoder.bool_of(&mut fields, "cronjob", false),
        };
        decoder.finish(fields, &[]);
        attach
    }
}

#[cfg(test)]
mod tests;
