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
//! | `DEUCALION_INGEST_RULES` | a file of rules that are evaluated meanwhile | |
//! | `DEUCALION_INGEST_FLAGS` | further flags for every server | |
//!
//! Samples and series are counted as the server counts them: `scrape_samples_scraped` of its targets and
//! `prometheus_tsdb_head_series`. Held is what is anonymous, shared or dirty; of our own server also by part. A server
//! whose name begins with `victoria` is VictoriaMetrics: it has flags of its own, no rules, and as many series as
//! it has stored today. The load of VictoriaMetrics' own prometheus-benchmark in small is `DEUCALION_INGEST_TARGETS=800
//! DEUCALION_INGEST_INTERVAL_MS=10000 DEUCALION_INGEST_WARMUP_S=60 DEUCALION_INGEST_SECONDS=60` with its rules. A
//! million series take `DEUCALION_INGEST_TARGETS=2000 DEUCALION_INGEST_INTERVAL_MS=15000
//! DEUCALION_INGEST_WARMUP_S=60 DEUCALION_INGEST_SECONDS=60`.

mod pages;
mod server;
mod targets;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pages::Pages;
use server::measure;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let Ok(servers) = std::env::var("DEUCALION_INGEST_SERVERS") else {
        println!("ingest: set DEUCALION_INGEST_SERVERS=\"name=binary …\" to measure servers");
        return Ok(());
    };
    let settings = Settings::from_environment()?;
    let pages = Arc::new(Pages::new(settings.pages.as_deref())?);
    println!(
        "{} targets of about {} samples every {} ms, {} s after {} s of warm-up",
        settings.targets, pages.samples, settings.interval_ms, settings.seconds, settings.warmup_s
    );
    println!(
        "{:<12} {:>12} {:>14} {:>8} {:>10} {:>14} {:>13} {:>9}",
        "server", "samples", "CPU s/million", "cores", "series", "held B/series", "RSS B/series", "RSS MiB"
    );
    for server in servers.split_whitespace() {
        let (name, binary) = server
            .split_once('=')
            .ok_or("DEUCALION_INGEST_SERVERS: name=binary")?;
        let measured = measure(name, Path::new(binary), &settings, &pages)?;
        println!(
            "{name:<12} {:>12} {:>14.3} {:>8.3} {:>10} {:>14.0} {:>13.0} {:>9.0}",
            measured.samples,
            measured.cpu_s * 1e6 / measured.samples.max(1) as f64,
            measured.cpu_s / measured.elapsed_s,
            measured.series,
            measured.held_bytes as f64 / measured.series.max(1) as f64,
            measured.rss_bytes as f64 / measured.series.max(1) as f64,
            measured.rss_bytes as f64 / f64::from(1 << 20),
        );
        for (part, bytes) in &measured.parts {
            println!("{part:>54} {:>12.0}", bytes / measured.series.max(1) as f64);
        }
    }
    Ok(())
}

/// What the environment says.
struct Settings {
    targets: usize,
    interval_ms: u64,
    warmup_s: u64,
    seconds: u64,
    destinations: u64,
    pages: Option<PathBuf>,
    rules: Option<PathBuf>,
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
            rules: text("RULES").map(std::path::absolute).transpose()?,
            flags: flags.split_whitespace().map(str::to_owned).collect(),
        })
    }
}
