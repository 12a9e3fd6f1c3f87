//! `scrape_failure_log_file`: a line of JSON for each scrape that got no answer.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

/// An open file. Several jobs may share it.
#[derive(Debug)]
pub(super) struct FailureLog {
    file: Mutex<File>,
}

impl FailureLog {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    /// Writes one line; a full disk must not stop scraping, so that errors go to the log.
    pub(super) fn write(&self, now_ms: i64, job: &str, target: &str, error: &str) {
        let time = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let line = json!({
            "time": format!("{time:.3}"),
            "level": "ERROR",
            "source": "scrape",
            "msg": error,
            "job_name": job,
            "target": target,
        });
        if let Err(error) = writeln!(self.file.lock(), "{line}") {
            tracing::warn!(%error, "Scrape failure could not be logged");
        }
    }
}

/// The logs of all jobs, opened anew at each reload so that a rotated file is let go.
pub(super) fn open_all<'a>(
    paths: impl Iterator<Item = &'a PathBuf>,
) -> Result<BTreeMap<PathBuf, Arc<FailureLog>>, String> {
    let mut logs = BTreeMap::new();
    for path in paths {
        if logs.contains_key(path) {
            continue;
        }
        let log = FailureLog::open(path)
            .map_err(|error| format!("can't create json log file: open {}: {error}", path.display()))?;
        logs.insert(path.clone(), Arc::new(log));
    }
    Ok(logs)
}
