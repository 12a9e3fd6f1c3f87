//! The values of literals: numbers, durations and strings, with Go's rules and Go's complaints.
//!
//! | written | value |
//! |---|---|
//! | `010` | 8: a leading zero is octal where that is possible |
//! | `08` | 8 |
//! | `0x1f`, `1_000`, `1e+1_0` | 31, 1 000, 1e10 |
//! | `1h30m` | 5 400 seconds |
//! | `"\xff"` | one byte that is no UTF-8 |

use super::token::quoted;

/// A number as `strconv.ParseInt(text, 0, 64)` or else `strconv.ParseFloat(text, 64)` reads it.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    if let Some(value) = integer(text) {
        return Ok(value as f64);
    }
    match float(text) {
        Some(value) if value.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => {
            Err(parse_float_error(text, "value out of range"))
        }
        Some(value) => Ok(value),
        None => Err(parse_float_error(text, "invalid syntax")),
    }
}

fn parse_float_error(text: &str, why: &str) -> String {
    format!(
        "error parsing number: strconv.ParseFloat: parsing {}: {why}",
        quoted(text)
    )
}

fn integer(text: &str) -> Option<i64> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, text.get(2..)?),
        [b'0', _, ..] => (8, text.get(1..)?),
        _ => (10, text),
    };
    if !digits.contains('_') {
        return i64::from_str_radix(digits, radix).ok().filter(|v| *v >= 0);
    }
    // An underscore may follow a digit or the base's prefix, and a digit must follow it.
    let prefixed = radix != 10;
    let is_placed = digits
        .split('_')
        .enumerate()
        .all(|(i, part)| !part.is_empty() || (i == 0 && prefixed));
    let plain = digits.replace('_', "");
    is_placed
        .then(|| i64::from_str_radix(&plain, radix).ok())
        .flatten()
        .filter(|v| *v >= 0)
}

fn float(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("inf") {
        return Some(f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if text.starts_with("0x") || text.starts_with("0X") || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if !text.contains('_') {
        return fast_float2::parse(text).ok();
    }
    let bytes = text.as_bytes();
    let is_digit_at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_placed = memchr::memchr_iter(b'_', bytes)
        .all(|at| is_digit_at(at.checked_sub(1)) && is_digit_at(at.checked_add(1)));
    is_placed
        .then(|| fast_float2::parse(text.replace('_', "")).ok())
        .flatten()
}

/// Units of a duration, largest first, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// The length of a duration in nanoseconds; units must come largest first, each once.
pub(crate) fn duration_ns(text: &str) -> Result<i64, String> {
    const OUT_OF_RANGE: &str = "duration out of range";
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    if text == "0" {
        return Ok(0);
    }
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let (mut rest, mut total, mut next_unit) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let length = rest.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let unit = &rest[..length];
        rest = &rest[length..];
        if unit.is_empty() {
            return Err(invalid());
        }
        let at = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| format!("unknown unit {} in duration {}", quoted(unit), quoted(text)))?;
        if at < next_unit {
            return Err(invalid());
        }
        next_unit = at + 1;
        total = count
            .checked_mul(UNITS[at].1)
            .and_then(|ns| total.checked_add(ns))
            .filter(|ns| i64::try_from(*ns).is_ok())
            .ok_or_else(|| OUT_OF_RANGE.to_owned())?;
    }
    i64::try_from(total).map_err(|_| OUT_OF_RANGE.to_owned())
}

/// Nanoseconds as seconds, rounded as Go's `Duration.Seconds` does.
pub(crate) fn ns_to_seconds(ns: i64) -> f64 {
    (ns / 1_000_000_000) as f64 + (ns % 1_000_000_000) as f64 / 1e9
}

/// A number as Go's `%f` writes it.
pub(crate) fn fixed_point(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value.is_nan() {
        return "NaN".to_owned();
    }
    format!("{value:.6}")
}

/// Whether a number of seconds is more nanoseconds than fit.
pub(crate) fn is_duration_out_of_range(seconds: f64) -> bool {
    const LIMIT: f64 = 9_223_372_036.854_776;
    !(-LIMIT..=LIMIT).contains(&seconds) && !seconds.is_nan()
}

/// Seconds as Go's `time.Duration`, in nanoseconds.
pub(crate) fn seconds_to_ns(seconds: f64) -> i64 {
    let ns = (seconds * 1e9).round();
    // What amd64 makes of a float that is no int64.
    if !(i64::MIN as f64..i64::MAX as f64).contains(&ns) {
        return i64::MIN;
    }
    ns as i64
}

/// Writes milliseconds as `model.Duration` does: `1h30m`, `0s`.
pub(crate) fn write_duration(out: &mut impl std::fmt::Write, ms: u64) -> std::fmt::Result {
    if ms == 0 {
        return out.write_str("0s");
    }
    let mut rest = ms;
    for (unit, ns) in UNITS {
        let unit_ms = ns / 1_000_000;
        // Years and weeks only if nothing is left over: 90d is easier to read than 12w6d.
        if matches!(unit, "y" | "w") && !rest.is_multiple_of(unit_ms) {
            continue;
        }
        if rest >= unit_ms {
            write!(out, "{}{unit}", rest / unit_ms)?;
            rest %= unit_ms;
        }
    }
    Ok(())
}

/// The bytes that a literal, quotes included, stands for. `None` if it is none, which the lexer excludes.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    if !literal.ends_with(quote) {
        return None;
    }
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if quote == '`' || !inner.contains('\\') {
        return Some(inner.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], quote, &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

/// Appends what the escape after a backslash stands for; answers what follows it.
fn escape<'a>(text: &'a str, quote: char, out: &mut Vec<u8>) -> Option<&'a str> {
    let first = text.chars().next()?;
    let (skip, digits, radix) = match first {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            out.push(match first {
                'a' => 7,
                'b' => 8,
                'f' => 12,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 11,
                '\\' => b'\\',
                c if c == quote => u8::try_from(c).ok()?,
                _ => return None,
            });
            return text.get(1..);
        }
    };
    let value = u32::from_str_radix(text.get(skip..skip + digits)?, radix).ok()?;
    if matches!(first, 'u' | 'U') {
        let c = char::from_u32(value)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(value).ok()?);
    }
    text.get(skip + digits..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_number(text: &str, value: f64) {
        assert_eq!(number(text), Ok(value));
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        check_number("010", 8.0);
        check_number("08", 8.0);
        check_number("0x1F", 31.0);
        check_number("0X_1F", 31.0);
        check_number("1_000", 1000.0);
        check_number("99999999999999999999", 1e20);
        check_number(".5", 0.5);
        check_number("Inf", f64::INFINITY);
        assert!(number("nAn").is_ok_and(f64::is_nan));
    }

    #[test]
    fn a_number_too_large_for_a_float_is_refused() {
        assert_eq!(
            number("1e1000").unwrap_err(),
            "error parsing number: strconv.ParseFloat: parsing \"1e1000\": value out of range"
        );
    }

    #[track_caller]
    fn check_duration(text: &str, ns: Result<i64, &str>) {
        assert_eq!(duration_ns(text), ns.map_err(str::to_owned));
    }

    #[test]
    fn units_of_a_duration_come_largest_first() {
        check_duration("1h30m", Ok(5_400_000_000_000));
        check_duration("1s500ms", Ok(1_500_000_000));
        check_duration("5m1h", Err("not a valid duration string: \"5m1h\""));
        check_duration("1hs", Err("unknown unit \"hs\" in duration \"1hs\""));
        check_duration("293y", Err("duration out of range"));
    }

    #[test]
    fn a_duration_is_written_with_whole_years_and_weeks_only() {
        let written = |ms| {
            let mut out = String::new();
            write_duration(&mut out, ms).map(|()| out)
        };
        assert_eq!(written(0).as_deref(), Ok("0s"));
        assert_eq!(written(5_400_000).as_deref(), Ok("1h30m"));
        assert_eq!(written(90 * 86_400_000).as_deref(), Ok("90d"));
        assert_eq!(written(14 * 86_400_000).as_deref(), Ok("2w"));
        assert_eq!(written(1_001).as_deref(), Ok("1s1ms"));
    }

    #[test]
    fn escapes_stand_for_bytes_and_characters() {
        assert_eq!(
            unquote(r#""a\xff\101\u00e9\n""#).as_deref(),
            Some(&b"a\xffA\xc3\xa9\n"[..])
        );
        assert_eq!(unquote(r"`a\n`").as_deref(), Some(&br"a\n"[..]));
        assert_eq!(unquote(r"'\''").as_deref(), Some(&b"'"[..]));
    }
}
