//! Paths of ingresses.

use super::{Targets, attach_namespace};
use crate::discovery::kubernetes::cluster::Cluster;
use crate::discovery::kubernetes::labels::MetaLabels;
use crate::discovery::kubernetes::object::{Ingress, IngressRule};

pub(super) fn targets(cluster: &Cluster, ingress: &Ingress) -> Targets {
    let mut labels = MetaLabels::within(&ingress.metadata.namespace);
    labels
        .set_some("ingress_class_name", ingress.spec.ingress_class_name.as_deref())
        .describe("ingress", &ingress.metadata);
    attach_namespace(&mut labels, cluster, &ingress.metadata);
    let tls_hosts = ingress.spec.tls.iter().flat_map(|tls| &tls.hosts);
    let mut targets = Vec::new();
    for rule in &ingress.spec.rules {
        let is_tls = tls_hosts.clone().any(|pattern| matches_host(pattern, &rule.host));
        for path in paths(rule) {
            let mut target = MetaLabels::of_target(rule.host.as_str());
            target
                .set("ingress_scheme", if is_tls { "https" } else { "http" })
                .set("ingress_host", rule.host.as_str())
                .set("ingress_path", path);
            targets.push(target);
        }
    }
    Targets { labels, targets }
}

/// A rule without `http` stands for the root; one with an empty list for nothing.
fn paths(rule: &IngressRule) -> Vec<&str> {
    let Some(http) = &rule.http else {
        return vec!["/"];
    };
    let paths = http.paths.iter().map(|path| path.path.as_str());
    paths
        .map(|path| if path.is_empty() { "/" } else { path })
        .collect()
}

/// Whether a host is the pattern, or the pattern with something else for its first part `*`.
fn matches_host(pattern: &str, host: &str) -> bool {
    let (first, below) = split_host(pattern);
    pattern == host || first == "*" && below == split_host(host).1
}

/// The first part of a host, and the others.
fn split_host(host: &str) -> (&str, Option<&str>) {
    match host.split_once('.') {
        Some((first, below)) => (first, Some(below)),
        None => (host, None),
    }
}
