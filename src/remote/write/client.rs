//! One destination over HTTP: a request, and what its answer means for whoever sends it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use super::manager::Now;
use crate::aws::{Environment, SigV4Signer};
use crate::config::quote::quoted;
use crate::config::{HttpClientConfig, RemoteWriteConfig, SigV4Config};
use crate::http_client::{HttpClient, Request, Response, Sign};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const RETRY_ATTEMPT: HeaderName = HeaderName::from_static("retry-attempt");

/// How much of an answer that says no is shown.
const SHOWN_BYTES_MAX: usize = 1024;

/// How much of an answer is read so that its connection can be used again.
const READ_BYTES_MAX: usize = 1 << 20;

/// What a destination says that it has written; nothing from those of protocol 1.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether it says so at all.
    pub(super) is_told: bool,
    pub(super) samples: u64,
    pub(super) exemplars: u64,
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) text: String,
    /// Whether it may be taken another time.
    pub(super) may_pass: bool,
    /// How long to wait, if the destination says.
    pub(super) retry_after: Option<Duration>,
    pub(super) written: Written,
}

/// An attempt under way.
pub(super) type Storing<'a> = Pin<Box<dyn Future<Output = Result<Written, Refusal>> + Send + 'a>>;

/// What requests are sent to.
pub(super) trait Destination: Send + Sync + std::fmt::Debug {
    /// Sends a request; `attempt` counts from 0.
    fn store<'a>(&'a self, body: Bytes, attempt: u32, now: &'a Now) -> Storing<'a>;
}

/// A destination over HTTP.
#[derive(Debug)]
pub(super) struct Client {
    http: HttpClient,
    /// `Err` is why nothing can be sent there.
    url: Result<Url, String>,
    headers: HeaderMap,
    timeout: Duration,
    retries_429: bool,
}

impl Client {
    /// A client for a section of the configuration.
    ///
    /// # Errors
    /// When its TLS settings cannot be followed, or a header cannot be sent.
    pub(super) fn new(config: &RemoteWriteConfig) -> Result<Self, String> {
        let signer = config.sigv4.as_ref().map(signer).transpose()?;
        let http = HttpClient::for_writing(&config.http_client, config.round_robin_dns, signer);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(VERSION, HeaderValue::from_static("0.1.0"));
        for (name, value) in &config.headers {
            let unfit = || format!("header {} cannot be sent", quoted(name));
            let name = HeaderName::try_from(name).map_err(|_| unfit())?;
            headers.insert(name, HeaderValue::try_from(value).map_err(|_| unfit())?);
        }
        // As in Prometheus an address without a scheme is found out when it is used.
        let shown = config.shown_url();
        let url = Url::parse(&config.url)
            .map_err(|_| format!("Post {}: unsupported protocol scheme \"\"", quoted(&shown)));
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            url,
            headers,
            timeout: Duration::from_millis(config.remote_timeout_ms.unsigned_abs()),
            retries_429: config.queue.retry_on_http_429,
        })
    }

    async fn send(&self, body: Bytes, attempt: u32, now: &Now) -> Result<Written, Refusal> {
        let passing = |text: String| Refusal {
            text,
            may_pass: true,
            retry_after: None,
            written: Written::default(),
        };
        let url = self.url.clone().map_err(passing)?;
        let mut headers = self.headers.clone();
        if attempt > 0 {
            headers.insert(RETRY_ATTEMPT, HeaderValue::from(attempt));
        }
        let request = Request {
            method: Method::POST,
            url,
            headers,
            body,
            timeout: self.timeout,
        };
        let answer = self.http.send(request).await;
        self.judge(answer.map_err(|error| passing(error.to_string()))?, now)
            .await
    }

    /// What an answer means.
    async fn judge(&self, answer: Response, now: &Now) -> Result<Written, Refusal> {
        let (status, status_line) = (answer.status(), answer.status_line());
        let written = written(&answer);
        let retry_after = retry_after(answer.header("retry-after"), now.ms());
        let mut body = Vec::new();
        // What cannot be read of it is not missed.
        let _read = answer.read_into(READ_BYTES_MAX, &mut body).await;
        if status.is_success() {
            return Ok(written);
        }
        body.truncate(SHOWN_BYTES_MAX);
        let shown = String::from_utf8_lossy(&body);
        Err(Refusal {
            text: format!("server returned HTTP status {status_line}: {shown}"),
            may_pass: status.is_server_error()
                || (self.retries_429 && status == StatusCode::TOO_MANY_REQUESTS),
            retry_after,
            written,
        })
    }
}

/// What signs requests; options of the section are for its destination, not for AWS.
fn signer(sigv4: &SigV4Config) -> Result<Arc<dyn Sign>, String> {
    let aws = HttpClient::new(&HttpClientConfig::default()).map_err(|error| error.to_string())?;
    let signer = SigV4Signer::new(sigv4, aws, Environment::of_process());
    Ok(Arc::new(signer.map_err(|error| error.to_string())?))
}

impl Destination for Client {
    fn store<'a>(&'a self, body: Bytes, attempt: u32, now: &'a Now) -> Storing<'a> {
        Box::pin(self.send(body, attempt, now))
    }
}

fn written(answer: &Response) -> Written {
    let mut is_told = false;
    let mut count = |name: &str| {
        let text = answer.header(name);
        is_told |= !text.is_empty();
        text.parse().unwrap_or(0)
    };
    let samples = count("x-prometheus-remote-write-samples-written");
    // There are none in requests, but a destination that speaks of them is one that tells.
    let _histograms: u64 = count("x-prometheus-remote-write-histograms-written");
    let exemplars = count("x-prometheus-remote-write-exemplars-written");
    Written {
        is_told,
        samples,
        exemplars,
    }
}

/// What `Retry-After` asks for: seconds, or a date. Neither zero nor the past is anything to wait for.
fn retry_after(text: &str, now_ms: i64) -> Option<Duration> {
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
            let date = date.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            (date.timestamp().as_millisecond() - now_ms) / 1000
        }
    };
    u64::try_from(seconds)
        .ok()
        .filter(|&seconds| seconds > 0)
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::{Config, LoadOptions};

    #[tokio::test]
    async fn requests_are_signed_where_a_section_has_sigv4() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sigv4 = "{region: eu-west-1, access_key: k, secret_key: s3cret}";
        let text = format!("remote_write: [{{url: 'http://127.0.0.1:{port}/w', sigv4: {sigv4}}}]");
        let config = Config::parse(&text, Path::new("x.yml"), &LoadOptions::default()).unwrap();
        let client = Client::new(&config.remote_write[0]).unwrap();
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut head, mut piece) = (Vec::new(), [0; 4096]);
            while !head.ends_with(b"body") {
                let len = stream.read(&mut piece).await.unwrap();
                head.extend_from_slice(&piece[..len]);
            }
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8(head).unwrap().to_lowercase()
        };
        let now = Now::new(|| 0);
        let (head, stored) = tokio::join!(answer, client.send(Bytes::from_static(b"body"), 0, &now));
        assert_eq!(stored, Ok(Written::default()));
        assert!(
            head.contains("authorization: aws4-hmac-sha256 credential=k/"),
            "{head}"
        );
        assert!(head.contains("/eu-west-1/aps/aws4_request"), "{head}");
        assert!(
            head.contains("x-prometheus-remote-write-version: 0.1.0"),
            "{head}"
        );
        assert!(!head.contains("s3cret"), "{head}");
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_as_a_date() {
        let second = |s| Some(Duration::from_secs(s));
        for (text, expected) in [
            ("7", second(7)),
            ("0", None),
            ("-3", None),
            ("", None),
            ("soon", None),
            ("Thu, 01 Jan 1970 00:01:10 GMT", second(10)),
            ("Thu, 01 Jan 1970 00:00:10 GMT", None),
        ] {
            assert_eq!(retry_after(text, 60_000), expected, "{text}");
        }
    }
}
