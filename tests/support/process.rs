//! Peers as processes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running peer; dropping ends it.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    #[track_caller]
    pub(crate) fn start(binary: &Path, dir: &Path, args: &[String]) -> Self {
        let child = Command::new(binary)
            .current_dir(dir)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", binary.display()));
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}
