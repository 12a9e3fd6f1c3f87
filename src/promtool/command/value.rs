//! Whether a text is a value of its kind, in kingpin's words.

use super::Kind;
use crate::config::duration::parse_go_ns;
use crate::config::quote::quoted;
use crate::config::url;

/// Checks one text.
///
/// # Errors
/// In kingpin's or Go's words.
pub(super) fn check(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Bool | Kind::Text | Kind::Texts => Ok(()),
        Kind::Int => text
            .parse::<i64>()
            .map(drop)
            .map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", quoted(text))),
        Kind::Duration => duration_ns(text).map(drop),
        Kind::Url => url::split(text)
            .map(drop)
            .map_err(|error| format!("invalid URL: {error}")),
        Kind::ExistingFile | Kind::ExistingFiles => existing_file(text),
        Kind::Pairs => pair(text)
            .map(drop)
            .ok_or_else(|| format!("expected KEY=VALUE got '{text}'")),
        Kind::Enum(values) if values.contains(&text) => Ok(()),
        Kind::Enum(values) => Err(format!(
            "enum value must be one of {}, got '{text}'",
            values.join(",")
        )),
    }
}

/// `name=value` or `name:value`.
pub(super) fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once(['=', ':'])
}

/// A duration of Go that may have days and weeks too.
///
/// # Errors
/// In Go's words.
pub(super) fn duration_ns(text: &str) -> Result<i64, String> {
    if !text.contains(['d', 'w']) {
        return parse_go_ns(text).map_err(|error| error.to_string());
    }
    in_hours(text)
        .and_then(|text| parse_go_ns(&text).ok())
        .ok_or_else(|| format!("time: invalid duration {}", quoted(text)))
}

/// The same duration without days and weeks.
fn in_hours(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let number_ends = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at(number_ends);
        let unit_ends = tail
            .find(|c: char| !c.is_ascii_alphabetic() && c != 'µ')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_ends);
        let hours = match unit {
            "d" => 24.0,
            "w" => 168.0,
            _ => 0.0,
        };
        if hours == 0.0 {
            out.push_str(number);
            out.push_str(unit);
        } else {
            let value: f64 = number.parse().ok()?;
            out.push_str(&format!("{}h", value * hours));
        }
        rest = tail;
    }
    Some(out)
}

fn existing_file(path: &str) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
            let name = if name.is_empty() { "/" } else { name };
            Err(format!("'{name}' is a directory"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("path '{path}' does not exist"))
        }
        Err(error) => Err(super::super::config_text::stat_error(path, &error)),
    }
}
