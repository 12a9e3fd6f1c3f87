//! The accept loop: sockets, TLS, the limit on connections, orderly ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use super::auth::Auth;
use super::routes::Peer;
use super::web_file::{WebFile, WebFileError};
use super::{WebOptions, tls};

/// How long running requests may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the loop rests when the system refuses a connection (out of file descriptors, say).
const REST: Duration = Duration::from_millis(50);

/// An address that cannot be served.
#[derive(Debug)]
pub struct ListenError {
    kind: ListenErrorKind,
}

#[derive(Debug)]
enum ListenErrorKind {
    Bind { address: String, error: io::Error },
    WebFile(WebFileError),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ListenErrorKind::Bind { address, .. } => write!(f, "listen on {address}"),
            ListenErrorKind::WebFile(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ListenErrorKind::Bind { error, .. } => Some(error),
            ListenErrorKind::WebFile(error) => error.source(),
        }
    }
}

/// Sockets that are bound.
#[derive(Debug)]
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    web_file: Arc<WebFile>,
}

impl Listeners {
    pub(super) async fn bind(options: &WebOptions) -> Result<Self, ListenError> {
        let web_file = WebFile::new(options.web_config_file.clone());
        // A wrong file ends the start; later on it only fails requests.
        let settings = web_file.read().map_err(|error| ListenError {
            kind: ListenErrorKind::WebFile(error),
        })?;
        tls::check(&settings).map_err(|error| ListenError {
            kind: ListenErrorKind::WebFile(error),
        })?;
        let mut sockets = Vec::new();
        for address in &options.listen_addresses {
            let target = if address.starts_with(':') {
                format!("[::]{address}")
            } else {
                address.clone()
            };
            let socket = TcpListener::bind(&target).await;
            let socket = socket.map_err(|error| ListenError {
                kind: ListenErrorKind::Bind {
                    address: address.clone(),
                    error,
                },
            })?;
            sockets.push(socket);
        }
        Ok(Self {
            sockets,
            web_file: Arc::new(web_file),
        })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    pub(super) async fn serve(
        self,
        router: Router,
        options: &WebOptions,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        let server = Arc::new(Server {
            router,
            auth: Auth::new(Arc::clone(&self.web_file)),
            web_file: self.web_file,
            permits: Arc::new(Semaphore::new(options.max_connections.max(1))),
            read_timeout: options.read_timeout,
            graceful: GracefulShutdown::new(),
        });
        let mut loops = tokio::task::JoinSet::new();
        for socket in self.sockets {
            if let Ok(address) = socket.local_addr() {
                info!(%address, "Listening on");
            }
            loops.spawn(accept(Arc::clone(&server), socket));
        }
        stop.await;
        loops.shutdown().await;
        let Some(server) = Arc::into_inner(server) else {
            return;
        };
        if tokio::time::timeout(DRAIN, server.graceful.shutdown())
            .await
            .is_err()
        {
            warn!("Requests were still running and are cut off");
        }
    }
}

struct Server {
    router: Router,
    auth: Auth,
    web_file: Arc<WebFile>,
    permits: Arc<Semaphore>,
    read_timeout: Duration,
    graceful: GracefulShutdown,
}

async fn accept(server: Arc<Server>, socket: TcpListener) {
    loop {
        let Ok(permit) = Arc::clone(&server.permits).acquire_owned().await else {
            return;
        };
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let connection = connect(&server, stream, peer);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
}

/// Serves one connection. What it needs is taken out of `server` before it runs, so that a stopping
/// server can be taken apart.
fn connect(
    server: &Server,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl Future<Output = ()> + Send + 'static {
    let (router, auth, watcher) = (
        server.router.clone(),
        server.auth.clone(),
        server.graceful.watcher(),
    );
    let (web_file, read_timeout) = (Arc::clone(&server.web_file), server.read_timeout);
    async move {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "A connection keeps its delays");
        }
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (router, auth) = (router.clone(), auth.clone());
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                let authorization = request.headers().get(AUTHORIZATION).cloned();
                match auth.admit(authorization.as_ref()).await {
                    Ok(headers) => {
                        let mut response = router.oneshot(request).await?;
                        response.headers_mut().extend(headers);
                        Ok::<_, std::convert::Infallible>(response)
                    }
                    Err(refusal) => Ok(*refusal),
                }
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(read_timeout);
        builder.http2().timer(TokioTimer::new());
        let acceptor = match web_file.read().and_then(|settings| tls::acceptor(&settings)) {
            Ok(acceptor) => acceptor,
            Err(error) => {
                warn!(%error, %peer, "A connection is refused while the web configuration is wrong");
                return;
            }
        };
        let outcome = match acceptor {
            None => {
                let builder = builder.http1_only();
                watcher
                    .watch(
                        builder
                            .serve_connection_with_upgrades(TokioIo::new(stream), service)
                            .into_owned(),
                    )
                    .await
            }
            Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    watcher
                        .watch(
                            builder
                                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                                .into_owned(),
                        )
                        .await
                }
                Ok(Err(error)) => {
                    debug!(%error, %peer, "TLS handshake error");
                    return;
                }
                Err(_elapsed) => return,
            },
        };
        if let Err(error) = outcome {
            debug!(%error, %peer, "A connection ended early");
        }
    }
}
