//! Literals: numbers under every type that can hold them, quoted texts, characters.

/// A number literal under every type that can represent it, as Go's untyped constants behave.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    pub(super) complex: Option<(f64, f64)>,
}

impl Number {
    /// From the text of a number token.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(imaginary) = text.strip_suffix('i')
            && let Ok(imaginary) = parse_float(imaginary)
        {
            return Ok(Self::of_complex(text, 0.0, imaginary));
        }
        let mut number = Self {
            text: text.to_owned(),
            int: parse_int(text),
            uint: parse_uint(text),
            float: None,
            complex: None,
        };
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        number.float = match (number.int, number.uint) {
            (Some(int), _) => Some(int as f64),
            (None, Some(uint)) => Some(uint as f64),
            (None, None) => parse_float(text).ok(),
        };
        match number.float {
            None => Err(format!("illegal number syntax: {text:?}")),
            Some(float) if number.int.is_none() && number.uint.is_none() => {
                if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                    return Err(format!("integer overflow: {text:?}"));
                }
                number.take_whole(float);
                Ok(number)
            }
            Some(_) => Ok(number),
        }
    }

    /// From the text of a complex token, `1+2i`.
    pub(super) fn parse_complex(text: &str) -> Result<Self, String> {
        let split = text
            .char_indices()
            .skip(1)
            .filter(|&(i, c)| matches!(c, '+' | '-') && !text[..i].ends_with(['e', 'E', 'p', 'P']))
            .last();
        let parts = split.and_then(|(i, _)| {
            let real = parse_float(&text[..i]).ok()?;
            let imaginary = parse_float(text[i..].strip_suffix('i')?).ok()?;
            Some((real, imaginary))
        });
        match parts {
            Some((real, imaginary)) => Ok(Self::of_complex(text, real, imaginary)),
            None => Err("syntax error scanning complex number".to_owned()),
        }
    }

    /// From the text of a character token, quotes included.
    pub(super) fn parse_char(text: &str) -> Result<Self, String> {
        let mut rest = &text[1..];
        let mut bytes = Vec::new();
        let code = unquote_char(&mut rest, '\'', &mut bytes).ok_or("invalid syntax")?;
        if rest != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        Ok(Self {
            text: text.to_owned(),
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            complex: None,
        })
    }

    fn of_complex(text: &str, real: f64, imaginary: f64) -> Self {
        let mut number = Self {
            text: text.to_owned(),
            int: None,
            uint: None,
            float: None,
            complex: Some((real, imaginary)),
        };
        if imaginary == 0.0 {
            number.float = Some(real);
            number.take_whole(real);
        }
        number
    }

    fn take_whole(&mut self, float: f64) {
        if (float as i64) as f64 == float && float < 9.3e18 {
            self.int = Some(float as i64);
        }
        if float >= 0.0 && (float as u64) as f64 == float {
            self.uint = Some(float as u64);
        }
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_uint(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Base by prefix (`0x`, `0o`, `0b`, `0`), underscores between digits.
fn parse_uint(text: &str) -> Option<u64> {
    if !underscores_are_fine(text) || text.starts_with(['+', '-']) {
        return None;
    }
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    let lower = clean.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// Underscores stand between digits, or between the base's prefix and a digit.
fn underscores_are_fine(text: &str) -> bool {
    if !text.contains('_') {
        return true;
    }
    let text = text.trim_start_matches(['+', '-']);
    let lower = text.to_ascii_lowercase();
    let prefixed = ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix));
    let hex = lower.starts_with("0x");
    let mut before = if prefixed { '0' } else { '^' };
    for c in lower.chars().skip(if prefixed { 2 } else { 0 }) {
        before = match c {
            '0'..='9' => '0',
            'a'..='f' if hex => '0',
            '_' if before == '0' => '_',
            '_' => return false,
            _ if before == '_' => return false,
            _ => '!',
        };
    }
    before != '_'
}

/// Why a float does not parse, in `strconv`'s words.
pub(super) const INVALID_SYNTAX: &str = "invalid syntax";
pub(super) const OUT_OF_RANGE: &str = "value out of range";

/// Go's `strconv.ParseFloat`: decimal and hexadecimal, `Inf`, `NaN`, underscores.
pub(crate) fn parse_float(text: &str) -> Result<f64, &'static str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let lower = unsigned.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => {
            return Ok(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            });
        }
        "nan" if unsigned.len() == text.len() => return Ok(f64::NAN),
        _ => {}
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !underscores_are_fine(text) {
        return Err(INVALID_SYNTAX);
    }
    let clean: String = lower.chars().filter(|&c| c != '_').collect();
    let magnitude = match clean.strip_prefix("0x") {
        Some(hex) => parse_hex_float(hex).ok_or(INVALID_SYNTAX)?,
        None => clean.parse::<f64>().map_err(|_| INVALID_SYNTAX)?,
    };
    if magnitude.is_infinite() {
        return Err(OUT_OF_RANGE);
    }
    Ok(if negative { -magnitude } else { magnitude })
}

/// `1.8p-3` after its `0x`. Digits beyond 64 bits are dropped.
fn parse_hex_float(hex: &str) -> Option<f64> {
    let (mantissa, exponent) = hex.split_once('p')?;
    let mut exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits = 0u64;
    for (i, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
            if i >= whole.len() {
                exponent = exponent.checked_sub(4)?;
            }
        } else if i < whole.len() {
            exponent = exponent.checked_add(4)?;
        }
    }
    Some(bits as f64 * 2f64.powi(exponent.clamp(-2000, 2000)))
}

/// Go's `strconv.Unquote` for double and back quotes.
pub(super) fn unquote(quoted: &str) -> Result<String, String> {
    if let Some(raw) = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Ok(raw.replace('\r', ""));
    }
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut rest = inside.ok_or(INVALID_SYNTAX)?;
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        unquote_char(&mut rest, '"', &mut bytes).ok_or(INVALID_SYNTAX)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Takes one character off `rest`, appends its bytes and gives its code.
fn unquote_char(rest: &mut &str, quote: char, bytes: &mut Vec<u8>) -> Option<u32> {
    let mut chars = rest.chars();
    let c = chars.next()?;
    if c == quote || c == '\n' {
        return None;
    }
    let push = |bytes: &mut Vec<u8>, c: char| {
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Some(u32::from(c))
    };
    if c != '\\' {
        *rest = chars.as_str();
        return push(bytes, c);
    }
    let escape = chars.next()?;
    let after = chars.as_str();
    let (length, radix) = match escape {
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='7' => (3, 8),
        _ => {
            *rest = after;
            let plain = match escape {
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                '\\' => '\\',
                c if c == quote => c,
                _ => return None,
            };
            return push(bytes, plain);
        }
    };
    let digits = if radix == 8 { &rest[1..] } else { after };
    let digits_text = digits.get(..length)?;
    if !digits_text.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits_text, radix).ok()?;
    *rest = &digits[length..];
    match escape {
        'u' | 'U' => push(bytes, char::from_u32(code)?),
        _ => {
            bytes.push(u8::try_from(code).ok()?);
            Some(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_held_by_every_type_that_can() {
        let whole = Number::parse("1e3").unwrap();
        assert_eq!(
            (whole.int, whole.uint, whole.float),
            (Some(1000), Some(1000), Some(1000.0))
        );
        let fraction = Number::parse("1.5").unwrap();
        assert_eq!((fraction.int, fraction.float), (None, Some(1.5)));
        assert_eq!(Number::parse("0x1F").unwrap().int, Some(31));
        assert_eq!(Number::parse("0b101").unwrap().int, Some(5));
        assert_eq!(Number::parse("1_000").unwrap().int, Some(1000));
        assert_eq!(Number::parse("017").unwrap().int, Some(15));
        assert_eq!(Number::parse_complex("1+2i").unwrap().complex, Some((1.0, 2.0)));
        assert_eq!(Number::parse_char("'a'").unwrap().int, Some(97));
        assert_eq!(Number::parse_char(r"'\n'").unwrap().int, Some(10));
    }

    #[test]
    fn a_malformed_number_is_refused() {
        assert_eq!(
            Number::parse("0x.").unwrap_err(),
            "illegal number syntax: \"0x.\""
        );
        assert_eq!(
            Number::parse("99999999999999999999").unwrap_err(),
            "integer overflow: \"99999999999999999999\""
        );
        assert_eq!(
            Number::parse_char("'ab'").unwrap_err(),
            "malformed character constant: 'ab'"
        );
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unquote(r#""a\tb\x41\u00e9\101\"""#).unwrap(), "a\tbA\u{e9}A\"");
        assert_eq!(unquote("`a\\t`").unwrap(), "a\\t");
        assert_eq!(unquote(r#""\q""#).unwrap_err(), "invalid syntax");
    }
}
