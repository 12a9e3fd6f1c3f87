//! Proxies that note what they are asked: HTTP and SOCKS5.
//!
//! Begin with [`proxy`] and [`socks`].

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use super::world::{Both, Note, PAGE, Wire, answer, exporter, read_head};

/// A proxy that answers for everybody, and whose tunnels all lead to `tls`. Hosts that begin with `refused`
/// are refused.
pub(super) fn proxy(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) {
    let mut reader = BufReader::new(Both(wire));
    while let Some(head) = read_head(&mut reader) {
        note.add(&head.text());
        let wire = &mut *reader.get_mut().0;
        if !head.line.starts_with("CONNECT ") {
            let refuses = head.path().contains("refused");
            let (status, body) = if refuses {
                ("502 Bad Gateway", "no")
            } else {
                ("200 OK", PAGE)
            };
            if !answer(wire, status, "Content-Type: text/plain\r\n", body) {
                return;
            }
            continue;
        }
        match head.path().split('-').next().unwrap_or("") {
            "refused" => {
                drop(wire.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
            }
            "silenced" => {}
            "greeted" => drop(wire.write_all(b"HELLO\r\n\r\n")),
            _ => {
                drop(wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"));
                drop(wire.flush());
                pass_on(wire, tls);
            }
        }
        return;
    }
}

/// Turn by turn, which is how one request after the other goes.
fn pass_on(wire: &mut dyn Wire, to: &str) {
    let Ok(mut far) = TcpStream::connect(to) else {
        return;
    };
    let pause = std::time::Duration::from_millis(60);
    drop(far.set_read_timeout(Some(pause)));
    let mut piece = [0; 16384];
    loop {
        match wire.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => drop(far.write_all(&piece[..length])),
        }
        loop {
            match far.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => drop(wire.write_all(&piece[..length]).and_then(|()| wire.flush())),
                Err(_) => break,
            }
        }
    }
}

/// SOCKS5 with the user `user` and the password `right`, or none. Port 443 leads to `tls`; a proxy of its own
/// answers the rest.
pub(super) fn socks(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) {
    drop(serve_socks(wire, note, tls));
}

fn serve_socks(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) -> std::io::Result<()> {
    let mut two = [0; 2];
    wire.read_exact(&mut two)?;
    let mut methods = vec![0; usize::from(two[1])];
    wire.read_exact(&mut methods)?;
    let mut said = format!("methods {methods:?}");
    if methods.contains(&2) {
        wire.write_all(&[5, 2])?;
        let mut piece = [0; 512];
        let length = wire.read(&mut piece)?;
        let words = String::from_utf8_lossy(&piece[1..length]).into_owned();
        let is_right = words.ends_with("right");
        said.push_str(&format!(" user {words:?}"));
        wire.write_all(&[1, u8::from(!is_right)])?;
    } else {
        wire.write_all(&[5, 0])?;
    }
    let mut piece = [0; 512];
    let length = wire.read(&mut piece)?;
    let request = &piece[..length];
    let host = match request.get(3) {
        Some(3) => String::from_utf8_lossy(&request[5..length - 2]).into_owned(),
        _ => format!("{:?}", &request[4.min(length)..length.saturating_sub(2)]),
    };
    let port = request.last_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    note.add(&format!("{said} host {host} port {port}"));
    if host.starts_with("refused") {
        return wire.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    wire.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80])?;
    wire.flush()?;
    match port {
        443 => pass_on(wire, tls),
        _ => exporter(wire, note),
    }
    Ok(())
}
