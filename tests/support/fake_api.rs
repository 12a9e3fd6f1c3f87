//! An HTTP API inside the test, on a port or a unix socket: answers are made by the test, well or badly.
//!
//! Threads and blocking sockets, so that an answer may wait for whatever it likes; also used by the tests of `src`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    /// All header lines, in small letters.
    pub(crate) headers: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, header lines, body.
    Whole(u16, String, String),
    /// Less of the body than was announced.
    Truncated(String),
    /// Nothing, and the connection stays open.
    Hang,
    /// Bytes without an end.
    #[allow(
        dead_code,
        reason = "the tests of `src` are given it, which may bound what they read"
    )]
    Endless,
}

impl Reply {
    /// A good answer of JSON.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::Whole(200, String::new(), body.into())
    }

    /// An answer that is none.
    pub(crate) fn error(status: u16, body: &str) -> Self {
        Self::Whole(status, String::new(), body.to_owned())
    }
}

impl Asked {
    /// The value of a parameter, if there is one.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn read(head: &str) -> Option<Self> {
        let (line, headers) = head.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Some(Self {
            method,
            path: path.to_owned(),
            query: query.collect(),
            headers: headers.to_ascii_lowercase(),
        })
    }
}

/// Makes answers.
type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The API; it lives as long as the process.
#[derive(Clone)]
pub(crate) struct FakeApi {
    /// `127.0.0.1:1234`, or nothing for a socket.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answering: Arc<Answering>,
}

impl FakeApi {
    /// An API on a port of the system's choice.
    pub(crate) fn start(answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let address = listener.local_addr().expect("a bound socket has an address");
        let api = Self::new(address.to_string(), answering);
        let serving = api.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                serving.serve(connection);
            }
        });
        api
    }

    /// An API on a unix socket.
    pub(crate) fn on_socket(
        path: &Path,
        answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).expect("bind a socket in a directory of the test");
        let api = Self::new(String::new(), answering);
        let serving = api.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                serving.serve(connection);
            }
        });
        api
    }

    fn new(address: String, answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            address,
            asked: Arc::default(),
            answering: Arc::new(answering),
        }
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .expect("no test panics while it holds this")
            .clone()
    }

    fn serve(&self, connection: impl Connection) {
        let api = self.clone();
        // An error means that the client went away, as clients do.
        std::thread::spawn(move || drop(api.answer_all(connection)));
    }

    fn answer_all(&self, mut connection: impl Connection) -> io::Result<()> {
        connection.set_timeout(Duration::from_secs(60))?;
        let mut head = Vec::new();
        loop {
            let mut byte = [0];
            if connection.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8_lossy(&head).into_owned();
            head.clear();
            let Some(asked) = Asked::read(&text) else {
                return Ok(());
            };
            let is_head = asked.method == "HEAD";
            self.asked
                .lock()
                .expect("no test panics while it holds this")
                .push(asked.clone());
            match (self.answering)(&asked) {
                Reply::Whole(status, headers, body) => {
                    let length = body.len();
                    let json = match headers.contains("Content-Type") {
                        true => "",
                        false => "Content-Type: application/json\r\n",
                    };
                    let body = if is_head { "" } else { &body };
                    write!(
                        connection,
                        "HTTP/1.1 {status} Said\r\n{json}{headers}Content-Length: {length}\r\n\r\n{body}"
                    )?;
                }
                Reply::Truncated(body) => {
                    let length = body.len() + 10;
                    write!(
                        connection,
                        "HTTP/1.1 200 OK\r\nX-Consul-Index: 99\r\nContent-Length: {length}\r\n\r\n{body}"
                    )?;
                    return Ok(());
                }
                Reply::Hang => std::thread::sleep(Duration::from_secs(60)),
                Reply::Endless => {
                    write!(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
                    loop {
                        connection.write_all(&[b' '; 65536])?;
                    }
                }
            }
            connection.flush()?;
        }
    }
}

/// A stream that can time out.
trait Connection: Read + Write + Send + 'static {
    fn set_timeout(&self, limit: Duration) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}

impl Connection for UnixStream {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}
