//! AWS Signature Version 4: what is signed, with which key, and where the signature stands.
//!
//! ```text
//! canonical request ─ SHA-256 ─→ string to sign ┐
//! secret → date → region → service → signing key ┴─ HMAC ─→ Authorization
//! ```
//!
//! It reads no clock and fetches no credentials. Start with [`sign`].

use hmac::{Hmac, Mac};
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

use super::Credentials;

/// For what a signature is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    /// `ec2`, `sts`, `aps`.
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Headers that change on the way or tell of it: never signed. The last is the one that Prometheus leaves out.
const UNSIGNED: [&str; 6] = [
    "authorization",
    "user-agent",
    "x-amzn-trace-id",
    "expect",
    "transfer-encoding",
    "uber-trace-id",
];

/// All bytes but letters, digits and `-._~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// As [`RESERVED`], in a path.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Adds date, token and signature to `headers`.
///
/// # Errors
/// When credentials cannot stand in a header; the text does not show them.
pub(super) fn sign(
    credentials: &Credentials,
    scope: Scope<'_>,
    method: &Method,
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
) -> Result<(), String> {
    let header = |text: &str, what: &str| {
        let value = HeaderValue::from_str(text);
        value.map_err(|_| format!("{what} holds a character that no header may hold"))
    };
    let at = scope.at.strftime("%Y%m%dT%H%M%SZ").to_string();
    headers.insert(DATE, header(&at, "the time")?);
    if credentials.session_token.is_empty() {
        headers.remove(TOKEN);
    } else {
        let mut token = header(credentials.session_token.expose(), "the session token")?;
        token.set_sensitive(true);
        headers.insert(TOKEN, token);
    }
    let (request, signed_headers) = canonical_request(method, url, headers, body);
    let day = scope.at.strftime("%Y%m%d").to_string();
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = hex(&Sha256::digest(request));
    let key = signing_key(credentials.secret_key.expose(), &day, scope);
    let signature = hex(&mac(&key, &format!("{ALGORITHM}\n{at}\n{place}\n{digest}")));
    let access_key = &credentials.access_key;
    let mut authorization = header(
        &format!(
            "{ALGORITHM} Credential={access_key}/{place}, SignedHeaders={signed_headers}, Signature={signature}"
        ),
        "the access key",
    )?;
    authorization.set_sensitive(true);
    headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// What is signed, and the names of the headers in it.
fn canonical_request(method: &Method, url: &Url, headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let mut lines = vec![("host".to_owned(), host(url))];
    for name in headers.keys() {
        if !UNSIGNED.contains(&name.as_str()) && name != http::header::HOST {
            let values: Vec<String> = headers.get_all(name).iter().map(trimmed).collect();
            lines.push((name.as_str().to_owned(), values.join(",")));
        }
    }
    lines.sort();
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = lines
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    // Encoded once more: every service but S3 wants it so.
    let path = utf8_percent_encode(url.path(), RESERVED_IN_PATH);
    let (query, digest) = (canonical_query(url), hex(&Sha256::digest(body)));
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}");
    (request, names)
}

/// Host and port, as the header will have them.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A value without spaces around it and with one where there are several.
fn trimmed(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn canonical_query(url: &Url) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

fn signing_key(secret: &str, day: &str, scope: Scope<'_>) -> Vec<u8> {
    let parts = [day, scope.region, scope.service, "aws4_request"];
    let start = format!("AWS4{secret}").into_bytes();
    parts.iter().fold(start, |key, part| mac(&key, part))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length");
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
