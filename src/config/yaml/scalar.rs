//! What a scalar means: the rules of yaml.v2, a mixture of YAML 1.1 and Go.
//!
//! | written without quotes | is |
//! |---|---|
//! | `y yes on true` (three spellings of case each) | true; `n no off false` is false |
//! | nothing, `~`, `null` | null |
//! | `12 0x1f 0o17 017 0b11 1_000` | an integer |
//! | `1.5 1e3 .inf .nan` | a float |
//! | `2020-01-31` | a timestamp, which this project never wants |
//! | anything else, and everything in quotes | a text |

use base64::Engine;

use super::tree::{Node, Value};

/// A scalar's meaning. Its text stays in the node: where a text is wanted, `010` is "010".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resolved {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits `i64`.
    Int(i64),
    /// An integer that fits `u64` alone.
    Uint(u64),
    /// A float.
    Float(f64),
    /// A point in time.
    Timestamp,
    /// A text.
    Text,
}

impl Resolved {
    /// The short tag that error messages name it by.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::Timestamp => "!!timestamp",
            Self::Text => "!!str",
        }
    }
}

/// The prefix of YAML's own tags.
pub const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// A tag as it is written in messages: `!!str`.
pub fn short_tag(tag: &str) -> String {
    match tag.strip_prefix(TAG_PREFIX) {
        Some(name) => format!("!!{name}"),
        None => tag.to_owned(),
    }
}

/// What `node` means; collections mean a text here, callers look at their shape first.
///
/// # Errors
/// When the node's tag and its text disagree (`!!int abc`), in go-yaml's words.
pub fn resolve(node: &Node) -> Result<Resolved, String> {
    let Value::Scalar(scalar) = &node.value else {
        return Ok(Resolved::Text);
    };
    let Some(tag) = node.tag.as_deref() else {
        return Ok(if scalar.is_plain {
            resolve_text(&scalar.text)
        } else {
            Resolved::Text
        });
    };
    let Some(kind) = tag.strip_prefix(TAG_PREFIX) else {
        return Ok(Resolved::Text);
    };
    let found = resolve_text(&scalar.text);
    match (kind, found) {
        ("int", Resolved::Int(_) | Resolved::Uint(_))
        | ("float", Resolved::Float(_))
        | ("bool", Resolved::Bool(_))
        | ("null", Resolved::Null)
        | ("timestamp", Resolved::Timestamp) => Ok(found),
        ("float", Resolved::Int(number)) => Ok(Resolved::Float(number as f64)),
        ("float", Resolved::Uint(number)) => Ok(Resolved::Float(number as f64)),
        ("int" | "float" | "bool" | "null" | "timestamp", _) => Err(format!(
            "cannot decode {} `{}` as a !!{kind}",
            found.tag(),
            scalar.shown()
        )),
        _ => Ok(Resolved::Text),
    }
}

/// The text of a `!!binary` value, `None` if it is not one.
pub fn binary(node: &Node) -> Option<Result<String, String>> {
    let scalar = node.scalar()?;
    if node.tag.as_deref()?.strip_prefix(TAG_PREFIX)? != "binary" {
        return None;
    }
    // Go reads on over the ends of lines, and over nothing else.
    let packed: String = scalar.text.split(['\r', '\n']).collect();
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(packed) else {
        return Some(Err("!!binary value contains invalid base64 data".into()));
    };
    Some(String::from_utf8(bytes).map_err(|error| {
        let shown = error.as_bytes().escape_ascii();
        format!("\"{shown}\" is not a valid label value")
    }))
}

/// What an unquoted `text` means.
pub fn resolve_text(text: &str) -> Resolved {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => match text.as_bytes()[0] {
            b'.' => finite(text).map_or(Resolved::Text, Resolved::Float),
            b'+' | b'-' | b'0'..=b'9' => resolve_number(text),
            _ => Resolved::Text,
        },
    }
}

fn resolve_number(text: &str) -> Resolved {
    if is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let plain = text.replace('_', "");
    if let Some(integer) = resolve_integer(&plain) {
        return integer;
    }
    if is_float_shape(&plain)
        && let Some(float) = finite(&plain)
    {
        return Resolved::Float(float);
    }
    Resolved::Text
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn resolve_integer(text: &str) -> Option<Resolved> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // After `0b` yaml.v2 tries once more, which lets a second sign pass.
    let (sign, digits) = match digits.strip_prefix('+') {
        Some(digits) if radix == 2 && sign.is_empty() => ("", digits),
        _ => (sign, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Some(Resolved::Int(number));
    }
    // Go's ParseUint takes no sign at all.
    if text.starts_with(['-', '+']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Resolved::Uint)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float_shape(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_is_good = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_is_good
        && exponent.is_none_or(|exponent| {
            let power = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !power.is_empty() && digits(power)
        })
}

/// A float as Go parses it: what overflows is no float.
fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether `text` begins like a date that yaml.v2 takes for a timestamp.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (
            &text[..at],
            Some((char::from(text.as_bytes()[at]), &text[at + 1..])),
        ),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let mut number = |digits: std::ops::RangeInclusive<usize>, values: std::ops::RangeInclusive<u32>| {
        parts.next().is_some_and(|part| {
            digits.contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse().is_ok_and(|value| values.contains(&value))
        })
    };
    let is_date = number(4..=4, 0..=9999) && number(1..=2, 1..=12) && number(1..=2, 1..=31);
    let has_more = parts.next().is_some();
    is_date && !has_more && time.is_none_or(|(separator, time)| is_time(separator, time))
}

/// `15:4:5.999`, with a zone after a `T` and without one after a space.
fn is_time(separator: char, time: &str) -> bool {
    let (time, has_zone) = match time.strip_suffix('Z') {
        Some(time) => (time, true),
        None => match time.rfind(['+', '-']) {
            Some(at) if time.len() - at == 6 && time.as_bytes()[at + 3] == b':' => (&time[..at], true),
            _ => (time, false),
        },
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut fields = time.split(':');
    let mut field = |max: u32| {
        fields.next().is_some_and(|field| {
            (1..=2).contains(&field.len()) && field.parse::<u32>().is_ok_and(|value| value <= max)
        })
    };
    let is_clock = field(23) && field(59) && field(59);
    is_clock
        && fields.next().is_none()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && has_zone == (separator != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_go_with_base_prefixes_and_underscores() {
        for (text, number) in [
            ("12", 12),
            ("+12", 12),
            ("-12", -12),
            ("010", 8),
            ("0o10", 8),
            ("0x10", 16),
            ("0b11", 3),
            ("1_000", 1000),
            ("0", 0),
        ] {
            assert_eq!(resolve_text(text), Resolved::Int(number), "{text}");
        }
        assert_eq!(
            resolve_text("18446744073709551615"),
            Resolved::Uint(18_446_744_073_709_551_615)
        );
        assert_eq!(resolve_text("1e3"), Resolved::Float(1000.0));
        assert_eq!(resolve_text("089"), Resolved::Float(89.0));
        assert_eq!(resolve_text(".5"), Resolved::Float(0.5));
    }

    #[test]
    fn what_only_resembles_a_number_is_a_text() {
        for text in [
            "1m",
            "0x",
            "1.2.3",
            "1e",
            "-",
            "+",
            "1e999",
            ".",
            "0b2",
            "127.0.0.1:9090",
        ] {
            assert_eq!(resolve_text(text), Resolved::Text, "{text}");
        }
    }

    #[test]
    fn dates_are_neither_numbers_nor_texts() {
        assert_eq!(resolve_text("2020-01-31"), Resolved::Timestamp);
        assert_eq!(resolve_text("2020-1-1T10:11:12Z"), Resolved::Timestamp);
        assert_eq!(resolve_text("2020-13-31"), Resolved::Text);
        assert_eq!(resolve_text("2020-01"), Resolved::Text);
    }
}
