//! Sizes in bytes: `512MB`, `1.5GiB`, both in powers of 1024; a unit is required except for `0`.

use std::fmt;

/// A text that is no size; its words are Prometheus'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeError(String);

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SizeError {}

const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

/// Reads a size in bytes.
///
/// # Errors
/// In Prometheus' words.
pub fn parse_bytes(text: &str) -> Result<i64, SizeError> {
    // First all units as KiB, then all as KB; a text may not mix them, and the second refusal is told.
    parse_in(text, "iB").or_else(|_| parse_in(text, "B"))
}

fn parse_in(text: &str, suffix: &str) -> Result<i64, SizeError> {
    let invalid = || SizeError(format!("units: invalid {text}"));
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
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = &rest[..digits(rest)];
        let after = &rest[whole.len()..];
        let fraction = after.strip_prefix('.').map(|after| &after[..digits(after)]);
        let length = whole.len() + fraction.map_or(0, |fraction| fraction.len() + 1);
        let fraction = fraction.unwrap_or_default();
        if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 || fraction.len() > 18 {
            return Err(invalid());
        }
        let number: f64 = format!("0{whole}.{fraction}0").parse().map_err(|_| invalid())?;
        rest = &rest[length..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let power = match unit {
            "B" => Some(0),
            _ => unit
                .strip_suffix(suffix)
                .and_then(|prefix| PREFIXES[1..].iter().position(|p| *p == prefix))
                .map(|at| at + 1),
        };
        let Some(power) = power else {
            return Err(SizeError(format!("units: unknown unit {unit} in {text}")));
        };
        total += number * 1024_f64.powi(i32::try_from(power).unwrap_or(0));
    }
    if negative {
        total = -total;
    }
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&total) {
        return Err(SizeError("units: overflow parsing unit".into()));
    }
    Ok(total as i64)
}

/// Writes bytes as Prometheus does: `1GiB512MiB`, `0B`.
pub fn format_bytes(bytes: i64) -> String {
    let mut parts = Vec::new();
    let mut rest = bytes;
    for (i, prefix) in PREFIXES.iter().enumerate() {
        if rest % 1024 != 0 || (i == 0 && rest == 0) {
            let suffix = if i == 0 { "B" } else { "iB" };
            parts.push(format!("{}{prefix}{suffix}", rest % 1024));
        }
        rest /= 1024;
        if rest == 0 {
            break;
        }
    }
    parts.reverse();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: i64, back: &str) {
        assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        assert_eq!(format_bytes(bytes), back);
    }

    #[test]
    fn both_spellings_of_a_unit_are_powers_of_1024() {
        check("0", 0, "0B");
        check("5KB", 5 * 1024, "5KiB");
        check("5KiB", 5 * 1024, "5KiB");
        check("1.5GB", 1_610_612_736, "1GiB512MiB");
        check("1GB1MB", (1 << 30) + (1 << 20), "1GiB1MiB");
        check("7B", 7, "7B");
    }

    #[test]
    fn refusals_use_the_words_of_prometheus() {
        for (text, words) in [
            ("", "units: invalid "),
            ("5", "units: unknown unit  in 5"),
            ("5kB", "units: unknown unit kB in 5kB"),
            ("5 MB", "units: unknown unit  MB in 5 MB"),
            ("MB", "units: invalid MB"),
            ("1.2.3B", "units: unknown unit  in 1.2.3B"),
            ("8EB", "units: overflow parsing unit"),
        ] {
            assert_eq!(parse_bytes(text).unwrap_err().to_string(), words);
        }
    }
}
