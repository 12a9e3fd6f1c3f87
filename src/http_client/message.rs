//! What is sent and what comes back.
//!
//! How it is sent is the affair of [`super::HttpClient`]. Begin with [`Request`].

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::body;
use super::error::HttpError;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, POST, …
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers besides those that the configuration adds.
    pub headers: HeaderMap,
    /// The body, empty for none.
    pub body: Bytes,
    /// How long everything may take, redirects and the body of the answer included.
    pub timeout: Duration,
}

impl Request {
    /// A GET of `url`.
    pub fn get(url: Url, timeout: Duration) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout,
        }
    }

    /// A POST of `body`.
    pub fn post(url: Url, content_type: HeaderValue, body: Bytes, timeout: Duration) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, content_type);
        Self {
            method: Method::POST,
            url,
            headers,
            body,
            timeout,
        }
    }
}

/// The head of an answer, with the body still to come.
#[derive(Debug)]
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    pub(super) deadline: Instant,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// `503 Service Unavailable`, with the words that the server sent.
    pub fn status_line(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.reason)
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header as text, empty if it is missing or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Reads the body as it was sent. `limit_bytes` 0 allows any size; `into` is cleared first.
    ///
    /// # Errors
    /// When the connection breaks, the request's time is up or the body is larger than allowed.
    pub async fn read_into(self, limit_bytes: usize, into: &mut Vec<u8>) -> Result<(), HttpError> {
        let read = body::read(self.body, limit_bytes, into);
        timeout_at(self.deadline, read)
            .await
            .unwrap_or_else(|_| Err(HttpError::timeout()))
    }

    /// The next piece of the body as it comes, `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks or the request's time is up.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        let piece = body::next_piece(&mut self.body);
        timeout_at(self.deadline, piece)
            .await
            .unwrap_or_else(|_| Err(HttpError::timeout()))
    }

    /// Reads the body into memory of its own.
    ///
    /// # Errors
    /// As [`Response::read_into`].
    pub async fn read(self, limit_bytes: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        self.read_into(limit_bytes, &mut bytes).await?;
        Ok(bytes)
    }
}
