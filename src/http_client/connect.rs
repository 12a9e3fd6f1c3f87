//! Connections: TCP or a unix socket, with TLS on top for `https`.
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
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::error::{dial_error, lookup_error};
use super::tls::handshake_text;

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
    server_name: Option<ServerName<'static>>,
    route: Route,
}

impl Connector {
    pub(super) fn new(
        tls: rustls::ClientConfig,
        server_name: Option<ServerName<'static>>,
        route: Route,
    ) -> Self {
        let tls = TlsConnector::from(Arc::new(tls));
        let inner = Inner {
            tls,
            server_name,
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

impl Inner {
    async fn connect(&self, uri: &Uri) -> io::Result<Stream> {
        let https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        if let Route::UnixSocket(path) = &self.route {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| dial_error("unix", &path.display().to_string(), &error))?;
            return self
                .secure(stream, https, host, Stream::Unix, Stream::UnixTls)
                .await;
        }
        let stream = dial(host, port, &self.route).await?;
        stream.set_nodelay(true)?;
        self.secure(stream, https, host, Stream::Tcp, Stream::TcpTls)
            .await
    }

    async fn secure<S>(
        &self,
        stream: S,
        https: bool,
        host: &str,
        plain: impl FnOnce(TokioIo<S>) -> Stream,
        secure: impl FnOnce(Box<TokioIo<tokio_rustls::client::TlsStream<S>>>) -> Stream,
    ) -> io::Result<Stream>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        if !https {
            return Ok(plain(TokioIo::new(stream)));
        }
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| io::Error::other(handshake_text(&error)))?;
        Ok(secure(Box::new(TokioIo::new(stream))))
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
            Ok(stream) => return Ok(stream),
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

/// A connection of one of the four kinds.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TokioIo<TcpStream>),
    TcpTls(Box<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>>),
    Unix(TokioIo<UnixStream>),
    UnixTls(Box<TokioIo<tokio_rustls::client::TlsStream<UnixStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let alpn = match self {
            Self::TcpTls(stream) => stream.inner().get_ref().1.alpn_protocol(),
            Self::UnixTls(stream) => stream.inner().get_ref().1.alpn_protocol(),
            Self::Tcp(_) | Self::Unix(_) => None,
        };
        match alpn {
            Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

macro_rules! each {
    ($stream:expr, $io:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($io) => {
                let $io = Pin::new($io);
                $call
            }
            Stream::TcpTls($io) => {
                let $io = Pin::new(&mut **$io);
                $call
            }
            Stream::Unix($io) => {
                let $io = Pin::new($io);
                $call
            }
            Stream::UnixTls($io) => {
                let $io = Pin::new(&mut **$io);
                $call
            }
        }
    };
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_read(cx, buffer))
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_shutdown(cx))
    }
}
