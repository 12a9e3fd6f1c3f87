//! Numbers as Go prints them: in annotations, error texts and the labels of `count_values`.

/// The shortest text without an exponent that reads back as the same number: Go's `'f', -1`.
pub(crate) fn plain(v: f64) -> String {
    match special(v) {
        Some(text) => text.to_owned(),
        None => format!("{v}"),
    }
}

/// A fixed number of decimals: `%f`.
pub(crate) fn fixed(v: f64, decimals: usize) -> String {
    match special(v) {
        Some(text) => text.to_owned(),
        None => format!("{v:.decimals$}"),
    }
}

/// From which exponent on `%g` writes one, if the number of digits is the shortest possible.
const SHORTEST_EXPONENT: i32 = 6;

/// The shortest text that reads back as the same number, with an exponent if the number is below 1e-4 or at
/// least a million: `%g` and `%v`.
pub(crate) fn general(v: f64) -> String {
    match special(v) {
        Some(text) => text.to_owned(),
        None => layout(&format!("{v:e}"), SHORTEST_EXPONENT),
    }
}

/// `digits` significant digits: `%.2g` and the like.
pub(crate) fn significant(v: f64, digits: usize) -> String {
    if let Some(text) = special(v) {
        return text.to_owned();
    }
    let text = format!("{v:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    layout(
        &format!("{mantissa}e{exponent}"),
        i32::try_from(digits).unwrap_or(i32::MAX),
    )
}

/// A float as a label value of OpenMetrics: always with a point or an exponent (`1.0`, `0.99`, `+Inf`).
pub(crate) fn open_metrics(v: f64) -> String {
    let text = general(v);
    if v.is_finite() && !text.contains(['e', '.']) {
        return format!("{text}.0");
    }
    text
}

fn special(v: f64) -> Option<&'static str> {
    if v.is_nan() {
        return Some("NaN");
    }
    if v.is_infinite() {
        return Some(if v > 0.0 { "+Inf" } else { "-Inf" });
    }
    None
}

/// Turns Rust's `1.5e-7` into Go's layout: plain, or with an exponent of two digits at least.
fn layout(scientific: &str, exponent_from: i32) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= exponent_from {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    if exponent < 0 {
        format!("{sign}0.{}{digits}", zeros(-exponent - 1))
    } else if exponent + 1 >= count {
        format!("{sign}{digits}{}", zeros(exponent + 1 - count))
    } else {
        let (whole, rest) = digits.split_at(usize::try_from(exponent + 1).unwrap_or(0));
        format!("{sign}{whole}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_go_prints_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-123_456_789.5, "-1.234567895e+08"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (v, text) in cases {
            assert_eq!(general(v), text);
        }
        assert_eq!(significant(0.000_123_4, 2), "0.00012");
        assert_eq!(significant(1234.0, 2), "1.2e+03");
        assert_eq!(plain(1e21), "1000000000000000000000");
        assert_eq!(fixed(0.1, 6), "0.100000");
    }
}
