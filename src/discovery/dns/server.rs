//! Asking one DNS server once, in a datagram or over a connection.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use super::wire::{Answer, DATAGRAM_BYTES_MAX, Message};

/// How long connecting may take, and how long an answer.
const STEP_TIME_MAX: Duration = Duration::from_secs(2);

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// The answer of `server` to `question`.
pub(super) async fn ask(
    server: &str,
    port: u16,
    question: &Message,
    transport: Transport,
) -> Result<Answer, String> {
    let network = match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    let address = address(server, port).await;
    let address = address.map_err(|error| format!("dial {network}: {error}"))?;
    let answer = match transport {
        Transport::Udp => over_datagrams(address, question).await,
        Transport::Tcp => over_connection(address, question).await,
    };
    answer.map_err(|error| format!("{network} {address}: {error}"))
}

async fn over_datagrams(server: SocketAddr, question: &Message) -> Result<Answer, String> {
    let here: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(here).await.map_err(text)?;
    socket.connect(server).await.map_err(text)?;
    socket.send(&question.bytes).await.map_err(text)?;
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    let listening = async {
        loop {
            let length = socket.recv(&mut datagram).await.map_err(text)?;
            let answer = Answer::parse(&datagram[..length])?;
            // Another id answers a question that is no longer waited for.
            if answer.id == question.id {
                return Ok(answer);
            }
        }
    };
    in_time(listening).await
}

async fn over_connection(server: SocketAddr, question: &Message) -> Result<Answer, String> {
    let connecting = async { TcpStream::connect(server).await.map_err(text) };
    let mut stream = in_time(connecting).await?;
    let exchange = async {
        let length = u16::try_from(question.bytes.len()).map_err(|error| error.to_string())?;
        let framed = [&length.to_be_bytes(), question.bytes.as_slice()].concat();
        stream.write_all(&framed).await.map_err(text)?;
        let length = stream.read_u16().await.map_err(text)?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.map_err(text)?;
        Answer::parse(&message)
    };
    let answer = in_time(exchange).await?;
    match answer.id == question.id {
        true => Ok(answer),
        false => Err("id mismatch".to_owned()),
    }
}

async fn in_time<T>(step: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let done = timeout(STEP_TIME_MAX, step).await;
    done.unwrap_or_else(|_| Err("i/o timeout".to_owned()))
}

fn text(error: io::Error) -> String {
    error.to_string()
}

/// The address of a server, which is written as one, with a zone perhaps, or as a name.
async fn address(server: &str, port: u16) -> Result<SocketAddr, String> {
    if let Some((plain, zone)) = server.split_once('%')
        && let Ok(ip) = plain.parse::<Ipv6Addr>()
    {
        let index = match zone.parse() {
            Ok(index) => index,
            Err(_) => interface_index(zone).ok_or_else(|| format!("there is no interface {zone}"))?,
        };
        return Ok(SocketAddrV6::new(ip, port, 0, index).into());
    }
    let mut found = lookup_host((server, port)).await.map_err(text)?;
    found.next().ok_or_else(|| format!("{server} has no address"))
}

fn interface_index(name: &str) -> Option<u32> {
    let is_name = !name.contains('/') && !name.starts_with('.');
    let path = is_name.then(|| format!("/sys/class/net/{name}/ifindex"))?;
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
