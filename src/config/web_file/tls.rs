//! `tls_server_config`: the certificate to show and what to ask of clients.

use std::path::{Path, PathBuf};

use crate::config::errors::open_error;
use crate::config::key_pair;
use crate::config::path;
use crate::config::secret::Secret;
use crate::config::tls::TlsVersion;
use crate::config::yaml::{Decoder, Node};

/// TLS of our own server.
#[derive(Clone, Debug, PartialEq)]
pub struct WebTlsConfig {
    /// The certificate, PEM.
    pub cert: String,
    /// Its key, PEM.
    pub key: Secret,
    /// File of the certificate.
    pub cert_file: Option<PathBuf>,
    /// File of its key.
    pub key_file: Option<PathBuf>,
    /// Who signs clients' certificates, PEM.
    pub client_ca: String,
    /// File of those who sign clients' certificates.
    pub client_ca_file: Option<PathBuf>,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// Names of which a client's certificate must hold one; empty allows any.
    pub client_allowed_sans: Vec<String>,
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Highest version.
    pub max_version: TlsVersion,
    /// Cipher suites of TLS 1.2, by Go's names; empty is the default choice.
    pub cipher_suites: Vec<String>,
    /// Whether the server's order of suites counts; Go has ignored it for years.
    pub prefer_server_cipher_suites: bool,
    /// Curves in order of preference; empty is the default choice.
    pub curve_preferences: Vec<Curve>,
}

/// What is asked of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    None,
    /// A certificate, if there is one; it is not checked.
    Request,
    /// Any certificate.
    RequireAny,
    /// A certificate, if there is one; it must be valid.
    VerifyIfGiven,
    /// A valid certificate.
    RequireAndVerify,
}

/// A curve for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `CurveP256`
    P256,
    /// `CurveP384`
    P384,
    /// `X25519`
    X25519,
}

/// Cipher suites that can be chosen, by Go's names.
pub const CIPHER_SUITES: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Cipher suites that Go counts as secure and that are not built here: they encrypt in CBC mode.
const CIPHER_SUITES_UNBUILT: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

impl WebTlsConfig {
    /// Reads `tls_server_config`; `None` if it does not switch TLS on.
    pub(super) fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "web.TLSConfig")?;
        let mark = fields.mark;
        let auth_mark = fields.mark_of("client_auth_type");
        let auth_name = decoder.text_of(&mut fields, "client_auth_type");
        let client_auth = ClientAuth::named(&auth_name);
        if client_auth.is_none() {
            decoder.mistake(auth_mark, format!("invalid ClientAuth: {auth_name}"));
        }
        let config = Self {
            cert: decoder.text_of(&mut fields, "cert"),
            key: decoder.secret_of(&mut fields, "key"),
            cert_file: decoder.path_of(&mut fields, "cert_file"),
            key_file: decoder.path_of(&mut fields, "key_file"),
            client_ca: decoder.text_of(&mut fields, "client_ca"),
            client_ca_file: decoder.path_of(&mut fields, "client_ca_file"),
            client_auth: client_auth.unwrap_or_default(),
            client_allowed_sans: decoder.strings_of(&mut fields, "client_allowed_sans"),
            min_version: version(fields.take("min_version"), TlsVersion::Tls12, decoder),
            max_version: version(fields.take("max_version"), TlsVersion::Tls13, decoder),
            cipher_suites: fields
                .take("cipher_suites")
                .map(|node| cipher_suites(node, decoder))
                .unwrap_or_default(),
            prefer_server_cipher_suites: decoder.bool_of(&mut fields, "prefer_server_cipher_suites", true),
            curve_preferences: fields
                .take("curve_preferences")
                .map(|node| curves(node, decoder))
                .unwrap_or_default(),
        };
        decoder.finish(fields, &[]);
        if !config.is_enabled() && auth_name.is_empty() {
            return None;
        }
        if let Some(text) = config.mistake() {
            decoder.mistake(mark, text);
        }
        Some(config)
    }

    fn is_enabled(&self) -> bool {
        self.has_cert() || self.has_key() || self.has_client_ca()
    }

    fn has_cert(&self) -> bool {
        !self.cert.is_empty() || self.cert_file.is_some()
    }

    fn has_key(&self) -> bool {
        !self.key.is_empty() || self.key_file.is_some()
    }

    fn has_client_ca(&self) -> bool {
        !self.client_ca.is_empty() || self.client_ca_file.is_some()
    }

    fn mistake(&self) -> Option<&'static str> {
        if !self.has_cert() {
            Some("missing one of cert or cert_file")
        } else if !self.has_key() {
            Some("missing one of key or key_file")
        } else if self.has_client_ca() && self.client_auth == ClientAuth::None {
            Some("client CA's have been configured without a Client Auth Policy")
        } else if !self.has_client_ca() && self.client_auth.verifies() {
            // Prometheus starts and then refuses every client; we say so at once.
            Some(
                "client_auth_type verifies certificates but neither client_ca nor client_ca_file is configured",
            )
        } else if self.max_version < self.min_version {
            Some("max_version must be greater than or equal to min_version")
        } else {
            None
        }
    }

    /// Puts its files beside the file that names them.
    pub(super) fn set_directory(&mut self, directory: &Path) {
        for file in [&mut self.cert_file, &mut self.key_file, &mut self.client_ca_file] {
            path::set_beside(directory, file);
        }
    }

    /// Whether its files can be read and hold a certificate and its key.
    pub(super) fn check_files(&self) -> Result<(), String> {
        let cert = text_or_file(&self.cert, self.cert_file.as_deref(), "cert_file")?;
        let key = text_or_file(self.key.expose(), self.key_file.as_deref(), "key_file")?;
        key_pair::check(&cert, &key).map_err(|words| format!("failed to load X509KeyPair: {words}"))?;
        match &self.client_ca_file {
            Some(file) => std::fs::read(file).map_or_else(|error| Err(open_error(file, &error)), |_| Ok(())),
            None => Ok(()),
        }
    }
}

fn text_or_file(text: &str, file: Option<&Path>, key: &str) -> Result<String, String> {
    let Some(file) = file else {
        return Ok(text.to_owned());
    };
    let bytes = std::fs::read(file).map_err(|error| {
        let text = open_error(file, &error);
        format!("failed to read {key} ({}): {text}", file.display())
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl ClientAuth {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" | "NoClientCert" => Self::None,
            "RequestClientCert" => Self::Request,
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAny,
            "VerifyClientCertIfGiven" => Self::VerifyIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerify,
            _ => return None,
        })
    }

    /// Whether certificates are checked against a CA.
    pub fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

fn version(node: Option<&Node>, default: TlsVersion, decoder: &mut Decoder) -> TlsVersion {
    let Some((node, version)) = node.and_then(|node| Some((node, TlsVersion::decode(node, decoder)?))) else {
        return default;
    };
    if version < TlsVersion::Tls12 {
        decoder.unbuilt(node.mark, version.as_str());
    }
    version
}

fn cipher_suites(node: &Node, decoder: &mut Decoder) -> Vec<String> {
    let mut suites = Vec::new();
    for item in decoder.items(node, "[]web.Cipher").unwrap_or_default() {
        let Some(name) = decoder.string(item) else {
            continue;
        };
        if CIPHER_SUITES_UNBUILT.contains(&name.as_str()) {
            decoder.unbuilt(item.mark, &format!("cipher suite {name}"));
        } else if !CIPHER_SUITES.contains(&name.as_str()) {
            decoder.mistake(item.mark, format!("unknown cipher: {name}"));
        } else {
            suites.push(name);
        }
    }
    suites
}

fn curves(node: &Node, decoder: &mut Decoder) -> Vec<Curve> {
    let mut curves = Vec::new();
    for item in decoder.items(node, "[]web.Curve").unwrap_or_default() {
        let Some(name) = decoder.string(item) else {
            continue;
        };
        match name.as_str() {
            "CurveP256" => curves.push(Curve::P256),
            "CurveP384" => curves.push(Curve::P384),
            "X25519" => curves.push(Curve::X25519),
            "CurveP521" => decoder.unbuilt(item.mark, "curve CurveP521"),
            _ => decoder.mistake(item.mark, format!("unknown curve: {name}")),
        }
    }
    curves
}
