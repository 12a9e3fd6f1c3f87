//! The wire side of the fake API server: TLS, tokens, paths, pages and streams.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::state::{Asked, Trouble, status};

type Body = BoxBody<Bytes, std::io::Error>;

/// Serves for as long as the process lives.
pub(super) fn run(shared: &Arc<Shared>, has_expired: bool, ready: &Sender<(SocketAddr, String)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (acceptor, certificate) = tls(has_expired);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port of the system's choice");
        let address = listener.local_addr().expect("a bound socket has an address");
        ready.send((address, certificate)).expect("the test waits");
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, shared) = (acceptor.clone(), Arc::clone(shared));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                let server = auto::Builder::new(TokioExecutor::new());
                // Clients may leave as they like.
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
}

/// TLS with a certificate of its own for 127.0.0.1.
fn tls(has_expired: bool) -> (TlsAcceptor, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), "kubernetes.example".to_owned()])
            .expect("names for a certificate");
    if has_expired {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let made = params.self_signed(&key).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], private)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), made.pem())
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str())
        .to_owned();
    let (trouble, token) = {
        let mut state = shared.state();
        state.requests.push(target.clone());
        (state.trouble.clone(), state.token.clone())
    };
    match trouble {
        Trouble::Hang => std::future::pending().await,
        Trouble::Slow(by) => tokio::time::sleep(by).await,
        Trouble::Status(code) => return Ok(problem(code, "InternalError", "this API is out of order")),
        Trouble::Html => return Ok(respond(200, "text/html", "<html>Sign in</html>".to_owned())),
        _ => {}
    }
    let authorization = request.headers().get("authorization");
    if authorization.is_none_or(|value| value.as_bytes() != format!("Bearer {token}").as_bytes()) {
        return Ok(problem(401, "Unauthorized", "Unauthorized"));
    }
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
            .into_owned()
            .collect();
    let given = |name: &str| {
        query
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let path: Vec<&str> = request.uri().path().split('/').collect();
    let asked = Asked {
        plural: path.last().copied().unwrap_or_default().to_owned(),
        namespace: path
            .iter()
            .position(|part| *part == "namespaces")
            .and_then(|at| path.get(at + 1))
            .map_or_else(String::new, |name| (*name).to_owned()),
        label: given("labelSelector").to_owned(),
        field: given("fieldSelector").to_owned(),
    };
    if shared.state().forbidden.contains(&asked.plural) {
        let message = format!(
            "{} is forbidden: User \"prometheus\" cannot list them",
            asked.plural
        );
        return Ok(problem(403, "Forbidden", &message));
    }
    let is_watch = matches!(given("watch"), "true" | "1");
    if is_watch {
        let sends_list = given("sendInitialEvents") == "true";
        return Ok(stream(shared, asked, given("resourceVersion"), sends_list));
    }
    let limit = given("limit").parse().unwrap_or(0);
    let limit = match limit {
        0 => usize::MAX,
        limit => shared.state().page_max.min(limit),
    };
    let listed = shared.state().list(&asked, limit, given("continue"));
    Ok(match (listed, trouble) {
        (Err(status), _) => respond(410, "application/json", status.to_string()),
        (Ok(list), Trouble::Truncated) => broken(list.to_string()),
        (Ok(list), Trouble::TruncatedJson) => {
            respond(200, "application/json", half(&list.to_string()).to_owned())
        }
        (Ok(list), _) => respond(200, "application/json", list.to_string()),
    })
}

fn half(text: &str) -> &str {
    &text[..text.len() / 2]
}

fn respond(code: u16, content_type: &str, body: String) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let builder = Response::builder()
        .status(code)
        .header("content-type", content_type);
    builder.body(body.boxed()).expect("a response")
}

fn problem(code: u16, reason: &str, message: &str) -> Response<Body> {
    respond(
        code,
        "application/json",
        status(code, reason, message).to_string(),
    )
}

/// A body that breaks off half way.
fn broken(body: String) -> Response<Body> {
    let pieces = [
        Ok(Frame::data(Bytes::from(half(&body).to_owned()))),
        Err(std::io::Error::other("broken off")),
    ];
    let body = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)));
    let builder = Response::builder().header("content-type", "application/json");
    builder.body(body).expect("a response")
}

/// A stream of changes, from a version on, or from the whole list on.
fn stream(shared: Arc<Shared>, asked: Asked, version: &str, sends_list: bool) -> Response<Body> {
    let mut changed = shared.changed.subscribe();
    let (dropped, ended, bookmarks) = {
        let state = shared.state();
        let since: u64 = version.parse().unwrap_or(0);
        if state.trouble == Trouble::Expired || (since > 0 && !state.remembers(since)) {
            drop(state);
            return problem(410, "Expired", "too old resource version");
        }
        (state.dropped, state.ended, state.bookmarks)
    };
    changed.mark_unchanged();
    let streaming = Streaming {
        since: version.parse().unwrap_or(0),
        shared,
        changed,
        asked,
        dropped,
        ended,
        bookmarks,
        sends_list,
        is_over: false,
    };
    let body = StreamBody::new(unfold(streaming, Streaming::next));
    let builder = Response::builder().header("content-type", "application/json");
    builder.body(BodyExt::boxed(body)).expect("a response")
}

/// One stream of changes, and how far it has come.
struct Streaming {
    shared: Arc<Shared>,
    changed: tokio::sync::watch::Receiver<u64>,
    asked: Asked,
    since: u64,
    dropped: u64,
    ended: u64,
    bookmarks: u64,
    /// The list is still to be sent.
    sends_list: bool,
    is_over: bool,
}

impl Streaming {
    async fn next(mut self) -> Option<(std::io::Result<Frame<Bytes>>, Self)> {
        loop {
            if self.is_over {
                return None;
            }
            if let Some(piece) = self.piece() {
                return Some((piece.map(|text| Frame::data(Bytes::from(text))), self));
            }
            if self.is_over || self.changed.changed().await.is_err() {
                return None;
            }
        }
    }

    /// What is to be sent now, if anything.
    fn piece(&mut self) -> Option<std::io::Result<String>> {
        let state = self.shared.state();
        if state.dropped != self.dropped {
            self.is_over = true;
            return Some(Err(std::io::Error::other("dropped")));
        }
        if state.ended != self.ended {
            self.is_over = true;
            return None;
        }
        if state.trouble == Trouble::Silent {
            return None;
        }
        if self.since > 0 && !state.remembers(self.since) {
            self.is_over = true;
            let error = serde_json::json!({"type": "ERROR", "object": status(410, "Expired", "too old resource version")});
            return Some(Ok(format!("{error}\n")));
        }
        let mut events: Vec<Value> = match self.sends_list {
            true => state.list_events(&self.asked),
            false => state.events(&self.asked, self.since),
        };
        self.sends_list = false;
        self.since = state.version();
        if state.bookmarks != self.bookmarks {
            self.bookmarks = state.bookmarks;
            events.push(state.bookmark_event(&self.asked));
        }
        if events.is_empty() {
            return None;
        }
        let text: String = events.iter().map(|event| format!("{event}\n")).collect();
        let is_cut = matches!(state.trouble, Trouble::Truncated | Trouble::TruncatedJson);
        self.is_over = is_cut;
        Some(Ok(if is_cut { half(&text).to_owned() } else { text }))
    }
}
