//! `docker_sd_configs`: the containers of a Docker daemon. See `dockerswarm` for those of a swarm.

use std::path::Path;

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::url;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node};

/// The containers of a Docker daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerSdConfig {
    /// How the daemon is spoken to, if its address is one of HTTP.
    pub http_client: HttpClientConfig,
    /// Where the daemon listens: `unix://…`, `tcp://…`, `http://…` or `https://…`.
    pub host: String,
    /// The port of a container that exposes none.
    pub port: i64,
    /// What the daemon is to list.
    pub filters: Vec<DockerFilter>,
    /// The address of a container in the host's network.
    pub host_networking_host: String,
    /// How often the daemon is asked.
    pub refresh_interval_ms: i64,
    /// Whether a container in several networks is a target in the first of them only.
    pub match_first_network: bool,
}

/// What a daemon is to list: things of which `name` has one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerFilter {
    /// `label`, `name`, `status`, …
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// How often a daemon is asked, unless told otherwise.
pub(super) const REFRESH_INTERVAL_MS_DEFAULT: i64 = 60_000;

/// The port of what has none, unless told otherwise.
pub(super) const PORT_DEFAULT: i64 = 80;

impl Mechanism for DockerSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "moby.plain")?;
        let span = fields.span;
        let config = Self {
            host: decode_host(&mut fields, decoder),
            port: decoder.int_of(&mut fields, "port", PORT_DEFAULT),
            filters: DockerFilter::decode_all(&mut fields, decoder),
            host_networking_host: decoder.text_or(&mut fields, "host_networking_host", "localhost"),
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            match_first_network: decoder.bool_of(&mut fields, "match_first_network", true),
            http_client: decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder)),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        Some(&self.http_client)
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        self.http_client.write(&mut map);
        map.put("host", url::redacted(&self.host))
            .put("port", self.port)
            .put("filters", DockerFilter::all_to_out(&self.filters))
            .put("host_networking_host", self.host_networking_host.as_str())
            .put("refresh_interval", format_ms(self.refresh_interval_ms))
            .put("match_first_network", self.match_first_network);
        map.into()
    }
}

/// The daemon's address, which must be there and a URL.
pub(super) fn decode_host(fields: &mut Fields<'_>, decoder: &mut Decoder) -> String {
    let (mark, span) = (fields.mark, fields.span);
    let node = fields.take("host");
    let host = node.and_then(|node| decoder.string(node)).unwrap_or_default();
    let checked = match host.as_str() {
        "" => Err("host missing".to_owned()),
        host => url::split(host).map(drop),
    };
    if let Err(text) = checked {
        decoder.checks_of(span, |decoder| match node {
            Some(node) => decoder.mistake_in(node, text),
            None => decoder.mistake(mark, text),
        });
    }
    host
}

impl DockerFilter {
    pub(super) fn decode_all(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Vec<Self> {
        let Some(node) = fields.take("filters") else {
            return Vec::new();
        };
        let items = decoder.items(node, "[]moby.Filter").unwrap_or_default();
        let decoded = items.iter().map(|item| Self::decode(item, decoder));
        decoded.collect()
    }

    /// A null item is a filter without a name, as in Go.
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "moby.Filter") else {
            return Self {
                name: String::new(),
                values: Vec::new(),
            };
        };
        let filter = Self {
            name: decoder.text_of(&mut fields, "name"),
            values: decoder.strings_of(&mut fields, "values"),
        };
        decoder.finish(fields, &[]);
        filter
    }

    pub(super) fn all_to_out(filters: &[Self]) -> Out {
        let out = |filter: &Self| {
            let mut map = OutMap::new();
            map.put("name", filter.name.as_str())
                .put("values", filter.values.clone());
            map.into()
        };
        Out::List(filters.iter().map(out).collect())
    }
}
