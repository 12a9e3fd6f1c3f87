//! What the web configuration takes and refuses.

use super::*;
use crate::config::tls::TlsVersion;

fn parse(text: &str) -> Result<WebConfig, String> {
    WebConfig::parse(text.as_bytes(), Path::new("web.yml")).map_err(|errors| errors.to_string())
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(parse(text).unwrap_err(), expected);
}

const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

#[test]
fn an_empty_file_is_plain_http_with_http2_and_no_users() {
    assert_eq!(parse("").unwrap(), WebConfig::default());
    assert_eq!(parse("tls_server_config: {}").unwrap().tls, None);
}

#[test]
fn everything_that_is_built_is_read() {
    let config = parse(&format!(
        "tls_server_config: {{cert_file: c, key_file: k, client_ca_file: a, client_auth_type: RequireAndVerifyClientCert,\n\
         client_allowed_sans: [x], min_version: TLS13, curve_preferences: [X25519], cipher_suites: [TLS_AES_128_GCM_SHA256]}}\n\
         http_server_config: {{http2: no, headers: {{X-Frame-Options: deny}}}}\n\
         basic_auth_users: {{a: {HASH}}}\nrate_limit: {{interval: 1s, burst: 3}}\n"
    ))
    .unwrap();
    let tls = config.tls.unwrap();
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.min_version, TlsVersion::Tls13);
    assert!(!config.http2);
    assert_eq!(config.users["a"].expose(), HASH);
    assert_eq!(
        config.rate_limit,
        Some(RateLimit {
            interval_ns: 1_000_000_000,
            burst: 3
        })
    );
}

#[test]
fn each_mistake_is_told_with_its_place() {
    check_refused(
        "tls_server_config:\n  cert_file: c\n",
        "web.yml:2:3: missing one of key or key_file",
    );
    check_refused(
        "tls_server_config: {cert_file: c, key_file: k, client_ca: x}",
        "web.yml:1:20: client CA's have been configured without a Client Auth Policy",
    );
    check_refused(
        "tls_server_config: {cert_file: c, key_file: k, client_auth_type: Maybe}",
        "web.yml:1:66: invalid ClientAuth: Maybe",
    );
    check_refused(
        "http_server_config: {headers: {X-Frame-Options: maybe, X-Foo: a}}",
        "web.yml:1:49: invalid value for X-Frame-Options. Expected one of: [\"deny\" \"sameorigin\"], but got: \"maybe\"\n\
         web.yml:1:63: HTTP header \"X-Foo\" can not be configured",
    );
    check_refused(
        "basic_auth_users: {a: secret}",
        "web.yml:1:23: crypto/bcrypt: hashedSecret too short to be a bcrypted password",
    );
    check_refused("foo: 1", "web.yml:1:1: field foo not found in type web.Config");
    check_refused(
        "tls_server_config: {cert_file: c, key_file: k, min_version: TLS10, cipher_suites: [X]}",
        "web.yml:1:61: TLS10 is not supported by Deucalion yet\nweb.yml:1:84: unknown cipher: X",
    );
}

#[test]
fn a_hash_is_never_shown() {
    let config = parse(&format!("basic_auth_users: {{a: {HASH}}}")).unwrap();
    assert!(!format!("{config:?}").contains("QOauh"));
}
