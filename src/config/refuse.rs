//! What Prometheus knows and this server does not do yet: refused by name, never passed over.
//!
//! One list a section: whoever builds a feature removes its key here and gives it a home in its section.
//! Settings whose key is known but one of whose values is not built are refused in their sections, in the
//! words of [`refusal`].

/// Keys of the whole file.
pub const ROOT: &[&str] = &["remote_write"];

/// Keys of `basic_auth`: a secret manager that no Prometheus server has either.
pub const BASIC_AUTH: &[&str] = &["username_ref", "password_ref"];

/// Keys of `authorization`.
pub const AUTHORIZATION: &[&str] = &["credentials_ref"];

/// Keys of `oauth2`.
pub const OAUTH2: &[&str] = &["client_secret_ref", "client_certificate_key_ref"];

/// Keys of `tls_config`.
pub const TLS: &[&str] = &["ca_ref", "cert_ref", "key_ref"];

/// Discoveries, wherever targets or Alertmanagers are found.
pub const DISCOVERY: &[&str] = &[
    "consul_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
];

/// How a known but unbuilt setting is refused.
pub fn refusal(what: &str) -> String {
    format!("{what} is not supported by Deucalion yet")
}
