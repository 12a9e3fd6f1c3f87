//! Durations: Go's in nanoseconds with its text, and Prometheus' notation.

use super::print::quoted;

/// Go's `Duration.String`: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn text(ns: i64) -> String {
    let magnitude = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    let body = match magnitude {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{magnitude}ns"),
        1_000..1_000_000 => format!("{}µs", with_fraction(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", with_fraction(magnitude, 1_000_000)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = with_fraction(magnitude % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

/// `n / unit` with as many digits as it has.
fn with_fraction(n: u64, unit: u64) -> String {
    let fraction = n % unit;
    if fraction == 0 {
        return (n / unit).to_string();
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{}.{}", n / unit, fraction.trim_end_matches('0'))
}

/// Whole units first, so that the fraction keeps its digits, as Go's `Seconds` and `Hours` do.
pub(super) fn in_units(ns: i64, unit_ns: i64) -> f64 {
    (ns / unit_ns) as f64 + (ns % unit_ns) as f64 / unit_ns as f64
}

/// Towards zero to a multiple of `step`.
pub(super) fn truncated(ns: i64, step: i64) -> i64 {
    if step <= 0 { ns } else { ns - ns % step }
}

/// To the nearest multiple of `step`, halves away from zero.
pub(super) fn rounded(ns: i64, step: i64) -> i64 {
    if step <= 0 {
        return ns;
    }
    let rest = i128::from(ns % step);
    let down = i128::from(ns) - rest;
    let step = i128::from(step);
    let nearest = match rest {
        rest if rest.abs() * 2 < step => down,
        rest if rest < 0 => down - step,
        _ => down + step,
    };
    i64::try_from(nearest).unwrap_or(if nearest < 0 { i64::MIN } else { i64::MAX })
}

/// Units from the largest down, in nanoseconds.
const UNITS: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// `parseDuration`: Prometheus' notation, a minus sign allowed, in seconds.
pub(super) fn parse_seconds(text: &str) -> Result<f64, String> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    Ok((parse_ns(magnitude)? * sign) as f64 / 1e9)
}

fn parse_ns(text: &str) -> Result<i64, String> {
    const OUT_OF_RANGE: &str = "duration out of range";
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let (mut rest, mut total, mut units) = (text, 0u64, UNITS);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        if letters == 0 {
            return Err(invalid());
        }
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let Some(known) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!(
                "unknown unit {} in duration {}",
                quoted(unit),
                quoted(text)
            ));
        };
        // Units go from large to small, so that 1m1d cannot pass for a month and a day.
        let at = units.iter().position(|u| u == known).ok_or_else(invalid)?;
        units = &units[at + 1..];
        total = number
            .checked_mul(known.1)
            .and_then(|ns| total.checked_add(ns))
            .filter(|&ns| i64::try_from(ns).is_ok())
            .ok_or(OUT_OF_RANGE)?;
    }
    i64::try_from(total).map_err(|_| OUT_OF_RANGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_go_writes_it() {
        for (ns, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (1_500_000, "1.5ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1_100_000_000, "-1.1s"),
        ] {
            assert_eq!(text(ns), expected);
        }
    }

    #[test]
    fn prometheus_notation_is_read_with_units_in_order() {
        assert_eq!(parse_seconds("1h30m"), Ok(5400.0));
        assert_eq!(
            parse_seconds("-1.5s").unwrap_err(),
            "unknown unit \".\" in duration \"1.5s\""
        );
        assert_eq!(parse_seconds("-1s500ms"), Ok(-1.5));
        assert_eq!(parse_seconds("0"), Ok(0.0));
        assert_eq!(parse_seconds("").unwrap_err(), "empty duration string");
        assert_eq!(
            parse_seconds("1m1d").unwrap_err(),
            "not a valid duration string: \"1m1d\""
        );
        assert_eq!(parse_seconds("300y").unwrap_err(), "duration out of range");
    }
}
