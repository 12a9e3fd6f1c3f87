//! TLS as `tls_config` asks for it, from texts or files; files are noticed when they change.
//!
//! Whom to trust is decided in [`super::verify`], Go's words for what goes wrong on the wire stand in
//! [`super::tls_words`]. Begin with [`TlsSetup::new`].

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::auth::read_file;
use super::error::HttpError;
use super::verify::{AnyCertificate, Trusted};
use crate::config::key_pair;
use crate::config::tls::{TlsConfig, TlsVersion};

/// What identifies the state of the files that a TLS configuration reads.
///
/// The time of the last change of the inode moves with every write and every rename and cannot be set, so
/// that a file with another content never looks like the one before.
pub(super) type FileStamps = Vec<Option<(u64, u64, i64, i64)>>;

/// The files that `config` names.
pub(super) fn files(config: &TlsConfig) -> Vec<PathBuf> {
    let named = [&config.ca_file, &config.cert_file, &config.key_file];
    named.into_iter().flatten().cloned().collect()
}

/// The state of files; `None` for one that cannot be looked at.
pub(super) fn stamps(files: &[PathBuf]) -> FileStamps {
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
    };
    files.iter().map(stamp).collect()
}

/// The TLS side of a client.
pub(super) struct TlsSetup {
    pub(super) config: ClientConfig,
    /// Whom every server must be, in place of the host that is dialled.
    pub(super) server_name: Option<ServerName<'static>>,
}

impl TlsSetup {
    /// Reads what `config` names.
    ///
    /// # Errors
    /// When a certificate or key cannot be read, or a version is asked for that cannot be spoken.
    pub(super) fn new(config: &TlsConfig, http2: bool) -> Result<Self, HttpError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(config)?)
            .map_err(|error| HttpError::text(error.to_string()))?
            .dangerous();
        let ca = ca_certificates(config)?;
        let builder = match config.insecure_skip_verify {
            true => builder.with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider))),
            false => builder.with_custom_certificate_verifier(Arc::new(Trusted::new(ca, provider)?)),
        };
        let mut client = match Identity::read(config)? {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain, identity.key)
                .map_err(|error| unusable(config, &error.to_string()))?,
            None => builder.with_no_client_auth(),
        };
        if http2 {
            client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let name = &config.server_name;
        let parsed = || {
            let parsed = ServerName::try_from(name.clone());
            parsed.map_err(|_| HttpError::text(format!("tls_config: {name:?} is not a valid server_name")))
        };
        Ok(Self {
            config: client,
            server_name: (!name.is_empty()).then(parsed).transpose()?,
        })
    }
}

/// TLS 1.0 and 1.1 cannot be spoken: as a lower bound they change nothing, as an upper one they are refused.
fn versions(config: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>, HttpError> {
    let min = config.min_version.unwrap_or(TlsVersion::Tls12);
    let max = config.max_version.unwrap_or(TlsVersion::Tls13);
    let both = [
        (TlsVersion::Tls12, &rustls::version::TLS12),
        (TlsVersion::Tls13, &rustls::version::TLS13),
    ];
    let spoken = both.into_iter().filter(|(v, _)| (min..=max).contains(v));
    let spoken: Vec<_> = spoken.map(|(_, version)| version).collect();
    if spoken.is_empty() {
        let (min, max) = (min.as_str(), max.as_str());
        return Err(HttpError::text(format!(
            "tls_config: no version between min_version {min} and max_version {max} is supported"
        )));
    }
    Ok(spoken)
}

/// The certificates to trust; `None` for the system's.
fn ca_certificates(config: &TlsConfig) -> Result<Option<Vec<CertificateDer<'static>>>, HttpError> {
    let pem = match (&config.ca_file, config.ca.is_empty()) {
        (Some(path), _) => read(path, "CA cert")?,
        (None, false) => config.ca.clone(),
        (None, true) => return Ok(None),
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .filter_map(Result::ok)
        .collect();
    if found.is_empty() {
        let source = source(config.ca_file.as_deref());
        return Err(HttpError::text(format!(
            "unable to use specified CA cert {source}"
        )));
    }
    Ok(Some(found))
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn read(config: &TlsConfig) -> Result<Option<Self>, HttpError> {
        let cert = match &config.cert_file {
            Some(path) => read(path, "specified client cert")?,
            None if config.cert.is_empty() => return Ok(None),
            None => config.cert.clone(),
        };
        let key = match &config.key_file {
            Some(path) => read(path, "specified client key")?,
            None => config.key.expose().to_owned(),
        };
        key_pair::check(&cert, &key).map_err(|words| unusable(config, &words))?;
        let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable(config, &error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let key = key.map_err(|error| unusable(config, &error.to_string()))?;
        Ok(Some(Self { chain, key }))
    }
}

fn unusable(config: &TlsConfig, problem: &str) -> HttpError {
    let cert = source(config.cert_file.as_deref());
    let key = source(config.key_file.as_deref());
    HttpError::text(format!(
        "unable to use specified client cert ({cert}) & key ({key}): {problem}"
    ))
}

fn source(path: Option<&Path>) -> String {
    path.map_or_else(|| "inline".to_owned(), |path| format!("file {}", path.display()))
}

fn read(path: &Path, what: &str) -> Result<String, HttpError> {
    read_file(path).map_err(|text| HttpError::text(format!("unable to read {what}: {text}")))
}
