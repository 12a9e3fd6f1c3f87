//! `file_sd_configs`: targets from JSON and YAML files that someone else writes.
//!
//! ```text
//! a directory changes ─┐
//! refresh_interval ────┴─▶ read all files ─┬─ good      its groups
//!                                          ├─ broken    nothing: its groups of before stand
//!                                          └─ gone      an empty group for each it had
//! ```
//!
//! Directories are watched, not files: editors and Kubernetes replace files instead of writing them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::provider::{Provider, Updates, named_group};
use super::{DiscoveryMetrics, TargetGroup};
use crate::config::{FileSdConfig, StaticGroup, sd_file};

/// The label that says which file a target stands in.
const FILE_LABEL: &str = "__meta_filepath";

/// How long a change may be followed by others before files are read.
const SETTLE: Duration = Duration::from_millis(20);

/// Tells of what stands in files.
#[derive(Debug)]
pub(super) struct FileProvider {
    patterns: Vec<PathBuf>,
    every: Duration,
    files: Files,
}

impl FileProvider {
    pub(super) fn new(config: &FileSdConfig, metrics: &DiscoveryMetrics) -> Self {
        Self {
            patterns: config.files.clone(),
            every: Duration::from_millis(u64::try_from(config.refresh_interval_ms).unwrap_or(1).max(1)),
            files: Files {
                group_counts: BTreeMap::new(),
                metrics: metrics.clone(),
            },
        }
    }

    async fn keep_reading(mut self, updates: Updates) {
        let changed = Arc::new(Notify::new());
        let mut watcher = self.watcher(&changed);
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = changed.notified() => tokio::time::sleep(SETTLE).await,
            }
            let patterns = self.patterns.clone();
            let mut files = self.files;
            // Watched before they are read, so that no change in between is missed; and again each
            // time, for a directory may have come or been replaced.
            let reading = tokio::task::spawn_blocking(move || {
                watch(watcher.as_mut(), &patterns);
                let groups = files.read(&patterns);
                (files, watcher, groups)
            });
            let Ok((files, watching, groups)) = reading.await else {
                return;
            };
            self.files = files;
            watcher = watching;
            if !groups.is_empty() && !updates.send(groups).await {
                return;
            }
        }
    }

    /// Without a watcher the files are still read each interval.
    fn watcher(&self, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
        let changed = Arc::clone(changed);
        let errors = self.files.metrics.file_watcher_errors.clone();
        let on_event = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if is_change(event.kind) => changed.notify_one(),
            Ok(_) => {}
            Err(error) => error!(%error, "Error watching file"),
        };
        match notify::recommended_watcher(on_event) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                errors.inc();
                error!(%error, "Error adding file watcher");
                None
            }
        }
    }
}

impl Provider for FileProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.keep_reading(updates))
    }
}

/// Whether an event may mean other contents; opening and reading (as we do) and chmod do not.
fn is_change(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))
    )
}

fn watch(watcher: Option<&mut RecommendedWatcher>, patterns: &[PathBuf]) {
    let Some(watcher) = watcher else { return };
    for pattern in patterns {
        let directory = match pattern.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
            error!(%error, path = %directory.display(), "Error adding file watch");
        }
    }
}

/// The files as they were found last.
#[derive(Debug)]
struct Files {
    /// How many groups each file had when it was last read well.
    group_counts: BTreeMap<PathBuf, usize>,
    metrics: DiscoveryMetrics,
}

impl Files {
    /// Reads all files; gives their groups, and an empty one for each that is gone.
    fn read(&mut self, patterns: &[PathBuf]) -> Vec<TargetGroup> {
        let began = Instant::now();
        let mut groups = Vec::new();
        let mut counts = BTreeMap::new();
        for path in patterns.iter().flat_map(|pattern| matching(pattern)) {
            match self.read_one(&path) {
                Ok(read) => {
                    counts.insert(path, read.len());
                    groups.extend(read);
                }
                Err(error) => {
                    self.metrics.file_read_errors.inc();
                    error!(%error, path = %path.display(), "Error reading file");
                    let before = self.group_counts.get(&path).copied().unwrap_or(0);
                    counts.insert(path, before);
                }
            }
        }
        for (path, &before) in &self.group_counts {
            let now = counts.get(path).copied();
            if now.is_none() {
                self.metrics.file_mtime.remove(&[&path.to_string_lossy()]);
            }
            groups.extend((now.unwrap_or(0)..before).map(|at| TargetGroup {
                source: source(path, at),
                ..TargetGroup::default()
            }));
        }
        self.group_counts = counts;
        self.metrics
            .file_scan_duration
            .observe(began.elapsed().as_secs_f64());
        groups
    }

    fn read_one(&self, path: &Path) -> Result<Vec<TargetGroup>, String> {
        let io_error = |error: std::io::Error| error.to_string();
        let text = std::fs::read(path).map_err(io_error)?;
        let changed = std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .map_err(io_error)?;
        let written = decode(path, &text)?;
        let name = path.to_string_lossy();
        let changed = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.metrics
            .file_mtime
            .with(&[&name])
            .set(changed.as_secs() as f64);
        let groups = written.into_iter().zip(0..);
        Ok(groups
            .map(|(group, at)| named_group(group, source(path, at), Some((FILE_LABEL, &name))))
            .collect())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in self.group_counts.keys() {
            self.metrics.file_mtime.remove(&[&path.to_string_lossy()]);
        }
    }
}

fn source(path: &Path, at: usize) -> String {
    format!("{}:{at}", path.display())
}

/// The files that a pattern stands for, sorted.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return pattern.exists().then(|| pattern.to_owned()).into_iter().collect();
    }
    match glob::glob(&text) {
        Ok(paths) => paths.filter_map(Result::ok).collect(),
        Err(error) => {
            error!(%error, glob = %text, "Error expanding glob");
            Vec::new()
        }
    }
}

/// Reads a file's groups by what its name ends in, which the configuration has checked.
fn decode(path: &Path, text: &[u8]) -> Result<Vec<StaticGroup>, String> {
    let is_json = path
        .extension()
        .is_some_and(|ext| ext.eq_ignore_ascii_case("json"));
    if is_json {
        return sd_file::parse_json(text);
    }
    sd_file::parse_yaml(text, path).map_err(|errors| errors.to_string())
}

#[cfg(test)]
mod tests;
