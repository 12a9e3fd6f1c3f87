//! A directory of blocks made by the real promtool from samples computed here.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Dice;

/// When the samples begin, in seconds: a multiple of two hours, so that blocks are whole.
pub(super) const START_S: i64 = 1_700_006_400;
/// From one sample to the next, in seconds.
const STEP_S: i64 = 30;
/// How many samples a series has: two hours and a half.
const SAMPLES: i64 = 300;

/// All samples as OpenMetrics text.
fn openmetrics() -> String {
    let mut out = String::new();
    let mut dice = Dice(42);
    counters(&mut out, &mut dice);
    histograms(&mut out, &mut dice);
    gauges(&mut out, &mut dice);
    out.push_str("# EOF\n");
    out
}

fn put(out: &mut String, series: &str, value: f64, at: i64) {
    writeln!(out, "{series} {value} {}", START_S + at * STEP_S).expect("strings take all");
}

fn counters(out: &mut String, dice: &mut Dice) {
    out.push_str("# TYPE http_requests counter\n");
    for (job, instances) in [("api", 3), ("web", 2)] {
        for instance in 0..instances {
            for (method, status) in [("GET", "200"), ("GET", "500"), ("POST", "200"), ("POST", "404")] {
                let series = format!(
                    "http_requests_total{{job=\"{job}\",instance=\"{job}-{instance}\",method=\"{method}\",status=\"{status}\"}}"
                );
                let mut total = dice.roll(1000) as f64;
                for at in 0..SAMPLES {
                    // One instance restarts, another is away for a while.
                    if instance == 1 && at == 140 {
                        total = 0.0;
                    }
                    total += dice.roll(50) as f64 / if status == "500" { 10.0 } else { 1.0 };
                    if !(instance == 2 && (100..130).contains(&at)) {
                        put(out, &series, total, at);
                    }
                }
            }
        }
    }
    out.push_str("# TYPE cpu_seconds counter\n");
    for cpu in 0..4 {
        for mode in ["idle", "user", "system"] {
            let series = format!("cpu_seconds_total{{instance=\"node-1\",cpu=\"{cpu}\",mode=\"{mode}\"}}");
            let mut total = 0.0;
            for at in 0..SAMPLES {
                total += dice.roll(3000) as f64 / 100.0;
                put(out, &series, total, at);
            }
        }
    }
}

fn histograms(out: &mut String, dice: &mut Dice) {
    out.push_str("# TYPE request_duration_seconds histogram\n");
    for instance in ["api-0", "api-1"] {
        let bounds = ["0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "+Inf"];
        let mut totals = [0.0; 7];
        let mut sum = 0.0;
        for at in 0..SAMPLES {
            let mut below = 0.0;
            for (total, bound) in totals.iter_mut().zip(bounds) {
                below += dice.roll(9) as f64;
                *total += below;
                let series = format!(
                    "request_duration_seconds_bucket{{job=\"api\",instance=\"{instance}\",le=\"{bound}\"}}"
                );
                put(out, &series, *total, at);
            }
            sum += below * 0.3;
            let labels = format!("{{job=\"api\",instance=\"{instance}\"}}");
            put(
                out,
                &format!("request_duration_seconds_count{labels}"),
                totals[6],
                at,
            );
            put(out, &format!("request_duration_seconds_sum{labels}"), sum, at);
        }
    }
}

fn gauges(out: &mut String, dice: &mut Dice) {
    out.push_str("# TYPE temperature_celsius gauge\n");
    for room in ["kitchen", "attic", "cellar"] {
        let series = format!(
            "temperature_celsius{{room=\"{room}\",floor=\"{}\"}}",
            room.len() % 3
        );
        for at in 0..SAMPLES {
            let swing = (at as f64 / 20.0).sin() * 7.5;
            let value = match (room, at) {
                ("attic", 50) => f64::NAN,
                ("attic", 60) => f64::INFINITY,
                ("cellar", _) => -3.25,
                _ => 20.0 + swing + dice.roll(100) as f64 / 100.0,
            };
            // The kitchen is measured every other time.
            if room != "kitchen" || at % 2 == 0 {
                put(out, &series, value, at);
            }
        }
    }
    out.push_str("# TYPE memory_bytes gauge\n");
    for (job, instance) in [("api", "api-0"), ("api", "api-1"), ("web", "web-0")] {
        for at in 0..SAMPLES {
            let series = format!("memory_bytes{{job=\"{job}\",instance=\"{instance}\"}}");
            put(out, &series, (1_000_000 + dice.roll(500_000)) as f64, at);
        }
    }
    out.push_str("# TYPE limit_bytes gauge\n");
    for job in ["api", "web"] {
        for at in 0..SAMPLES {
            put(
                out,
                &format!("limit_bytes{{job=\"{job}\",team=\"{job}-team\"}}"),
                2e6,
                at,
            );
        }
    }
    out.push_str("# TYPE build info\n");
    for (instance, version) in [("api-0", "1.2"), ("api-1", "1.3"), ("web-0", "1.2")] {
        for at in 0..SAMPLES {
            put(
                out,
                &format!("build_info{{instance=\"{instance}\",version=\"{version}\"}}"),
                1.0,
                at,
            );
        }
    }
}

/// Writes the blocks into `dir/data` with the real promtool.
pub(super) fn make(promtool: &Path, dir: &Path) -> PathBuf {
    let text = dir.join("samples.om");
    std::fs::write(&text, openmetrics()).expect("write the samples");
    let data = dir.join("data");
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", "-q"])
        .arg(&text)
        .arg(&data)
        .output()
        .expect("run promtool");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    data
}

/// Copies a directory with everything in it.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make the copy");
    for entry in std::fs::read_dir(from).expect("read the original") {
        let path = entry.expect("read the original").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copy a file");
        }
    }
}
