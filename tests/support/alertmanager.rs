//! The real Alertmanager.

use std::path::Path;

use serde_json::Value;

use super::process::Process;
use super::{http, wait_for};

/// A running Alertmanager that notifies nobody.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    url: String,
    _process: Process,
}

impl Alertmanager {
    /// Starts one that listens at `address` (host and port) and keeps its data below `dir`.
    #[track_caller]
    pub(crate) fn start(binary: &Path, dir: &Path, address: &str) -> Self {
        let config = dir.join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").expect("write");
        let args = [
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", dir.join(address).display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".to_owned(),
        ];
        let process = Process::start(binary, dir, &args);
        let url = format!("http://{address}");
        wait_for("Alertmanager", 20, || {
            let ready = http::get(&format!("{url}/-/ready"));
            ready.ok().filter(|answer| answer.status == 200)
        });
        Self {
            url,
            _process: process,
        }
    }

    /// The labels of the alerts that it holds, firing ones alone.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let Ok(answer) = http::get(&format!("{}/api/v2/alerts?active=true", self.url)) else {
            return Vec::new();
        };
        let all = answer.json();
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().map(|alert| alert["labels"].clone()).collect()
    }
}
