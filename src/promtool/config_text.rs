//! Mistakes of configuration files in the words of Prometheus' promtool, and what it does not say below.
//!
//! Go's decoder gathers mistakes of shape and tells them with their lines; the first mistake of meaning ends
//! it, and it tells nothing else. Here all mistakes are known, each with line and column: those that Go
//! leaves out follow, one a line.

use std::path::Path;

use crate::config::{ConfigError, ConfigErrors};

/// The beginnings of what go-yaml tells as mistakes of shape.
const SHAPES: [&str; 4] = ["field ", "cannot unmarshal", "mapping key", "key "];

/// The mistakes of a file as Go tells them, without the name of the file.
pub(super) fn told_by_go(errors: &ConfigErrors) -> String {
    if let Some(error) = errors.iter().find(|error| !is_shape(error)) {
        return one_told_by_go(error);
    }
    let mut text = "yaml: unmarshal errors:".to_owned();
    for error in errors.iter() {
        let line = error.mark.map_or(0, |mark| mark.line);
        text.push_str(&format!("\n  line {line}: {}", error.text));
    }
    text
}

/// The mistakes that [`told_by_go`] leaves out, each on a line with its place.
pub(super) fn further(errors: &ConfigErrors) -> Vec<String> {
    let Some(told) = errors.iter().position(|error| !is_shape(error)) else {
        return Vec::new();
    };
    let rest = errors.iter().enumerate().filter(|(i, _)| *i != told);
    rest.map(|(_, error)| format!("    {error}")).collect()
}

fn is_shape(error: &ConfigError) -> bool {
    error.mark.is_some() && SHAPES.iter().any(|start| error.text.starts_with(start))
}

fn one_told_by_go(error: &ConfigError) -> String {
    match (error.mark, error.text.strip_prefix("yaml: ")) {
        // A text that is no YAML at all.
        (Some(mark), Some(text)) if !text.starts_with("line ") => {
            format!("yaml: line {}: {text}", mark.line)
        }
        _ => error.text.clone(),
    }
}

/// An error of `os.Stat`.
pub(super) fn stat_error(path: &str, error: &std::io::Error) -> String {
    let text = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    };
    format!("stat {path}: {text}")
}

/// An error if `path` is not there; no path is none.
pub(super) fn check_exists(path: Option<&Path>) -> Result<(), String> {
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::metadata(path)
        .map(drop)
        .map_err(|error| stat_error(&path.to_string_lossy(), &error))
}
