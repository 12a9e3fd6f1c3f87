//! Which proxy stands between a client and its servers, as configured.
//!
//! This is data: who uses which proxy for which address is decided by `http_client::proxy`. Begin with
//! [`ProxyConfig::decode`].

use std::collections::BTreeMap;

use super::secret::Secret;
use super::url;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Fields, Node};

/// The proxy keys, inline wherever there is an HTTP client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The proxy; secret because it may hold a password. An empty one is none.
    pub proxy_url: Option<Secret>,
    /// What is asked directly, in the form of the variable `NO_PROXY`.
    pub no_proxy: String,
    /// Whether the environment decides instead.
    pub proxy_from_environment: bool,
    /// Headers of CONNECT requests, by the name as written.
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
    /// What the environment said when the configuration was read; empty unless it decides.
    pub environment: ProxyEnvironment,
}

/// The variables that choose a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyEnvironment {
    /// `HTTP_PROXY`
    pub http_proxy: Secret,
    /// `HTTPS_PROXY`
    pub https_proxy: Secret,
    /// `NO_PROXY`
    pub no_proxy: String,
    /// Whether this is a CGI program, whose caller chooses `HTTP_PROXY`.
    pub is_cgi: bool,
}

impl ProxyEnvironment {
    /// Looks the variables up: in capitals first, then in small letters; an empty one counts as unset.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |name: &str| {
            let found = filled(name).or_else(|| filled(&name.to_ascii_lowercase()));
            found.unwrap_or_default()
        };
        Self {
            http_proxy: Secret::new(either("HTTP_PROXY")),
            https_proxy: Secret::new(either("HTTPS_PROXY")),
            no_proxy: either("NO_PROXY"),
            is_cgi: filled("REQUEST_METHOD").is_some(),
        }
    }
}

impl ProxyConfig {
    /// Takes the proxy keys out of the section that holds them.
    pub fn decode(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Self {
        let mark = fields.mark;
        let proxy_url = fields.take("proxy_url");
        let proxy_from_environment = decoder.bool_of(fields, "proxy_from_environment", false);
        let config = Self {
            proxy_url: proxy_url.and_then(|node| decode_url(node, decoder)),
            no_proxy: decoder.text_of(fields, "no_proxy"),
            proxy_from_environment,
            proxy_connect_header: fields
                .take("proxy_connect_header")
                .map(|node| decode_headers(node, decoder))
                .unwrap_or_default(),
            environment: match proxy_from_environment {
                true => decoder.proxies.clone(),
                false => ProxyEnvironment::default(),
            },
        };
        if let Some(text) = config.mistake() {
            decoder.mistake(mark, text);
        }
        config
    }

    fn mistake(&self) -> Option<&'static str> {
        let has_url = self.proxy_url.as_ref().is_some_and(|url| !url.is_empty());
        if !self.proxy_connect_header.is_empty() && !self.proxy_from_environment && !has_url {
            Some(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            )
        } else if self.proxy_from_environment && has_url {
            Some("if proxy_from_environment is configured, proxy_url must not be configured")
        } else if self.proxy_from_environment && !self.no_proxy.is_empty() {
            Some("if proxy_from_environment is configured, no_proxy must not be configured")
        } else if self.proxy_url.is_none() && !self.no_proxy.is_empty() {
            Some("if no_proxy is configured, proxy_url must also be configured")
        } else {
            None
        }
    }

    /// Adds the keys as Prometheus writes them.
    pub fn write(&self, map: &mut OutMap) {
        let shown = self.proxy_url.as_ref().map(|text| url::redacted(text.expose()));
        let mut headers = OutMap::new();
        for (name, values) in &self.proxy_connect_header {
            headers.put(name, values.iter().map(Secret::to_out).collect::<Vec<Out>>());
        }
        map.put_unless_zero("proxy_url", shown.unwrap_or_default())
            .put_unless_zero("no_proxy", self.no_proxy.as_str())
            .put_unless_zero("proxy_from_environment", self.proxy_from_environment)
            .put_unless_zero("proxy_connect_header", headers);
    }
}

fn decode_url(node: &Node, decoder: &mut Decoder) -> Option<Secret> {
    if node.is_null() {
        return None;
    }
    let text = decoder.string(node)?;
    if let Err(words) = url::split(&text) {
        decoder.mistake_in(node, words);
    }
    Some(Secret::new(text))
}

fn decode_headers(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, Vec<Secret>> {
    let pairs = decoder.pairs(node, "config.ProxyHeader").unwrap_or_default();
    let values = |(name, node): (&str, &Node)| (name.to_owned(), decoder.secrets(node));
    pairs.into_iter().map(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_capitals_come_first_and_empty_ones_are_unset() {
        let found = ProxyEnvironment::read(&|name| match name {
            "HTTP_PROXY" => Some("upper".to_owned()),
            "http_proxy" | "https_proxy" => Some("lower".to_owned()),
            "HTTPS_PROXY" => Some(String::new()),
            _ => None,
        });
        assert_eq!(found.http_proxy.expose(), "upper");
        assert_eq!(found.https_proxy.expose(), "lower");
        assert_eq!(found.no_proxy, "");
        assert!(!format!("{found:?}").contains("upper"));
    }
}
