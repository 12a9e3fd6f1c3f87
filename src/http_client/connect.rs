//! Connections: TCP or a unix socket, perhaps through a proxy, with TLS on top for `https`.
//!
//! A connector of our own rather than a library's, because `server_name` changes SNI and verification but
//! not the host that is dialled, and because errors name what was dialled as Go's do.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::{dial_error, lookup_error, proxy_error};
use super::first::FirstBytes;
use super::proxy::{Proxies, Proxy, ProxyKind};
use super::tls::TlsSetup;
use super::tunnel::{self, Wire};

/// How long a TLS handshake may take, as Go's transport has it for Prometheus.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Which way a host is reached.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// By the first of its addresses that answers.
    FirstAddress,
    /// By any one of its addresses, another one for each connection.
    AnyAddress,
    /// Through a unix socket, whatever its name.
    UnixSocket(PathBuf),
}

/// How to connect. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Connector {
    inner: Arc<Inner>,
}

struct Inner {
    tls: TlsConnector,
    /// For proxies, which speak HTTP/1 alone.
    proxy_tls: TlsConnector,
    server_name: Option<ServerName<'static>>,
    proxies: Arc<Proxies>,
    route: Route,
}

impl Connector {
    pub(super) fn new(setup: TlsSetup, proxies: Arc<Proxies>, route: Route) -> Self {
        let mut proxy_tls = setup.config.clone();
        proxy_tls.alpn_protocols = Vec::new();
        let inner = Inner {
            tls: TlsConnector::from(Arc::new(setup.config)),
            proxy_tls: TlsConnector::from(Arc::new(proxy_tls)),
            server_name: setup.server_name,
            proxies,
            route,
        };
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.connect(&uri).await })
    }
}

/// Where a connection is to end.
struct Goal<'u> {
    is_https: bool,
    host: &'u str,
    port: u16,
}

impl<'u> Goal<'u> {
    fn of(uri: &'u Uri) -> Self {
        let is_https = uri.scheme_str() == Some("https");
        Self {
            is_https,
            host: uri.host().unwrap_or("").trim_matches(['[', ']']),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
        }
    }

    fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Inner {
    async fn connect(&self, uri: &Uri) -> io::Result<Stream> {
        let goal = Goal::of(uri);
        let mut takes_requests = false;
        let wire: Box<dyn Wire> = if let Route::UnixSocket(path) = &self.route {
            let connected = UnixStream::connect(path).await;
            let failed = |error| dial_error("unix", &path.display().to_string(), &error);
            Box::new(connected.map_err(failed)?)
        } else {
            let chosen = self.proxies.choose(goal.is_https, goal.host, goal.port);
            match chosen.map_err(io::Error::other)? {
                Some(proxy) => {
                    takes_requests = proxy.takes_requests() && !goal.is_https;
                    self.connect_through(proxy, &goal).await?
                }
                None => Box::new(dial(goal.host, goal.port, &self.route).await?),
            }
        };
        if !goal.is_https {
            return Ok(Stream::new(wire, false, takes_requests));
        }
        let tls = self.secure(&self.tls, wire, goal.host).await?;
        let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream::new(Box::new(tls), is_h2, false))
    }

    /// A wire to the goal, or to a proxy that takes requests for it.
    async fn connect_through(&self, proxy: &Proxy, goal: &Goal<'_>) -> io::Result<Box<dyn Wire>> {
        let stream = dial(&proxy.host, proxy.port, &self.route)
            .await
            .map_err(proxy_error)?;
        let via = stream.peer_addr()?.to_string();
        let mut wire: Box<dyn Wire> = match proxy.kind {
            ProxyKind::Http | ProxyKind::Socks5 => Box::new(stream),
            ProxyKind::Https => {
                let secured = self.secure(&self.proxy_tls, stream, &proxy.host).await;
                Box::new(secured.map_err(proxy_error)?)
            }
        };
        if proxy.kind == ProxyKind::Socks5 {
            tunnel::socks5(&mut wire, proxy, &via, goal.host, goal.port).await?;
        } else if goal.is_https {
            let authorization = proxy.authorization().transpose().map_err(io::Error::other)?;
            let authorization = authorization.as_ref().and_then(|value| value.to_str().ok());
            let headers = &self.proxies.connect_headers;
            tunnel::connect(&mut wire, &goal.address(), headers, authorization).await?;
        }
        Ok(wire)
    }

    async fn secure<W: Wire>(
        &self,
        tls: &TlsConnector,
        wire: W,
        host: &str,
    ) -> io::Result<tokio_rustls::client::TlsStream<FirstBytes<W>>> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let shaking = tls.connect(name, FirstBytes::new(wire)).into_fallible();
        match timeout(HANDSHAKE_MAX, shaking).await {
            Ok(Ok(secured)) => Ok(secured),
            Ok(Err((_, wire))) if wire.spell("HTTP/") => Err(io::Error::other(
                "http: server gave HTTP response to HTTPS client",
            )),
            Ok(Err((error, _))) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(io::Error::other("EOF"))
            }
            Ok(Err((error, _))) => Err(error),
            Err(_) => Err(io::Error::other("net/http: TLS handshake timeout")),
        }
    }
}

/// Connects to an address of `host`.
async fn dial(host: &str, port: u16, route: &Route) -> io::Result<TcpStream> {
    let addresses = tokio::net::lookup_host((host, port)).await;
    let mut addresses: Vec<SocketAddr> = addresses.map_err(|_| lookup_error(host))?.collect();
    if matches!(route, Route::AnyAddress) && !addresses.is_empty() {
        let chosen = addresses[any_below(addresses.len())];
        addresses = vec![chosen];
    }
    let mut failure = lookup_error(host);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = dial_error("tcp", &address.to_string(), &error),
        }
    }
    Err(failure)
}

/// Any number below `bound`, which is not 0: the seeds of hash maps differ each time.
fn any_below(bound: usize) -> usize {
    let seed = RandomState::new().build_hasher().finish();
    // Below a usize.
    (seed % bound as u64) as usize
}

/// How many requests a connection has answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<AtomicUsize>);

impl Uses {
    /// Counts one more.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there was one.
    pub(super) fn are_some(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A connection.
pub(super) struct Stream {
    io: TokioIo<Box<dyn Wire>>,
    is_h2: bool,
    /// Whether the far end is a proxy that wants whole addresses.
    takes_requests: bool,
    uses: Uses,
}

impl Stream {
    fn new(wire: Box<dyn Wire>, is_h2: bool, takes_requests: bool) -> Self {
        Self {
            io: TokioIo::new(wire),
            is_h2,
            takes_requests,
            uses: Uses::default(),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new()
            .proxy(self.takes_requests)
            .extra(self.uses.clone());
        match self.is_h2 {
            true => connected.negotiated_h2(),
            false => connected,
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }
}
