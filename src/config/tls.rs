//! TLS of clients: what to trust, what to show.

use std::path::{Path, PathBuf};

use super::path;
use super::refuse;
use super::secret::Secret;
use super::yaml::write::OutMap;
use super::yaml::{Decoder, Node};

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

impl TlsConfig {
    /// Reads `tls_config`.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "config.plain") else {
            return Self::default();
        };
        let config = Self {
            ca: decoder.text_of(&mut fields, "ca"),
            cert: decoder.text_of(&mut fields, "cert"),
            key: decoder.secret_of(&mut fields, "key"),
            ca_file: decoder.path_of(&mut fields, "ca_file"),
            cert_file: decoder.path_of(&mut fields, "cert_file"),
            key_file: decoder.path_of(&mut fields, "key_file"),
            server_name: decoder.text_of(&mut fields, "server_name"),
            insecure_skip_verify: decoder.bool_of(&mut fields, "insecure_skip_verify", false),
            min_version: fields
                .take("min_version")
                .and_then(|node| TlsVersion::decode(node, decoder)),
            max_version: fields
                .take("max_version")
                .and_then(|node| TlsVersion::decode(node, decoder)),
        };
        let (mark, span) = (fields.mark, fields.span);
        decoder.finish(fields, &[refuse::TLS]);
        if let Some(text) = config.mistake() {
            decoder.mistake_of(span, mark, text);
        }
        config
    }

    fn mistake(&self) -> Option<&'static str> {
        let has_cert = !self.cert.is_empty() || self.cert_file.is_some();
        let has_key = !self.key.is_empty() || self.key_file.is_some();
        if !self.ca.is_empty() && self.ca_file.is_some() {
            Some("at most one of ca, ca_file & ca_ref must be configured")
        } else if !self.cert.is_empty() && self.cert_file.is_some() {
            Some("at most one of cert, cert_file & cert_ref must be configured")
        } else if !self.key.is_empty() && self.key_file.is_some() {
            Some("at most one of key and key_file must be configured")
        } else if has_cert && !has_key {
            Some("exactly one of key or key_file must be configured when a client certificate is configured")
        } else if has_key && !has_cert {
            Some("exactly one of cert or cert_file must be configured when a client key is configured")
        } else if self
            .min_version
            .zip(self.max_version)
            .is_some_and(|(min, max)| max < min)
        {
            Some(
                "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified",
            )
        } else {
            None
        }
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file] {
            path::set_beside(directory, file);
        }
    }

    /// As Prometheus writes it; empty if nothing is set.
    pub fn to_out(&self) -> OutMap {
        let mut map = OutMap::new();
        if *self == Self::default() {
            return map;
        }
        map.put_unless_zero("ca", self.ca.as_str())
            .put_unless_zero("cert", self.cert.as_str())
            .put_unless_zero("key", self.key.to_string())
            .put_unless_zero("ca_file", path::text(self.ca_file.as_ref()))
            .put_unless_zero("cert_file", path::text(self.cert_file.as_ref()))
            .put_unless_zero("key_file", path::text(self.key_file.as_ref()))
            .put_unless_zero("server_name", self.server_name.as_str())
            .put("insecure_skip_verify", self.insecure_skip_verify)
            .put_unless_zero("min_version", self.min_version.map_or("", TlsVersion::as_str))
            .put_unless_zero("max_version", self.max_version.map_or("", TlsVersion::as_str));
        map
    }
}

impl TlsVersion {
    /// Reads a version's name.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.is_null() {
            return None;
        }
        let name = decoder.string(node)?;
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            decoder.mistake_in(node, format!("unknown TLS version: {name}"));
        }
        found.map(|(_, version)| *version)
    }
}
