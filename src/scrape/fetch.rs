//! Asking a target for its page.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::StatusCode;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use url::Url;

use super::answer::Answer;
use super::target::Target;
use crate::config::scrape::{ScrapeConfig, ScrapeProtocol};
use crate::exposition::negotiate::accept_header;
use crate::http_client::{HttpClient, HttpError, Request};

/// What asks a target.
pub(super) trait Fetch: Send + Sync + Debug {
    /// Asks once.
    fn fetch(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

/// Asks over HTTP.
#[derive(Debug)]
pub(super) struct HttpFetch {
    client: Result<HttpClient, String>,
    url: Result<Url, String>,
    headers: HeaderMap,
    timeout: Duration,
    body_limit: usize,
    /// How large the last answer was as it came over the wire.
    last_size: usize,
}

impl HttpFetch {
    pub(super) fn new(client: Result<HttpClient, String>, target: &Target, config: &ScrapeConfig) -> Self {
        let url = Url::parse(&target.url);
        let timeout = Duration::from_millis(target.timeout_ms.unsigned_abs());
        Self {
            client,
            url: url.map_err(|error| format!("parse {:?}: {error}", target.url)),
            headers: headers(config, timeout),
            timeout,
            body_limit: usize::try_from(config.body_size_limit_bytes).unwrap_or(usize::MAX),
            last_size: 0,
        }
    }

    async fn ask(&mut self) -> Result<Answer, HttpError> {
        let failed = |error: &String| Answer::Failed {
            error: error.clone(),
            too_large: false,
        };
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Ok(failed(error)),
        };
        let url = match &self.url {
            Ok(url) => url.clone(),
            Err(error) => return Ok(failed(error)),
        };
        let mut request = Request::get(url, self.timeout);
        request.headers = self.headers.clone();
        let response = client.send(request).await?;
        if response.status() != StatusCode::OK {
            return Ok(Answer::Failed {
                error: format!("server returned HTTP status {}", response.status_line()),
                too_large: false,
            });
        }
        let gzip = response.header(CONTENT_ENCODING.as_str()) == "gzip";
        let content_type = response.header(CONTENT_TYPE.as_str()).to_owned();
        let mut body = Vec::with_capacity(self.last_size);
        response
            .read_into(wire_limit(self.body_limit, gzip), &mut body)
            .await?;
        // Reaching the limit is exceeding it, as in Prometheus.
        if !gzip && self.body_limit > 0 && body.len() >= self.body_limit {
            return Ok(Answer::Failed {
                error: "body size limit exceeded".to_owned(),
                too_large: true,
            });
        }
        self.last_size = body.len() + body.len() / 8;
        Ok(Answer::Page {
            body,
            gzip,
            content_type,
        })
    }
}

/// How many bytes may come over the wire. Compression that finds nothing to compress adds a little.
fn wire_limit(body_limit: usize, gzip: bool) -> usize {
    match (body_limit, gzip) {
        (0, _) => 0,
        (limit, false) => limit,
        (limit, true) => limit.saturating_add(limit / 1000 + 1024),
    }
}

impl Fetch for HttpFetch {
    fn fetch(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async {
            self.ask().await.unwrap_or_else(|error| Answer::Failed {
                error: error.to_string(),
                too_large: error.is_body_too_large(),
            })
        })
    }
}

fn headers(config: &ScrapeConfig, timeout: Duration) -> HeaderMap {
    let readable: Vec<ScrapeProtocol> = config
        .scrape_protocols
        .iter()
        .copied()
        // Native histograms are refused when the configuration is applied; the text formats say the rest.
        .filter(|&protocol| protocol != ScrapeProtocol::PrometheusProto)
        .collect();
    let accept = accept_header(&readable, config.metric_name_escaping_scheme);
    let encoding = if config.enable_compression {
        "gzip"
    } else {
        "identity"
    };
    let seconds = timeout.as_secs_f64().to_string();
    let timeout_name = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
    let mut headers = HeaderMap::new();
    let values = [
        (ACCEPT, &*accept),
        (ACCEPT_ENCODING, encoding),
        (timeout_name, &*seconds),
    ];
    for (name, value) in values {
        // All three are plain ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}
