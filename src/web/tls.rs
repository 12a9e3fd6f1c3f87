//! TLS of the server: certificates, client certificates and versions from the web configuration.
//!
//! An acceptor is built for each connection, so that renewed certificates are shown without a reload.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, NamedGroup, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::TlsAcceptor;

use super::web_file::{Settings, WebFileError};
use crate::config::tls::TlsVersion;
use crate::config::web_file::{ClientAuth, Curve, WebTlsConfig};

/// Whether the settings can be served at all.
///
/// # Errors
/// As [`acceptor`].
pub(super) fn check(settings: &Settings) -> Result<(), WebFileError> {
    acceptor(settings).map(|_| ())
}

/// The acceptor of this moment; `None` for plain HTTP.
///
/// # Errors
/// When a file cannot be read or holds no certificate or key.
pub(super) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, WebFileError> {
    let Some(tls) = &settings.config.tls else {
        return Ok(None);
    };
    let chain = certificates("certificate", &tls.cert, tls.cert_file.as_deref())?;
    let key = private_key(tls)?;
    let versions = versions(tls)?;
    let provider = Arc::new(provider(tls));
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|e| WebFileError::new(e.to_string()))?;
    let builder = match client_verifier(tls)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| WebFileError::new(format!("failed to load X509KeyPair: {e}")))?;
    if settings.config.http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Cipher suites and curves as the settings choose them.
fn provider(tls: &WebTlsConfig) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        // As in Go, the choice is about TLS 1.2; the suites of 1.3 cannot be turned off.
        provider.cipher_suites.retain(|suite| {
            suite.tls13().is_some()
                || tls
                    .cipher_suites
                    .iter()
                    .any(|name| *name == format!("{:?}", suite.suite()))
        });
    }
    if !tls.curve_preferences.is_empty() {
        let wanted = |curve: &Curve| match curve {
            Curve::P256 => NamedGroup::secp256r1,
            Curve::P384 => NamedGroup::secp384r1,
            Curve::X25519 => NamedGroup::X25519,
        };
        let all = std::mem::take(&mut provider.kx_groups);
        let chosen = tls
            .curve_preferences
            .iter()
            .filter_map(|c| all.iter().find(|g| g.name() == wanted(c)));
        provider.kx_groups = chosen.copied().collect();
    }
    provider
}

fn read(what: &str, inline: &str, file: Option<&Path>) -> Result<Vec<u8>, WebFileError> {
    match file {
        None => Ok(inline.as_bytes().to_vec()),
        Some(path) => {
            let name = path.display();
            std::fs::read(path).map_err(|e: io::Error| WebFileError::io(format!("read {what} {name}"), e))
        }
    }
}

fn certificates(
    what: &str,
    inline: &str,
    file: Option<&Path>,
) -> Result<Vec<CertificateDer<'static>>, WebFileError> {
    let pem = read(what, inline, file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|e| WebFileError::new(format!("parse {what}: {e}")))?;
    if all.is_empty() {
        return Err(WebFileError::new(format!(
            "parse {what}: expected a PEM certificate, found none"
        )));
    }
    Ok(all)
}

fn private_key(tls: &WebTlsConfig) -> Result<PrivateKeyDer<'static>, WebFileError> {
    let pem = read("private key", tls.key.expose(), tls.key_file.as_deref())?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|e| WebFileError::new(format!("parse private key: {e}")))
}

fn versions(tls: &WebTlsConfig) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, WebFileError> {
    let supported = [
        (TlsVersion::Tls12, &rustls::version::TLS12),
        (TlsVersion::Tls13, &rustls::version::TLS13),
    ];
    let wanted = supported
        .iter()
        .filter(|(version, _)| (tls.min_version..=tls.max_version).contains(version));
    let wanted: Vec<_> = wanted.map(|&(_, version)| version).collect();
    if wanted.is_empty() {
        return Err(WebFileError::new(
            "no TLS version between min_version and max_version is spoken here",
        ));
    }
    Ok(wanted)
}

fn client_verifier(tls: &WebTlsConfig) -> Result<Option<Arc<dyn ClientCertVerifier>>, WebFileError> {
    let required = match tls.client_auth {
        ClientAuth::None => return Ok(None),
        ClientAuth::Request => return Ok(Some(any_certificate(false))),
        ClientAuth::RequireAny => return Ok(Some(any_certificate(true))),
        ClientAuth::VerifyIfGiven => false,
        ClientAuth::RequireAndVerify => true,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client CA", &tls.client_ca, tls.client_ca_file.as_deref())? {
        roots
            .add(certificate)
            .map_err(|e| WebFileError::new(format!("parse client CA: {e}")))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    let verifier = builder
        .build()
        .map_err(|e| WebFileError::new(format!("client CA: {e}")))?;
    if tls.client_allowed_sans.is_empty() {
        return Ok(Some(verifier));
    }
    Ok(Some(Arc::new(AllowedNames {
        verifier,
        allowed: tls.client_allowed_sans.clone(),
    })))
}

/// Takes any certificate whose key the client holds (`RequestClientCert`, `RequireAnyClientCert`).
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

fn any_certificate(mandatory: bool) -> Arc<dyn ClientCertVerifier> {
    let algorithms = ring::default_provider().signature_verification_algorithms;
    Arc::new(AnyCertificate {
        mandatory,
        algorithms,
    })
}

impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies against the CA, then that one of the certificate's alternative names is allowed.
#[derive(Debug)]
struct AllowedNames {
    verifier: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

impl ClientCertVerifier for AllowedNames {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: rustls::pki_types::UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier.verify_client_cert(end_entity, intermediates, now)?;
        let names = alternative_names(end_entity);
        if names.iter().any(|name| self.allowed.contains(name)) {
            return Ok(verified);
        }
        Err(rustls::Error::General(
            "could not find allowed SANs in client certificate".to_owned(),
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// DNS names, addresses, mail addresses and URIs of a certificate.
fn alternative_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|b| std::net::Ipv4Addr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|b| std::net::Ipv6Addr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}
