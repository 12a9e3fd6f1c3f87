//! Where the targets are announced: a file and an HTTP server, each with the same number of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::web::{Page, Web};

/// Announces generations of targets in every way.
pub(super) struct Sources {
    file: PathBuf,
    listed: Arc<Mutex<String>>,
    web: Web,
    farm_port: u16,
    targets: usize,
}

impl Sources {
    /// How many ways there are.
    pub(super) const COUNT: usize = 2;

    pub(super) fn start(dir: &Path, farm_port: u16, targets: usize) -> Self {
        let listed = Arc::new(Mutex::new("[]".to_owned()));
        let answering = Arc::clone(&listed);
        let web = Web::start(move |_| Page::json(answering.lock().expect("nobody panicked").clone()));
        Self {
            file: dir.join("targets.json"),
            listed,
            web,
            farm_port,
            targets,
        }
    }

    /// Replaces all targets by those of `generation`.
    pub(super) fn publish(&self, generation: u64) {
        let fresh = self.file.with_extension("fresh");
        std::fs::write(&fresh, self.groups("file", generation)).expect("write");
        std::fs::rename(&fresh, &self.file).expect("rename");
        *self.listed.lock().expect("nobody panicked") = self.groups("http", generation);
    }

    fn groups(&self, source: &str, generation: u64) -> String {
        let address = format!("127.0.0.1:{}", self.farm_port);
        let groups = (0..self.targets).map(|n| {
            let path = format!("/{source}/{generation}/{n}");
            serde_json::json!({
                "targets": [address],
                "labels": {"__metrics_path__": path, "instance": path, "generation": generation.to_string()},
            })
        });
        serde_json::Value::Array(groups.collect()).to_string()
    }

    /// A configuration that discovers in every way, of a server on `port` that watches itself too.
    pub(super) fn config(&self, interval: Duration, port: u16) -> String {
        let (file, url) = (self.file.display(), self.web.url());
        format!(
            "global: {{scrape_interval: {interval}ms, scrape_timeout: {interval}ms}}
scrape_configs:
  - job_name: file
    file_sd_configs: [{{files: ['{file}']}}]
  - job_name: http
    http_sd_configs: [{{url: '{url}', refresh_interval: 1s}}]
  - job_name: self
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
",
            interval = interval.as_millis()
        )
    }
}
