//! A wire that remembers the first bytes that came over it.
//!
//! A server without TLS answers a handshake with text, and only its bytes tell. Begin with [`FirstBytes`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tunnel::Wire;

/// Passes everything on.
#[derive(Debug)]
pub(super) struct FirstBytes<W> {
    wire: W,
    bytes: [u8; 5],
    length: u8,
}

impl<W> FirstBytes<W> {
    pub(super) fn new(wire: W) -> Self {
        Self {
            wire,
            bytes: [0; 5],
            length: 0,
        }
    }

    /// Whether the first bytes are these.
    pub(super) fn spell(&self, text: &str) -> bool {
        self.bytes[..usize::from(self.length)] == *text.as_bytes()
    }
}

impl<W: Wire> AsyncRead for FirstBytes<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.wire).poll_read(cx, buffer);
        for byte in &buffer.filled()[before..] {
            let at = usize::from(self.length);
            let Some(place) = self.bytes.get_mut(at) else {
                break;
            };
            *place = *byte;
            self.length += 1;
        }
        polled
    }
}

impl<W: Wire> AsyncWrite for FirstBytes<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, pieces)
    }
}
