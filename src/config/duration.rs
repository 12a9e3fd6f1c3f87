//! Prometheus' durations: `1h30m`, units in falling order, each at most once; `0` needs none.
//!
//! Values are milliseconds, the smallest unit there is. Go's own durations (`1.5s`, `-2us`), which a few
//! flags and the web configuration take, are read by [`parse_go_ns`].

use std::fmt;

use super::quote::quoted;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest duration Go can hold (2^63 - 1 ns), in milliseconds.
const DURATION_MS_MAX: u64 = i64::MAX as u64 / 1_000_000;

/// A text that is no duration; its words are Prometheus'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration in milliseconds.
///
/// # Errors
/// In the words of `model.ParseDuration`.
pub fn parse_ms(text: &str) -> Result<i64, DurationError> {
    match text {
        "0" => return Ok(0),
        "" => return Err(DurationError("empty duration string".into())),
        _ => {}
    }
    let invalid = || DurationError(format!("not a valid duration string: {}", quoted(text)));
    let out_of_range = || DurationError("duration out of range".into());
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units_left: &[(&str, u64)] = &UNITS;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let number: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError(format!(
                "unknown unit {} in duration {}",
                quoted(unit),
                quoted(text)
            )));
        }
        let at = units_left
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(invalid)?;
        total = number
            .checked_mul(units_left[at].1)
            .and_then(|part| total.checked_add(part))
            .filter(|sum| *sum <= DURATION_MS_MAX)
            .ok_or_else(out_of_range)?;
        units_left = &units_left[at + 1..];
    }
    i64::try_from(total).map_err(|_| out_of_range())
}

/// Writes milliseconds as Prometheus does: years and weeks only when nothing remains.
pub fn format_ms(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    if duration_ms < 0 {
        text.push('-');
    }
    let mut rest = duration_ms.unsigned_abs();
    for (unit, length) in UNITS {
        let only_exact = matches!(unit, "y" | "w");
        if rest < length || (only_exact && !rest.is_multiple_of(length)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", rest / length));
        rest %= length;
    }
    text
}

/// Reads Go's own duration (`time.ParseDuration`) in nanoseconds: a sign, decimals, `ns us µs ms s m h`.
///
/// # Errors
/// In Go's words.
pub fn parse_go_ns(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError(format!("time: invalid duration {}", quoted(text)));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let length = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (whole, fraction) = rest[..length].split_once('.').unwrap_or((&rest[..length], ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || length > 40 {
            return Err(invalid());
        }
        rest = &rest[length..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit_ns: i128 = match &rest[..letters] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => {
                return Err(DurationError(format!(
                    "time: missing unit in duration {}",
                    quoted(text)
                )));
            }
            other => {
                return Err(DurationError(format!(
                    "time: unknown unit {} in duration {}",
                    quoted(other),
                    quoted(text)
                )));
            }
        };
        rest = &rest[letters..];
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        let fraction = &fraction[..fraction.len().min(18)];
        let mut part = whole.checked_mul(unit_ns).ok_or_else(invalid)?;
        if !fraction.is_empty() {
            let numerator: i128 = fraction.parse().map_err(|_| invalid())?;
            part += numerator * unit_ns / 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(18));
        }
        total = total.checked_add(part).ok_or_else(invalid)?;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// Writes nanoseconds as Go's `time.Duration` does: `1m30s`, `2ms`, `0s`.
pub fn format_go_ns(duration_ns: i64) -> String {
    let sign = if duration_ns < 0 { "-" } else { "" };
    let total = duration_ns.unsigned_abs();
    let decimal = |value: u64, unit: u64| {
        let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        match fraction.trim_end_matches('0') {
            _ if unit == 1 => format!("{value}"),
            "" => format!("{}", value / unit),
            digits => format!("{}.{digits}", value / unit),
        }
    };
    match total {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(total, 1_000_000)),
        _ => {
            let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
            let minutes = total / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, m) => format!("{sign}{m}m{seconds}s"),
                (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, duration_ms: i64, back: &str) {
        assert_eq!(parse_ms(text), Ok(duration_ms), "{text}");
        assert_eq!(format_ms(duration_ms), back, "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, words: &str) {
        assert_eq!(parse_ms(text).unwrap_err().to_string(), words);
    }

    #[test]
    fn units_stand_in_falling_order_and_years_and_weeks_return_only_when_exact() {
        check("0", 0, "0s");
        check("0s", 0, "0s");
        check("1h30m", 5_400_000, "1h30m");
        check("90m", 5_400_000, "1h30m");
        check("7d", 604_800_000, "1w");
        check("15d", 1_296_000_000, "15d");
        check("365d", 31_536_000_000, "1y");
        check("1w1d", 691_200_000, "8d");
        check("1s5ms", 1_005, "1s5ms");
    }

    #[test]
    fn refusals_use_the_words_of_prometheus() {
        check_refused("", "empty duration string");
        check_refused("5", "not a valid duration string: \"5\"");
        check_refused("1.5h", "unknown unit \".\" in duration \"1.5h\"");
        check_refused("1m1h", "not a valid duration string: \"1m1h\"");
        check_refused("1m1m", "not a valid duration string: \"1m1m\"");
        check_refused("-1m", "not a valid duration string: \"-1m\"");
        check_refused("1x", "unknown unit \"x\" in duration \"1x\"");
        check_refused("300y", "duration out of range");
        check_refused(
            "99999999999999999999s",
            "not a valid duration string: \"99999999999999999999s\"",
        );
    }

    #[test]
    fn go_durations_have_signs_and_decimals() {
        assert_eq!(parse_go_ns("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_go_ns("-2us"), Ok(-2_000));
        assert_eq!(parse_go_ns("1h2m3s"), Ok(3_723_000_000_000));
        assert!(parse_go_ns("5").is_err());
        assert!(parse_go_ns("1d").is_err());
        for (ns, text) in [
            (2_000_000, "2ms"),
            (1_500_000, "1.5ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (1_500, "1.5µs"),
            (7, "7ns"),
        ] {
            assert_eq!(format_go_ns(ns), text);
        }
    }
}
