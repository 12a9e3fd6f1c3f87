//! What tests from outside need: the real binaries on free ports, requests, directories, peers.

pub(crate) mod alertmanager;
pub(crate) mod differences;
pub(crate) mod exporter;
pub(crate) mod fake_api;
pub(crate) mod fake_consul;
pub(crate) mod http;
// Shared with the tests of the discovery itself, which use other parts of it.
#[allow(dead_code, reason = "each of its two users needs a part of it")]
pub(crate) mod kubernetes;
pub(crate) mod moto;
pub(crate) mod peers;
pub(crate) mod process;
pub(crate) mod samples;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod web;
pub(crate) mod world;
pub(crate) mod write_request;

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

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A small generator of numbers that look random and are the same for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A number from the environment.
#[track_caller]
pub(crate) fn number_from_env(name: &str, otherwise: u64) -> u64 {
    let read = |text: String| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}"));
    std::env::var(name).map_or(otherwise, read)
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
