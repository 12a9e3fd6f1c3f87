//! An exporter inside the test: a page made anew for each scrape, on a port of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The text format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// OpenMetrics.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Makes the page of a scrape from the scrape's number.
type Page = dyn Fn(u64) -> String + Send + Sync;

/// Dropping ends it.
pub(crate) struct Exporter {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    page: Box<Page>,
    content_type: &'static str,
    served: AtomicU64,
    is_over: AtomicBool,
}

impl Exporter {
    /// Serves `page(1)`, `page(2)` and so on, one a request.
    pub(crate) fn start(
        content_type: &'static str,
        page: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared {
            page: Box::new(page),
            content_type,
            served: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in socket.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // An error means that the server went away, as these tests have it.
                std::thread::spawn(move || drop(serving.serve(connection)));
            }
        });
        Self { port, shared }
    }

    /// How many pages were asked for.
    pub(crate) fn served(&self) -> u64 {
        self.shared.served.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?);
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 || self.is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                let body = (self.page)(self.served.fetch_add(1, Ordering::Relaxed) + 1);
                let (kind, len) = (self.content_type, body.len());
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n");
                connection.write_all((head + &body).as_bytes())?;
            }
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}
