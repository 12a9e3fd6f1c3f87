//! What tests from outside need: the real binaries on free ports, requests, directories, peers.

pub(crate) mod differences;
pub(crate) mod http;
pub(crate) mod peers;
pub(crate) mod server;

use std::path::PathBuf;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// Asks `done` until it says something, up to `limit_s` seconds.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, limit_s: u64, mut done: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(
            began.elapsed().as_secs() < limit_s,
            "waited {limit_s} s for {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
