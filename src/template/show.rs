//! One value under one verb: what `%v`, `%d`, `%q`… make of it.

use std::sync::Arc;

use super::print::{quoted, quoted_raw};
use super::show_number::{push_int, push_number};
use super::time::{MONTHS, WEEKDAYS};
use super::value::{AlertData, Held, IntKind, Sample, Value};
use super::{duration, histogram_text};

/// Flags, width and precision of one directive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spec {
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    /// `%+v`: structs with the names of their fields.
    pub(super) named: bool,
    /// `%#v`: as Go source.
    pub(super) source: bool,
}

/// Appends `value`, an argument of its own.
pub(super) fn push_argument(out: &mut String, value: &Value, verb: char, spec: Spec) {
    match (value, verb) {
        (Value::Nil, 'T' | 'v') => pad(out, "<nil>", spec),
        (Value::Nil, _) => bad_verb(out, value, verb),
        (_, 'T') => push_text(out, value.type_name(), 's', spec, value),
        _ => push_value(out, value, verb, spec, 0),
    }
}

pub(super) fn bad_verb(out: &mut String, value: &Value, verb: char) {
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
    let named = |names: &[&str], n: i64| {
        usize::try_from(n)
            .ok()
            .and_then(|n| names.get(n).map(ToString::to_string))
    };
    match value {
        Value::Time(time, _) => Some(time.to_string()),
        Value::Duration(ns, _) => Some(duration::text(*ns)),
        Value::Int(IntKind::Month, n) => named(&MONTHS, n - 1),
        Value::Int(IntKind::Weekday, n) => named(&WEEKDAYS, *n),
        Value::Histogram(histogram) => Some(histogram_text(histogram)),
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

fn push_struct(
    out: &mut String,
    type_name: &str,
    fields: &[(&str, Value)],
    verb: char,
    spec: Spec,
    depth: usize,
) {
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
        ("ExternalURL", Value::Text(Arc::clone(&alert.external_url))),
        ("Value", alert.value.clone()),
    ];
    let type_name = "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; \
                     Value interface {} }";
    push_struct(out, type_name, &fields, verb, spec, depth);
}

/// Where a pointer points: addresses mean nothing to a reader, so all look alike.
fn push_address(out: &mut String, value: &Value, verb: char) {
    const ADDRESS: u64 = 0xc0_0000_0000;
    match verb {
        'v' | 'p' => out.push_str(&format!("{ADDRESS:#x}")),
        'b' => out.push_str(&format!("{ADDRESS:b}")),
        'd' => out.push_str(&ADDRESS.to_string()),
        'o' => out.push_str(&format!("{ADDRESS:o}")),
        'x' => out.push_str(&format!("{ADDRESS:x}")),
        'X' => out.push_str(&format!("{ADDRESS:X}")),
        _ => {
            let pointer = match value {
                Value::Result(_) => "*template.sample",
                other => other.type_name(),
            };
            out.push_str(&format!("%!{verb}({pointer}={ADDRESS:#x})"));
        }
    }
}

/// Pads to the width with spaces, or zeros from the left where asked.
pub(super) fn pad(out: &mut String, text: &str, spec: Spec) {
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
    let digits = |byte: &u8| {
        if upper {
            format!("{byte:02X}")
        } else {
            format!("{byte:02x}")
        }
    };
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
