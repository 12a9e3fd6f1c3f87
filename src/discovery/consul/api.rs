//! Asking a Consul agent: addresses, credentials, blocking questions, errors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use serde::de::DeserializeOwned;
use url::Url;

use crate::config::{ConsulSdConfig, HttpClientConfig};
use crate::discovery::json;
use crate::http_client::{HttpClient, Request};

/// How long the agent may wait for news before it answers.
const WAIT: Duration = Duration::from_secs(120);

/// How long a question may take: a sixteenth more than [`WAIT`], which agents add at most, and some air.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(135);

/// The largest answer that is read: a service of two hundred thousand instances takes about as much.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The largest error that is read.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// An agent that can be asked.
#[derive(Debug)]
pub(super) struct Api {
    client: HttpClient,
    /// The address and what stands before `/v1`.
    pub(super) base: Url,
    pub(super) token: Option<HeaderValue>,
    /// Datacenter, namespace and partition, where they are set.
    pub(super) place: Vec<(&'static str, String)>,
    pub(super) answer_time_max: Duration,
    pub(super) answer_bytes_max: usize,
}

/// How questions that wait are asked.
#[derive(Debug)]
pub(super) struct Watching {
    /// Whether servers that are not the leader may answer.
    pub(super) allow_stale: bool,
    /// Metadata that nodes must have.
    pub(super) node_meta: BTreeMap<String, String>,
}

/// What an agent says.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) value: T,
    /// The state that it tells of, 0 where it does not say; a question with it waits for another.
    pub(super) index: u64,
}

impl Watching {
    /// The parameters of a question that waits until the state is another than `index`.
    pub(super) fn parameters<'q>(&'q self, index: u64, filter: &'q str) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if index != 0 {
            all.push(("index", index.to_string()));
        }
        all.push(("wait", format!("{}ms", WAIT.as_millis())));
        if self.allow_stale {
            all.push(("stale", String::new()));
        }
        if !filter.is_empty() {
            all.push(("filter", filter.to_owned()));
        }
        let meta = self.node_meta.iter();
        all.extend(meta.map(|(key, value)| ("node-meta", format!("{key}:{value}"))));
        all
    }
}

impl Api {
    /// `environment` has what the configuration leaves open, as for Consul's own tools.
    pub(super) fn new(
        config: &ConsulSdConfig,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let or_variable = |text: &str, name: &str| match text {
            "" => environment(name).unwrap_or_default(),
            text => text.to_owned(),
        };
        let place = [
            ("dc", config.datacenter.clone()),
            ("ns", or_variable(&config.namespace, "CONSUL_NAMESPACE")),
            ("partition", or_variable(&config.partition, "CONSUL_PARTITION")),
        ];
        let token = match or_variable(config.token.expose(), "CONSUL_HTTP_TOKEN").as_str() {
            "" => None,
            token => {
                let value = HeaderValue::try_from(token);
                let mut value = value.map_err(|_| "the token has characters that no header may have")?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let (client, base) = connection(config)?;
        Ok(Self {
            client,
            base,
            token,
            place: place.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            answer_time_max: ANSWER_TIME_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    /// Asks for `/v1/` and `path`.
    pub(super) async fn get<T: DeserializeOwned + Default>(
        &self,
        path: &[&str],
        parameters: &[(&'static str, String)],
    ) -> Result<Answer<T>, String> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        if !self.place.is_empty() || !parameters.is_empty() {
            let all = self.place.iter().chain(parameters);
            url.query_pairs_mut().extend_pairs(all);
        }
        let mut request = Request::get(url, self.answer_time_max);
        if let Some(token) = &self.token {
            request.headers.insert("x-consul-token", token.clone());
        }
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status != StatusCode::OK {
            let text = answer.read(ERROR_BYTES_MAX).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let code = status.as_u16();
            return Err(format!("Unexpected response code: {code} ({})", text.trim()));
        }
        let index = answer.header("x-consul-index").parse().unwrap_or(0);
        let what = || path.join("/");
        let text = answer.read(self.answer_bytes_max).await;
        let text = text.map_err(|error| format!("{}: {error}", what()))?;
        let value = json::decode(&text).map_err(|error| format!("{}: {error}", what()))?;
        Ok(Answer { value, index })
    }
}

/// The client and the address before `/v1`, from `server`, `scheme` and `path_prefix`.
fn connection(config: &ConsulSdConfig) -> Result<(HttpClient, Url), String> {
    let mut scheme = match config.scheme.as_str() {
        "" => "http",
        scheme => scheme,
    };
    let mut prefix = config.path_prefix.as_str();
    let mut address = config.server.as_str();
    if let Some((written, rest)) = config.server.split_once("://") {
        match written {
            "http" => {}
            // A scheme of http does not take the security away.
            "https" => scheme = "https",
            "unix" => return unix_connection(&config.http_client, rest, prefix),
            other => return Err(format!("Unknown protocol scheme: {other}")),
        }
        (address, prefix) = rest.split_once('/').unwrap_or((rest, prefix));
    }
    let client = HttpClient::new(&config.http_client).map_err(|error| error.to_string())?;
    let base = base_url(&format!("{scheme}://{address}"), prefix)?;
    Ok((client, base))
}

fn unix_connection(
    options: &HttpClientConfig,
    path: &str,
    prefix: &str,
) -> Result<(HttpClient, Url), String> {
    let client = HttpClient::through_unix_socket(options, PathBuf::from(path));
    let client = client.map_err(|error| error.to_string())?;
    Ok((client, base_url("http://localhost", prefix)?))
}

fn base_url(origin: &str, prefix: &str) -> Result<Url, String> {
    let mut base = Url::parse(origin).map_err(|error| format!("server: {error}"))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(format!("unsupported protocol scheme {:?}", base.scheme()));
    }
    base.set_path(prefix);
    Ok(base)
}
