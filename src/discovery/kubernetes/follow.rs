//! Following a list: everything once, then its changes, for ever.
//!
//! ```text
//! ┌─▶ list, page by page ─▶ watch from the list's version ─┬─ ended, lost ── watch again from the last version
//! │                                                        └─ version expired, or the API cannot go on ─┐
//! └──────────────────────────────── wait ◀──────────────────────────────────────────────────────────────┘
//! ```
//!
//! What was told stands while nothing can be had. Each failure is counted, logged and followed by a wait that
//! grows. Start with [`Follow::run`].

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, error};

use super::api::{ApiError, Change, Changes, Feed};
use super::cluster::News;
use crate::discovery::backoff::Backoff;
use crate::telemetry::Counter;

/// The first and the longest wait after a failure: those of Prometheus' library.
const WAIT: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(30));

/// How long the API is asked to stream changes: this long, and up to as long again, so that many followers do
/// not come back at the same time.
const LASTING: Duration = Duration::from_secs(300);

/// A stream that ends sooner without a change is no orderly end.
const SHORT: Duration = Duration::from_secs(1);

/// How long the API may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Follows one list.
#[derive(Debug)]
pub(super) struct Follow<F> {
    pub(super) feed: F,
    /// The number under which the news are told.
    pub(super) source: usize,
    pub(super) news: mpsc::Sender<(usize, News)>,
    /// What is followed, for the log.
    pub(super) what: String,
    pub(super) failures: Counter,
    backoff: Backoff,
}

/// Nobody listens any more.
struct Unheard;

/// How following the changes came to an end.
enum End {
    /// The list is needed again.
    Expired,
    Unheard,
}

/// Why there is no list.
enum NoList {
    Failed(ApiError),
    Unheard,
}

impl From<Unheard> for NoList {
    fn from(_: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<ApiError> for NoList {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl<F: Feed> Follow<F> {
    pub(super) fn new(
        feed: F,
        source: usize,
        news: mpsc::Sender<(usize, News)>,
        what: String,
        failures: Counter,
    ) -> Self {
        Self {
            feed,
            source,
            news,
            what,
            failures,
            backoff: Backoff::between(WAIT.0, WAIT.1),
        }
    }

    /// Tells the list and its changes for as long as somebody listens.
    pub(super) async fn run(mut self) {
        loop {
            let version = match self.list().await {
                Ok(version) => version,
                Err(NoList::Unheard) => return,
                Err(NoList::Failed(error)) => {
                    self.fail("Failed to list objects", &error).await;
                    continue;
                }
            };
            match self.watch(version).await {
                End::Unheard => return,
                End::Expired => sleep(self.backoff.next()).await,
            }
        }
    }

    /// Tells the whole list; its version.
    async fn list(&mut self) -> Result<String, NoList> {
        match self.list_pages(true).await {
            // The list changed too much while its pages were read: the second time all at once.
            Err(NoList::Failed(error)) if error.is_expired => {
                debug!(what = self.what, %error, "The list expired while it was read");
                self.list_pages(false).await
            }
            other => other,
        }
    }

    async fn list_pages(&mut self, is_limited: bool) -> Result<String, NoList> {
        let mut page = self.feed.page("", is_limited).await?;
        self.tell(News::ListBegins).await?;
        loop {
            self.tell(News::Listed(page.objects)).await?;
            if page.next.is_empty() {
                self.tell(News::ListEnds).await?;
                return Ok(page.version);
            }
            page = self.feed.page(&page.next, is_limited).await?;
        }
    }

    /// Tells changes from a version on until the list is needed again.
    async fn watch(&mut self, mut version: String) -> End {
        loop {
            let began = Instant::now();
            let before = version.clone();
            let ended = match self.feed.changes(&version, lasting()).await {
                Ok(changes) => self.tell_changes(changes, &mut version).await,
                Err(error) => Err(Stop::Lost(error)),
            };
            if version != before || began.elapsed() >= WAIT.1 {
                self.backoff.reset();
            }
            match ended {
                Ok(()) if version != before || began.elapsed() >= SHORT => {}
                Ok(()) => {
                    let error = ApiError::new("the stream of changes ended at once");
                    self.fail("Failed to watch objects", &error).await;
                }
                Err(Stop::Unheard) => return End::Unheard,
                Err(Stop::Lost(error) | Stop::Failed(error)) if error.is_expired => {
                    debug!(what = self.what, %error, "The version of the list expired");
                    return End::Expired;
                }
                Err(Stop::Lost(error)) => self.fail("Failed to watch objects", &error).await,
                Err(Stop::Failed(error)) => {
                    self.note("Failed to watch objects", &error);
                    return End::Expired;
                }
            }
        }
    }

    async fn tell_changes(&self, mut changes: F::Changes, version: &mut String) -> Result<(), Stop> {
        loop {
            let Some(change) = changes.next().await.map_err(Stop::Lost)? else {
                return Ok(());
            };
            let (news, reached) = match change {
                Change::Changed(object) => {
                    let reached = object.meta().resource_version.clone();
                    (Some(News::Changed(object)), reached)
                }
                Change::Gone(key, reached) => (Some(News::Gone(key)), reached),
                Change::Bookmark(reached) => (None, reached),
                Change::Failed(error) => return Err(Stop::Failed(error)),
            };
            if let Some(news) = news {
                self.tell(news).await.map_err(|Unheard| Stop::Unheard)?;
            }
            if !reached.is_empty() {
                *version = reached;
            }
        }
    }

    async fn tell(&self, news: News) -> Result<(), Unheard> {
        self.news.send((self.source, news)).await.map_err(|_| Unheard)
    }

    /// Counts and logs a failure and waits.
    async fn fail(&mut self, sentence: &'static str, error: &ApiError) {
        self.note(sentence, error);
        let asked = error.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        sleep(self.backoff.next().max(asked)).await;
    }

    fn note(&self, sentence: &'static str, error: &ApiError) {
        self.failures.inc();
        error!(what = self.what, %error, "{sentence}");
    }
}

/// Why a stream of changes came to no orderly end.
enum Stop {
    Unheard,
    /// The connection broke, or what came could not be read.
    Lost(ApiError),
    /// The API says that it cannot go on.
    Failed(ApiError),
}

/// How long to stream changes: between [`LASTING`] and twice that.
fn lasting() -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    LASTING.mul_f64(1.0 + random as f64 / 1024.0)
}

#[cfg(test)]
mod tests;
