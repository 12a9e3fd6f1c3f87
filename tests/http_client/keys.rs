//! Certificates, their keys, and servers that show them.
//!
//! Begin with [`Keys::make`].

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Certificates and their keys.
pub(super) struct Keys {
    ca: String,
    ca_der: CertificateDer<'static>,
    pub(super) good: Pair,
    pub(super) expired: Pair,
    /// For itself: an authority that serves, as `openssl req -x509` makes it.
    pub(super) listed: Pair,
    client: Pair,
}

pub(super) struct Pair {
    cert: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Keys {
    pub(super) fn make() -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "the authority");
        let ca_cert = ca.self_signed(&ca_key).expect("an authority");
        let issuer = Issuer::new(ca, ca_key);
        let signed = |change: &dyn Fn(&mut CertificateParams)| {
            let names = ["metrics.example", "*.test", "127.0.0.1"];
            let mut params = CertificateParams::new(names.map(str::to_owned)).expect("parameters");
            change(&mut params);
            let key = KeyPair::generate().expect("a key");
            let cert = params.signed_by(&key, &issuer).expect("a certificate");
            Pair {
                cert: cert.pem(),
                der: cert.der().clone(),
                key,
            }
        };
        let listed_key = KeyPair::generate().expect("a key");
        let mut listed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        listed.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        listed.distinguished_name.push(DnType::CommonName, "myself");
        let listed_cert = listed.self_signed(&listed_key).expect("a certificate");
        Self {
            ca: ca_cert.pem(),
            ca_der: ca_cert.der().clone(),
            good: signed(&|_| {}),
            expired: signed(&|params| {
                params.not_before = rcgen::date_time_ymd(2019, 1, 1);
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            }),
            client: signed(&|_| {}),
            listed: Pair {
                cert: listed_cert.pem(),
                der: listed_cert.der().clone(),
                key: listed_key,
            },
        }
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der.clone()).expect("a root");
        roots
    }

    pub(super) fn server(&self, pair: &Pair, clients: Option<Arc<RootCertStore>>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
            None => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(pair.key.serialize_der()).expect("a key");
        builder
            .with_single_cert(vec![pair.der.clone()], key)
            .expect("a server")
    }

    pub(super) fn server_of(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions");
        let key = PrivateKeyDer::try_from(self.good.key.serialize_der()).expect("a key");
        let chain = vec![self.good.der.clone()];
        builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server")
    }

    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let other = KeyPair::generate().expect("a key");
        let mut listed = CertificateParams::new(Vec::new()).expect("parameters");
        listed.distinguished_name.push(DnType::CommonName, "a stranger");
        vec![
            ("ca.pem", self.ca.clone()),
            ("listed.pem", self.listed.cert.clone()),
            (
                "stranger.pem",
                listed.self_signed(&other).expect("a certificate").pem(),
            ),
            ("client.pem", self.client.cert.clone()),
            ("client.key", self.client.key.serialize_pem()),
            ("other.key", other.serialize_pem()),
            ("empty", String::new()),
            ("user", " user\n".to_owned()),
            ("token", "right\n".to_owned()),
            ("secret", "hunter2\n".to_owned()),
        ]
    }
}
