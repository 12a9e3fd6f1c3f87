//! Through a proxy: HTTP's CONNECT and SOCKS5, each until the far side is reached.
//!
//! Whose proxy is used for what is told in [`super::proxy`]. Begin with [`connect`] and [`socks5`].

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::unexpected_end;
use super::proxy::Proxy;
use crate::config::quote::quoted;

/// The longest head of an answer to CONNECT.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a tunnel is made of.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Asks an HTTP proxy for a tunnel to `address`.
///
/// # Errors
/// When it gives none: the words of its status, as Go shows them.
pub(super) async fn connect(
    wire: &mut (impl Wire + ?Sized),
    address: &str,
    headers: &[(String, String)],
    authorization: Option<&str>,
) -> io::Result<()> {
    let mut lines: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| authorization.is_none() || !name.eq_ignore_ascii_case("proxy-authorization"))
        .collect();
    lines.extend(authorization.map(|value| ("Proxy-Authorization", value)));
    // Go's own client asks for the tunnel, under its own name.
    let mut agent = "Go-http-client/1.1";
    let mut head = String::new();
    for (name, value) in lines {
        match name {
            "User-Agent" => agent = value,
            "Host" => {}
            _ => head.push_str(&format!("{name}: {value}\r\n")),
        }
    }
    let agent = match agent {
        "" => String::new(),
        agent => format!("User-Agent: {agent}\r\n"),
    };
    let head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{agent}{head}\r\n");
    wire.write_all(head.as_bytes()).await?;
    wire.flush().await?;
    judge(&read_head(wire).await?)
}

/// Nothing follows the head: whoever asked for the tunnel speaks first in it.
async fn read_head(wire: &mut (impl Wire + ?Sized)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let length = wire.read(&mut piece).await?;
        if length == 0 {
            return Err(unexpected_end());
        }
        head.extend_from_slice(&piece[..length]);
        let end = memchr::memmem::find(&head, b"\r\n\r\n").or_else(|| memchr::memmem::find(&head, b"\n\n"));
        if let Some(end) = end {
            head.truncate(end);
            return Ok(head);
        }
        if head.len() > ANSWER_BYTES_MAX {
            return Err(io::Error::other(
                "net/http: server response headers exceeded limit",
            ));
        }
    }
}

fn judge(head: &[u8]) -> io::Result<()> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().next().unwrap_or_default();
    let status = line
        .split_once(' ')
        .filter(|(protocol, _)| protocol.starts_with("HTTP/"))
        .map(|(_, status)| status.trim_start());
    let Some(status) = status else {
        return Err(io::Error::other(format!(
            "malformed HTTP response {}",
            quoted(line)
        )));
    };
    match status.split_once(' ') {
        Some(("200", _)) => Ok(()),
        None if status == "200" => Ok(()),
        Some((_, words)) => Err(io::Error::other(words.to_owned())),
        None => Err(io::Error::other("unknown status code")),
    }
}

/// Asks a SOCKS5 proxy at `via` for a connection to a host, which the proxy looks up.
///
/// # Errors
/// When it makes none, in Go's words.
pub(super) async fn socks5(
    wire: &mut (impl Wire + ?Sized),
    proxy: &Proxy,
    via: &str,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let asked = ask_socks5(wire, proxy, host, port).await;
    asked.map_err(|error| {
        let ended = error.kind() == io::ErrorKind::UnexpectedEof;
        let text = if ended {
            "EOF".to_owned()
        } else {
            error.to_string()
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        io::Error::other(format!("socks connect tcp {via}->{host}:{port}: {text}"))
    })
}

async fn ask_socks5(wire: &mut (impl Wire + ?Sized), proxy: &Proxy, host: &str, port: u16) -> io::Result<()> {
    let refuse = |text: String| Err(io::Error::other(text));
    let methods: &[u8] = if proxy.user.is_some() {
        &[5, 2, 0, 2]
    } else {
        &[5, 1, 0]
    };
    wire.write_all(methods).await?;
    let mut chosen = [0; 2];
    wire.read_exact(&mut chosen).await?;
    match (chosen, &proxy.user) {
        ([5, 0xff], _) => return refuse("no acceptable authentication methods".into()),
        ([5, 2], Some((user, password))) => authenticate(wire, user, password).await?,
        ([5, 0], _) => {}
        ([5, method], _) => return refuse(format!("unsupported authentication method {method}")),
        ([version, _], _) => return refuse(format!("unexpected protocol version {version}")),
    }
    let mut request = vec![5, 1, 0];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            let Ok(length) = u8::try_from(host.len()) else {
                return refuse("FQDN too long".into());
            };
            request.extend([3, length]);
            request.extend(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    wire.write_all(&request).await?;
    let mut answer = [0; 4];
    wire.read_exact(&mut answer).await?;
    match answer {
        [5, 0, 0, _] => {}
        [5, 0, _, _] => return refuse("non-zero reserved field".into()),
        [5, reply, _, _] => return refuse(format!("unknown error {}", reply_words(reply))),
        [version, ..] => return refuse(format!("unexpected protocol version {version}")),
    }
    let length = match answer[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(wire.read_u8().await?),
        other => return refuse(format!("unknown address type {other}")),
    };
    let mut bound = vec![0; length + 2];
    wire.read_exact(&mut bound).await?;
    Ok(())
}

async fn authenticate(wire: &mut (impl Wire + ?Sized), user: &str, password: &str) -> io::Result<()> {
    let lengths = (u8::try_from(user.len()), u8::try_from(password.len()));
    let (Ok(user_length @ 1..), Ok(password_length)) = lengths else {
        return Err(io::Error::other("invalid username/password"));
    };
    let mut request = vec![1, user_length];
    request.extend(user.as_bytes());
    request.push(password_length);
    request.extend(password.as_bytes());
    wire.write_all(&request).await?;
    let mut answer = [0; 2];
    wire.read_exact(&mut answer).await?;
    match answer {
        [1, 0] => Ok(()),
        [1, _] => Err(io::Error::other("username/password authentication failed")),
        _ => Err(io::Error::other("invalid username/password version")),
    }
}

fn reply_words(reply: u8) -> String {
    let words = match reply {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        other => return format!("unknown code: {other}"),
    };
    words.to_owned()
}
