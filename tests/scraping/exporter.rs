//! An exporter that follows a script: the n-th scrape of a path by a server gets the n-th page.
//!
//! Servers are told apart by the header `X-Server`, which their configurations set, so that everything a
//! target's samples bear is the same for both. A script that is over goes on with its last page.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::script::Script;

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    /// How many bytes of the body really come.
    sent: usize,
    chunked: bool,
    silent: bool,
}

/// The classic text format.
pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Page {
    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type", TEXT.to_owned())],
            sent: body.len(),
            body,
            delay: Duration::ZERO,
            chunked: false,
            silent: false,
        }
    }

    /// A good page of the classic format.
    pub(super) fn text(body: &str) -> Self {
        Self::bytes(body.as_bytes().to_vec())
    }

    /// A good page of OpenMetrics, but for what its body says.
    pub(super) fn openmetrics(body: &str) -> Self {
        Self::text(body).content_type(OPENMETRICS)
    }

    /// No answer: the connection is closed.
    pub(super) fn silence() -> Self {
        Self {
            silent: true,
            ..Self::text("")
        }
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Another content type; none if it is empty.
    pub(super) fn content_type(mut self, value: &str) -> Self {
        self.headers.retain(|(name, _)| *name != "Content-Type");
        match value {
            "" => self,
            value => self.header("Content-Type", value),
        }
    }

    pub(super) fn after_ms(mut self, delay_ms: u64) -> Self {
        self.delay = Duration::from_millis(delay_ms);
        self
    }

    /// Promises the whole body and closes the connection after `sent` bytes of it.
    pub(super) fn cut(mut self, sent: usize) -> Self {
        self.sent = sent;
        self
    }

    /// Without a `Content-Length`.
    pub(super) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Compressed, and said to be.
    pub(super) fn gzip(self) -> Self {
        let packed = gzip(&self.body);
        self.packed(packed)
    }

    /// With this body, said to be compressed.
    pub(super) fn packed(mut self, body: Vec<u8>) -> Self {
        self.sent = body.len();
        self.body = body;
        self.header("Content-Encoding", "gzip")
    }

    /// Writes the body anew, if it is text.
    pub(super) fn rewrite(&mut self, rewritten: impl FnOnce(&str) -> String) {
        let is_whole = self.sent == self.body.len();
        if let Ok(text) = std::str::from_utf8(&self.body) {
            self.body = rewritten(text).into_bytes();
        }
        if is_whole {
            self.sent = self.body.len();
        }
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        std::thread::sleep(self.delay);
        if self.silent {
            return Ok(());
        }
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nConnection: close\r\n",
            self.status,
            reason(self.status)
        );
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let sent = &self.body[..self.sent.min(self.body.len())];
        if !self.chunked {
            head += &format!("Content-Length: {}\r\n\r\n", self.body.len());
            stream.write_all(head.as_bytes())?;
            return stream.write_all(sent);
        }
        head += "Transfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        for piece in sent.chunks(7) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
        }
        match sent.len() == self.body.len() {
            true => stream.write_all(b"0\r\n\r\n"),
            false => Ok(()),
        }
    }
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(body).expect("write to memory");
    packer.finish().expect("write to memory")
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

/// One server's asking for one path with its query.
type Asked = (String, String);

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<String, Vec<Page>>,
    counts: Mutex<HashMap<Asked, usize>>,
    /// The headers of each first request, lower case and sorted.
    headers: Mutex<HashMap<Asked, Vec<String>>>,
}

/// A running exporter; its threads end with the test.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) port: u16,
    state: Arc<State>,
}

impl Exporter {
    /// Serves each script at the path of its name.
    pub(super) fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let scripts = scripts
            .into_iter()
            .map(|script| (script.name, script.pages))
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let state = Arc::new(State {
            scripts,
            ..State::default()
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { port, state }
    }

    /// How many times `server` asked for the path and query.
    pub(super) fn count(&self, server: &str, path: &str) -> usize {
        let counts = self.state.counts.lock().expect("nobody panics with the lock");
        counts
            .get(&(server.to_owned(), path.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    /// What `server` said on its first request.
    pub(super) fn headers(&self, server: &str, path: &str) -> Vec<String> {
        let headers = self.state.headers.lock().expect("nobody panics with the lock");
        headers
            .get(&(server.to_owned(), path.to_owned()))
            .cloned()
            .unwrap_or_default()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        let Some(head) = read_head(&mut stream) else {
            return;
        };
        let mut lines = head.lines();
        let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1)) else {
            return;
        };
        let mut headers: Vec<String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
            .collect();
        headers.sort();
        let server = headers
            .iter()
            .find_map(|header| header.strip_prefix("x-server: "))
            .unwrap_or("");
        let asked = (server.to_owned(), path.to_owned());
        let name = path.trim_start_matches('/').split('?').next().unwrap_or("");
        let Some(script) = self.scripts.get(name) else {
            return;
        };
        let mut counts = self.counts.lock().expect("nobody panics with the lock");
        let count = counts.entry(asked.clone()).or_default();
        let page = &script[(*count).min(script.len() - 1)];
        *count += 1;
        drop(counts);
        self.headers
            .lock()
            .expect("nobody panics with the lock")
            .entry(asked)
            .or_insert(headers);
        // A client that has gone, as after a timeout, is part of the script.
        drop(page.send(&mut stream));
    }
}

/// A request without a body.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
        head.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(head).ok()
}
