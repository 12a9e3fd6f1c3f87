//! A server that is measured.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pages::Pages;
use crate::targets::{serve, swallow};
use crate::{Result, Settings};

/// What a server needed.
pub(crate) struct Measured {
    pub(crate) samples: u64,
    pub(crate) cpu_s: f64,
    pub(crate) elapsed_s: f64,
    pub(crate) series: u64,
    /// What is anonymous, shared or dirty.
    pub(crate) held_bytes: u64,
    pub(crate) rss_bytes: u64,
    /// Bytes of the head by part, if the server tells.
    pub(crate) parts: Vec<(String, f64)>,
}

/// Ends the server however the measurement ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("ingest: the server did not end: {error}");
        }
    }
}

/// Which command line a server understands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Prometheus,
    Victoria,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name.starts_with("victoria") {
            true => Self::Victoria,
            false => Self::Prometheus,
        }
    }

    fn arguments(self, directory: &Path, port: u16) -> [String; 3] {
        let (config, data) = (directory.join("prometheus.yml"), directory.join("data"));
        let (config, data) = (config.display(), data.display());
        match self {
            Self::Prometheus => [
                format!("--config.file={config}"),
                format!("--storage.tsdb.path={data}"),
                format!("--web.listen-address=127.0.0.1:{port}"),
            ],
            Self::Victoria => [
                format!("-promscrape.config={config}"),
                format!("-storageDataPath={data}"),
                format!("-httpListenAddr=127.0.0.1:{port}"),
            ],
        }
    }

    fn series(self, port: u16) -> Result<f64> {
        match self {
            Self::Prometheus => own_metric(port, "prometheus_tsdb_head_series"),
            Self::Victoria => {
                let answer = answer(&get(port, "/api/v1/status/tsdb")?)?;
                let series = answer.pointer("/data/totalSeries");
                Ok(series
                    .and_then(serde_json::Value::as_f64)
                    .ok_or("no number of series")?)
            }
        }
    }
}

/// Starts a server in a directory of its own, and looks at it for a while.
///
/// # Errors
/// When it cannot be started or does not answer.
pub(crate) fn measure(
    name: &str,
    binary: &Path,
    settings: &Settings,
    pages: &Arc<Pages>,
) -> Result<Measured> {
    let kind = Kind::of(name);
    let port = serve(Arc::clone(pages))?;
    let directory = std::env::temp_dir().join(format!("deucalion-ingest-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    std::fs::write(
        directory.join("prometheus.yml"),
        configuration(kind, settings, port)?,
    )?;
    let own_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new(binary)
        .args(kind.arguments(&directory, own_port))
        .args(settings.flags.iter().filter(|_| kind == Kind::Prometheus))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = Server(child);
    let pid = server.0.id();
    std::thread::sleep(Duration::from_secs(settings.warmup_s));
    let (cpu_before, begun) = (cpu_s(pid)?, Instant::now());
    std::thread::sleep(Duration::from_secs(settings.seconds));
    let (cpu_s, elapsed_s) = (cpu_s(pid)? - cpu_before, begun.elapsed().as_secs_f64());
    let (held_bytes, rss_bytes) = memory(pid)?;
    let per_round = query(own_port, "sum(scrape_samples_scraped)")?;
    let rounds = elapsed_s * 1000.0 / settings.interval_ms as f64;
    let measured = Measured {
        samples: (per_round * rounds) as u64,
        cpu_s,
        elapsed_s,
        series: kind.series(own_port)? as u64,
        held_bytes,
        rss_bytes,
        parts: head_parts(own_port)?,
    };
    drop(server);
    std::fs::remove_dir_all(&directory)?;
    Ok(measured)
}

fn configuration(kind: Kind, settings: &Settings, port: u16) -> Result<String> {
    let mut text = format!(
        "global: {{scrape_interval: {0}ms, scrape_timeout: {0}ms}}\nscrape_configs:\n- job_name: node\n  \
         static_configs:\n",
        settings.interval_ms
    );
    for target in 0..settings.targets {
        text += &format!(
            "  - targets: ['127.0.0.1:{port}']\n    labels: {{instance: 'node-{target}', \
             __metrics_path__: '/{target}'}}\n"
        );
    }
    if kind == Kind::Victoria {
        return Ok(text);
    }
    if let Some(rules) = &settings.rules {
        text = text.replacen(
            '{',
            &format!("{{evaluation_interval: {}ms, ", settings.interval_ms),
            1,
        );
        text += &format!("rule_files: ['{}']\n", rules.display());
    }
    if settings.destinations > 0 {
        let port = swallow()?;
        text += "remote_write:\n";
        for number in 0..settings.destinations {
            text += &format!("- url: http://127.0.0.1:{port}/{number}\n");
        }
    }
    Ok(text)
}

/// User and system time of all threads so far.
fn cpu_s(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .ok_or("stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

/// Bytes that are anonymous, shared or dirty, and resident ones.
fn memory(pid: u32) -> Result<(u64, u64)> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |name: &str| -> Result<u64> {
        let line = rollup
            .lines()
            .find(|line| line.starts_with(name))
            .ok_or("smaps_rollup")?;
        Ok(line
            .split_whitespace()
            .nth(1)
            .ok_or("smaps_rollup")?
            .parse::<u64>()?
            * 1024)
    };
    let private = bytes("Anonymous:")? + bytes("Pss_Shmem:")?;
    let dirty = bytes("Private_Dirty:")? + bytes("Shared_Dirty:")?;
    Ok((private.max(dirty), bytes("Rss:")?))
}

fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The object in the body of an answer, chunked or not.
fn answer(text: &str) -> Result<serde_json::Value> {
    let body = &text[text.find("{\"status\"").ok_or("no answer to a query")?..];
    let body = &body[..body.rfind('}').ok_or("no answer to a query")? + 1];
    Ok(serde_json::from_str(body)?)
}

fn query(port: u16, expression: &str) -> Result<f64> {
    let expression = expression.replace('(', "%28").replace(')', "%29");
    let answer = answer(&get(port, &format!("/api/v1/query?query={expression}"))?)?;
    let value = answer
        .pointer("/data/result/0/value/1")
        .and_then(|value| value.as_str());
    Ok(value.ok_or("the query found nothing")?.parse()?)
}

/// What our own server says of its head's memory.
fn head_parts(port: u16) -> Result<Vec<(String, f64)>> {
    let text = get(port, "/metrics")?;
    let parts = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("deucalion_tsdb_head_bytes{part=\"")?;
        let (part, value) = rest.split_once("\"} ")?;
        Some((part.to_owned(), value.parse().ok()?))
    });
    Ok(parts.collect())
}

fn own_metric(port: u16, name: &str) -> Result<f64> {
    let text = get(port, "/metrics")?;
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    Ok(line
        .and_then(|line| line.split(' ').nth(1))
        .ok_or("no such metric")?
        .parse()?)
}
