//! `--web.config.file`: TLS, users, headers and a rate limit of our own HTTP server.
//!
//! The file is read again at every use, so a change needs no reload. Start with [`WebConfig::load`];
//! [`WebConfig::check_files`] is what `promtool check web-config` adds.

mod tls;
mod users;

use std::collections::BTreeMap;
use std::path::Path;

pub use tls::{CIPHER_SUITES, ClientAuth, Curve, WebTlsConfig};

use super::document::{self, Reading};
use super::duration;
use super::errors::ConfigErrors;
use super::path;
use super::quote::quoted;
use super::secret::Secret;
use super::yaml::{Decoder, Fields, Node};

/// The whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// `tls_server_config`; `None` is plain HTTP.
    pub tls: Option<WebTlsConfig>,
    /// Whether HTTP/2 is offered (over TLS).
    pub http2: bool,
    /// Headers of every answer.
    pub headers: BTreeMap<String, String>,
    /// Users and the bcrypt hashes of their passwords; nobody is asked if there are none.
    pub users: BTreeMap<String, Secret>,
    /// How many requests are let through.
    pub rate_limit: Option<RateLimit>,
}

/// One request every `interval_ns`, and `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How long a request is worth.
    pub interval_ns: i64,
    /// How many may come at once.
    pub burst: i64,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            tls: None,
            http2: true,
            headers: BTreeMap::new(),
            users: BTreeMap::new(),
            rate_limit: None,
        }
    }
}

/// Headers that may be set, and the only values that some may have.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

impl WebConfig {
    /// Reads and checks a file; files it names lie beside it and are not opened.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let bytes = std::fs::read(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
        Self::from_bytes(&bytes, file)
    }

    /// As [`WebConfig::load`], for bytes that were read already.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Self, ConfigErrors> {
        let mut config = Self::parse(bytes, file)?;
        if let Some(tls) = &mut config.tls {
            tls.set_directory(&path::directory_of(file));
        }
        Ok(config)
    }

    /// Reads and checks the bytes of a file called `file`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(bytes: &[u8], file: &Path) -> Result<Self, ConfigErrors> {
        document::decode(file, bytes, Reading::STRICT, |root, decoder| {
            let mut config = Self::default();
            if let Some(mut fields) = root.and_then(|root| decoder.fields(root, "web.Config")) {
                config.decode(&mut fields, decoder);
                decoder.finish(fields, &[]);
            }
            config
        })
    }

    fn decode(&mut self, fields: &mut Fields<'_>, decoder: &mut Decoder) {
        self.tls = fields
            .take("tls_server_config")
            .and_then(|node| WebTlsConfig::decode(node, decoder));
        if let Some(node) = fields.take("http_server_config")
            && let Some(mut inner) = decoder.fields(node, "web.HTTPConfig")
        {
            self.http2 = decoder.bool_of(&mut inner, "http2", true);
            self.headers = inner
                .take("headers")
                .map(|node| decode_headers(node, decoder))
                .unwrap_or_default();
            decoder.finish(inner, &[]);
        }
        if let Some(node) = fields.take("rate_limit") {
            self.rate_limit = RateLimit::decode(node, decoder);
        }
        if let Some(node) = fields.take("basic_auth_users") {
            self.users = users::decode(node, decoder);
        }
    }

    /// Whether the files that it names can be read.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check_files(&self) -> Result<(), String> {
        self.tls.as_ref().map_or(Ok(()), WebTlsConfig::check_files)
    }
}

impl RateLimit {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "web.RateLimiterConfig")?;
        let burst = fields
            .take("burst")
            .and_then(|node| decoder.int(node, "int"))
            .unwrap_or(0);
        let interval_ns = fields
            .take("interval")
            .and_then(|node| go_duration(node, decoder))
            .unwrap_or(0);
        decoder.finish(fields, &[]);
        (interval_ns != 0).then_some(Self { interval_ns, burst })
    }
}

/// Go's own duration: `1s`, or a number of nanoseconds.
fn go_duration(node: &Node, decoder: &mut Decoder) -> Option<i64> {
    let text = decoder.string_as(node, "time.Duration")?;
    if let Ok(duration_ns) = duration::parse_go_ns(&text) {
        return Some(duration_ns);
    }
    decoder.int(node, "time.Duration")
}

fn decode_headers(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, node) in decoder.pairs(node, "map[string]string").unwrap_or_default() {
        let Some(value) = decoder.string(node) else {
            continue;
        };
        match HEADERS.iter().find(|(known, _)| *known == name) {
            None => decoder.mistake(
                node.mark,
                format!("HTTP header {} can not be configured", quoted(name)),
            ),
            Some((_, values)) if !values.is_empty() && !values.contains(&value.as_str()) => {
                let allowed: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                let allowed = allowed.join(" ");
                decoder.mistake(
                    node.mark,
                    format!(
                        "invalid value for {name}. Expected one of: [{allowed}], but got: {}",
                        quoted(&value)
                    ),
                );
            }
            Some(_) => {}
        }
        headers.insert(name.to_owned(), value);
    }
    headers
}

#[cfg(test)]
mod tests;
