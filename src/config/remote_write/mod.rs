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

use super::custom_headers::{self, AUTHORIZATION_OF_REMOTE};
use super::duration::format_ms;
use super::expand::Environment;
use super::http_client::HttpClientConfig;
use super::relabel::{RelabelConfig, WrittenRules, rules_to_out};
use super::remote_auth::{AzureAdConfig, GoogleIamConfig};
use super::scrape::ValidationScheme;
use super::sigv4::SigV4Config;
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
    /// AWS' signature.
    pub sigv4: Option<SigV4Config>,
    /// How many samples at a time.
    pub queue: QueueConfig,
    /// Whether and how often it is told what metrics are.
    pub metadata: MetadataConfig,
}

/// The message of protocol 1.0, the only one that is built.
const MESSAGE_V1: &str = "prometheus.WriteRequest";
/// The message of protocol 2.0.
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

/// Reads all sections; names are used once.
pub fn decode(
    node: &Node,
    scheme: ValidationScheme,
    environment: Environment<'_>,
    decoder: &mut Decoder,
) -> Vec<RemoteWriteConfig> {
    let items = decoder.items(node, "[]*config.RemoteWriteConfig");
    let mut names = HashSet::new();
    let mut configs = Vec::new();
    for item in items.unwrap_or_default() {
        if item.is_null() {
            decoder.mistake_of_file(item.mark, "empty or null remote write config section");
            continue;
        }
        let Some(config) = RemoteWriteConfig::decode(item, scheme, environment, decoder) else {
            continue;
        };
        if !config.name.is_empty() && !names.insert(config.name.clone()) {
            let name = quoted(&config.name);
            decoder.mistake_of_file(
                item.mark,
                format!("found multiple remote write configs with job name {name}"),
            );
        }
        configs.push(config);
    }
    configs
}

impl RemoteWriteConfig {
    fn decode(
        node: &Node,
        scheme: ValidationScheme,
        environment: Environment<'_>,
        decoder: &mut Decoder,
    ) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let url = url::decode(&mut fields, "url", decoder);
        if url.is_none() {
            decoder.mistake_of(span, mark, "url for remote_write is empty");
        }
        let rules = WrittenRules::decode(
            &mut fields,
            "write_relabel_configs",
            "empty or null relabeling rule in remote write config",
            decoder,
        );
        let headers = custom_headers::decode(&mut fields, AUTHORIZATION_OF_REMOTE, decoder);
        let has_http2 = fields.says("enable_http2");
        let mut http_client =
            decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder));
        if !has_http2 {
            http_client.enable_http2 = false;
        }
        let sigv4 = decode_identities(&mut fields, &http_client, environment, decoder);
        decode_message(&mut fields, decoder);
        let histograms_mark = fields.key_mark_of("send_native_histograms");
        if decoder.bool_of(&mut fields, "send_native_histograms", false) {
            decoder.unbuilt(histograms_mark, "send_native_histograms");
        }
        let config = Self {
            url: url.unwrap_or_default(),
            remote_timeout_ms: decoder.duration_of(&mut fields, "remote_timeout", 30_000),
            headers,
            write_relabel_configs: rules.resolve(scheme, decoder),
            name: decoder.text_of(&mut fields, "name"),
            send_exemplars: decoder.bool_of(&mut fields, "send_exemplars", false),
            round_robin_dns: decoder.bool_of(&mut fields, "round_robin_dns", false),
            failed_request_logging: decoder.bool_of(&mut fields, "failed_request_logging", false),
            http_client,
            sigv4,
            queue: match fields.take("queue_config") {
                Some(node) => QueueConfig::decode(node, span, decoder),
                None => QueueConfig::default(),
            },
            metadata: match fields.take("metadata_config") {
                Some(node) => MetadataConfig::decode(node, span, decoder),
                None => MetadataConfig::default(),
            },
        };
        decoder.finish(fields, &[]);
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
        map.put("url", self.shown_url());
        if self.remote_timeout_ms != 0 {
            map.put("remote_timeout", format_ms(self.remote_timeout_ms));
        }
        map.put_unless_zero("headers", custom_headers::to_out(&self.headers))
            .put_unless_zero("write_relabel_configs", rules_to_out(&self.write_relabel_configs))
            .put_unless_zero("name", self.name.as_str())
            .put_unless_zero("send_exemplars", self.send_exemplars)
            .put_unless_zero("round_robin_dns", self.round_robin_dns)
            .put("protobuf_message", MESSAGE_V1)
            .put_unless_zero("failed_request_logging", self.failed_request_logging);
        self.http_client.write(&mut map);
        map.put_unless_zero("queue_config", self.queue.to_out())
            .put_unless_zero("metadata_config", self.metadata.to_out());
        if let Some(sigv4) = &self.sigv4 {
            map.put("sigv4", sigv4.to_out());
        }
        map.into()
    }
}

/// Identities that stand beside those of every HTTP client, of which one is enough; AWS' alone is built.
fn decode_identities(
    fields: &mut Fields<'_>,
    http_client: &HttpClientConfig,
    environment: Environment<'_>,
    decoder: &mut Decoder,
) -> Option<SigV4Config> {
    let (mark, span) = (fields.mark, fields.span);
    let mut ways: Vec<&str> = [
        ("basic_auth", http_client.basic_auth.is_some()),
        ("authorization", http_client.authorization.is_some()),
        ("oauth2", http_client.oauth2.is_some()),
    ]
    .iter()
    .filter_map(|(key, is_there)| is_there.then_some(*key))
    .collect();
    let of_every_client = ways.len();
    let sigv4 = fields
        .take("sigv4")
        .and_then(|node| SigV4Config::decode(node, decoder));
    ways.extend(sigv4.is_some().then_some("sigv4"));
    for key in ["azuread", "google_iam"] {
        let key_mark = fields.key_mark_of(key);
        let Some(node) = fields.take(key).filter(|node| !node.is_null()) else {
            continue;
        };
        let is_read = match key {
            "azuread" => AzureAdConfig::decode(node, environment, decoder).is_some(),
            _ => GoogleIamConfig::decode(node, decoder).is_some(),
        };
        if is_read {
            decoder.unbuilt(key_mark, key);
            ways.push(key);
        }
    }
    if ways.len() > 1 && ways.len() > of_every_client {
        let ways = ways.join(" ");
        let text = "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be \
                    configured. Currently configured:";
        decoder.mistake_of(span, mark, format!("{text} [{ways}]"));
    }
    sigv4
}

fn decode_message(fields: &mut Fields<'_>, decoder: &mut Decoder) {
    let mark = fields.mark_of("protobuf_message");
    let Some(node) = fields.take("protobuf_message") else {
        return;
    };
    match decoder.string(node).as_deref() {
        Some(MESSAGE_V1) | None => {}
        Some(MESSAGE_V2) => decoder.unbuilt(mark, &format!("protobuf_message {MESSAGE_V2}")),
        Some(other) => decoder.mistake_of(
            fields.span,
            node.mark,
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
