//! TLS as `tls_config` asks for it, from texts or files; files are noticed when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::error::HttpError;
use crate::config::tls::{TlsConfig, TlsVersion};

/// What identifies the state of the files that a TLS configuration reads.
pub(super) type FileStamps = Vec<(u64, Option<SystemTime>)>;

/// The files that `config` names.
pub(super) fn files(config: &TlsConfig) -> Vec<PathBuf> {
    let named = [&config.ca_file, &config.cert_file, &config.key_file];
    named.into_iter().flatten().cloned().collect()
}

/// Sizes and times of files; a file that cannot be looked at counts as empty.
pub(super) fn stamps(files: &[PathBuf]) -> FileStamps {
    let stamp = |path: &PathBuf| match std::fs::metadata(path) {
        Ok(meta) => (meta.len(), meta.modified().ok()),
        Err(_) => (0, None),
    };
    files.iter().map(stamp).collect()
}

/// The system's trusted certificates, read once: they take a while.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    Arc::new(roots)
});

/// Builds the TLS side of a client.
///
/// # Errors
/// When a certificate or key cannot be read, or a version is asked for that cannot be spoken.
pub(super) fn client_config(config: &TlsConfig, http2: bool) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = versions(config)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| HttpError::text(error.to_string()))?;
    let builder = if config.insecure_skip_verify {
        let verifier = AnyCertificate { provider };
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    } else {
        builder.with_root_certificates(roots(config)?)
    };
    let mut client = match identity(config)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| HttpError::text(format!("unable to use specified client cert: {error}")))?,
        None => builder.with_no_client_auth(),
    };
    client.enable_sni = true;
    if http2 {
        client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(client)
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

fn roots(config: &TlsConfig) -> Result<Arc<RootCertStore>, HttpError> {
    let pem = match (&config.ca_file, config.ca.is_empty()) {
        (Some(path), _) => read(path, "CA cert")?,
        (None, false) => config.ca.clone().into_bytes(),
        (None, true) => return Ok(Arc::clone(&SYSTEM_ROOTS)),
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let source = source(config.ca_file.as_deref());
        return Err(HttpError::text(format!(
            "unable to use specified CA cert {source}"
        )));
    }
    Ok(Arc::new(roots))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(config: &TlsConfig) -> Result<Option<Identity>, HttpError> {
    let cert = match &config.cert_file {
        Some(path) => read(path, "client cert")?,
        None if config.cert.is_empty() => return Ok(None),
        None => config.cert.clone().into_bytes(),
    };
    let key = match &config.key_file {
        Some(path) => read(path, "client key")?,
        None => config.key.expose().as_bytes().to_vec(),
    };
    let unusable = |problem: String| {
        let (cert, key) = (
            source(config.cert_file.as_deref()),
            source(config.key_file.as_deref()),
        );
        HttpError::text(format!(
            "unable to use specified client cert ({cert}) & key ({key}): {problem}"
        ))
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&cert)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(error.to_string()))?;
    Ok(Some((chain, key)))
}

fn source(path: Option<&Path>) -> String {
    path.map_or_else(|| "inline".to_owned(), |path| path.display().to_string())
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, HttpError> {
    std::fs::read(path).map_err(|error| {
        let path = path.display();
        HttpError::text(format!("unable to load specified {what} {path}: {error}"))
    })
}

/// The words of Go's TLS for the failures that operators meet.
pub(super) fn handshake_text(error: &std::io::Error) -> String {
    let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return error.to_string();
    };
    use rustls::CertificateError::{Expired, ExpiredContext, UnknownIssuer};
    let text = match tls {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"
        }
        rustls::Error::InvalidCertificate(other) => {
            return format!("tls: failed to verify certificate: x509: {other}");
        }
        rustls::Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake",
        other => return format!("tls: {other}"),
    };
    text.to_owned()
}

/// Accepts any certificate whose owner holds its key, as `insecure_skip_verify` asks for.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
