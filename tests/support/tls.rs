//! Certificates of a test's own authority, and relays that put TLS before something plain or take it off.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// An authority whose certificates lie in a directory: `ca.crt`, and `NAME.crt` with `NAME.key` for each issued.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    pub(crate) fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("make a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("sign");
        std::fs::write(dir.join("ca.crt"), issuer.pem()).expect("write");
        let dir = dir.to_owned();
        Self { issuer, dir }
    }

    /// Issues a certificate for names and addresses, as `name.crt` and `name.key`.
    pub(crate) fn issue(&self, name: &str, subjects: &[&str]) {
        let subjects: Vec<String> = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        let mut params = CertificateParams::new(subjects).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let made = params.signed_by(&key, &self.issuer).expect("sign");
        std::fs::write(self.file(&format!("{name}.crt")), made.pem()).expect("write");
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).expect("write");
    }

    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("an authority");
        Arc::new(roots)
    }

    fn identity(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::from_pem_file(self.file(&format!("{name}.crt"))).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).expect("a key");
        (vec![chain], key)
    }

    /// Listens at `at`, speaks TLS as `name` and passes on what it hears to `to` in plain text. With
    /// `wants_client` only clients with a certificate of this authority are heard.
    pub(crate) fn terminate(&self, name: &str, wants_client: bool, at: &str, to: SocketAddr) -> Relay {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if wants_client {
            let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = self.identity(name);
        let config = builder.with_single_cert(chain, key).expect("an identity");
        Relay::start(at, to, Side::Server(TlsAcceptor::from(Arc::new(config))))
    }

    /// Listens at `at` in plain text and passes on what it hears to `to` in TLS, which must be `name`.
    pub(crate) fn originate(&self, name: &str, at: &str, to: SocketAddr) -> Relay {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        Relay::start(at, to, Side::Client(TlsConnector::from(Arc::new(config)), name))
    }
}

/// Which side of TLS a relay plays.
#[derive(Clone)]
enum Side {
    Server(TlsAcceptor),
    Client(TlsConnector, ServerName<'static>),
}

/// Passes bytes on. Dropping ends it.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Relay {
    fn start(at: &str, to: SocketAddr, side: Side) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind(at))
            .unwrap_or_else(|e| panic!("bind {at}: {e}"));
        let address = listener.local_addr().expect("a bound socket has an address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let side = side.clone();
                // An error means that one of both went away or does not speak TLS, as tests have it.
                tokio::spawn(async move { drop(side.pass(stream, to).await) });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }
}

impl Side {
    async fn pass(self, mut heard: TcpStream, to: SocketAddr) -> std::io::Result<()> {
        match self {
            Self::Server(acceptor) => {
                let mut heard = acceptor.accept(heard).await?;
                let mut told = TcpStream::connect(to).await?;
                copy_bidirectional(&mut heard, &mut told).await?;
            }
            Self::Client(connector, name) => {
                let told = TcpStream::connect(to).await?;
                let mut told = connector.connect(name, told).await?;
                copy_bidirectional(&mut heard, &mut told).await?;
            }
        }
        Ok(())
    }
}
