//! Numbers of the exposition formats: what Go's `ParseFloat` takes, less hexadecimals and underscores.

use std::fmt;

use tsdb::model::NORMAL_NAN_BITS;

use super::quote::Quoted;

/// A number that cannot be read, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// It holds `p`, `P` or `_`, which only newer floats of Go's do.
    Unsupported,
    Syntax(Box<[u8]>),
    Range(Box<[u8]>),
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, problem) = match self {
            Self::Unsupported => return f.write_str("unsupported character in float"),
            Self::Syntax(text) => (text, "invalid syntax"),
            Self::Range(text) => (text, "value out of range"),
        };
        write!(f, "strconv.ParseFloat: parsing {}: {problem}", Quoted(text))
    }
}

/// Reads a whole token. Every NaN comes out as the one that Prometheus stores.
pub(crate) fn parse_float(token: &[u8]) -> Result<f64, NumberError> {
    if token.iter().any(|b| matches!(b, b'p' | b'P' | b'_')) {
        return Err(NumberError::Unsupported);
    }
    let unsigned = match token.first() {
        Some(b'+' | b'-') => &token[1..],
        _ => token,
    };
    let syntax = || NumberError::Syntax(token.into());
    if unsigned.first().is_some_and(u8::is_ascii_alphabetic) {
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            let negative = token[0] == b'-';
            return Ok(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            });
        }
        if token.eq_ignore_ascii_case(b"nan") {
            return Ok(f64::from_bits(NORMAL_NAN_BITS));
        }
        return Err(syntax());
    }
    if matches!(unsigned.first(), Some(b'+' | b'-')) {
        return Err(syntax());
    }
    match fast_float2::parse::<f64, _>(token) {
        Ok(value) if value.is_infinite() => Err(NumberError::Range(token.into())),
        Ok(value) => Ok(value),
        Err(_) => Err(syntax()),
    }
}

/// Digits that a float holds exactly: 10^15 < 2^53.
const EXACT_DIGITS_MAX: usize = 15;

/// Powers of ten that a float holds exactly, as far as [`EXACT_DIGITS_MAX`] needs them.
const POWERS: [f64; EXACT_DIGITS_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Reads the number that `text` begins with and tells how long it is.
///
/// `None` means "ask the careful parser": no number, or something odd behind it.
#[inline]
pub(super) fn leading_number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let from = usize::from(negative);
    let (mut mantissa, mut digits, mut fraction_from) = (0u64, 0usize, None);
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                digits += 1;
            }
            b'.' if fraction_from.is_none() => fraction_from = Some(digits),
            _ => break,
        }
        at += 1;
    }
    let ends_here = matches!(text.get(at), None | Some(b'\n' | b' ' | b'\t'));
    if ends_here && (1..=EXACT_DIGITS_MAX).contains(&digits) {
        // Both operands are exact, so the one division rounds as a correct parser does.
        let magnitude = mantissa as f64 / POWERS[digits - fraction_from.unwrap_or(digits)];
        return Some((if negative { -magnitude } else { magnitude }, at));
    }
    let end = text[at..]
        .iter()
        .position(|b| matches!(b, b'\n' | b' ' | b'\t' | b'{' | 0))
        .map_or(text.len(), |length| at + length);
    // A brace or a NUL ends the token, but only in an error.
    if matches!(text.get(end), Some(b'{' | 0)) {
        return None;
    }
    parse_float(&text[..end]).ok().map(|value| (value, end))
}

/// A label value of `le` or `quantile` as OpenMetrics writes floats: never without point or exponent.
pub(super) fn format_openmetrics(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return "0.0".to_owned();
    }
    // Rust's shortest digits are Go's; only the layout of `%g` differs.
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // `strconv`'s 'g' with the shortest digits turns to exponents at 1e6; the 21 of `%v` is package fmt's.
    if (-4..6).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_refused(token: &str, text: &str) {
        assert_eq!(parse_float(token.as_bytes()).unwrap_err().to_string(), text);
    }

    #[test]
    fn hexadecimals_and_underscores_are_refused() {
        check_refused("1_2", "unsupported character in float");
        check_refused("0x1p-3", "unsupported character in float");
        check_refused("0x1", r#"strconv.ParseFloat: parsing "0x1": invalid syntax"#);
    }

    #[test]
    fn words_are_infinities_or_the_one_nan() {
        assert_eq!(parse_float(b"-Infinity"), Ok(f64::NEG_INFINITY));
        assert_eq!(parse_float(b"+inf"), Ok(f64::INFINITY));
        assert_eq!(parse_float(b"nan").map(f64::to_bits), Ok(NORMAL_NAN_BITS));
        check_refused("-NaN", r#"strconv.ParseFloat: parsing "-NaN": invalid syntax"#);
        check_refused("", r#"strconv.ParseFloat: parsing "": invalid syntax"#);
    }

    #[test]
    fn a_number_beyond_all_floats_is_out_of_range() {
        check_refused(
            "1e999",
            r#"strconv.ParseFloat: parsing "1e999": value out of range"#,
        );
        assert_eq!(parse_float(b"1e-999"), Ok(0.0));
    }

    #[test]
    fn bounds_are_written_with_point_or_exponent() {
        let cases = [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (10.0, "10.0"),
            (0.25, "0.25"),
            (f64::INFINITY, "+Inf"),
            (1e-7, "1e-07"),
            (2.5e-5, "2.5e-05"),
            (1e6, "1e+06"),
            (100_000.0, "100000.0"),
            (123_456.7, "123456.7"),
            (1_234_567.0, "1.234567e+06"),
            (1e-4, "0.0001"),
        ];
        for (value, text) in cases {
            assert_eq!(format_openmetrics(value), text);
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_read_as_the_standard_library_reads_them(text in "-?[0-9]{1,12}(\\.[0-9]{0,8})?(e[-+]?[0-9]{1,2})?") {
            let line = format!("{text}\n");
            let (value, length) = leading_number(line.as_bytes()).expect("a number");
            prop_assert_eq!(length, text.len());
            prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
        }
    }
}
