//! One kept connection, and no more HTTP than answers of queries need: lengths and chunks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Result;

/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// A connection that is kept from one request to the next.
pub(crate) struct Connection(BufReader<TcpStream>);

/// A status and a body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// From the request's first byte to the answer's last.
    pub(crate) took_ms: f64,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self(BufReader::with_capacity(256 << 10, stream)))
    }

    /// The request as it goes over the wire, to be made before the clock runs.
    pub(crate) fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    /// Sends a request and reads the answer to its last byte.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        let begun = Instant::now();
        self.0.get_mut().write_all(request)?;
        let line = self.line()?;
        let status: u16 = line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let length = u64::from_str_radix(self.line()?.trim(), 16)?;
                self.take(length, &mut body)?;
                self.line()?;
                if length == 0 {
                    break;
                }
            }
        } else if status != 204 {
            self.take(length, &mut body)?;
        }
        Ok(Answer {
            status,
            body,
            took_ms: begun.elapsed().as_secs_f64() * 1000.0,
        })
    }

    /// A line without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn take(&mut self, length: u64, body: &mut Vec<u8>) -> Result<()> {
        let read = self.0.by_ref().take(length).read_to_end(body)?;
        if (read as u64) < length {
            return Err("the answer breaks off".into());
        }
        Ok(())
    }
}
