//! What Prometheus knows and this server does not do yet: refused by name, never passed over.
//!
//! One list a section: whoever builds a feature removes its key here and gives it a home in its section.
//! Settings whose key is known but one of whose values is not built are refused in their sections, in the
//! words of [`refusal`].

/// Keys of `basic_auth`: a secret manager that no Prometheus server has either.
pub const BASIC_AUTH: &[&str] = &["username_ref", "password_ref"];

/// Keys of `authorization`.
pub const AUTHORIZATION: &[&str] = &["credentials_ref"];

/// Keys of `oauth2`.
pub const OAUTH2: &[&str] = &["client_secret_ref", "client_certificate_key_ref"];

/// Keys of `tls_config`.
pub const TLS: &[&str] = &["ca_ref", "cert_ref", "key_ref"];

/// How a known but unbuilt setting is refused.
pub fn refusal(what: &str) -> String {
    format!("{what} is not supported by Deucalion yet")
}
