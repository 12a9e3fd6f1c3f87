//! What servers talk to: fake targets, and destinations of remote write.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::pages::Pages;

/// One port for all targets: they differ in their path, so that a server needs no thousand ports.
pub(crate) fn serve(pages: Arc<Pages>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pages = Arc::clone(&pages);
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            if let Err(error) = thread.spawn(move || answer_all(stream, &pages)) {
                eprintln!("ingest: a connection is not served: {error}");
            }
        }
    });
    Ok(port)
}

fn answer_all(mut stream: TcpStream, pages: &Pages) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Each connection is in another phase of the recording.
    let mut step = NEXT.fetch_add(7, Ordering::Relaxed);
    let mut buffer = [0; 8192];
    let mut held = 0;
    while let Ok(length @ 1..) = stream.read(&mut buffer[held..]) {
        held += length;
        if buffer[..held].ends_with(b"\r\n\r\n") {
            held = 0;
            step += 1;
            let page = &pages.answers[(step % pages.answers.len() as u64) as usize];
            if stream.write_all(page).is_err() {
                return;
            }
        }
        if held == buffer.len() {
            return;
        }
    }
}

/// A destination that takes everything and keeps nothing.
pub(crate) fn swallow() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A sender that goes away is no failure of ours.
            std::thread::spawn(move || drop(swallow_all(stream)));
        }
    });
    Ok(port)
}

fn swallow_all(stream: TcpStream) -> std::io::Result<()> {
    let (mut input, mut output) = (BufReader::new(stream.try_clone()?), stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim_end().is_empty() {
            std::io::copy(&mut (&mut input).take(length), &mut std::io::sink())?;
            output.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        }
    }
}
