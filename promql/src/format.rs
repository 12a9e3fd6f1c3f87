//! Floats as Go's `strconv.FormatFloat` writes them: what the API, `count_values` and templates show.
//!
//! ```text
//! layout     value        text
//! Plain      1234567      1234567               'f', no exponent ever
//! Exponent   1234567      1.234567e+06          'e', at least two digits of exponent
//! General    1234567      1.234567e+06          'g', exponent below -4 or from 6 (or the precision) up
//! ```
//!
//! Without a precision the digits are the fewest that read back as the same float. NaN and the
//! infinities are `NaN`, `+Inf`, `-Inf`. Start with [`push_float`].

/// How digits and exponent are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Go's `f`: digits and a decimal point.
    Plain,
    /// Go's `e`: one digit, the fraction, `e`, sign and at least two digits.
    Exponent,
    /// Go's `g`: whichever of the two suits the size of the exponent.
    General,
}

/// The fewest digits in plain layout: `FormatFloat(v, 'f', -1, 64)`.
pub fn plain(v: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, v, Layout::Plain, None);
    out
}

/// The fewest digits in general layout: `FormatFloat(v, 'g', -1, 64)`, and `%v`.
pub fn general(v: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, v, Layout::General, None);
    out
}

/// The fewest digits with an exponent: `FormatFloat(v, 'e', -1, 64)`, as the API shows an alert's value.
pub fn exponent(v: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, v, Layout::Exponent, None);
    out
}

/// Appends a sample's value as the API writes it: plain, but with an exponent below 1e-6 and from 1e21 up.
pub fn push_json(out: &mut String, v: f64) {
    let size = v.abs();
    let layout = if size != 0.0 && !(1e-6..1e21).contains(&size) {
        Layout::Exponent
    } else {
        Layout::Plain
    };
    push_float(out, v, layout, None);
}

/// Pairs of digits, 00 to 99.
const PAIRS: &str = "00010203040506070809101112131415161718192021222324252627282930313233343536373839\
                     40414243444546474849505152535455565758596061626364656667686970717273747576777879\
                     8081828384858687888990919293949596979899";

/// Appends a whole number.
pub fn push_whole(out: &mut String, number: u64) {
    // The pairs from the last to the first; 2^64 has twenty digits.
    let mut pairs = [0_usize; 10];
    let (mut rest, mut count) = (number, 0);
    loop {
        pairs[count] = (rest % 100) as usize;
        count += 1;
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    let first = pairs[count - 1] * 2;
    out.push_str(&PAIRS[first + usize::from(pairs[count - 1] < 10)..first + 2]);
    for pair in pairs[..count - 1].iter().rev() {
        out.push_str(&PAIRS[pair * 2..pair * 2 + 2]);
    }
}

/// `e-308`
const EXPONENT_BYTES_MAX: usize = 5;

/// Whole numbers below this have their digits before the point.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends `v`. `precision` counts digits after the point, for [`Layout::General`] significant digits;
/// without it the digits are the fewest that read back as `v`.
pub fn push_float(out: &mut String, v: f64, layout: Layout, precision: Option<usize>) {
    if v.is_nan() {
        return out.push_str("NaN");
    }
    if v.is_infinite() {
        return out.push_str(if v > 0.0 { "+Inf" } else { "-Inf" });
    }
    if v.is_sign_negative() {
        out.push('-');
    }
    let v = v.abs();
    match (layout, precision) {
        (Layout::Plain, Some(precision)) => out.push_str(&format!("{v:.precision$}")),
        (Layout::Plain, None) => push_shortest_plain(out, v),
        (Layout::Exponent, None) => push_exponent(out, &Decimal::shortest(v)),
        (Layout::Exponent, Some(precision)) => push_exponent(out, &Decimal::rounded(v, precision + 1)),
        (Layout::General, None) => push_general(out, &Decimal::shortest(v), GENERAL_EXPONENT),
        (Layout::General, Some(precision)) => {
            let significant = precision.max(1);
            let mut decimal = Decimal::rounded(v, significant);
            decimal.trim();
            push_general(out, &decimal, significant as i32);
        }
    }
}

/// From which exponent on `g` without a precision writes one.
const GENERAL_EXPONENT: i32 = 6;

/// `0.d1d2d3… × 10^point`; zero has the single digit 0 and the point after it.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    fn shortest(v: f64) -> Self {
        Self::parse(zmij::Buffer::new().format_finite(v))
    }

    fn rounded(v: f64, significant: usize) -> Self {
        let after_point = significant - 1;
        let text = format!("{v:.after_point$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Self {
            digits: mantissa.bytes().filter(|&b| b != b'.').map(char::from).collect(),
            point: exponent + 1,
        }
    }

    /// From any text of a finite, non-negative float.
    fn parse(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let all = format!("{whole}{fraction}");
        let leading_zeros = all.bytes().take_while(|&b| b == b'0').count();
        let mut decimal = Self {
            digits: all[leading_zeros..].to_owned(),
            point: exponent + whole.len() as i32 - leading_zeros as i32,
        };
        decimal.trim();
        decimal
    }

    /// Drops zeros at the end.
    fn trim(&mut self) {
        let kept = self.digits.trim_end_matches('0').len();
        self.digits.truncate(kept);
        if self.digits.is_empty() {
            self.digits.push('0');
            self.point = 1;
        }
    }
}

/// Most values need no decimal of ours: they are whole, or the digits come in plain layout already.
fn push_shortest_plain(out: &mut String, v: f64) {
    if v < WHOLE_MAX && (v as u64) as f64 == v {
        return push_whole(out, v as u64);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(v);
    // An exponent has at most a sign and three digits.
    if text
        .bytes()
        .rev()
        .take(EXPONENT_BYTES_MAX)
        .any(|byte| byte == b'e')
    {
        push_plain(out, &Decimal::parse(text));
    } else if v < WHOLE_MAX {
        out.push_str(text);
    } else {
        out.push_str(text.strip_suffix(".0").unwrap_or(text));
    }
}

fn push_plain(out: &mut String, decimal: &Decimal) {
    let Decimal { digits, point } = decimal;
    match usize::try_from(*point) {
        Ok(point) if point >= digits.len() => {
            out.push_str(digits);
            out.extend(std::iter::repeat_n('0', point - digits.len()));
        }
        Ok(point) if point > 0 => {
            out.push_str(&digits[..point]);
            out.push('.');
            out.push_str(&digits[point..]);
        }
        _ => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
            out.push_str(digits);
        }
    }
}

fn push_exponent(out: &mut String, decimal: &Decimal) {
    let exponent = if decimal.digits.bytes().all(|b| b == b'0') {
        0
    } else {
        decimal.point - 1
    };
    let (first, rest) = decimal.digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("e{sign}{:02}", exponent.abs()));
}

fn push_general(out: &mut String, decimal: &Decimal, exponent_from: i32) {
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= exponent_from {
        push_exponent(out, decimal);
    } else {
        push_plain(out, decimal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(v: f64, layout: Layout, precision: Option<usize>, expected: &str) {
        let mut out = String::new();
        push_float(&mut out, v, layout, precision);
        assert_eq!(out, expected);
    }

    #[test]
    fn general_takes_an_exponent_from_a_million_on() {
        for (v, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (123_456.75, "123456.75"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (f64::MIN_POSITIVE / 4503599627370496.0, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            check(v, Layout::General, None, expected);
        }
    }

    #[test]
    fn whole_numbers_have_all_their_digits() {
        for number in [0, 7, 10, 99, 100, 101, 1_000_000, 1_700_000_407, u64::MAX] {
            let mut out = String::new();
            push_whole(&mut out, number);
            assert_eq!(out, number.to_string());
        }
        check(9_007_199_254_740_991.0, Layout::Plain, None, "9007199254740991");
        check(-0.0, Layout::Plain, None, "-0");
    }

    #[test]
    fn plain_never_takes_an_exponent() {
        check(1_234_567.0, Layout::Plain, None, "1234567");
        check(1e21, Layout::Plain, None, "1000000000000000000000");
        check(0.000_012_5, Layout::Plain, None, "0.0000125");
        check(-2.5, Layout::Plain, None, "-2.5");
        check(2.5, Layout::Plain, Some(0), "2");
        check(3.5, Layout::Plain, Some(0), "4");
        check(0.125, Layout::Plain, Some(2), "0.12");
    }

    #[test]
    fn exponent_has_at_least_two_digits() {
        check(0.0, Layout::Exponent, None, "0e+00");
        check(0.0, Layout::Exponent, Some(3), "0.000e+00");
        check(1_234_567.0, Layout::Exponent, Some(2), "1.23e+06");
        check(1e-7, Layout::Exponent, None, "1e-07");
        check(9.99, Layout::Exponent, Some(0), "1e+01");
    }

    #[test]
    fn general_with_a_precision_drops_zeros_at_the_end() {
        check(1.0, Layout::General, Some(4), "1");
        check(1234.5, Layout::General, Some(4), "1234");
        check(12_345.0, Layout::General, Some(4), "1.234e+04");
        check(99_999.0, Layout::General, Some(4), "1e+05");
        check(0.000_012_345, Layout::General, Some(4), "1.234e-05");
        check(0.0, Layout::General, Some(4), "0");
        check(100_000.0, Layout::General, Some(6), "100000");
        check(100_000.0, Layout::General, Some(10), "100000");
    }
}
