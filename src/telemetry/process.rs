//! `process_…`: what the system says of this process, under the names of Prometheus' client library.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Registry;

/// One field of `/proc/self/stat`, counted from 1 as proc(5) does.
fn stat_field(number: usize) -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name stands in parentheses and may hold anything, so fields are counted behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// One field of `/proc/self/status` in bytes.
fn status_bytes(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Clock ticks a second of `/proc`'s CPU times; Linux has shown 100 to programs since 2.6.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of this process, user and system.
fn cpu_seconds() -> f64 {
    (stat_field(14).unwrap_or(0.0) + stat_field(15).unwrap_or(0.0)) / TICKS_PER_SECOND
}

fn open_files() -> f64 {
    std::fs::read_dir("/proc/self/fd").map_or(0.0, |entries| entries.count() as f64)
}

/// Registers the metrics of the process.
pub fn register(registry: &Registry) {
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    registry.counter_fn(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        cpu_seconds,
    );
    registry.gauge_fn("process_open_fds", "Number of open file descriptors.", open_files);
    registry.gauge_fn(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        || {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
            limit.map_or(f64::INFINITY, |limit| limit as f64)
        },
    );
    registry.gauge_fn(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        || status_bytes("VmRSS").unwrap_or(0.0),
    );
    registry.gauge_fn(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        || status_bytes("VmSize").unwrap_or(0.0),
    );
    registry
        .gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
        )
        .set(started);
    registry
        .gauges(
            "prometheus_build_info",
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which \
             prometheus was built, and the goos and goarch for the build.",
            &[
                "branch",
                "goarch",
                "goos",
                "goversion",
                "revision",
                "tags",
                "version",
            ],
        )
        .with(&[
            "HEAD",
            if cfg!(target_arch = "x86_64") {
                "amd64"
            } else {
                std::env::consts::ARCH
            },
            std::env::consts::OS,
            "",
            crate::build::REVISION,
            "",
            crate::build::PROMETHEUS_VERSION,
        ])
        .set(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_knows_its_memory_and_files() {
        assert!(status_bytes("VmRSS").is_some_and(|bytes| bytes > 100_000.0));
        assert!(open_files() >= 3.0);
        assert!(stat_field(14).is_some());
    }
}
