//! `remote_read`: where older samples are asked for. Read and checked; no server starts with it yet.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::custom_headers::{self, AUTHORIZATION_OF_REMOTE};
use super::duration::format_ms;
use super::http_client::HttpClientConfig;
use super::label_set;
use super::quote::quoted;
use super::url;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// One section of `remote_read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteReadConfig {
    /// What to POST to.
    pub url: String,
    /// How long a request may take.
    pub remote_timeout_ms: i64,
    /// Largest frame of a streamed answer, in bytes.
    pub chunked_read_limit_bytes: u64,
    /// Headers to add.
    pub headers: BTreeMap<String, String>,
    /// Whether it is asked for times that the local storage should cover, too.
    pub read_recent: bool,
    /// Its name in metrics and logs, unique; empty names it by its content.
    pub name: String,
    /// How to speak to it.
    pub http_client: HttpClientConfig,
    /// Matchers that a selector must have for it to be asked.
    pub required_matchers: BTreeMap<String, String>,
    /// Whether the external labels are added to selectors.
    pub filter_external_labels: bool,
}

/// How long a request may take, unless told otherwise.
const REMOTE_TIMEOUT_MS_DEFAULT: i64 = 60_000;

/// Largest frame unless told otherwise: about 100 000 full chunks.
const CHUNKED_READ_LIMIT_BYTES_DEFAULT: u64 = 50_000_000;

/// Reads the list; a name used twice is a mistake of the file.
pub fn decode_all(node: &Node, decoder: &mut Decoder) -> Vec<RemoteReadConfig> {
    let items = decoder.items(node, "[]*config.RemoteReadConfig");
    let mut names = HashSet::new();
    let mut sections = Vec::new();
    for item in items.unwrap_or_default() {
        if item.is_null() {
            decoder.mistake_of_file(item.mark, "empty or null remote read config section");
            continue;
        }
        let Some(section) = RemoteReadConfig::decode(item, decoder) else {
            continue;
        };
        if !section.name.is_empty() && !names.insert(section.name.clone()) {
            let name = quoted(&section.name);
            let text = format!("found multiple remote read configs with job name {name}");
            decoder.mistake_of_file(item.mark, text);
        }
        sections.push(section);
    }
    sections
}

impl RemoteReadConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let url = url::decode(&mut fields, "url", decoder);
        if url.is_none() {
            decoder.mistake_of(span, mark, "url for remote_read is empty");
        }
        let limit = fields.take("chunked_read_limit");
        let limit = limit.map(|node| decoder.uint(node, "uint64"));
        let config = Self {
            url: url.unwrap_or_default(),
            remote_timeout_ms: decoder.duration_of(&mut fields, "remote_timeout", REMOTE_TIMEOUT_MS_DEFAULT),
            chunked_read_limit_bytes: limit.flatten().unwrap_or(CHUNKED_READ_LIMIT_BYTES_DEFAULT),
            headers: custom_headers::decode(&mut fields, AUTHORIZATION_OF_REMOTE, decoder),
            read_recent: decoder.bool_of(&mut fields, "read_recent", false),
            name: decoder.text_of(&mut fields, "name"),
            http_client: decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder)),
            required_matchers: fields
                .take("required_matchers")
                .map(|node| label_set::decode(node, decoder))
                .unwrap_or_default(),
            filter_external_labels: decoder.bool_of(&mut fields, "filter_external_labels", true),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("url", url::redacted(&self.url));
        if self.remote_timeout_ms != 0 {
            map.put("remote_timeout", format_ms(self.remote_timeout_ms));
        }
        map.put_unless_zero("chunked_read_limit", self.chunked_read_limit_bytes)
            .put_unless_zero("headers", custom_headers::to_out(&self.headers))
            .put_unless_zero("read_recent", self.read_recent)
            .put_unless_zero("name", self.name.as_str());
        self.http_client.write(&mut map);
        map.put_unless_zero("required_matchers", label_set::to_out(&self.required_matchers))
            .put_unless_zero("filter_external_labels", self.filter_external_labels);
        map.into()
    }
}
