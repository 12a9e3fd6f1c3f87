//! Which server certificates are accepted, and Go's words for those that are not.
//!
//! rustls decides. What it refuses is looked at once more in Go's order (time, name, authority), both for the
//! words and because Go accepts a certificate that is itself listed as trusted, whatever it says of its use:
//! `openssl req -x509` makes such ones. Begin with [`Trusted`].

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::error::HttpError;

/// The system's trusted certificates, read when the first server is to be verified: they take a while and
/// about a megabyte, which a server that scrapes without TLS never needs.
static SYSTEM: LazyLock<Option<Arc<WebPkiServerVerifier>>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .ok()
});

/// Accepts what trusted certificates vouch for.
#[derive(Debug)]
pub(super) struct Trusted {
    /// `None` is the system's.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Trusted {
    /// Trusts `listed`, or what the system trusts.
    ///
    /// # Errors
    /// When none of `listed` is a certificate.
    pub(super) fn new(
        listed: Option<Vec<CertificateDer<'static>>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, HttpError> {
        let Some(listed) = listed else {
            return Ok(Self {
                verifier: None,
                listed: Vec::new(),
                provider,
            });
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(listed.iter().cloned());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let verifier =
            verifier.map_err(|error| HttpError::text(format!("unable to use CA cert: {error}")))?;
        Ok(Self {
            verifier: Some(verifier),
            listed,
            provider,
        })
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = self.verifier.as_ref().or(SYSTEM.as_ref());
        let verified = match verifier {
            Some(verifier) => verifier.verify_server_cert(leaf, others, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let Err(error) = verified else { return verified };
        let read = Leaf::parse(leaf);
        let is_read = read.is_some();
        let words = read.and_then(|read| read.objection(name, now));
        let words = match (words, &error) {
            (Some(words), _) => words,
            (None, _) if is_read && self.listed.iter().any(|listed| listed == leaf) => {
                return Ok(ServerCertVerified::assertion());
            }
            // rustls asks for the name last. It knows no names such as `*.local`, which Go does.
            (None, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if is_read =>
            {
                return Ok(ServerCertVerified::assertion());
            }
            (None, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                "certificate signed by unknown authority".to_owned()
            }
            (None, rustls::Error::InvalidCertificate(other)) => other.to_string(),
            (None, _) => return Err(error),
        };
        let refusal = Refusal(format!("tls: failed to verify certificate: x509: {words}"));
        Err(CertificateError::Other(OtherError(Arc::new(refusal))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Why a certificate was refused, in Go's words.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// What a server's certificate says of itself.
struct Leaf {
    not_before_s: i64,
    not_after_s: i64,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    common_name: String,
}

impl Leaf {
    fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut leaf = Self {
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
            names: Vec::new(),
            addresses: Vec::new(),
            common_name: String::new(),
        };
        let common_name = certificate.subject().iter_common_name().next();
        if let Some(text) = common_name.and_then(|name| name.as_str().ok()) {
            leaf.common_name = text.to_owned();
        }
        let extension = certificate.subject_alternative_name().ok().flatten();
        for name in extension
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            match name {
                GeneralName::DNSName(name) => leaf.names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => leaf.addresses.extend(address(bytes)),
                _ => {}
            }
        }
        Some(leaf)
    }

    /// What Go would object to before it asks who vouches for the certificate.
    fn objection(&self, name: &ServerName<'_>, now: UnixTime) -> Option<String> {
        let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let relation = match () {
            () if now_s < self.not_before_s => Some(("before", self.not_before_s)),
            () if now_s > self.not_after_s => Some(("after", self.not_after_s)),
            () => None,
        };
        if let Some((relation, bound_s)) = relation {
            let (now, bound) = (rfc3339(now_s), rfc3339(bound_s));
            return Some(format!(
                "certificate has expired or is not yet valid: current time {now} is {relation} {bound}"
            ));
        }
        match name {
            ServerName::IpAddress(wanted) => self.objection_to_address(IpAddr::from(*wanted)),
            ServerName::DnsName(wanted) => self.objection_to_name(wanted.as_ref()),
            _ => None,
        }
    }

    fn objection_to_address(&self, wanted: IpAddr) -> Option<String> {
        if self.addresses.contains(&wanted) {
            return None;
        }
        if self.addresses.is_empty() {
            return Some(format!(
                "cannot validate certificate for {wanted} because it doesn't contain any IP SANs"
            ));
        }
        let valid: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        Some(format!(
            "certificate is valid for {}, not {wanted}",
            valid.join(", ")
        ))
    }

    fn objection_to_name(&self, wanted: &str) -> Option<String> {
        if self.names.iter().any(|pattern| matches(pattern, wanted)) {
            return None;
        }
        let has_names = !self.names.is_empty() || !self.addresses.is_empty();
        if !has_names && matches(&self.common_name, wanted) {
            return Some("certificate relies on legacy Common Name field, use SANs instead".to_owned());
        }
        if self.names.is_empty() {
            return Some(format!(
                "certificate is not valid for any names, but wanted to match {wanted}"
            ));
        }
        Some(format!(
            "certificate is valid for {}, not {wanted}",
            self.names.join(", ")
        ))
    }
}

/// Whether a certificate's name, perhaps with a first label of `*`, is that of a host.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Some(below) = pattern.strip_prefix("*.") {
        return host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(below));
    }
    !pattern.is_empty() && pattern.eq_ignore_ascii_case(host)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn rfc3339(at_s: i64) -> String {
    jiff::Timestamp::from_second(at_s).map_or_else(|_| at_s.to_string(), |at| at.to_string())
}

/// Accepts any certificate whose owner holds its key, as `insecure_skip_verify` asks for.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl AnyCertificate {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider }
    }
}

/// Certificates of the first version have no key that rustls would read. Where no identity is asked for,
/// nothing is lost by taking them at their word.
fn is_unreadable(cert: &CertificateDer<'_>) -> bool {
    ParsedCertificate::try_from(cert).is_err()
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
        if is_unreadable(cert) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if is_unreadable(cert) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
