//! The samples that all servers hold: half a day of a small fleet, the same in every run.
//!
//! The real promtool turns them into blocks once; `target/tmp` keeps those for later runs. Each instance is
//! scraped at an offset of its own, as real ones are, so samples lie off the grid of the queries' steps.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;

/// When the samples begin: a multiple of six hours.
pub(crate) const START_MS: i64 = 1_700_006_400_000;
/// Half a day.
pub(crate) const SPAN_MS: i64 = 12 * 3_600_000;
const STEP_MS: i64 = 15_000;
const SAMPLES: usize = (SPAN_MS / STEP_MS) as usize;
/// Changes whenever the samples do, so that old blocks are not taken for new ones.
const VERSION: &str = "query-bench-1";

const JOBS: [&str; 3] = ["api", "web", "batch"];
const INSTANCES: u64 = 8;
const BOUNDS: [&str; 10] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "+Inf",
];

/// A series with all its samples; NaN stands where there is none.
pub(crate) struct Series {
    /// As in text: `name{label="value"}`.
    pub(crate) name: String,
    first_ms: i64,
    values: Vec<f64>,
}

impl Series {
    /// Time and value of each sample.
    fn samples(&self) -> impl Iterator<Item = (i64, f64)> {
        let times = (0..).map(|at| self.first_ms + at * STEP_MS);
        times
            .zip(self.values.iter().copied())
            .filter(|(_, v)| !v.is_nan())
    }

    /// Lines of the text format, with times in milliseconds.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (at_ms, value) in self.samples() {
            let written = writeln!(out, "{} {value} {at_ms}", self.name);
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        out
    }

    /// Lines of OpenMetrics, with times in seconds.
    fn open_metrics(&self, out: &mut impl std::io::Write) -> Result<()> {
        for (at_ms, value) in self.samples() {
            writeln!(out, "{} {value} {}.{:03}", self.name, at_ms / 1000, at_ms % 1000)?;
        }
        Ok(())
    }
}

/// A small generator of numbers that look random and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A counter that grows by up to `most` a step and starts over now and then.
    fn counter(&mut self, most: u64, scale: f64) -> Vec<f64> {
        let mut total = self.roll(100_000);
        let grow = |_| {
            total = if self.roll(4000) == 0 { 0 } else { total } + self.roll(most);
            total as f64 * scale
        };
        (0..SAMPLES).map(grow).collect()
    }

    /// A gauge that wanders between 0 and `most`.
    fn gauge(&mut self, most: f64, scale: f64) -> Vec<f64> {
        let mut now = most / 2.0;
        let wander = |_| {
            let step = (self.roll(201) as f64 - 100.0) / 2000.0 * most;
            now = (now + step).clamp(0.0, most).round();
            now * scale
        };
        (0..SAMPLES).map(wander).collect()
    }
}

/// Hands out each series in turn.
pub(crate) fn each_series(mut take: impl FnMut(&Series) -> Result<()>) -> Result<()> {
    let mut dice = Dice(42);
    for (number, job) in (0..).zip(JOBS) {
        for instance in 0..INSTANCES {
            let offset_ms = ((number * INSTANCES + instance) * 617 % STEP_MS as u64) as i64;
            let who = format!("job=\"{job}\",instance=\"{job}-{instance}\"");
            let mut put = |name: String, values| {
                let first_ms = START_MS + offset_ms;
                take(&Series {
                    name,
                    first_ms,
                    values,
                })
            };
            requests(&mut dice, &who, &mut put)?;
            node(&mut dice, &who, &mut put)?;
            if number == 0 {
                durations(&mut dice, &who, &mut put)?;
            }
            let version = format!("1.{}", instance % 3);
            let info = format!("build_info{{{who},version=\"{version}\"}}");
            put(info, vec![1.0; SAMPLES])?;
        }
    }
    Ok(())
}

type Put<'a> = dyn FnMut(String, Vec<f64>) -> Result<()> + 'a;

fn requests(dice: &mut Dice, who: &str, put: &mut Put<'_>) -> Result<()> {
    for method in ["GET", "POST"] {
        for (status, most) in [("200", 400), ("404", 30), ("500", 5)] {
            let name = format!("http_requests_total{{{who},method=\"{method}\",status=\"{status}\"}}");
            put(name, dice.counter(most, 1.0))?;
        }
    }
    Ok(())
}

fn node(dice: &mut Dice, who: &str, put: &mut Put<'_>) -> Result<()> {
    for cpu in 0..2 {
        for (mode, most) in [("idle", 1400), ("user", 300), ("system", 90), ("iowait", 12)] {
            let name = format!("node_cpu_seconds_total{{{who},cpu=\"{cpu}\",mode=\"{mode}\"}}");
            put(name, dice.counter(most, 0.01))?;
        }
    }
    let total = vec![16_777_216_000.0; SAMPLES];
    put(format!("node_memory_total_bytes{{{who}}}"), total)?;
    let used = dice.gauge(4_000_000.0, 4096.0);
    put(format!("node_memory_used_bytes{{{who}}}"), used)?;
    put(format!("node_load1{{{who}}}"), dice.gauge(800.0, 0.01))?;
    let mut free = 900_000_000_000.0;
    let shrink = |_| {
        free -= dice.roll(90_000) as f64 * 100.0;
        free
    };
    let free = (0..SAMPLES).map(shrink).collect();
    put(format!("node_disk_free_bytes{{{who}}}"), free)?;
    // An instance is away for a quarter of an hour now and then.
    let mut away = 0u64;
    let up = |_| {
        away = if dice.roll(1500) == 0 {
            60
        } else {
            away.saturating_sub(1)
        };
        f64::from(u8::from(away == 0))
    };
    put(format!("up{{{who}}}"), (0..SAMPLES).map(up).collect())
}

fn durations(dice: &mut Dice, who: &str, put: &mut Put<'_>) -> Result<()> {
    for handler in ["/", "/login", "/search"] {
        let mut totals = vec![0.0; SAMPLES];
        for bound in BOUNDS {
            // Each bucket holds what the smaller ones hold, and more.
            let mut more = 0.0;
            for total in &mut totals {
                more += dice.roll(9) as f64;
                *total += more;
            }
            let name =
                format!("request_duration_seconds_bucket{{{who},handler=\"{handler}\",le=\"{bound}\"}}");
            put(name, totals.clone())?;
        }
        let sums = totals.iter().map(|total| total * 0.08).collect();
        let labels = format!("{{{who},handler=\"{handler}\"}}");
        put(format!("request_duration_seconds_count{labels}"), totals)?;
        put(format!("request_duration_seconds_sum{labels}"), sums)?;
    }
    Ok(())
}

/// The directory of blocks, made if no earlier run has left it.
pub(crate) fn blocks(promtool: &Path) -> Result<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ready = kept.join(VERSION);
    if ready.exists() {
        return Ok(ready);
    }
    println!("making the blocks with promtool (kept in {})", ready.display());
    let work = tempfile::tempdir_in(kept)?;
    let text = work.path().join("samples.om");
    let mut out = BufWriter::new(File::create(&text)?);
    let mut series = 0;
    each_series(|one| {
        series += 1;
        one.open_metrics(&mut out)
    })?;
    out.write_all(b"# EOF\n")?;
    out.into_inner()?.sync_data()?;
    println!("{series} series of up to {SAMPLES} samples");
    let data = work.path().join("data");
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", "-q"])
        .args([&text, &data])
        .output()?;
    if !made.status.success() {
        return Err(format!("promtool: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    fs::rename(&data, &ready)?;
    Ok(ready)
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().ok_or("an entry without a name")?);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
