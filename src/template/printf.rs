//! `printf`: Go's format language over template values.
//!
//! ```text
//! %[flags][width][.precision]verb      flags + - # 0 space; width and precision may be *
//! ```
//!
//! A verb that does not suit its value is no error: it shows as `%!d(string=text)`, as in Go.

use promql::format::{Layout, push_float};

use super::print::{quoted, quoted_raw};
use super::time::{MONTHS, WEEKDAYS};
use super::value::{AlertData, Held, IntKind, Sample, Value};
use super::{duration, print};

/// Flags, width and precision of one directive.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
    /// `%+v`: structs with the names of their fields.
    named: bool,
    /// `%#v`: as Go source.
    source: bool,
}

/// Larger widths and precisions count as mistakes.
const WIDTH_MAX: i64 = 1_000_000;

/// `%v`
pub(super) fn plain(value: &Value) -> String {
    let mut out = String::new();
    push_argument(&mut out, value, 'v', Spec::default());
    out
}

/// `printf pattern values…`
pub(super) fn format(pattern: &str, values: &[Value]) -> String {
    let mut format = Format {
        rest: pattern,
        values,
        next: 0,
        reordered: false,
        after_index: false,
        good_index: true,
        out: String::with_capacity(pattern.len() + 16),
    };
    while let Some(percent) = format.rest.find('%') {
        format.out.push_str(&format.rest[..percent]);
        format.rest = &format.rest[percent + 1..];
        format.directive();
    }
    format.out.push_str(format.rest);
    format.extra();
    format.out
}

struct Format<'a> {
    rest: &'a str,
    values: &'a [Value],
    /// The value that the next verb takes.
    next: usize,
    /// Whether an explicit index was used anywhere.
    reordered: bool,
    after_index: bool,
    good_index: bool,
    out: String,
}

impl Format<'_> {
    fn directive(&mut self) {
        let mut spec = Spec::default();
        self.good_index = true;
        self.after_index = false;
        self.flags(&mut spec);
        self.index();
        if self.take('*') {
            match self.number_argument() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= width >= 0;
                    spec.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            self.after_index = false;
        } else {
            spec.width = self.number();
            if self.after_index && spec.width.is_some() {
                self.good_index = false;
            }
        }
        if self.take('.') {
            if self.after_index {
                self.good_index = false;
            }
            self.index();
            if self.take('*') {
                match self.number_argument().and_then(|precision| usize::try_from(precision).ok()) {
                    Some(precision) => spec.precision = Some(precision),
                    None => self.out.push_str("%!(BADPREC)"),
                }
                self.after_index = false;
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return;
        };
        self.rest = &self.rest[verb.len_utf8()..];
        self.verb(verb, spec);
    }

    fn verb(&mut self, verb: char, mut spec: Spec) {
        if verb == '%' {
            self.out.push('%');
        } else if !self.good_index {
            self.out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                (spec.source, spec.sharp) = (spec.sharp, false);
                (spec.named, spec.plus) = (spec.plus, false);
            }
            push_argument(&mut self.out, value.inner(), verb, spec);
        } else {
            self.out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }

    fn flags(&mut self, spec: &mut Spec) {
        loop {
            match self.rest.as_bytes().first() {
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b'#') => spec.sharp = true,
                Some(b' ') => spec.space = true,
                Some(b'0') => spec.zero = true,
                _ => return,
            }
            self.rest = &self.rest[1..];
        }
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest[..digits].parse().ok().filter(|&n: &i64| n <= WIDTH_MAX)?;
        self.rest = &self.rest[digits..];
        usize::try_from(number).ok()
    }

    /// The value that stands for a `*`.
    fn number_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value.inner() {
            Value::Int(_, n) if n.abs() <= WIDTH_MAX => Some(*n),
            _ => None,
        }
    }

    /// `[2]`: the next value is the second.
    fn index(&mut self) {
        if !self.rest.starts_with('[') {
            return;
        }
        self.reordered = true;
        let Some(close) = self.rest.find(']') else {
            self.good_index = false;
            self.rest = &self.rest[1..];
            return;
        };
        let index = self.rest[1..close].parse::<usize>().ok();
        self.rest = &self.rest[close + 1..];
        match index.and_then(|i| i.checked_sub(1)).filter(|&i| i < self.values.len()) {
            Some(index) => {
                self.next = index;
                self.after_index = true;
            }
            None => self.good_index = false,
        }
    }

    /// Values that no verb took.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.values.len() {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (i, value) in self.values[self.next..].iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            let value = value.inner();
            if !matches!(value, Value::Nil) {
                self.out.push_str(value.type_name());
                self.out.push('=');
            }
            push_argument(&mut self.out, value, 'v', Spec::default());
        }
        self.out.push(')');
    }
}

fn push_argument(out: &mut String, value: &Value, verb: char, spec: Spec) {
    match (value, verb) {
        (Value::Nil, 'T' | 'v') => pad(out, "<nil>", spec),
        (Value::Nil, _) => bad_verb(out, value, verb),
        (_, 'T') => push_text(out, value.type_name(), 's', spec, value),
        _ => push_value(out, value, verb, spec, 0),
    }
}

fn bad_verb(out: &mut String, value: &Value, verb: char) {
    out.push_str(&format!("%!{verb}("));
    if !matches!(value, Value::Nil) {
        out.push_str(value.type_name());
        out.push('=');
    }
    push_value(out, value, 'v', Spec::default(), 0);
    out.push(')');
}

fn push_value(out: &mut String, value: &Value, verb: char, spec: Spec, depth: usize) {
    if !spec.source
        && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
        && let Some(text) = own_text(value)
    {
        return push_text(out, &text, verb, spec, value);
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(b) => match verb {
            't' | 'v' => pad(out, if *b { "true" } else { "false" }, spec),
            _ => bad_verb(out, value, verb),
        },
        Value::Int(_, n) | Value::Duration(n, Held::Plain) => push_int(out, *n, verb, spec, value),
        Value::Float(v) => push_number(out, *v, verb, spec, value),
        Value::Complex(re, im) => {
            out.push('(');
            push_number(out, *re, verb, spec, value);
            push_number(out, *im, verb, Spec { plus: true, ..spec }, value);
            out.push_str("i)");
        }
        Value::Text(text) | Value::Html(text) => push_text(out, text, verb, spec, value),
        Value::Labels(labels) => {
            let entries = labels.iter().map(|(name, value)| (name, Value::text(value)));
            push_map(out, "map[string]string", entries, verb, spec, depth);
        }
        Value::Map(map) => {
            let entries = map.iter().map(|(name, value)| (name.as_str(), value.clone()));
            push_map(out, "map[string]interface {}", entries, verb, spec, depth);
        }
        Value::Result(samples) => {
            out.push_str(if spec.source { "template.queryResult{" } else { "[" });
            for (i, _) in samples.iter().enumerate() {
                if i > 0 {
                    out.push_str(if spec.source { ", " } else { " " });
                }
                push_address(out, value, verb);
            }
            out.push(if spec.source { '}' } else { ']' });
        }
        Value::Sample(Some(sample)) if depth == 0 => {
            out.push('&');
            push_sample(out, sample, verb, spec);
        }
        Value::Sample(None) => pad(out, "<nil>", spec),
        Value::Alert(alert) => push_alert(out, alert, verb, spec, depth),
        Value::Interface(inner) => push_value(out, inner, verb, spec, depth),
        Value::Sample(_) | Value::Duration(..) | Value::Time(..) | Value::Histogram(_) => {
            push_address(out, value, verb);
        }
    }
}

/// The text that a type gives of itself (Go's `String` method).
fn own_text(value: &Value) -> Option<String> {
    let named = |names: &[&str], n: i64| usize::try_from(n).ok().and_then(|n| names.get(n).map(ToString::to_string));
    match value {
        Value::Time(time, _) => Some(time.to_string()),
        Value::Duration(ns, _) => Some(duration::text(*ns)),
        Value::Int(IntKind::Month, n) => named(&MONTHS, n - 1),
        Value::Int(IntKind::Weekday, n) => named(&WEEKDAYS, *n),
        Value::Histogram(histogram) => Some(histogram.to_string()),
        _ => None,
    }
}

fn push_map<'a>(
    out: &mut String,
    type_name: &str,
    entries: impl Iterator<Item = (&'a str, Value)>,
    verb: char,
    spec: Spec,
    depth: usize,
) {
    out.push_str(if spec.source { type_name } else { "map" });
    out.push(if spec.source { '{' } else { '[' });
    for (i, (key, value)) in entries.enumerate() {
        if i > 0 {
            out.push_str(if spec.source { ", " } else { " " });
        }
        push_value(out, &Value::text(key), verb, spec, depth + 1);
        out.push(':');
        push_value(out, &value, verb, spec, depth + 1);
    }
    out.push(if spec.source { '}' } else { ']' });
}

fn push_struct(out: &mut String, type_name: &str, fields: &[(&str, Value)], verb: char, spec: Spec, depth: usize) {
    if spec.source {
        out.push_str(type_name);
    }
    out.push('{');
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push_str(if spec.source { ", " } else { " " });
        }
        if spec.named || spec.source {
            out.push_str(name);
            out.push(':');
        }
        push_value(out, value, verb, spec, depth + 1);
    }
    out.push('}');
}

fn push_sample(out: &mut String, sample: &Sample, verb: char, spec: Spec) {
    let fields = [
        ("Labels", Value::Labels(sample.labels.clone())),
        ("Value", sample.value.clone()),
    ];
    push_struct(out, "template.sample", &fields, verb, spec, 0);
}

fn push_alert(out: &mut String, alert: &AlertData, verb: char, spec: Spec, depth: usize) {
    let fields = [
        ("Labels", Value::Labels(alert.labels.clone())),
        ("ExternalLabels", Value::Labels(alert.external_labels.clone())),
        ("ExternalURL", Value::Text(alert.external_url.clone())),
        ("Value", alert.value.clone()),
    ];
    let type_name = "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; \
                     Value interface {} }";
    push_struct(out, type_name, &fields, verb, spec, depth);
}

/// Where a pointer points: addresses mean nothing to a reader, so all look alike.
fn push_address(out: &mut String, value: &Value, verb: char) {
    const ADDRESS: &str = "0xc000000000";
    match verb {
        'v' | 'p' => out.push_str(ADDRESS),
        _ => {
            let pointee = match value {
                Value::Result(_) => "*template.sample",
                other => other.type_name(),
            };
            out.push_str(&format!("%!{verb}({pointee}={ADDRESS})"));
        }
    }
}

/// Pads to the width with spaces, or zeros from the left where asked.
fn pad(out: &mut String, text: &str, spec: Spec) {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    let filler = if spec.zero && !spec.minus { '0' } else { ' ' };
    if !spec.minus {
        out.extend(std::iter::repeat_n(filler, missing));
    }
    out.push_str(text);
    if spec.minus {
        out.extend(std::iter::repeat_n(filler, missing));
    }
}

fn push_text(out: &mut String, text: &str, verb: char, spec: Spec, value: &Value) {
    let cut: String = match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    match verb {
        'v' if spec.source => pad(out, &quoted(&cut), spec),
        'v' | 's' => pad(out, &cut, spec),
        'q' if spec.sharp => pad(out, &quoted_raw(&cut), spec),
        'q' if spec.plus => pad(out, &quoted_ascii(&cut), spec),
        'q' => pad(out, &quoted(&cut), spec),
        'x' | 'X' => {
            let bytes = text.as_bytes();
            let bytes = &bytes[..spec.precision.unwrap_or(bytes.len()).min(bytes.len())];
            pad(out, &hex(bytes, verb == 'X', spec), spec);
        }
        _ => bad_verb(out, value, verb),
    }
}

/// `strconv.QuoteToASCII`
fn quoted_ascii(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_ascii() => c.to_string(),
        c if (c as u32) < 0x10000 => format!("\\u{:04x}", c as u32),
        c => format!("\\U{:08x}", c as u32),
    };
    quoted(text).chars().map(escape).collect()
}

fn hex(bytes: &[u8], upper: bool, spec: Spec) -> String {
    let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    let prefix = match (spec.sharp, upper) {
        (false, _) => "",
        (true, false) => "0x",
        (true, true) => "0X",
    };
    if bytes.is_empty() {
        return String::new();
    }
    let all: Vec<String> = bytes.iter().map(digits).collect();
    if spec.space {
        let separator = format!(" {prefix}");
        format!("{prefix}{}", all.join(&separator))
    } else {
        format!("{prefix}{}", all.concat())
    }
}

fn push_int(out: &mut String, n: i64, verb: char, spec: Spec, value: &Value) {
    let magnitude = n.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' if spec.source && matches!(value, Value::Int(IntKind::Uint8, _)) => (format!("{magnitude:x}"), "0x"),
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
            let inside = inside[1..inside.len() - 1].replace("\\\"", "\"").replace('\'', "\\'");
            return pad(out, &format!("'{inside}'"), spec);
        }
        'U' => {
            let shown = if spec.sharp { format!(" '{}'", character(n)) } else { String::new() };
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
    u32::try_from(n).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

fn push_number(out: &mut String, v: f64, verb: char, spec: Spec, value: &Value) {
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
        text = text.to_uppercase().replace("+INF", "+Inf").replace("-INF", "-Inf").replace("NAN", "NaN");
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
        return pad(out, digits, Spec { width: Some(width - sign.len()), ..spec });
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
    let significant = mantissa.trim_start_matches(['-', '0', '.']).replace('.', "").len();
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
