//! TLS of clients: what to trust, what to show.

use std::path::PathBuf;

use super::secret::Secret;

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Trusted certificates, PEM.
    pub ca: String,
    /// The certificate to show, PEM.
    pub cert: String,
    /// Its key, PEM.
    pub key: Secret,
    /// File of trusted certificates.
    pub ca_file: Option<PathBuf>,
    /// File of the certificate to show.
    pub cert_file: Option<PathBuf>,
    /// File of its key.
    pub key_file: Option<PathBuf>,
    /// The name the server must prove, and SNI; empty is the URL's host.
    pub server_name: String,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// Lowest version to speak.
    pub min_version: Option<TlsVersion>,
    /// Highest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// 1.0
    Tls10,
    /// 1.1
    Tls11,
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

impl TlsVersion {
    /// Every version with its name in the configuration.
    pub const ALL: [(&str, Self); 4] = [
        ("TLS10", Self::Tls10),
        ("TLS11", Self::Tls11),
        ("TLS12", Self::Tls12),
        ("TLS13", Self::Tls13),
    ];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}
