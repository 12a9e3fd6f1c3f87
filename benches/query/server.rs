//! The servers under measurement: started on their own copies, asked over one connection each, killed at the end.

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Result;
use super::client::{Answer, Connection};
use super::queries::Query;
use super::stored::copy;

/// No server takes longer to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    process: Process,
    connection: Connection,
    /// Parameters that go with every query.
    extra: &'static str,
    _directory: TempDir,
}

/// Killed however the measurement ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// A peer's binary, if there is one.
pub(crate) fn peer(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PEERS").map_or_else(|| std::env::temp_dir().join("peers"), PathBuf::from);
    let path = folder.join("bin").join(name);
    path.exists().then_some(path)
}

impl Server {
    /// Prometheus, or ours: a copy of the blocks, which no compaction changes while the bench runs.
    pub(crate) fn prometheus(name: &'static str, binary: &Path, blocks: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        copy(blocks, &directory.path().join("data"))?;
        fs::write(directory.path().join("prometheus.yml"), "global: {}\n")?;
        let port = free_port()?;
        let child = Command::new(binary)
            .current_dir(directory.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=100y")
            .arg("--storage.tsdb.min-block-duration=2h")
            .arg("--storage.tsdb.max-block-duration=2h")
            .arg("--enable-feature=promql-experimental-functions")
            .arg("--query.max-samples=500000000")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Self::once_ready(name, directory, Process(child), port, "/-/ready", "")
    }

    /// VictoriaMetrics on `data`, or on a copy of `filled`; answers without its cache.
    pub(crate) fn victoria(binary: &Path, filled: Option<&Path>, data: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let data = match filled {
            None => data.to_owned(),
            Some(filled) => {
                let own = directory.path().join("data");
                copy(filled, &own)?;
                own
            }
        };
        let port = free_port()?;
        let child = Command::new(binary)
            .arg(format!("-storageDataPath={}", data.display()))
            .arg("-retentionPeriod=100y")
            // By default it closes kept connections after two minutes, and idle ones after one.
            .arg("-http.connTimeout=1h")
            .arg("-http.idleConnTimeout=1h")
            .arg("-search.maxSamplesPerQuery=4000000000")
            .arg("-search.maxPointsPerTimeseries=40000")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Self::once_ready(
            "victoria",
            directory,
            Process(child),
            port,
            "/health",
            "&nocache=1",
        )
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Ends the server in order, so that its directory is whole.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = i32::try_from(self.process.0.id())?;
        if let Some(id) = rustix::process::Pid::from_raw(id) {
            rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        }
        self.process.0.wait()?;
        Ok(())
    }

    fn once_ready(
        name: &'static str,
        directory: TempDir,
        mut process: Process,
        port: u16,
        path: &str,
        extra: &'static str,
    ) -> Result<Self> {
        let begun = Instant::now();
        let request = Connection::request("GET", path, "");
        while begun.elapsed() < READY_LIMIT {
            if let Some(status) = process.0.try_wait()? {
                return Err(format!("{name} ended with {status}").into());
            }
            if let Ok(mut connection) = Connection::open(port)
                && connection.ask(&request).is_ok_and(|answer| answer.status == 200)
            {
                return Ok(Self {
                    name,
                    process,
                    connection,
                    extra,
                    _directory: directory,
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{name} is not ready after {} s", READY_LIMIT.as_secs()).into())
    }

    pub(crate) fn ask(&mut self, query: &Query) -> Result<Answer> {
        let (path, times) = query.request();
        let expression: String = url::form_urlencoded::byte_serialize(query.expression.as_bytes()).collect();
        let path = format!("{path}?query={expression}&{times}{}", self.extra);
        let request = Connection::request("GET", &path, "");
        let asked = self.connection.ask(&request);
        asked.map_err(|error| self.about(query, &error))
    }

    /// An error with who and what.
    pub(crate) fn about(&mut self, query: &Query, error: &dyn Display) -> Box<dyn Error> {
        let ended = match self.process.0.try_wait() {
            Ok(Some(status)) => format!(" (it has ended with {status})"),
            _ => String::new(),
        };
        format!("{}{ended}: {}: {error}", self.name, query.expression).into()
    }

    /// CPU time of all its threads so far, in milliseconds; zero where the system does not say.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.process.0.id())) else {
            return 0.0;
        };
        let spent_ns = |entry: std::io::Result<fs::DirEntry>| -> Option<f64> {
            let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        threads.filter_map(spent_ns).sum::<f64>() / 1e6
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
