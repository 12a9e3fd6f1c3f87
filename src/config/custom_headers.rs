//! `headers` of remote storage and of tracing: free but for those that belong to the protocol.

use std::collections::BTreeMap;

use super::yaml::write::OutMap;
use super::yaml::{Decoder, Fields};

/// Headers that belong to the connection, the protocol or its signature, in small letters.
const RESERVED: [&str; 16] = [
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// What is said of an `authorization` header of remote storage.
pub const AUTHORIZATION_OF_REMOTE: &str = "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter";

/// What is said of an `authorization` header of tracing.
pub const AUTHORIZATION_OF_TRACING: &str = "custom authorization header configuration is not yet supported";

/// Takes `headers` out of a section; `authorization` is refused with these words.
pub fn decode(
    fields: &mut Fields<'_>,
    authorization: &str,
    decoder: &mut Decoder,
) -> BTreeMap<String, String> {
    let (span, mut headers) = (fields.span, BTreeMap::new());
    let Some(node) = fields.take("headers") else {
        return headers;
    };
    for (name, node) in decoder.pairs(node, "map[string]string").unwrap_or_default() {
        let folded = name.to_lowercase();
        if folded == "authorization" {
            decoder.mistake_of(span, node.mark, authorization);
        } else if RESERVED.contains(&folded.as_str()) {
            let text = format!("{name} is a reserved header. It must not be changed");
            decoder.mistake_of(span, node.mark, text);
        }
        if let Some(value) = decoder.string(node) {
            headers.insert(name.to_owned(), value);
        }
    }
    headers
}

/// As Prometheus writes them: sorted by name.
pub fn to_out(headers: &BTreeMap<String, String>) -> OutMap {
    let mut map = OutMap::new();
    for (name, value) in headers {
        map.put(name, value.as_str());
    }
    map
}
