//! A flag's value: how it is read from a text and shown as one.

use std::fmt;

use super::Flags;
use super::flags::{FlagSpec, Kind};
use crate::config::duration;
use crate::config::quote::quoted;
use crate::config::size;

/// A flag's value.
#[derive(Clone, Debug, PartialEq)]
pub enum FlagValue {
    /// A text.
    Text(String),
    /// Texts, one a repetition.
    Texts(Vec<String>),
    /// On or off.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A duration of Prometheus.
    DurationMs(i64),
    /// A duration of Go.
    DurationNs(i64),
    /// A size.
    Bytes(i64),
}

/// The remote-write messages there are.
const WRITE_MESSAGES: [&str; 2] = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"];

impl FlagValue {
    /// A flag's default.
    pub fn default_of(spec: &FlagSpec) -> Self {
        match (spec.kind, spec.default) {
            (Kind::Texts | Kind::WriteMessages, texts) => {
                Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
            }
            (Kind::Text | Kind::Enum(_), []) => Self::Text(String::new()),
            (Kind::Bool, []) => Self::Bool(false),
            (Kind::Int | Kind::Int64, []) => Self::Int(0),
            (Kind::Float, []) => Self::Float(0.0),
            (Kind::Duration, []) => Self::DurationMs(0),
            (Kind::GoDuration, []) => Self::DurationNs(0),
            (Kind::Bytes, []) => Self::Bytes(0),
            (_, [text, ..]) => Self::parse(spec, text)
                .unwrap_or_else(|error| unreachable!("the default of --{}: {error}", spec.name)),
        }
    }

    /// A value from its text.
    ///
    /// # Errors
    /// In the words of kingpin, Go or Prometheus.
    pub fn parse(spec: &FlagSpec, text: &str) -> Result<Self, String> {
        let syntax = |function: &str| format!("strconv.{function}: parsing {}: invalid syntax", quoted(text));
        Ok(match spec.kind {
            Kind::Text => Self::Text(text.to_owned()),
            Kind::Texts => Self::Texts(vec![text.to_owned()]),
            Kind::WriteMessages if WRITE_MESSAGES.contains(&text) => Self::Texts(vec![text.to_owned()]),
            Kind::WriteMessages => {
                let all = WRITE_MESSAGES.join(", ");
                return Err(format!(
                    "unknown remote write protobuf message {text}, supported: {all}"
                ));
            }
            Kind::Bool => match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Self::Bool(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Self::Bool(false),
                _ => return Err(syntax("ParseBool")),
            },
            // kingpin reads numbers as floats, so that 5e7 is one.
            Kind::Int => Self::Int(text.parse::<f64>().map_err(|_| syntax("ParseFloat"))? as i64),
            Kind::Int64 => Self::Int(text.parse().map_err(|_| syntax("ParseInt"))?),
            Kind::Float => Self::Float(text.parse().map_err(|_| syntax("ParseFloat"))?),
            Kind::Duration => Self::DurationMs(duration::parse_ms(text).map_err(|error| error.to_string())?),
            Kind::GoDuration => {
                Self::DurationNs(duration::parse_go_ns(text).map_err(|error| error.to_string())?)
            }
            Kind::Bytes => Self::Bytes(size::parse_bytes(text).map_err(|error| error.to_string())?),
            Kind::Enum(choice) => {
                let known = choice.values.iter().find(|value| choice.admits(value, text));
                match known {
                    Some(value) => Self::Text((*value).to_owned()),
                    None => return Err(choice.refusal(text)),
                }
            }
        })
    }
}

impl fmt::Display for FlagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(",")),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::DurationMs(value) => f.write_str(&duration::format_ms(*value)),
            Self::DurationNs(value) => f.write_str(&duration::format_go_ns(*value)),
            Self::Bytes(value) => f.write_str(&size::format_bytes(*value)),
        }
    }
}

/// Values by type. The name must be in the table and of that type; a test asks for every one.
impl Flags {
    fn value(&self, name: &str) -> &FlagValue {
        self.values
            .get(name)
            .unwrap_or_else(|| unreachable!("--{name} is not in the table of flags"))
    }

    /// A value as it is shown.
    pub fn shown(&self, name: &str) -> String {
        self.value(name).to_string()
    }

    /// A text.
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            FlagValue::Text(text) => text,
            _ => unreachable!("--{name} is not a text"),
        }
    }

    /// The texts of a flag that can be repeated.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.value(name) {
            FlagValue::Texts(texts) => texts,
            _ => unreachable!("--{name} cannot be repeated"),
        }
    }

    /// Whether a flag is on.
    pub fn bool(&self, name: &str) -> bool {
        match self.value(name) {
            FlagValue::Bool(value) => *value,
            _ => unreachable!("--{name} is not on or off"),
        }
    }

    /// A number.
    pub fn int(&self, name: &str) -> i64 {
        match self.value(name) {
            FlagValue::Int(value) => *value,
            _ => unreachable!("--{name} is not a number"),
        }
    }

    /// A float.
    pub fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            FlagValue::Float(value) => *value,
            _ => unreachable!("--{name} is not a float"),
        }
    }

    /// A duration in milliseconds.
    pub fn duration_ms(&self, name: &str) -> i64 {
        match self.value(name) {
            FlagValue::DurationMs(value) => *value,
            FlagValue::DurationNs(value) => *value / 1_000_000,
            _ => unreachable!("--{name} is not a duration"),
        }
    }

    /// A size in bytes.
    pub fn bytes(&self, name: &str) -> i64 {
        match self.value(name) {
            FlagValue::Bytes(value) => *value,
            _ => unreachable!("--{name} is not a size"),
        }
    }
}
