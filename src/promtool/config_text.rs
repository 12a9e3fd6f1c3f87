//! What is told of files: mistakes that Prometheus leaves out, and files that are not there.

use std::path::Path;

use crate::config::ConfigErrors;

/// The mistakes that Go leaves out, each on a line with its place.
pub(super) fn further(errors: &ConfigErrors) -> Vec<String> {
    errors.beyond_go().map(|error| format!("    {error}")).collect()
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
