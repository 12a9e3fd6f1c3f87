//! `http_sd_configs`: targets from an HTTP server.

use std::path::Path;

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::url;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node};

/// Targets from an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSdConfig {
    /// What to GET; an HTTP or HTTPS URL with a host.
    pub url: String,
    /// How often.
    pub refresh_interval_ms: i64,
    /// How.
    pub http_client: HttpClientConfig,
}

/// How often the server is asked, unless told otherwise.
const REFRESH_INTERVAL_MS_DEFAULT: i64 = 60_000;

impl Mechanism for HttpSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "http.plain")?;
        let url_node = fields.take("url");
        let url = url_node.and_then(|node| decoder.string(node)).unwrap_or_default();
        let (mark, span) = (fields.mark, fields.span);
        if let Err(text) = url::check_http(&url) {
            decoder.checks_of(span, |decoder| match url_node {
                Some(node) => decoder.mistake_in(node, text),
                None => decoder.mistake(mark, text),
            });
        }
        let config = Self {
            url,
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
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

    /// As Prometheus writes it, but for a password in the URL, which Prometheus shows.
    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        self.http_client.write(&mut map);
        if self.refresh_interval_ms != 0 {
            map.put("refresh_interval", format_ms(self.refresh_interval_ms));
        }
        map.put("url", url::redacted(&self.url));
        map.into()
    }
}
