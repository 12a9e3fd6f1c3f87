//! The routes: which path is answered by what, with the errors of paths and methods that are not.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, RawPathParams, RawQuery, Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Frame;

use super::api::{self, Call, ENDPOINTS, Endpoint, Params, QueryBody, Reply};
use super::compress::{self, Gzip};
use super::metrics::Noted;
use super::{WebState, cors, pages, write};
use crate::queries::Origin;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The most bytes that a request's form may have; Go's limit for forms.
const FORM_BYTES_MAX: usize = 10 << 20;

/// What is outside of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    Graph,
    QueryPage,
    Targets,
    Alerts,
    Rules,
    Status,
    Config,
    Flags,
    Version,
    Metrics,
    Healthy,
    Ready,
    Reload,
    Quit,
}

impl Place {
    /// Answered also while storage is not open yet.
    fn is_always_answered(self) -> bool {
        matches!(
            self,
            Self::Healthy | Self::Metrics | Self::Version | Self::Root | Self::Graph
        )
    }

    /// How it may be asked.
    fn methods(self) -> &'static [Method] {
        match self {
            Self::Healthy | Self::Ready => &[Method::GET, Method::HEAD],
            Self::Reload | Self::Quit => &[Method::GET, Method::POST, Method::PUT],
            _ => &[Method::GET],
        }
    }
}

/// Paths outside of the API.
const PLACES: &[(&str, Place)] = &[
    ("/", Place::Root),
    ("/graph", Place::Graph),
    ("/query", Place::QueryPage),
    ("/targets", Place::Targets),
    ("/alerts", Place::Alerts),
    ("/rules", Place::Rules),
    ("/status", Place::Status),
    ("/config", Place::Config),
    ("/flags", Place::Flags),
    ("/version", Place::Version),
    ("/metrics", Place::Metrics),
    ("/-/healthy", Place::Healthy),
    ("/-/ready", Place::Ready),
    ("/-/reload", Place::Reload),
    ("/-/quit", Place::Quit),
];

/// Who is connected; set by the accept loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// All routes under the prefix.
pub(super) fn router(state: &Arc<WebState>) -> Router {
    let prefix = &state.prefix;
    let mut router = Router::new();
    for &(path, endpoint, methods) in ENDPOINTS {
        let noted = format!("/api/v1{}", path.replace("{name}", ":name"));
        let noted = Arc::new(state.metrics.handler(&noted));
        let handler = move |state, peer, name, query, request| {
            let noted = Arc::clone(&noted);
            async move { api_call(state, peer, name, query, request, &noted, endpoint, methods).await }
        };
        router = router.route(&format!("{prefix}/api/v1{path}"), any(handler));
    }
    for &(path, place) in PLACES {
        let noted = Arc::new(state.metrics.handler(path));
        let handler = move |state, query, peer, request| {
            let noted = Arc::clone(&noted);
            async move { visit(state, query, peer, request, &noted, place).await }
        };
        router = router.route(&format!("{prefix}{path}"), any(handler));
    }
    if !prefix.is_empty() {
        let target = format!("{prefix}/");
        router = router.route("/", any(move || async move { redirect(&target) }));
        let target = format!("{prefix}/");
        router = router.route(prefix, any(move || async move { redirect(&target) }));
    }
    router.fallback(fallback).with_state(Arc::clone(state))
}

async fn fallback(State(state): State<Arc<WebState>>, request: Request) -> Response {
    let api = format!("{}/api/v1/", state.prefix);
    if request.method() == Method::OPTIONS && request.uri().path().starts_with(&api) {
        return options(&state, request.headers());
    }
    plain_error(StatusCode::NOT_FOUND, "404 page not found")
}

/// An error as Go's `http.Error` writes it.
pub(super) fn plain_error(status: StatusCode, text: &str) -> Response {
    let mut response = whole(status, TEXT, format!("{text}\n"));
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn redirect(location: &str) -> Response {
    let mut shown = String::new();
    for c in location.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&#34;"),
            '\'' => shown.push_str("&#39;"),
            c => shown.push(c),
        }
    }
    let mut response = whole(
        StatusCode::FOUND,
        HTML,
        format!("<a href=\"{shown}\">Found</a>.\n\n"),
    );
    match HeaderValue::from_str(location) {
        Ok(value) => {
            response.headers_mut().insert(header::LOCATION, value);
            response
        }
        Err(_) => plain_error(
            StatusCode::BAD_REQUEST,
            "the query string cannot stand in a header",
        ),
    }
}

fn not_allowed(methods: &[Method]) -> Response {
    let mut allowed: Vec<&str> = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    allowed.sort_unstable();
    let mut response = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn options(state: &WebState, request: &HeaderMap) -> Response {
    if !state.views.status.is_ready() {
        return not_ready();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::set(&state.options.cors_origin, request, response.headers_mut());
    response
}

fn not_ready() -> Response {
    let mut response = plain_error(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response
        .headers_mut()
        .insert("x-prometheus-stopping", HeaderValue::from_static("false"));
    response
}

#[expect(
    clippy::too_many_arguments,
    reason = "what axum extracts, and the row of the table"
)]
async fn api_call(
    State(state): State<Arc<WebState>>,
    peer: Option<Extension<Peer>>,
    names: RawPathParams,
    RawQuery(query): RawQuery,
    request: Request,
    noted: &Noted,
    endpoint: Endpoint,
    methods: &'static [Method],
) -> Response {
    let began = Instant::now();
    let response = if request.method() == Method::OPTIONS {
        options(&state, request.headers())
    } else if !methods.contains(request.method()) {
        not_allowed(methods)
    } else if !state.views.status.is_ready() && endpoint != Endpoint::WalReplay {
        not_ready()
    } else if endpoint == Endpoint::RemoteWrite
        && let Some(receiver) = &state.views.receiver
    {
        write::receive(Arc::clone(receiver), request, state.now_ms()).await
    } else {
        let name = names
            .iter()
            .next()
            .map_or_else(String::new, |(_, value)| value.to_owned());
        let (head, body) = request.into_parts();
        let origin = origin(peer, &head);
        let reply = match read_params(query.as_deref().unwrap_or(""), &head, body).await {
            Ok(params) => {
                api::answer(
                    &state,
                    Call {
                        endpoint,
                        name,
                        params,
                        origin,
                    },
                )
                .await
            }
            Err(error) => Err(error),
        };
        let reply = reply.unwrap_or_else(|error| Reply::error(&error));
        let mut response = send(reply, compress::is_accepted(&head.headers));
        if endpoint.is_cross_origin() {
            cors::set(&state.options.cors_origin, &head.headers, response.headers_mut());
        }
        response
    };
    note(&state, noted, &response, began);
    response
}

fn note(state: &WebState, noted: &Noted, response: &Response, began: Instant) {
    use hyper::body::Body as _;
    let size = response.body().size_hint().exact();
    let seconds = began.elapsed().as_secs_f64();
    state
        .metrics
        .note(noted, response.status().as_u16(), seconds, size);
}

fn origin(peer: Option<Extension<Peer>>, request: &Parts) -> Origin {
    let client_ip = peer.map_or_else(String::new, |Extension(Peer(address))| match address.ip() {
        IpAddr::V6(ip) => ip.to_canonical().to_string(),
        ip => ip.to_string(),
    });
    Origin::Http {
        client_ip,
        method: request.method.to_string(),
        path: request.uri.path().to_owned(),
        user_agent: request
            .headers
            .get(header::USER_AGENT)
            .map_or_else(String::new, |value| {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }),
    }
}

async fn read_params(query: &str, request: &Parts, body: Body) -> Result<Params, api::ApiError> {
    let is_form = request
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            text.split(';')
                .next()
                .is_some_and(|t| t.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
        });
    if !is_form || request.method == Method::GET {
        return Ok(Params::parse(query, None));
    }
    let body = Limited::new(body, FORM_BYTES_MAX).collect().await;
    let body =
        body.map_err(|error| api::ApiError::bad_data(format!("error parsing form values: {error}")))?;
    Ok(Params::parse(query, Some(&body.to_bytes())))
}

/// Turns a reply into a response, compressed if the client takes that.
fn send(reply: Reply, gzip: bool) -> Response {
    let mut response = match reply {
        Reply::Whole(status, content_type, body) if !gzip => return whole(status, content_type, body),
        Reply::Whole(status, content_type, body) => match gzip_whole(body.as_bytes()) {
            Ok(compressed) => whole(status, content_type, compressed),
            Err(_) => return whole(status, content_type, body),
        },
        Reply::Query(body) if !gzip => return send_answer(body),
        Reply::Query(body) => {
            let stream = AnswerStream {
                first: None,
                body,
                gzip: Some(Gzip::new()),
            };
            whole(StatusCode::OK, "application/json", Body::new(stream))
        }
    };
    if gzip {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A query's answer: at once if it is short, piece by piece if not.
fn send_answer(mut body: QueryBody) -> Response {
    let first = body.next_piece().filter(|_| !body.is_cancelled());
    let body = match first {
        Some(piece) if body.is_done() => Body::from(piece),
        first => Body::new(AnswerStream {
            first,
            body,
            gzip: None,
        }),
    };
    whole(StatusCode::OK, "application/json", body)
}

fn gzip_whole(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut gzip = Gzip::new();
    let mut out = gzip.piece(body)?.to_vec();
    if let Some(rest) = gzip.finish()? {
        out.extend_from_slice(&rest);
    }
    Ok(out)
}

/// A query's answer as a body: each piece is written when the connection takes it.
struct AnswerStream {
    /// A piece that was written already.
    first: Option<Bytes>,
    body: QueryBody,
    gzip: Option<Gzip>,
}

impl hyper::body::Body for AnswerStream {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = &mut *self;
        loop {
            if this.body.is_cancelled() {
                let error = std::io::Error::other("the query was canceled while its answer was sent");
                return Poll::Ready(Some(Err(error)));
            }
            let piece = this.first.take().or_else(|| this.body.next_piece());
            let gzip = &mut this.gzip;
            let out = match (piece, gzip) {
                (None, None) => return Poll::Ready(None),
                (Some(piece), None) => Ok(piece),
                (Some(piece), Some(gzip)) => gzip.piece(&piece),
                (None, Some(gzip)) => match gzip.finish() {
                    Ok(None) => return Poll::Ready(None),
                    Ok(Some(rest)) => Ok(rest),
                    Err(error) => Err(error),
                },
            };
            match out {
                // The encoder kept everything for the next piece.
                Ok(bytes) if bytes.is_empty() => {}
                out => return Poll::Ready(Some(out.map(Frame::data))),
            }
        }
    }
}

async fn visit(
    State(state): State<Arc<WebState>>,
    RawQuery(query): RawQuery,
    peer: Option<Extension<Peer>>,
    request: Request,
    noted: &Noted,
    place: Place,
) -> Response {
    let began = Instant::now();
    let response = if !place.methods().contains(request.method()) {
        not_allowed(place.methods())
    } else if !place.is_always_answered() && !state.views.status.is_ready() {
        not_ready()
    } else {
        let (head, _body) = request.into_parts();
        let visitor = Visitor {
            origin: origin(peer, &head),
            method: head.method,
            headers: head.headers,
        };
        show(&state, place, query.as_deref().unwrap_or(""), visitor).await
    };
    note(&state, noted, &response, began);
    response
}

/// Who asks for something outside of the API, and how.
struct Visitor {
    origin: Origin,
    method: Method,
    headers: HeaderMap,
}

async fn show(state: &Arc<WebState>, place: Place, query: &str, visitor: Visitor) -> Response {
    let (prefix, views) = (state.prefix.as_str(), &state.views);
    let page = |html: String| whole(StatusCode::OK, HTML, html);
    match place {
        Place::Root => redirect(&format!("{prefix}/query")),
        Place::Graph => redirect(&format!("{prefix}/query?{query}")),
        Place::QueryPage => {
            let params = Params::parse(query, None);
            let expr = params.get("g0.expr");
            let answer = match expr {
                "" => None,
                expr => Some(api::page_query(state, expr, visitor.origin).await),
            };
            page(pages::query(prefix, expr, answer.as_ref()))
        }
        Place::Targets => page(pages::targets(prefix, views)),
        Place::Alerts => page(pages::alerts(prefix, views)),
        Place::Rules => page(pages::rules(prefix, views)),
        Place::Status => page(pages::status(prefix, views)),
        Place::Config => page(pages::config(prefix, views)),
        Place::Flags => page(pages::flags(prefix, views)),
        Place::Version => whole(StatusCode::OK, TEXT, api::build_info()),
        Place::Metrics => own_metrics(state, &visitor.headers),
        Place::Ready if let Some(reason) = views.status.lost() => plain_error(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("Service Unavailable: {reason}"),
        ),
        Place::Healthy | Place::Ready if visitor.method == Method::HEAD => Response::new(Body::empty()),
        Place::Healthy => whole(StatusCode::OK, TEXT, "Prometheus Server is Healthy.\n"),
        Place::Ready => whole(StatusCode::OK, TEXT, "Prometheus Server is Ready.\n"),
        Place::Reload | Place::Quit => order(state, place, &visitor.method).await,
    }
}

fn own_metrics(state: &WebState, request: &HeaderMap) -> Response {
    let text = Reply::Whole(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
        state.registry.render(),
    );
    send(text, compress::is_accepted(request))
}

/// `/-/reload` and `/-/quit`.
async fn order(state: &Arc<WebState>, place: Place, method: &Method) -> Response {
    if method == Method::GET {
        return whole(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "Only POST or PUT requests allowed",
        );
    }
    if !state.options.enable_lifecycle {
        return whole(StatusCode::FORBIDDEN, TEXT, "Lifecycle API is not enabled.");
    }
    let lifecycle = Arc::clone(&state.views.lifecycle);
    if place == Place::Quit {
        lifecycle.quit();
        return whole(StatusCode::OK, TEXT, "Requesting termination... Goodbye!");
    }
    match tokio::task::spawn_blocking(move || lifecycle.reload()).await {
        Ok(Ok(())) => whole(StatusCode::OK, TEXT, ""),
        Ok(Err(error)) => plain_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("failed to reload config: {error}"),
        ),
        Err(_) => plain_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed to reload config: shutting down",
        ),
    }
}
