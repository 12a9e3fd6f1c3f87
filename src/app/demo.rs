//! `--demo`: an embedded configuration under which the server watches itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FILES: [(&str, &str); 2] = [
    (
        "prometheus.yml",
        include_str!("../../configs/demo/prometheus.yml"),
    ),
    ("rules.yml", include_str!("../../configs/demo/rules.yml")),
];

/// What the operator is told.
pub(crate) const GREETING: &str = "\
Deucalion runs on its demo configuration and watches itself.
  query    http://localhost:9090/query?g0.expr=rate(prometheus_tsdb_head_samples_appended_total%5B1m%5D)
  targets  http://localhost:9090/targets
  alerts   http://localhost:9090/alerts
  API      curl 'http://localhost:9090/api/v1/query?query=up'
Stop it with Ctrl-C.";

/// Writes the embedded files into `dir` and returns the path of the configuration.
///
/// # Errors
/// When the directory cannot be written.
pub(crate) fn unpack(dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    for (name, text) in FILES {
        fs::write(dir.join(name), text)?;
    }
    Ok(dir.join(FILES[0].0))
}

/// Where the demo keeps its files and its data.
pub(crate) fn dir() -> PathBuf {
    std::env::temp_dir().join("deucalion-demo")
}
