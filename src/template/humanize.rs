//! Numbers for people: `1.234k`, `2.5Gi`, `1h 2m 3s`, `12.5%`.

use promql::format::{Layout, push_float};

use super::time::Time;

/// Go's `%.4g`.
fn four_digits(v: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, v, Layout::General, Some(4));
    out
}

/// `humanize`: SI prefixes.
pub(super) fn si(mut v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return four_digits(v);
    }
    if v.abs() < 1.0 {
        let (v, prefix) = small(v);
        return four_digits(v) + prefix;
    }
    let mut prefix = "";
    for larger in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
        if v.abs() < 1000.0 {
            break;
        }
        prefix = larger;
        v /= 1000.0;
    }
    four_digits(v) + prefix
}

/// A number below one, and its prefix.
fn small(mut v: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if v.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        v *= 1000.0;
    }
    (v, prefix)
}

/// `humanize1024`: binary prefixes.
pub(super) fn binary(mut v: f64) -> String {
    if v.abs() <= 1.0 || !v.is_finite() {
        return four_digits(v);
    }
    let mut prefix = "";
    for larger in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if v.abs() < 1024.0 {
            break;
        }
        prefix = larger;
        v /= 1024.0;
    }
    four_digits(v) + prefix
}

/// `humanizeDuration`, of seconds.
pub(super) fn duration(v: f64) -> String {
    if !v.is_finite() {
        return four_digits(v);
    }
    if v == 0.0 {
        return four_digits(v) + "s";
    }
    if v.abs() < 1.0 {
        let (v, prefix) = small(v);
        return four_digits(v) + prefix + "s";
    }
    let sign = if v < 0.0 { "-" } else { "" };
    let v = v.abs();
    let whole = v as i64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(v)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// `humanizePercentage`, of a ratio.
pub(super) fn percentage(v: f64) -> String {
    four_digits(v * 100.0) + "%"
}

/// `humanizeTimestamp`, of Unix seconds.
pub(super) fn timestamp(v: f64) -> Result<String, String> {
    if v.is_finite() {
        Time::from_seconds(v).map(|time| time.to_string())
    } else {
        Ok(four_digits(v))
    }
}
