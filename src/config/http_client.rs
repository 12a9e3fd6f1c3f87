//! How to speak HTTP to targets, discovery servers and Alertmanagers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::secret::Secret;
use super::tls::TlsConfig;

/// The options that every HTTP client of the configuration shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClientConfig {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// `Authorization` header; `bearer_token` and `bearer_token_file` end up here too.
    pub authorization: Option<Authorization>,
    /// TLS.
    pub tls_config: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be negotiated (over TLS).
    pub enable_http2: bool,
    /// Headers to add, by the name as written.
    pub http_headers: BTreeMap<String, HttpHeader>,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            http_headers: BTreeMap::new(),
        }
    }
}

/// `basic_auth`; files are read for each request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// File that holds the user.
    pub username_file: Option<PathBuf>,
    /// The password.
    pub password: Secret,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// `authorization`; the file is read for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The scheme, `Bearer` unless written.
    pub scheme: String,
    /// What follows it.
    pub credentials: Secret,
    /// File that holds what follows it.
    pub credentials_file: Option<PathBuf>,
}

/// One header of `http_headers`; all values are sent, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that are never shown.
    pub secrets: Vec<Secret>,
    /// Files that hold values.
    pub files: Vec<PathBuf>,
}
