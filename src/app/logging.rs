//! The log, in the shape of Go's `slog` as Prometheus writes it: logfmt or JSON, one line an event, on stderr.
//!
//! ```text
//! time=2026-01-02T03:04:05.678Z level=INFO source=main.rs:12 msg="Server is ready" took_ms=41
//! ```

use std::fmt::{self, Write};
use std::str::FromStr;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// `--log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value`
    Logfmt,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            other => Err(format!("unrecognized log format {other}")),
        }
    }
}

/// `--log.level`
///
/// # Errors
/// When the word is none of debug, info, warn, error.
pub fn parse_level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warn" => Ok(LevelFilter::WARN),
        "error" => Ok(LevelFilter::ERROR),
        other => Err(format!("unrecognized log level {other}")),
    }
}

/// Sends the process' events to stderr.
///
/// # Errors
/// When the process has a log already.
pub fn start(level: LevelFilter, format: LogFormat) -> Result<(), String> {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Slog { format })
        .try_init()
        .map_err(|error| error.to_string())
}

struct Slog {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Slog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let file = metadata.file().unwrap_or("").rsplit('/').next().unwrap_or("");
        let source = format!("{file}:{}", metadata.line().unwrap_or(0));
        let time = format!("{:.3}", jiff::Timestamp::now());
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARN",
            Level::INFO => "INFO",
            _ => "DEBUG",
        };
        let mut line = String::with_capacity(160);
        match self.format {
            LogFormat::Logfmt => {
                write!(line, "time={time} level={level} source={source} msg=")?;
                push_logfmt(&mut line, &fields.message);
                for (name, value) in &fields.others {
                    line.push(' ');
                    line.push_str(name);
                    line.push('=');
                    push_logfmt(&mut line, value);
                }
            }
            LogFormat::Json => {
                let mut object = serde_json::Map::new();
                object.insert("time".into(), time.into());
                object.insert("level".into(), level.into());
                object.insert("source".into(), source.into());
                object.insert("msg".into(), fields.message.into());
                for (name, value) in fields.others {
                    object.insert(name.into(), value.into());
                }
                line.push_str(&serde_json::Value::Object(object).to_string());
            }
        }
        writeln!(writer, "{line}")
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            // Prometheus' word for it.
            "error" => self.others.push(("err", value)),
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, with_sources(value));
    }
}

/// An error with everything that caused it: `open block: read index: no such file`.
pub fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A value, in quotes when logfmt needs them.
fn push_logfmt(line: &mut String, value: &str) {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\u{fffd}');
    if !value.is_empty() && value.chars().all(plain) {
        line.push_str(value);
        return;
    }
    let written = tsdb::model::labels::write_quoted(line, value);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_when_it_must_be() {
        for (value, expected) in [
            ("plain", "plain"),
            ("two words", "\"two words\""),
            ("", "\"\""),
            ("a=b", "\"a=b\""),
        ] {
            let mut line = String::new();
            push_logfmt(&mut line, value);
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let cause = std::io::Error::other("disk gone");
        let error = tsdb::batch::AppendError::log(cause);
        assert_eq!(with_sources(&error), "log samples: disk gone");
    }
}
