//! `remote_write`: where samples are sent as they are written, and how.
//!
//! What is sent is decided by `write_relabel_configs`, how much of it at a time by [`queue`]. Sending is
//! `crate::remote`'s work. Start with [`RemoteWriteConfig::decode`].

pub mod queue;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::Path;

use md5::{Digest, Md5};

pub use queue::{MetadataConfig, QueueConfig};

use super::duration::format_ms;
use super::http_client::HttpClientConfig;
use super::refuse;
use super::relabel::{RelabelConfig, WrittenRules, rules_to_out};
use super::scrape::ValidationScheme;
use super::url;
use super::yaml::write::{Out, OutMap, WriteError};
use super::yaml::{Decoder, Fields, Node};
use crate::config::quote::quoted;

/// One section of `remote_write`.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWriteConfig {
    /// Where to; may hold a password.
    pub url: String,
    /// How long a request may take.
    pub remote_timeout_ms: i64,
    /// Headers to add, by the name as written.
    pub headers: BTreeMap<String, String>,
    /// Rules for series on their way; external labels are already there.
    pub write_relabel_configs: Vec<RelabelConfig>,
    /// What it is called; empty if it has no name of its own, see [`RemoteWriteConfig::remote_name`].
    pub name: String,
    /// Whether exemplars are sent too.
    pub send_exemplars: bool,
    /// Whether each connection goes to a random one of the host's addresses.
    pub round_robin_dns: bool,
    /// Whether failed requests of protocol 2.0 are logged; there are none yet.
    pub failed_request_logging: bool,
    /// How to speak to it.
    pub http_client: HttpClientConfig,
    /// How many samples at a time.
    pub queue: QueueConfig,
    /// Whether and how often it is told what metrics are.
    pub metadata: MetadataConfig,
}

/// Headers that belong to the protocol, the connection or a signature, in small letters.
const RESERVED_HEADERS: [&str; 16] = [
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

/// The message of protocol 1.0, the only one that is built.
const MESSAGE_V1: &str = "prometheus.WriteRequest";
/// The message of protocol 2.0.
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

/// Ways to sign that stand beside those of every HTTP client, with the names of their Go types.
const SIGNATURES: [(&str, &str); 3] = [
    ("sigv4", "sigv4.plain"),
    ("azuread", "azuread.plain"),
    ("google_iam", "googleiam.Config"),
];

/// Reads all sections; names are used once.
pub fn decode(node: &Node, scheme: ValidationScheme, decoder: &mut Decoder) -> Vec<RemoteWriteConfig> {
    let items = decoder.items(node, "[]*config.RemoteWriteConfig");
    let mut names = HashSet::new();
    let mut configs = Vec::new();
    for item in items.unwrap_or_default() {
        if item.is_null() {
            decoder.mistake(item.mark, "empty or null remote write config section");
            continue;
        }
        let Some(config) = RemoteWriteConfig::decode(item, scheme, decoder) else {
            continue;
        };
        if !config.name.is_empty() && !names.insert(config.name.clone()) {
            let name = quoted(&config.name);
            decoder.mistake(
                item.mark,
                format!("found multiple remote write configs with job name {name}"),
            );
        }
        configs.push(config);
    }
    configs
}

impl RemoteWriteConfig {
    fn decode(node: &Node, scheme: ValidationScheme, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let url = decode_url(&mut fields, decoder);
        let rules = WrittenRules::decode(
            fields.take("write_relabel_configs"),
            "empty or null relabeling rule in remote write config",
            decoder,
        );
        let mark = fields.mark;
        let has_http2 = fields.has("enable_http2");
        let mut http_client = HttpClientConfig::decode(&mut fields, decoder);
        if !has_http2 {
            http_client.enable_http2 = false;
        }
        let mut ways = Vec::new();
        for (key, has) in [
            ("basic_auth", http_client.basic_auth.is_some()),
            ("authorization", http_client.authorization.is_some()),
        ] {
            ways.extend(has.then_some(key));
        }
        let of_every_client = ways.len();
        for (key, type_name) in SIGNATURES {
            let key_mark = fields.mark_of(key);
            let Some(node) = fields.take(key).filter(|node| !node.is_null()) else {
                continue;
            };
            if decoder.fields(node, type_name).is_some() {
                decoder.unbuilt(key_mark, key);
                ways.push(key);
            }
        }
        if ways.len() > 1 && ways.len() > of_every_client {
            let ways = ways.join(" ");
            let text = "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be \
                        configured. Currently configured:";
            decoder.mistake(mark, format!("{text} [{ways}]"));
        }
        decode_message(&mut fields, decoder);
        decoder.refused_bool_of(&mut fields, "send_native_histograms");
        let config = Self {
            url,
            remote_timeout_ms: decoder.duration_of(&mut fields, "remote_timeout", 30_000),
            headers: fields
                .take("headers")
                .map(|node| decode_headers(node, decoder))
                .unwrap_or_default(),
            write_relabel_configs: rules.resolve(scheme, decoder),
            name: decoder.text_of(&mut fields, "name"),
            send_exemplars: decoder.bool_of(&mut fields, "send_exemplars", false),
            round_robin_dns: decoder.bool_of(&mut fields, "round_robin_dns", false),
            failed_request_logging: decoder.bool_of(&mut fields, "failed_request_logging", false),
            http_client,
            queue: match fields.take("queue_config") {
                Some(node) => QueueConfig::decode(node, decoder),
                None => QueueConfig::default(),
            },
            metadata: match fields.take("metadata_config") {
                Some(node) => MetadataConfig::decode(node, decoder),
                None => MetadataConfig::default(),
            },
        };
        decoder.finish(fields, &[refuse::HTTP_CLIENT]);
        Some(config)
    }

    /// Puts files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    /// The URL without its password, as it is shown and as metrics are labelled.
    pub fn shown_url(&self) -> String {
        url::redacted(&self.url)
    }

    /// What tells one configuration from another: Prometheus' hash of it as it is shown, in hexadecimal. What
    /// is secret is not part of it.
    ///
    /// # Errors
    /// When it cannot be written as YAML, which nothing read from YAML is.
    pub fn hash(&self) -> Result<String, WriteError> {
        let text = super::yaml::write::write(&self.to_out())?;
        let digest: [u8; 16] = Md5::digest(text).into();
        Ok(digest.iter().fold(String::new(), |mut hex, byte| {
            let written = write!(hex, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
            hex
        }))
    }

    /// The name, or what stands for it: the first six digits of `hash`.
    pub fn remote_name<'a>(&'a self, hash: &'a str) -> &'a str {
        match self.name.as_str() {
            "" => hash.get(..6).unwrap_or(hash),
            name => name,
        }
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        let mut headers = OutMap::new();
        for (name, value) in &self.headers {
            headers.put(name, value.as_str());
        }
        map.put("url", self.shown_url());
        if self.remote_timeout_ms != 0 {
            map.put("remote_timeout", format_ms(self.remote_timeout_ms));
        }
        map.put_unless_zero("headers", headers)
            .put_unless_zero("write_relabel_configs", rules_to_out(&self.write_relabel_configs))
            .put_unless_zero("name", self.name.as_str())
            .put_unless_zero("send_exemplars", self.send_exemplars)
            .put_unless_zero("round_robin_dns", self.round_robin_dns)
            .put("protobuf_message", MESSAGE_V1)
            .put_unless_zero("failed_request_logging", self.failed_request_logging);
        self.http_client.write(&mut map);
        map.put_unless_zero("queue_config", self.queue.to_out())
            .put_unless_zero("metadata_config", self.metadata.to_out());
        map.into()
    }
}

fn decode_url(fields: &mut Fields<'_>, decoder: &mut Decoder) -> String {
    let mark = fields.mark;
    let Some(node) = fields.take("url").filter(|node| !node.is_null()) else {
        decoder.mistake(mark, "url for remote_write is empty");
        return String::new();
    };
    let text = decoder.string(node).unwrap_or_default();
    if let Err(error) = url::split(&text) {
        decoder.mistake_in(node, error);
    }
    text
}

fn decode_headers(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, node) in decoder.pairs(node, "map[string]string").unwrap_or_default() {
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" {
            decoder.mistake(
                node.mark,
                "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread \
                 or google_iam parameter",
            );
        } else if RESERVED_HEADERS.contains(&lower.as_str()) {
            decoder.mistake(
                node.mark,
                format!("{name} is a reserved header. It must not be changed"),
            );
        }
        let value = decoder.string(node).unwrap_or_default();
        let fits = http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(&value).is_ok();
        if !fits {
            decoder.mistake(node.mark, format!("header {} cannot be sent", quoted(name)));
        }
        headers.insert(name.to_owned(), value);
    }
    headers
}

fn decode_message(fields: &mut Fields<'_>, decoder: &mut Decoder) {
    let mark = fields.mark_of("protobuf_message");
    let Some(node) = fields.take("protobuf_message") else {
        return;
    };
    match decoder.string(node).as_deref() {
        Some(MESSAGE_V1) | None => {}
        Some(MESSAGE_V2) => decoder.unbuilt(mark, &format!("protobuf_message {MESSAGE_V2}")),
        Some(other) => decoder.mistake_in(
            node,
            format!(
                "invalid protobuf_message value: unknown type for remote write protobuf message {other}, \
                 supported: {MESSAGE_V1}, {MESSAGE_V2}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, LoadOptions};

    fn names(text: &str) -> Vec<String> {
        let config = Config::parse(text, Path::new("x.yml"), &LoadOptions::default()).unwrap();
        let name = |one: &std::sync::Arc<RemoteWriteConfig>| one.remote_name(&one.hash().unwrap()).to_owned();
        config.remote_write.iter().map(name).collect()
    }

    #[test]
    fn what_has_no_name_is_called_as_prometheus_calls_it() {
        let text = "remote_write: [{url: http://h2/y}, {url: x, name: own}]";
        assert_eq!(names(text), ["3e2dc9", "own"]);
    }

    #[test]
    fn secrets_do_not_change_the_hash() {
        let with = |password| {
            format!("remote_write: [{{url: http://a, basic_auth: {{username: u, password: {password}}}}}]")
        };
        assert_eq!(names(&with("one")), names(&with("other")));
    }
}
