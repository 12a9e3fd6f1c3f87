//! The Kubernetes API: pages of lists and streams of changes, one request each.
//!
//! When to ask, and what to do when there is no answer, is [`super::follow`]'s to say.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};
use url::Url;

use super::metrics::KubernetesMetrics;
use super::object::{Key, Meta, Object};
use super::resource::{Page, Resource};
use crate::http_client::{HttpClient, HttpError, Request, Response};

/// How many objects a page of a list may hold: so many pods are a few megabytes.
const PAGE_OBJECTS: &str = "500";

/// The largest page that is read; an API that pays no heed to the limit sends everything at once.
const PAGE_BYTES_MAX: usize = 1 << 30;

/// The largest event that is read: many times what a cluster can store in one object.
const EVENT_BYTES_MAX: usize = 64 << 20;

/// How much is read of an answer that says what went wrong.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// How much of it is shown.
const PROBLEM_CHARS_MAX: usize = 500;

/// How long a page may take, and how long a stream of changes may take to begin.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long past its announced end a stream of changes may be silent before it counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Objects that are followed.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) resource: Resource,
    /// Empty for all.
    pub(super) namespace: String,
    /// Selector by labels, empty for none.
    pub(super) label: String,
    /// Selector by fields, empty for none.
    pub(super) field: String,
}

/// The API and the right to ask it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) client: HttpClient,
    pub(super) address: Url,
    pub(super) metrics: KubernetesMetrics,
}

/// Something that objects can be followed through.
pub(super) trait Feed: Send + Sync {
    /// A stream of changes.
    type Changes: Changes;

    /// A page of the list: the first, or the one that `next` leads to. Without a limit it is the only one.
    fn page(&self, next: &str, is_limited: bool) -> impl Future<Output = Result<Page, ApiError>> + Send;

    /// Changes since a state of the cluster, for as long as asked.
    fn changes(
        &self,
        version: &str,
        lasting: Duration,
    ) -> impl Future<Output = Result<Self::Changes, ApiError>> + Send;
}

/// A stream of changes.
pub(super) trait Changes: Send {
    /// The next change, `None` at an orderly end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Change>, ApiError>> + Send;
}

/// One change.
#[derive(Debug)]
pub(super) enum Change {
    /// An object is new or has changed.
    Changed(Object),
    /// An object is gone, as of this state of the cluster.
    Gone(Key, String),
    /// Nothing changed up to this state of the cluster.
    Bookmark(String),
    /// The API cannot go on.
    Failed(ApiError),
}

/// Why the API gave nothing.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) text: String,
    /// Whether the state of the cluster that was asked for is too old to be known.
    pub(super) is_expired: bool,
    /// How long the API asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        Self::new(error.to_string())
    }
}

impl ApiError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_expired: false,
            retry_after: None,
        }
    }

    /// What the API says in its own form of an error.
    fn told(status: Status) -> Self {
        let reason = if status.reason.is_empty() {
            "unknown reason"
        } else {
            &status.reason
        };
        Self {
            text: format!("{reason}: {}", shown(&status.message)),
            is_expired: status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone"),
            retry_after: None,
        }
    }
}

/// The API's own form of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
}

/// The API as it is asked for one list.
#[derive(Clone, Debug)]
pub(super) struct ApiFeed {
    pub(super) api: Api,
    pub(super) followed: Followed,
}

impl Feed for ApiFeed {
    type Changes = ApiChanges;

    async fn page(&self, next: &str, is_limited: bool) -> Result<Page, ApiError> {
        let mut query = Vec::new();
        if is_limited {
            query.push(("limit", PAGE_OBJECTS));
        }
        if !next.is_empty() {
            query.push(("continue", next));
        }
        let resource = self.followed.resource;
        let answer = self.ask(&query, resource.list_form(), ANSWER_MAX).await?;
        let json = answer.read(PAGE_BYTES_MAX).await?;
        let page = resource.read_page(&json);
        page.map_err(|error| ApiError::new(format!("cannot read the list of {}: {error}", resource.plural())))
    }

    async fn changes(&self, version: &str, lasting: Duration) -> Result<ApiChanges, ApiError> {
        let seconds = lasting.as_secs().to_string();
        let query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", &seconds),
        ];
        let resource = self.followed.resource;
        let asked = self.ask(&query, resource.watch_form(), lasting + SILENCE_MAX);
        let answer = timeout(ANSWER_MAX, asked).await;
        let answer = answer.unwrap_or_else(|_| Err(ApiError::new("no answer in time")))?;
        Ok(ApiChanges {
            answer,
            lines: Lines::default(),
            resource,
        })
    }
}

impl ApiFeed {
    async fn ask(
        &self,
        query: &[(&str, &str)],
        form: &'static str,
        limit: Duration,
    ) -> Result<Response, ApiError> {
        let Followed { label, field, .. } = &self.followed;
        let mut url = self.api.address.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(self.followed.resource.path(&self.followed.namespace));
        }
        let path = url.path().to_owned();
        let selectors = [
            ("labelSelector", label.as_str()),
            ("fieldSelector", field.as_str()),
        ];
        url.query_pairs_mut()
            .extend_pairs(query)
            .extend_pairs(selectors.iter().filter(|(_, selector)| !selector.is_empty()));
        let mut request = Request::get(url, limit);
        request.headers.insert(ACCEPT, HeaderValue::from_static(form));
        let began = Instant::now();
        let answer = self.api.client.send(request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        let seconds = began.elapsed().as_secs_f64();
        self.api.metrics.count_request(&path, status, seconds);
        let answer = answer?;
        if !answer.status().is_success() {
            return Err(refusal(answer).await);
        }
        let content_type = answer.header("content-type");
        if !content_type.trim_start().starts_with("application/json") {
            return Err(ApiError::new(format!(
                "unsupported content type {content_type:?}"
            )));
        }
        Ok(answer)
    }
}

/// What an answer of another status than success says.
async fn refusal(answer: Response) -> ApiError {
    let code = answer.status().as_u16();
    let line = answer.status_line();
    let retry_after = answer.header("retry-after").parse().ok().map(Duration::from_secs);
    // What comes beyond the status is a help; without it the status says enough.
    let body = answer.read(PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let status: Status = serde_json::from_slice(&body).unwrap_or_default();
    let said = match status.message.is_empty() {
        true => shown(&String::from_utf8_lossy(&body)),
        false => shown(&status.message),
    };
    let colon = if said.is_empty() { "" } else { ": " };
    ApiError {
        text: format!("server returned HTTP status {line}{colon}{said}"),
        is_expired: code == 410,
        retry_after,
    }
}

/// A text from elsewhere as it may be logged: on one line, not too long.
fn shown(text: &str) -> String {
    let line = text.trim().chars().take(PROBLEM_CHARS_MAX);
    line.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Changes as the API streams them: JSON, one a line.
#[derive(Debug)]
pub(super) struct ApiChanges {
    answer: Response,
    lines: Lines,
    resource: Resource,
}

impl Changes for ApiChanges {
    async fn next(&mut self) -> Result<Option<Change>, ApiError> {
        loop {
            if let Some(line) = self.lines.take()? {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return read_change(self.resource, &line).map(Some);
            }
            match self.answer.next_piece().await {
                Ok(Some(piece)) => self.lines.add(&piece),
                Ok(None) if self.lines.is_empty() => return Ok(None),
                Ok(None) => return Err(ApiError::new("the stream of changes ends within one")),
                Err(error) if error.is_timeout() => {
                    return Err(ApiError::new("the stream of changes is silent past its end"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads one event.
fn read_change(resource: Resource, line: &[u8]) -> Result<Change, ApiError> {
    #[derive(Deserialize)]
    struct Event<'l> {
        r#type: String,
        #[serde(borrow)]
        object: &'l RawValue,
    }
    #[derive(Deserialize)]
    struct Bookmark {
        metadata: Meta,
    }
    let unreadable = |error: serde_json::Error| {
        let plural = resource.plural();
        ApiError::new(format!("cannot read a change of {plural}: {error}"))
    };
    let event: Event<'_> = serde_json::from_slice(line).map_err(unreadable)?;
    let json = event.object.get();
    Ok(match event.r#type.as_str() {
        "ADDED" | "MODIFIED" => Change::Changed(resource.read(json).map_err(unreadable)?),
        "DELETED" => {
            let gone: Bookmark = serde_json::from_str(json).map_err(unreadable)?;
            Change::Gone(gone.metadata.key(), gone.metadata.resource_version)
        }
        "BOOKMARK" => {
            let bookmark: Bookmark = serde_json::from_str(json).map_err(unreadable)?;
            Change::Bookmark(bookmark.metadata.resource_version)
        }
        "ERROR" => Change::Failed(ApiError::told(serde_json::from_str(json).map_err(unreadable)?)),
        other => return Err(ApiError::new(format!("unknown kind of change {other:?}"))),
    })
}

/// Lines out of pieces.
#[derive(Debug, Default)]
struct Lines {
    held: BytesMut,
    /// How much of it is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    fn add(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    fn is_empty(&self) -> bool {
        self.held.iter().all(u8::is_ascii_whitespace)
    }

    /// The next whole line.
    fn take(&mut self) -> Result<Option<BytesMut>, ApiError> {
        let Some(at) = memchr::memchr(b'\n', &self.held[self.searched..]) else {
            self.searched = self.held.len();
            if self.searched > EVENT_BYTES_MAX {
                let megabytes = EVENT_BYTES_MAX >> 20;
                return Err(ApiError::new(format!("a change is larger than {megabytes} MiB")));
            }
            return Ok(None);
        };
        let line = self.held.split_to(self.searched + at + 1);
        self.searched = 0;
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests;
