//! The API of a Docker daemon, as far as lists are asked for: address, version, filters, errors.
//!
//! The version of the API is agreed on with the first request that succeeds in it: `_ping` tells the daemon's,
//! and the lower of its and ours goes into the paths.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::warn;
use url::Url;

use crate::config::{DockerFilter, HttpClientConfig, url as config_url};
use crate::discovery::json;
use crate::http_client::{HttpClient, HttpError, Request, Response};

/// A version of the API: `1.40` is (1, 40).
type Version = (u64, u64);

/// The newest version that is spoken: that of Prometheus' client.
const VERSION_MAX: Version = (1, 55);

/// The oldest version that is spoken: an older daemon is asked in the newest, which it refuses in its own words.
const VERSION_MIN: Version = (1, 40);

/// The largest list that is read: a hundred thousand containers take about as much.
const LIST_BYTES_MAX: usize = 256 << 20;

/// The largest error that is read.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// A daemon that can be asked.
#[derive(Debug)]
pub(super) struct Engine {
    client: HttpClient,
    /// As configured, without a password.
    host: String,
    /// What stands before each path.
    base: Url,
    timeout: Duration,
    version: OnceLock<Version>,
    pub(super) list_bytes_max: usize,
}

/// What a list is to hold, as the query says it; empty for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(BTreeMap<String, BTreeMap<String, bool>>);

impl Filters {
    pub(super) fn new(filters: &[DockerFilter]) -> Self {
        let mut all: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
        for filter in filters.iter().filter(|filter| !filter.values.is_empty()) {
            let values = filter.values.iter().map(|value| (value.clone(), true));
            all.entry(filter.name.clone()).or_default().extend(values);
        }
        Self(all)
    }

    fn query(&self) -> Option<String> {
        let written = serde_json::to_string(&self.0).ok()?;
        (!self.0.is_empty()).then_some(written)
    }
}

impl Engine {
    /// The daemon at `host`. Each request may take `timeout`.
    ///
    /// The options of the HTTP client hold where the address is one of HTTP, as in Prometheus: behind a socket,
    /// or at `tcp://`, the daemon is spoken to plainly.
    pub(super) fn new(host: &str, options: &HttpClientConfig, timeout: Duration) -> Result<Self, String> {
        let unparsable = || format!("unable to parse docker host `{}`", config_url::redacted(host));
        let (scheme, address) = host.split_once("://").ok_or_else(unparsable)?;
        if address.is_empty() {
            return Err(unparsable());
        }
        let plain = HttpClientConfig {
            follow_redirects: false,
            ..HttpClientConfig::default()
        };
        let is_http = scheme == "http" || scheme == "https";
        if !is_http && *options != HttpClientConfig::default() {
            warn!(
                host,
                "The options of the HTTP client hold for hosts with http:// or https:// only"
            );
        }
        let (client, base) = match scheme {
            "unix" => (
                HttpClient::through_unix_socket(&plain, PathBuf::from(address)),
                "http://api.moby.localhost".to_owned(),
            ),
            "tcp" => (HttpClient::new(&plain), format!("http://{address}")),
            "http" | "https" => (HttpClient::new(options), host.to_owned()),
            "npipe" => return Err("protocol not available".to_owned()),
            other => return Err(format!("protocol {other:?} is not one of unix, tcp, http, https")),
        };
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            host: config_url::redacted(host),
            base: Url::parse(&base).map_err(|error| format!("{}: {error}", unparsable()))?,
            timeout,
            version: OnceLock::new(),
            list_bytes_max: LIST_BYTES_MAX,
        })
    }

    /// The items of a list.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filters: &Filters,
    ) -> Result<Vec<T>, String> {
        let (major, minor) = self.agreed_version().await;
        let mut url = self.url(&format!("/v{major}.{minor}{path}"));
        if let Some(query) = filters.query() {
            url.query_pairs_mut().append_pair("filters", &query);
        }
        let answer = self.send(Method::GET, url.clone()).await?;
        if !(200..400).contains(&answer.status().as_u16()) {
            return Err(refusal(answer, url.path()).await);
        }
        let text = answer.read(self.list_bytes_max).await;
        let text = text.map_err(|error| format!("{path}: {error}"))?;
        json::decode(&text).map_err(|error| format!("{path}: {error}"))
    }

    /// Ours until the daemon has told its own.
    async fn agreed_version(&self) -> Version {
        if let Some(agreed) = self.version.get() {
            return *agreed;
        }
        let Some(told) = self.ping().await else {
            return VERSION_MAX;
        };
        let agreed = match told.as_str() {
            "" => Some(VERSION_MAX),
            told => parse_version(told)
                .filter(|told| *told >= VERSION_MIN)
                .map(|told| told.min(VERSION_MAX)),
        };
        match agreed {
            Some(agreed) => *self.version.get_or_init(|| agreed),
            None => VERSION_MAX,
        }
    }

    /// The version that the daemon tells, empty if it tells none; `None` without a good answer.
    async fn ping(&self) -> Option<String> {
        for method in [Method::HEAD, Method::GET] {
            if let Ok(answer) = self.send(method, self.url("/_ping")).await
                && answer.status() == http::StatusCode::OK
            {
                return Some(answer.header("api-version").to_owned());
            }
        }
        None
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }

    async fn send(&self, method: Method, url: Url) -> Result<Response, String> {
        let request = Request {
            method,
            url,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            timeout: self.timeout,
        };
        self.client
            .send(request)
            .await
            .map_err(|error| self.connection_text(&error))
    }

    /// In the words of Docker's client, which operators know.
    fn connection_text(&self, error: &HttpError) -> String {
        let (host, text) = (&self.host, error.to_string());
        if text.ends_with("connection refused") {
            return format!("Cannot connect to the Docker daemon at {host}. Is the docker daemon running?");
        }
        if text.ends_with("permission denied") {
            return format!("permission denied while trying to connect to the docker API at {host}");
        }
        if error.is_timeout() {
            return text;
        }
        format!("failed to connect to the docker API at {host}: {text}")
    }
}

/// `1.40`
fn parse_version(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What a daemon says that does not want to answer.
async fn refusal(answer: Response, path: &str) -> String {
    #[derive(Default, Deserialize)]
    struct Told {
        #[serde(default)]
        message: String,
    }
    let status = answer.status_line();
    let is_json = answer.header("content-type") == "application/json";
    let text = answer.read(ERROR_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let message = match json::decode::<Told>(text.as_bytes()) {
        Ok(told) if is_json => told.message,
        _ => text.into_owned(),
    };
    match message.trim() {
        "" => format!("request returned {status} for {path}"),
        message => format!("Error response from daemon: {message}"),
    }
}

/// An address as it is written, or why it is none; the empty text is none.
pub(super) fn address(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (plain, zone) = match text.split_once('%') {
        Some((plain, zone)) => (plain, format!("%{zone}")),
        None => (text, String::new()),
    };
    let parsed: IpAddr = match zone.is_empty() {
        true => plain.parse().map_err(|_| bad_address(text))?,
        false => plain.parse::<Ipv6Addr>().map_err(|_| bad_address(text))?.into(),
    };
    Ok(Some(format!("{parsed}{zone}")))
}

fn bad_address(text: &str) -> String {
    format!("error while parsing address {text:?}: not an IP address")
}

/// The address in front of a prefix: `10.0.0.2` of `10.0.0.2/24`.
pub(super) fn prefix_address(text: &str) -> Result<String, String> {
    let refuse = || format!("error while parsing address {text}: invalid CIDR address: {text}");
    let (ip, bits) = text.split_once('/').ok_or_else(refuse)?;
    let ip: IpAddr = ip.parse().map_err(|_| refuse())?;
    let bits: u8 = bits.parse().map_err(|_| refuse())?;
    match ip {
        IpAddr::V4(_) if bits <= 32 => Ok(ip.to_string()),
        // Go shows such an address as IPv4.
        IpAddr::V6(v6) if bits <= 128 => Ok(v6
            .to_ipv4_mapped()
            .map_or_else(|| v6.to_string(), |v4| v4.to_string())),
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_in_their_shortest_form() {
        assert_eq!(address(""), Ok(None));
        assert_eq!(address("fd00:0:0::01"), Ok(Some("fd00::1".to_owned())));
        assert_eq!(address("fe80::1%eth0"), Ok(Some("fe80::1%eth0".to_owned())));
        assert!(address("10.0.0.256").is_err());
        assert!(address("10.0.0.1%x").is_err());
        assert_eq!(prefix_address("10.0.0.2/24"), Ok("10.0.0.2".to_owned()));
        assert_eq!(prefix_address("fd00:0::2/64"), Ok("fd00::2".to_owned()));
        for bad in ["", "10.0.0.2", "10.0.0.2/33", "x/1", "fd00::/129"] {
            let expected = format!("error while parsing address {bad}: invalid CIDR address: {bad}");
            assert_eq!(prefix_address(bad), Err(expected));
        }
    }

    #[test]
    fn filters_are_a_set_of_values_for_each_name() {
        let filter = |name: &str, values: &[&str]| DockerFilter {
            name: name.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        let filters = Filters::new(&[
            filter("name", &["b", "a"]),
            filter("x", &[]),
            filter("name", &["a"]),
        ]);
        assert_eq!(
            filters.query().as_deref(),
            Some(r#"{"name":{"a":true,"b":true}}"#)
        );
        assert_eq!(Filters::new(&[]).query(), None);
    }
}
