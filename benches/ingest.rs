//! What ingestion costs whole servers: CPU seconds per million samples and memory per series, side by side.
//!
//! ```text
//! fake targets (this process) ←─ scrape ─ server binary ─→ its data directory
//!        pages that change as counters do        └ /proc/PID/stat, smaps_rollup; its own /metrics
//! ```
//!
//! Servers are given by environment: `DEUCALION_INGEST_SERVERS="ours=target/fast/deucalion prom=/usr/bin/prometheus"`.
//! Without it nothing is measured, so that `cargo bench` passes everywhere.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DEUCALION_INGEST_TARGETS` | how many fake targets | 100 |
//! | `DEUCALION_INGEST_INTERVAL_MS` | scrape interval | 1000 |
//! | `DEUCALION_INGEST_WARMUP_S` | before the measurement | 10 |
//! | `DEUCALION_INGEST_SECONDS` | how long is measured | 30 |
//! | `DEUCALION_INGEST_PAGES` | directory of recorded pages (`*.gz`, text format) instead of made ones | |
//! | `DEUCALION_INGEST_REMOTE` | to how many destinations (in this process) everything is sent by remote write; what it costs is the difference to 0 | 0 |
//! | `DEUCALION_INGEST_FLAGS` | further flags for every server | |
//!
//! Samples and series are counted as the server counts them: `scrape_samples_scraped` of its targets and
//! `prometheus_tsdb_head_series`. Held is what is anonymous, shared or dirty; of our own server also by part. A
//! million series take `DEUCALION_INGEST_TARGETS=2000 DEUCALION_INGEST_INTERVAL_MS=15000
//! DEUCALION_INGEST_WARMUP_S=60 DEUCALION_INGEST_SECONDS=60`.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let Ok(servers) = std::env::var("DEUCALION_INGEST_SERVERS") else {
        println!("ingest: set DEUCALION_INGEST_SERVERS=\"name=binary …\" to measure servers");
        return Ok(());
    };
    let settings = Settings::from_environment()?;
    let pages = Arc::new(settings.pages()?);
    println!(
        "{} targets of about {} samples every {} ms, {} s after {} s of warm-up",
        settings.targets, pages.samples, settings.interval_ms, settings.seconds, settings.warmup_s
    );
    println!(
        "{:<12} {:>12} {:>14} {:>10} {:>12} {:>12}",
        "server", "samples", "CPU s/million", "series", "held B/series", "RSS B/series"
    );
    for server in servers.split_whitespace() {
        let (name, binary) = server
            .split_once('=')
            .ok_or("DEUCALION_INGEST_SERVERS: name=binary")?;
        let measured = measure(Path::new(binary), &settings, &pages)?;
        println!(
            "{name:<12} {:>12} {:>14.3} {:>10} {:>12.0} {:>12.0}",
            measured.samples,
            measured.cpu_s * 1e6 / measured.samples.max(1) as f64,
            measured.series,
            measured.held_bytes as f64 / measured.series.max(1) as f64,
            measured.rss_bytes as f64 / measured.series.max(1) as f64,
        );
        for (part, bytes) in &measured.parts {
            println!("{part:>54} {:>12.0}", bytes / measured.series.max(1) as f64);
        }
    }
    Ok(())
}

struct Settings {
    targets: usize,
    interval_ms: u64,
    warmup_s: u64,
    seconds: u64,
    destinations: u64,
    pages: Option<PathBuf>,
    flags: Vec<String>,
}

impl Settings {
    fn from_environment() -> Result<Self> {
        let text = |name: &str| std::env::var(format!("DEUCALION_INGEST_{name}")).ok();
        let number = |name: &str, default: u64| match text(name) {
            Some(text) => text.parse().map_err(|error| format!("{name}: {error}")),
            None => Ok(default),
        };
        let flags = text("FLAGS").unwrap_or_default();
        Ok(Self {
            targets: usize::try_from(number("TARGETS", 100)?)?,
            interval_ms: number("INTERVAL_MS", 1000)?,
            warmup_s: number("WARMUP_S", 10)?,
            seconds: number("SECONDS", 30)?,
            destinations: number("REMOTE", 0)?,
            pages: text("PAGES").map(PathBuf::from),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// The pages that targets answer with in turn, ready to be sent.
    fn pages(&self) -> Result<Pages> {
        let texts = match &self.pages {
            Some(directory) => recorded(directory)?,
            None => (0..40).map(made).collect(),
        };
        let samples = texts.first().map_or(0, |page| {
            page.lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .count()
        });
        let answers = texts.iter().map(|page| answer(page)).collect::<Result<_>>()?;
        Ok(Pages { answers, samples })
    }
}

struct Pages {
    answers: Vec<Vec<u8>>,
    samples: usize,
}

/// Pages of one recording in the order of their names, unpacked.
fn recorded(directory: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "gz"))
        .collect();
    files.sort();
    // The first recording alone: its pages follow each other.
    let recording = |path: &PathBuf| {
        path.file_name()
            .and_then(|n| n.to_str())
            .and_then(|n| n.split('.').next())
            .map(str::to_owned)
    };
    let first = files.first().and_then(recording);
    files.retain(|path| recording(path) == first);
    let unpack = |path: &PathBuf| -> Result<String> {
        let mut page = String::new();
        GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut page)?;
        Ok(page)
    };
    files.iter().map(unpack).collect()
}

/// A page like a node exporter's: constants, counters at different speeds, gauges that wander.
fn made(step: u64) -> String {
    use std::fmt::Write;
    let mut page = String::new();
    for family in 0..130u64 {
        let (name, series) = (format!("node_family_{family}"), [1, 2, 4, 9][family as usize % 4]);
        let kind = if family % 3 == 2 { "gauge" } else { "counter" };
        let written = write!(
            page,
            "# HELP {name} What family {family} counts.\n# TYPE {name} {kind}\n"
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        for number in 0..series {
            let seed = family * 31 + number;
            let value = match family % 3 {
                0 => (seed % 97) as f64,
                1 => (seed * 1000 + step * (seed % 13)) as f64,
                _ => ((seed * 7 + step * 3) % 1013) as f64 / 8.0,
            };
            let written = match series {
                1 => writeln!(page, "{name} {value}"),
                _ => writeln!(page, "{name}{{device=\"dev{number}\",mode=\"idle\"}} {value}"),
            };
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
    }
    page
}

fn answer(page: &str) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(page.as_bytes())?;
    let body = encoder.finish()?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Ok(answer)
}

/// One port for all targets: they differ in their path, so that a server needs no thousand ports.
fn serve(pages: Arc<Pages>) -> Result<u16> {
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
fn swallow() -> Result<u16> {
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

struct Measured {
    samples: u64,
    cpu_s: f64,
    series: u64,
    held_bytes: u64,
    rss_bytes: u64,
    /// Bytes of the head by part, if the server tells.
    parts: Vec<(String, f64)>,
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

fn measure(binary: &Path, settings: &Settings, pages: &Arc<Pages>) -> Result<Measured> {
    let port = serve(Arc::clone(pages))?;
    let directory = std::env::temp_dir().join(format!("deucalion-ingest-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let config = directory.join("prometheus.yml");
    let mut text = configuration(settings, port);
    if settings.destinations > 0 {
        let port = swallow()?;
        text += "remote_write:\n";
        for number in 0..settings.destinations {
            text += &format!("- url: http://127.0.0.1:{port}/{number}\n");
        }
    }
    std::fs::write(&config, text)?;
    let own_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new(binary)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{own_port}"))
        .args(&settings.flags)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = Server(child);
    let pid = server.0.id();
    std::thread::sleep(Duration::from_secs(settings.warmup_s));
    let (cpu_before, begun) = (cpu_s(pid)?, Instant::now());
    std::thread::sleep(Duration::from_secs(settings.seconds));
    let (cpu_s, elapsed) = (cpu_s(pid)? - cpu_before, begun.elapsed().as_secs_f64());
    let (held_bytes, rss_bytes) = memory(pid)?;
    let per_round = query(own_port, "sum(scrape_samples_scraped)")?;
    let rounds = elapsed * 1000.0 / settings.interval_ms as f64;
    let series = own_metric(own_port, "prometheus_tsdb_head_series")?;
    drop(server);
    std::fs::remove_dir_all(&directory)?;
    Ok(Measured {
        samples: (per_round * rounds) as u64,
        cpu_s,
        series: series as u64,
        held_bytes,
        rss_bytes,
        parts: head_parts(own_port)?,
    })
}

fn configuration(settings: &Settings, port: u16) -> String {
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
    text
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

fn query(port: u16, expression: &str) -> Result<f64> {
    let expression = expression.replace('(', "%28").replace(')', "%29");
    let text = get(port, &format!("/api/v1/query?query={expression}"))?;
    let body = &text[text.find("{\"status\"").ok_or("no answer to a query")?..];
    let body = &body[..body.rfind('}').ok_or("no answer to a query")? + 1];
    let answer: serde_json::Value = serde_json::from_str(body)?;
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
