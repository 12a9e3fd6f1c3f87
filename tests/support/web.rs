//! A web server inside the test: what it answers is a function of what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query as they stood in the request.
    pub(crate) target: String,
    /// Lower-case names, in their order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn read(lines: &mut BufReader<TcpStream>) -> std::io::Result<Option<Self>> {
        let mut asked = Self::default();
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let text = line.trim_end();
            if asked.method.is_empty() {
                let mut words = text.split(' ');
                asked.method = words.next().unwrap_or_default().to_owned();
                asked.target = words.next().unwrap_or_default().to_owned();
            } else if let Some((name, value)) = text.split_once(':') {
                asked
                    .headers
                    .push((name.to_ascii_lowercase(), value.trim().to_owned()));
            } else if text.is_empty() {
                break;
            }
        }
        let length = asked.header("content-length").and_then(|text| text.parse().ok());
        asked.body = vec![0; length.unwrap_or(0)];
        lines.read_exact(&mut asked.body)?;
        Ok(Some(asked))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Page {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/json", body)
    }

    fn write(&self, connection: &mut TcpStream) -> std::io::Result<()> {
        let length = self.body.len();
        let mut out = format!("HTTP/1.1 {} Answer\r\nContent-Length: {length}\r\n", self.status);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut out = (out + "\r\n").into_bytes();
        out.extend_from_slice(&self.body);
        connection.write_all(&out)
    }
}

/// Makes the answers; called by a thread a connection.
type Answering = dyn Fn(&Asked) -> Page + Send + Sync;

/// Dropping ends it.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answering: Box<Answering>,
    is_over: AtomicBool,
}

impl Web {
    pub(crate) fn start(answering: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answering)
    }

    /// Listens at an address of the test's choice.
    #[track_caller]
    pub(crate) fn start_at(
        address: &str,
        answering: impl Fn(&Asked) -> Page + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind(address).unwrap_or_else(|e| panic!("bind {address}: {e}"));
        let address = socket.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            answering: Box::new(answering),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in socket.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // An error means that the client went away.
                std::thread::spawn(move || drop(serving.serve(connection)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut lines = BufReader::new(connection.try_clone()?);
        while let Some(asked) = Asked::read(&mut lines)? {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            (self.answering)(&asked).write(&mut connection)?;
        }
        Ok(())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}
