//! Numbers under a verb: `%d`, `%x`, `%c`, `%f`, `%g`, with sign, zeros and point as the flags want.

use promql::format::{Layout, push_float};

use super::print::{self, quoted};
use super::show::{Spec, bad_verb, pad};
use super::value::{IntKind, Value};

/// Appends a whole number.
pub(super) fn push_int(out: &mut String, n: i64, verb: char, spec: Spec, value: &Value) {
    let magnitude = n.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' if spec.source && matches!(value, Value::Int(IntKind::Uint8, _)) => {
            (format!("{magnitude:x}"), "0x")
        }
        'v' | 'd' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if spec.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if spec.sharp { "0X" } else { "" }),
        'c' => return pad(out, &character(n).to_string(), spec),
        'q' => {
            let c = character(n);
            let inside = quoted(c.encode_utf8(&mut [0; 4]));
            let inside = inside[1..inside.len() - 1]
                .replace("\\\"", "\"")
                .replace('\'', "\\'");
            return pad(out, &format!("'{inside}'"), spec);
        }
        'U' => {
            let shown = if spec.sharp {
                format!(" '{}'", character(n))
            } else {
                String::new()
            };
            return pad(out, &format!("U+{n:04X}{shown}"), spec);
        }
        _ => return bad_verb(out, value, verb),
    };
    let sign = match (n < 0, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    if spec.precision == Some(0) && n == 0 {
        return pad(out, "", Spec { zero: false, ..spec });
    }
    let digits_min = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let text = format!("{sign}{prefix}{digits:0>digits_min$}");
    pad(out, &text, Spec { zero: false, ..spec });
}

fn character(n: i64) -> char {
    u32::try_from(n)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

/// Appends a float.
pub(super) fn push_number(out: &mut String, v: f64, verb: char, spec: Spec, value: &Value) {
    let layout = match verb {
        'v' | 'g' | 'G' => Layout::General,
        'e' | 'E' => Layout::Exponent,
        'f' | 'F' => Layout::Plain,
        'b' | 'x' | 'X' => return pad(out, &binary_form(v, verb), spec),
        _ => return bad_verb(out, value, verb),
    };
    let precision = spec.precision.or(match layout {
        Layout::General => None,
        Layout::Exponent | Layout::Plain => Some(6),
    });
    let mut text = String::new();
    push_float(&mut text, v, layout, precision);
    if spec.sharp && v.is_finite() {
        text = with_point(&text, layout, precision);
    }
    if matches!(verb, 'E' | 'G') {
        text = text
            .to_uppercase()
            .replace("+INF", "+Inf")
            .replace("-INF", "-Inf")
            .replace("NAN", "NaN");
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "+" }, digits),
        None => ("", text.as_str()),
    };
    let sign = match sign {
        "-" => "-",
        _ if spec.plus => "+",
        _ if spec.space => " ",
        // Infinity shows its sign always, other numbers on demand.
        sign => sign,
    };
    let zero = spec.zero && !spec.minus && v.is_finite();
    let width = spec.width.unwrap_or(0);
    if zero && !sign.is_empty() && width > digits.len() + sign.len() {
        out.push_str(sign);
        return pad(
            out,
            digits,
            Spec {
                width: Some(width - sign.len()),
                ..spec
            },
        );
    }
    pad(out, &format!("{sign}{digits}"), Spec { zero, ..spec });
}

/// The `#` flag: a decimal point always, and with `g` the zeros at the end.
fn with_point(text: &str, layout: Layout, precision: Option<usize>) -> String {
    let (mantissa, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut mantissa = mantissa.to_owned();
    let significant = mantissa
        .trim_start_matches(['-', '0', '.'])
        .replace('.', "")
        .len();
    if !mantissa.contains('.') {
        mantissa.push('.');
    }
    if layout == Layout::General {
        let wanted = precision.unwrap_or(6);
        let have = if significant == 0 { 1 } else { significant };
        mantissa.extend(std::iter::repeat_n('0', wanted.saturating_sub(have)));
    }
    mantissa + exponent
}

/// Mantissa and exponent to the base two: `%b` and `%x`.
fn binary_form(v: f64, verb: char) -> String {
    if !v.is_finite() {
        return print::shown(&Value::Float(v));
    }
    let bits = v.to_bits();
    let (stored, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let sign = if v.is_sign_negative() { "-" } else { "" };
    let (mantissa, exponent) = match stored {
        0 => (fraction, -1074),
        stored => (fraction | 1 << 52, stored - 1075),
    };
    if verb == 'b' {
        return format!("{sign}{mantissa}p{exponent:+}");
    }
    let text = if mantissa == 0 {
        format!("{sign}0x0p+00")
    } else {
        let shift = mantissa.leading_zeros() - 11;
        let digits = format!("{:013x}", (mantissa << shift) & ((1 << 52) - 1));
        let digits = digits.trim_end_matches('0');
        let point = if digits.is_empty() { "" } else { "." };
        let exponent = exponent + 52 - shift as i32;
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{sign}0x1{point}{digits}p{exponent_sign}{:02}", exponent.abs())
    };
    if verb == 'X' { text.to_uppercase() } else { text }
}
