//! An EC2 endpoint of the test's own: answers forms as a closure says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Serves until the test ends.
pub(super) struct Endpoint {
    pub(super) url: String,
}

/// A status and a body for the action and the `NextToken` of a form.
type Answers = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

impl Endpoint {
    pub(super) fn start(answers: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let answers: Arc<Answers> = Arc::new(answers);
        std::thread::spawn(move || {
            for connection in socket.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&answers);
                // An error means that the server went away, as these tests have it.
                std::thread::spawn(move || drop(serve(connection, &*answers)));
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

fn serve(mut connection: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut form = vec![0; length];
        reader.read_exact(&mut form)?;
        let field = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(&form);
            pairs
                .find(|(key, _)| key == name)
                .map_or(String::new(), |(_, value)| value.into_owned())
        };
        let (status, body) = answers(&field("Action"), &field("NextToken"));
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all((head + &body).as_bytes())?;
    }
}
