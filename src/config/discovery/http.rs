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
        if let Err(text) = check_url(&url) {
            match url_node {
                Some(node) => decoder.mistake_in(node, text),
                None => decoder.mistake(fields.mark, text),
            }
        }
        let config = Self {
            url,
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            http_client: HttpClientConfig::decode(&mut fields, decoder),
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

fn check_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("URL is missing".into());
    }
    let parts = url::split(text)?;
    if parts.scheme != "http" && parts.scheme != "https" {
        return Err("URL scheme must be 'http' or 'https'".into());
    }
    if parts.host.is_empty() {
        return Err("host is missing in URL".into());
    }
    Ok(())
}
