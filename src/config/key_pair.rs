//! A certificate and its key: whether they are what they should be and belong together, in Go's words.
//!
//! Nothing is kept and no key is shown. Begin with [`check`].

use rustls::InconsistentKeys;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Checks the PEM texts of a certificate (and those above it) and of its key.
///
/// # Errors
/// What is wrong, as Go's `tls.X509KeyPair` says it.
pub fn check(cert_pem: &str, key_pem: &str) -> Result<(), String> {
    let kinds = block_kinds(cert_pem);
    if !kinds.contains(&"CERTIFICATE") {
        return Err(match kinds.as_slice() {
            [] => "tls: failed to find any PEM data in certificate input".to_owned(),
            [kind] if kind.ends_with("PRIVATE KEY") => {
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; \
                 PEM inputs may have been switched"
                    .to_owned()
            }
            kinds => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks \
                 of the following types: [{}]",
                kinds.join(" ")
            ),
        });
    }
    let kinds = block_kinds(key_pem);
    if !kinds.iter().any(|kind| kind.ends_with("PRIVATE KEY")) {
        return Err(match kinds.as_slice() {
            [] => "tls: failed to find any PEM data in key input".to_owned(),
            ["CERTIFICATE"] => {
                "tls: found a certificate rather than a key in the PEM for the private key".to_owned()
            }
            kinds => format!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping \
                 PEM blocks of the following types: [{}]",
                kinds.join(" ")
            ),
        });
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert_pem.as_bytes()).collect();
    let chain = chain.map_err(|error| error.to_string())?;
    // Its words would not show the key, but nothing of it is of use either.
    let unreadable = "tls: failed to parse private key";
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| unreadable)?;
    let key = any_supported_type(&key).map_err(|_| unreadable)?;
    match CertifiedKey::new(chain, key).keys_match() {
        // A certificate that shows no key that rustls can read is judged where it is used.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("tls: private key does not match public key".to_owned())
        }
        Err(other) => Err(other.to_string()),
    }
}

/// `CERTIFICATE`, `RSA PRIVATE KEY` and so on, in the order written.
fn block_kinds(pem: &str) -> Vec<&str> {
    let begins = pem
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("-----BEGIN "));
    begins.filter_map(|line| line.strip_suffix("-----")).collect()
}
