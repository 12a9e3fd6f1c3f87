//! The HTTP client of scraping, discovery and notification: what `HttpClientConfig` promises, on hyper.
//!
//! ```text
//! HttpClient ─ auth: headers, files read each time ─→ hyper-util pool ─→ connect ─→ TCP | unix ─ TLS
//!     │           oauth2: a token, fetched once                             └ proxy, tunnel
//!     └─ redirects, up to ten, credentials left behind when the host changes
//! ```
//!
//! It knows neither what is fetched nor when. Start with [`HttpClient::send`].

mod assertion;
mod auth;
pub mod body;
mod connect;
mod error;
mod first;
mod message;
mod oauth2;
mod proxy;
mod redirect;
mod sign;
mod tls;
mod tls_words;
mod token;
mod tunnel;
mod verify;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, PROXY_AUTHORIZATION, REFERER, USER_AGENT,
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::connect::{Connector, Route, Uses};
pub use self::error::HttpError;
pub use self::message::{Request, Response};
use self::oauth2::TokenSource;
use self::proxy::Proxies;
pub use self::sign::{Sign, Signing};
use self::tls::{FileStamps, TlsSetup};
use crate::config::http_client::HttpClientConfig;

/// What we call ourselves: some targets answer by it.
pub const AGENT: &str = "Prometheus/3.14.0";

/// How long an unused connection is kept, as Go's transport keeps it for Prometheus.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// How much is read at once, which is also what a kept connection holds and the longest head of an answer.
///
/// Left alone, hyper reads up to 400 KiB at once and a thousand idle connections hold 90 MB. A page of 200 KiB
/// takes a dozen reads more this way, which is a hundredth of what it takes to parse it.
const READ_BYTES: usize = 16 << 10;

/// How often a silent HTTP/2 connection is asked whether it lives, as Prometheus has it.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long the answer to that may take, as Go has it.
const PING_MAX: Duration = Duration::from_secs(15);

/// A client for all requests that share a configuration. Cloning shares its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: HttpClientConfig,
    route: Route,
    tls_files: Vec<PathBuf>,
    proxies: Arc<Proxies>,
    tokens: Option<TokenSource>,
    signer: Option<Arc<dyn Sign>>,
    pool: ArcSwap<Pool>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Connections, and the state of the TLS files that they were made with.
struct Pool {
    client: Client<Connector, Full<Bytes>>,
    stamps: FileStamps,
}

impl HttpClient {
    /// A client for `config`.
    ///
    /// # Errors
    /// When the TLS settings cannot be followed.
    pub fn new(config: &HttpClientConfig) -> Result<Self, HttpError> {
        Self::build(config, Route::FirstAddress, None)
    }

    /// A client whose requests are signed, each one when it is sent.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn signed(config: &HttpClientConfig, signer: Arc<dyn Sign>) -> Result<Self, HttpError> {
        Self::build(config, Route::FirstAddress, Some(signer))
    }

    /// A client that reaches every host through a unix socket.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn through_unix_socket(config: &HttpClientConfig, path: PathBuf) -> Result<Self, HttpError> {
        Self::build(config, Route::UnixSocket(path), None)
    }

    /// A client for remote write; with `at_random` each connection goes to any one of the host's addresses.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn for_writing(
        config: &HttpClientConfig,
        at_random: bool,
        signer: Option<Arc<dyn Sign>>,
    ) -> Result<Self, HttpError> {
        let route = match at_random {
            true => Route::AnyAddress,
            false => Route::FirstAddress,
        };
        Self::build(config, route, signer)
    }

    fn build(
        config: &HttpClientConfig,
        route: Route,
        signer: Option<Arc<dyn Sign>>,
    ) -> Result<Self, HttpError> {
        let tls_files = tls::files(&config.tls_config);
        let proxies = Arc::new(Proxies::new(&config.proxy)?);
        let pool = Pool::new(config, &proxies, route.clone(), &tls_files)?;
        let oauth2 = config.oauth2.as_deref().cloned();
        let inner = Inner {
            config: config.clone(),
            route,
            tls_files,
            proxies,
            tokens: oauth2.map(TokenSource::new),
            signer,
            pool: ArcSwap::from_pointee(pool),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Sends `request` and waits for the head of the answer, following redirects if the configuration says so.
    ///
    /// # Errors
    /// When there is no answer in time. An answer of any status is none.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let deadline = Instant::now() + request.timeout;
        let method = request.method.clone();
        let mut asked = request.url.to_string();
        let sent = timeout_at(deadline, self.follow(request, deadline, &mut asked)).await;
        sent.unwrap_or_else(|_| Err(HttpError::timeout()))
            .map_err(|error| error.in_request(&method, &asked))
    }

    /// `asked` is the address that an error is to name.
    async fn follow(
        &self,
        mut request: Request,
        deadline: Instant,
        asked: &mut String,
    ) -> Result<Response, HttpError> {
        let origin = request.url.clone();
        let mut elsewhere = false;
        for number in 1..=redirect::REQUESTS_MAX {
            let response = self.send_once(&request, elsewhere).await?;
            let (parts, body) = response.into_parts();
            let location = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let follows = self.inner.config.follow_redirects && redirect::is_redirect(parts.status);
            let (true, Some(location)) = (follows, location) else {
                let reason = parts.extensions.get::<ReasonPhrase>();
                let reason = match reason {
                    Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
                    None => parts.status.canonical_reason().unwrap_or("").to_owned(),
                };
                return Ok(Response {
                    status: parts.status,
                    reason,
                    headers: parts.headers,
                    body,
                    deadline,
                });
            };
            let before = request.url.clone();
            request.url = redirect::target(&request.url, location)?;
            *asked = match number {
                redirect::REQUESTS_MAX => location.to_owned(),
                _ => request.url.to_string(),
            };
            let (method, keeps_body) = redirect::next_method(parts.status, &request.method);
            request.method = method;
            if !keeps_body {
                request.body = Bytes::new();
                redirect::remove_body_headers(&mut request.headers);
            }
            if let Some(referer) = redirect::referer(&before, &request.url) {
                request.headers.insert(REFERER, referer);
            }
            // Once away from the first host, coming back does not bring the credentials back.
            elsewhere |= !redirect::may_share(&origin, &request.url);
            if elsewhere {
                auth::remove_sensitive(&mut request.headers);
            }
        }
        let count = redirect::REQUESTS_MAX;
        Err(HttpError::text(format!("stopped after {count} redirects")))
    }

    async fn send_once(
        &self,
        request: &Request,
        elsewhere: bool,
    ) -> Result<http::Response<Incoming>, HttpError> {
        let signer = self.inner.signer.as_ref().filter(|_| !elsewhere);
        let url = match signer {
            Some(signer) => signer.address(&request.url),
            None => Cow::Borrowed(&request.url),
        };
        let url = &*url;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(HttpError::text(format!("unsupported protocol scheme {scheme:?}")));
        }
        let headers = self.headers(request, url, signer, elsewhere).await?;
        let target = without_user(url);
        loop {
            let mut head = http::Request::builder().method(&request.method).uri(&target);
            if let Some(place) = head.headers_mut() {
                *place = headers.clone();
            }
            let head = head.body(Full::new(request.body.clone()));
            let message = head.map_err(|error| HttpError::text(error.to_string()))?;
            let pool = self.pool()?;
            match pool.client.request(message).await {
                Ok(response) => {
                    if let Some(uses) = response.extensions().get::<Uses>() {
                        uses.add();
                    }
                    return Ok(response);
                }
                // A server may close a kept connection just when it is used again; what changes nothing is
                // then asked anew. It ends because such a connection is used no more.
                Err(error) if request.method.is_safe() && was_kept(&error) => {}
                Err(error) => return Err(HttpError::text(error::root_text(&error))),
            }
        }
    }

    /// All headers of a request to `url`. Those of the configuration come after the signature, as in Prometheus.
    async fn headers(
        &self,
        request: &Request,
        url: &Url,
        signer: Option<&Arc<dyn Sign>>,
        elsewhere: bool,
    ) -> Result<HeaderMap, HttpError> {
        let inner = &self.inner;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.extend(request.headers.clone());
        auth::add_credentials_of(url, &mut headers)?;
        if let Some(signer) = signer {
            let signing = signer.sign(&request.method, url, &mut headers, &request.body);
            signing.await.map_err(HttpError::text)?;
        }
        auth::add_headers(&inner.config, &mut headers, elsewhere)?;
        if !elsewhere {
            if let Some(tokens) = &inner.tokens {
                headers.insert(AUTHORIZATION, tokens.header().await?);
            }
            auth::add_credentials(&inner.config, &mut headers)?;
        }
        if !matches!(inner.route, Route::UnixSocket(_)) && url.scheme() == "http" {
            let (host, port) = (url.host_str().unwrap_or(""), url.port().unwrap_or(80));
            let chosen = inner.proxies.choose(false, host.trim_matches(['[', ']']), port);
            let proxy = chosen.map_err(HttpError::text)?;
            let proxy = proxy.filter(|proxy| proxy.takes_requests());
            if let Some(value) = proxy.and_then(proxy::Proxy::authorization) {
                headers.insert(PROXY_AUTHORIZATION, value?);
            }
        }
        Ok(headers)
    }

    /// The connections, new ones if a TLS file has changed.
    fn pool(&self) -> Result<Arc<Pool>, HttpError> {
        let pool = self.inner.pool.load_full();
        if self.inner.tls_files.is_empty() || tls::stamps(&self.inner.tls_files) == pool.stamps {
            return Ok(pool);
        }
        let inner = &self.inner;
        let route = inner.route.clone();
        let fresh = Pool::new(&inner.config, &inner.proxies, route, &inner.tls_files)?;
        let fresh = Arc::new(fresh);
        inner.pool.store(Arc::clone(&fresh));
        Ok(fresh)
    }
}

impl Pool {
    fn new(
        config: &HttpClientConfig,
        proxies: &Arc<Proxies>,
        route: Route,
        tls_files: &[PathBuf],
    ) -> Result<Self, HttpError> {
        let stamps = tls::stamps(tls_files);
        let setup = TlsSetup::new(&config.tls_config, config.enable_http2)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_title_case_headers(true)
            .http1_read_buf_exact_size(READ_BYTES)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_MAX)
            .http2_keep_alive_while_idle(true)
            .build(Connector::new(setup, Arc::clone(proxies), route));
        Ok(Self { client, stamps })
    }
}

/// Whether a request failed on a connection that had served others.
fn was_kept(error: &hyper_util::client::legacy::Error) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connection) = error.connect_info() {
        connection.get_extras(&mut extras);
    }
    extras.get::<Uses>().is_some_and(Uses::are_some) && error::is_closing(error)
}

/// The address without user and password, which hyper takes for a part of the host.
fn without_user(url: &Url) -> String {
    let target = &url[..url::Position::AfterQuery];
    if url.username().is_empty() && url.password().is_none() {
        return target.to_owned();
    }
    let host = &url[url::Position::BeforeHost..url::Position::AfterQuery];
    format!("{}://{host}", url.scheme())
}
