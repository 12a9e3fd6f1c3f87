//! A receiver inside the test: it writes down every request and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::write_request::WriteRequest;

/// What is said to a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Say {
    /// 0 closes the connection instead.
    pub(super) status: u16,
    pub(super) header: &'static str,
    pub(super) after: Duration,
}

impl Say {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// A request that came, in full.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The first line.
    pub(super) line: String,
    /// Sorted, with names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) request: WriteRequest,
    pub(super) status: u16,
}

/// Decides over an arrival, knowing those before it.
type Course = dyn Fn(&WriteRequest, &[Arrival]) -> Say + Send + Sync;

/// Dropping ends it.
pub(super) struct Receiver {
    pub(super) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    course: Box<Course>,
    arrivals: Mutex<Vec<Arrival>>,
    is_over: AtomicBool,
}

impl Receiver {
    pub(super) fn start(course: impl Fn(&WriteRequest, &[Arrival]) -> Say + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared {
            course: Box::new(course),
            arrivals: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in socket.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // An error means that the sender went away, as these tests have it.
                std::thread::spawn(move || drop(serving.serve(connection)));
            }
        });
        Self { port, shared }
    }

    /// All that came so far.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().expect("no test fails here").clone()
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut input = BufReader::new(connection.try_clone()?);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 || self.is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mut headers = Vec::new();
            loop {
                let mut header = String::new();
                input.read_line(&mut header)?;
                let Some((name, value)) = header.trim_end().split_once(": ") else {
                    break;
                };
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            headers.sort();
            let len = headers.iter().find(|(name, _)| name == "content-length");
            let len = len.and_then(|(_, len)| len.parse().ok()).unwrap_or(0);
            let mut body = vec![0; len];
            input.read_exact(&mut body)?;
            let request = WriteRequest::decode(&body);
            let say = {
                let mut arrivals = self.arrivals.lock().expect("no test fails here");
                let say = (self.course)(&request, &arrivals);
                arrivals.push(Arrival {
                    line: line.trim_end().to_owned(),
                    headers,
                    request,
                    status: say.status,
                });
                say
            };
            std::thread::sleep(say.after);
            if say.status == 0 {
                return Ok(());
            }
            let head = format!("HTTP/1.1 {} X\r\nContent-Length: 2\r\n", say.status);
            connection.write_all(format!("{head}{}\r\nno", say.header).as_bytes())?;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}
