//! Servers, from their start until they say that they are ready.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::status_mib;

/// Long enough for the slowest.
const PATIENCE: Duration = Duration::from_secs(600);

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET /-/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// Starts `name=program` on `dir` and kills it once it is ready.
pub(crate) fn start(server: &str, dir: &Path) {
    let (name, program) = server.split_once('=').expect("name=program");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let config = dir.join("restart.yml");
    std::fs::write(&config, "global: {}\n").expect("a configuration");
    let began = Instant::now();
    let mut child = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        // The samples are of the past.
        .arg("--storage.tsdb.retention.time=10y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a server");
    while !is_ready(port) {
        assert!(began.elapsed() < PATIENCE, "{name} is not ready");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed();
    let process = child.id().to_string();
    println!(
        "{name}: ready after {took:.2?}, at most {} MiB resident",
        status_mib(&process, "VmHWM")
    );
    child.kill().expect("killed");
    child.wait().expect("ended");
}
