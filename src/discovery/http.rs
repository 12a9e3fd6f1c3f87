//! `http_sd_configs`: targets that a server lists as JSON.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::header::{ACCEPT, HeaderValue};
use url::Url;

use super::metrics::RefreshMetrics;
use super::provider::{Provider, Updates, named_group};
use super::refresh::{Refresh, keep_asking};
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::{HttpSdConfig, sd_file};
use crate::http_client::{HttpClient, Request};

/// The label that says which server listed a target.
const URL_LABEL: &str = "__meta_url";

/// Tells the server how often it is asked.
const INTERVAL_HEADER: &str = "X-Prometheus-Refresh-Interval-Seconds";

/// Tells of what a server lists.
#[derive(Debug)]
pub(super) struct HttpProvider {
    list: HttpList,
    every: Duration,
    metrics: RefreshMetrics,
}

/// A list on a server.
#[derive(Debug)]
struct HttpList {
    client: HttpClient,
    request: Request,
    /// As configured.
    url: String,
    /// How many groups it had last.
    group_count: usize,
    metrics: DiscoveryMetrics,
}

impl HttpProvider {
    pub(super) fn new(config: &HttpSdConfig, job: &str, metrics: &DiscoveryMetrics) -> Result<Self, String> {
        let every = Duration::from_millis(u64::try_from(config.refresh_interval_ms).unwrap_or(1).max(1));
        let client = HttpClient::new(&config.http_client).map_err(|error| error.to_string())?;
        let url = Url::parse(&config.url).map_err(|error| error.to_string())?;
        let mut request = Request::get(url, every);
        request
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        let seconds = every.as_secs_f64().to_string();
        let seconds = HeaderValue::try_from(seconds).map_err(|error| error.to_string())?;
        request.headers.insert(INTERVAL_HEADER, seconds);
        Ok(Self {
            list: HttpList {
                client,
                request,
                url: config.url.clone(),
                group_count: 0,
                metrics: metrics.clone(),
            },
            every,
            metrics: metrics.refresh("http", job),
        })
    }
}

impl Provider for HttpProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(keep_asking(self.list, self.every, self.metrics, updates))
    }
}

impl Refresh for HttpList {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, String> {
        let groups = self
            .fetch()
            .await
            .inspect_err(|_| self.metrics.http_failures.inc())?;
        let gone = groups.len()..self.group_count;
        self.group_count = groups.len();
        let gone = gone.map(|at| TargetGroup {
            source: source(&self.url, at),
            ..TargetGroup::default()
        });
        Ok(groups.into_iter().chain(gone).collect())
    }
}

impl HttpList {
    async fn fetch(&self) -> Result<Vec<TargetGroup>, String> {
        let answer = self.client.send(self.request.clone()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("server returned HTTP status {}", answer.status_line()));
        }
        let content_type = answer.header("content-type");
        if !is_json(content_type) {
            return Err(format!("unsupported content type {content_type:?}"));
        }
        let text = answer.read(0).await.map_err(|error| error.to_string())?;
        let groups = sd_file::parse_json(&text)?.into_iter().zip(0..);
        let meta = Some((URL_LABEL, &*self.url));
        Ok(groups
            .map(|(group, at)| named_group(group, source(&self.url, at), meta))
            .collect())
    }
}

fn source(url: &str, at: usize) -> String {
    format!("{url}:{at}")
}

/// Whether a content type is JSON, with no charset or UTF-8.
fn is_json(content_type: &str) -> bool {
    let lower = content_type.trim().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("application/json") else {
        return false;
    };
    let charset = rest.strip_prefix(';').map(str::trim_start);
    rest.is_empty() || matches!(charset, Some("charset=utf-8" | "charset=\"utf-8\""))
}

#[cfg(test)]
mod tests;
