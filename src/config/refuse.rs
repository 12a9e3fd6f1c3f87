//! What Prometheus knows and this server does not do yet: refused by name, never passed over.
//!
//! One list a section: whoever builds a feature removes its key here and gives it a home in its section.
//! Settings whose key is known but one of whose values is not built are refused in their sections, in the
//! words of [`refusal`].

/// Keys of the whole file.
pub const ROOT: &[&str] = &["remote_read", "otlp", "tracing"];

/// Keys of an Alertmanager section.
pub const ALERTMANAGER: &[&str] = &["sigv4"];

/// Keys of the HTTP client options, wherever they stand.
pub const HTTP_CLIENT: &[&str] = &[
    "oauth2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
];

/// Keys of `basic_auth`: a secret manager that no Prometheus server has either.
pub const BASIC_AUTH: &[&str] = &["username_ref", "password_ref"];

/// Keys of `authorization`.
pub const AUTHORIZATION: &[&str] = &["credentials_ref"];

/// Keys of `tls_config`.
pub const TLS: &[&str] = &["ca_ref", "cert_ref", "key_ref"];

/// Discoveries, wherever targets or Alertmanagers are found.
pub const DISCOVERY: &[&str] = &[
    "aws_sd_configs",
    "azure_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "ecs_sd_configs",
    "elasticache_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "ionos_sd_configs",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "msk_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "oci_sd_configs",
    "openstack_sd_configs",
    "outscale_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "rds_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
];

/// How a known but unbuilt setting is refused.
pub fn refusal(what: &str) -> String {
    format!("{what} is not supported by Deucalion yet")
}
