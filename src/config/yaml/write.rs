//! Writing YAML as yaml.v2 does: what is quoted, where lines fold, which order keys have.

use std::fmt;

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};

use super::scalar::{Resolved, resolve_text};

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer without sign.
    Uint(u64),
    /// A float.
    Float(f64),
    /// A text, quoted only where it would mean something else.
    Text(String),
    /// A list, one item a line.
    List(Vec<Out>),
    /// A list on one line.
    FlowList(Vec<Out>),
    /// Pairs, in this order.
    Map(OutMap),
}

/// Pairs to be written, in the order they were put.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutMap(Vec<(String, Out)>);

impl OutMap {
    /// No pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a pair.
    pub fn put(&mut self, key: &str, value: impl Into<Out>) -> &mut Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// Adds a pair unless the value is Go's zero: false, 0, "", empty.
    pub fn put_unless_zero(&mut self, key: &str, value: impl Into<Out>) -> &mut Self {
        let value = value.into();
        if !value.is_zero() {
            self.0.push((key.to_owned(), value));
        }
        self
    }
}

impl Out {
    fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Text(value) => value.is_empty(),
            Self::List(items) | Self::FlowList(items) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
        }
    }
}

impl From<bool> for Out {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Out {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Out {
    fn from(value: u64) -> Self {
        Self::Uint(value)
    }
}

impl From<f64> for Out {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Out {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Out {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<OutMap> for Out {
    fn from(value: OutMap) -> Self {
        Self::Map(value)
    }
}

impl<T: Into<Out>> From<Vec<T>> for Out {
    fn from(value: Vec<T>) -> Self {
        Self::List(value.into_iter().map(Into::into).collect())
    }
}

/// A text that YAML cannot hold; a configuration read from YAML has none.
#[derive(Debug)]
pub struct WriteError(libyaml_safer::Error);

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write YAML: {}", self.0.problem())
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The YAML text of `value`.
///
/// # Errors
/// When a text cannot be written as YAML.
pub fn write(value: &Out) -> Result<String, WriteError> {
    let mut bytes = Vec::new();
    {
        let mut emitter = Emitter::new();
        emitter.set_output_string(&mut bytes);
        emitter.set_unicode(true);
        let mut events = vec![
            Event::stream_start(Encoding::Utf8),
            Event::document_start(None, &[], true),
        ];
        push_events(value, &mut events);
        events.push(Event::document_end(true));
        events.push(Event::stream_end());
        for event in events {
            emitter.emit(event).map_err(WriteError)?;
        }
        emitter.flush().map_err(WriteError)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn push_events(value: &Out, into: &mut Vec<Event>) {
    let plain = |text: &str| Event::scalar(None, None, text, true, true, ScalarStyle::Plain);
    match value {
        Out::Null => into.push(plain("null")),
        Out::Bool(value) => into.push(plain(if *value { "true" } else { "false" })),
        Out::Int(value) => into.push(plain(&value.to_string())),
        Out::Uint(value) => into.push(plain(&value.to_string())),
        Out::Float(value) => into.push(plain(&float_text(*value))),
        Out::Text(text) => into.push(Event::scalar(None, None, text, true, true, text_style(text))),
        Out::List(items) => push_list(items, SequenceStyle::Block, into),
        Out::FlowList(items) => push_list(items, SequenceStyle::Flow, into),
        Out::Map(OutMap(pairs)) => {
            into.push(Event::mapping_start(None, None, true, MappingStyle::Block));
            for (key, value) in pairs {
                into.push(Event::scalar(None, None, key, true, true, text_style(key)));
                push_events(value, into);
            }
            into.push(Event::mapping_end());
        }
    }
}

fn push_list(items: &[Out], style: SequenceStyle, into: &mut Vec<Event>) {
    into.push(Event::sequence_start(None, None, true, style));
    for item in items {
        push_events(item, into);
    }
    into.push(Event::sequence_end());
}

fn text_style(text: &str) -> ScalarStyle {
    if text.contains('\n') {
        ScalarStyle::Literal
    } else if resolve_text(text) == Resolved::Text && !is_sexagesimal(text) {
        ScalarStyle::Plain
    } else {
        ScalarStyle::DoubleQuoted
    }
}

/// Whether `text` is a YAML 1.1 number in base 60 (`1:30`), which other parsers would take it for.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let Some(first) = parts.next() else { return false };
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let sixty = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|part| sixty(part)) && sixty(last) && digits(fraction)
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)` with YAML's names for what is not finite.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return ".nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or(0);
    // With the fewest digits, Go's 'g' decides as if for six: exponents below 1e-4 and from 1e6 on.
    if (-4..6).contains(&power) || value == 0.0 {
        return format!("{value}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_only_where_they_would_mean_something_else() {
        let mut map = OutMap::new();
        for (key, text) in [
            ("plain", "a b"),
            ("number", "1"),
            ("bool", "y"),
            ("empty", ""),
            ("sixty", "1:30"),
            ("address", "localhost:9090"),
            ("lines", "a\nb\n"),
            ("colon", "a: b"),
        ] {
            map.put(key, text);
        }
        assert_eq!(
            write(&map.into()).unwrap(),
            "plain: a b\nnumber: \"1\"\nbool: \"y\"\nempty: \"\"\nsixty: \"1:30\"\naddress: localhost:9090\n\
             lines: |\n  a\n  b\ncolon: 'a: b'\n"
        );
    }

    #[test]
    fn floats_are_gos_shortest() {
        for (value, text) in [
            (0.9, "0.9"),
            (50.0, "50"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1e-5, "1e-05"),
            (f64::INFINITY, ".inf"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
