//! A small fleet made up here: counters that start over, gauges, classic histograms.
//!
//! Each instance is scraped at an offset of its own, as real ones are, so samples lie off the grid of the
//! queries' steps.

use super::{HOUR_MS, START_MS, Series, Set, labels};

/// Half a day for the queries and the day before it, at which the longest windows look.
pub(crate) const SPAN_MS: i64 = 36 * HOUR_MS;
const STEP_MS: i64 = 15_000;
const SAMPLES: usize = (SPAN_MS / STEP_MS) as usize;

const JOBS: [&str; 3] = ["api", "web", "batch"];
const INSTANCES: u64 = 8;
const BOUNDS: [&str; 10] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "+Inf",
];

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

pub(crate) fn set() -> Set {
    let mut series = Vec::new();
    let mut dice = Dice(42);
    for (number, job) in (0..).zip(JOBS) {
        for instance in 0..INSTANCES {
            let offset_ms = ((number * INSTANCES + instance) * 617 % STEP_MS as u64) as i64;
            let who = format!("{job}-{instance}");
            let mut put = |name: &str, more: &[(&str, &str)], values| {
                let mut pairs = vec![("job", job), ("instance", &*who)];
                pairs.extend_from_slice(more);
                series.push(Series::listed(
                    labels(name, &pairs),
                    START_MS + offset_ms,
                    STEP_MS,
                    values,
                ));
            };
            requests(&mut dice, &mut put);
            node(&mut dice, &mut put);
            if number == 0 {
                durations(&mut dice, &mut put);
            }
            let version = format!("1.{}", instance % 3);
            put("build_info", &[("version", &version)], vec![1.0; SAMPLES]);
        }
    }
    // As compaction leaves a day and a half.
    Set::new("fleet-1".to_owned(), series, SPAN_MS, 6 * HOUR_MS)
}

/// Takes a series: its name, labels besides job and instance, values.
type Put<'a> = dyn FnMut(&str, &[(&str, &str)], Vec<f64>) + 'a;

fn requests(dice: &mut Dice, put: &mut Put<'_>) {
    for method in ["GET", "POST"] {
        for (status, most) in [("200", 400), ("404", 30), ("500", 5)] {
            let pairs = [("method", method), ("status", status)];
            put("http_requests_total", &pairs, dice.counter(most, 1.0));
        }
    }
}

fn node(dice: &mut Dice, put: &mut Put<'_>) {
    for cpu in ["0", "1"] {
        for (mode, most) in [("idle", 1400), ("user", 300), ("system", 90), ("iowait", 12)] {
            let pairs = [("cpu", cpu), ("mode", mode)];
            put("node_cpu_seconds_total", &pairs, dice.counter(most, 0.01));
        }
    }
    let total = vec![16_777_216_000.0; SAMPLES];
    put("node_memory_total_bytes", &[], total);
    let used = dice.gauge(4_000_000.0, 4096.0);
    put("node_memory_used_bytes", &[], used);
    put("node_load1", &[], dice.gauge(800.0, 0.01));
    let mut free = 900_000_000_000.0;
    let shrink = |_| {
        free -= dice.roll(90_000) as f64 * 100.0;
        free
    };
    let free = (0..SAMPLES).map(shrink).collect();
    put("node_disk_free_bytes", &[], free);
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
    put("up", &[], (0..SAMPLES).map(up).collect());
}

fn durations(dice: &mut Dice, put: &mut Put<'_>) {
    for handler in ["/", "/login", "/search"] {
        let mut totals = vec![0.0; SAMPLES];
        for bound in BOUNDS {
            // Each bucket holds what the smaller ones hold, and more.
            let mut more = 0.0;
            for total in &mut totals {
                more += dice.roll(9) as f64;
                *total += more;
            }
            let pairs = [("handler", handler), ("le", bound)];
            put("request_duration_seconds_bucket", &pairs, totals.clone());
        }
        let sums = totals.iter().map(|total| total * 0.08).collect();
        let pairs = [("handler", handler)];
        put("request_duration_seconds_count", &pairs, totals);
        put("request_duration_seconds_sum", &pairs, sums);
    }
}
