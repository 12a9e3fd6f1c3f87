//! Discovery beside a real server: the same API, resolver or daemon, the same targets with the same labels.
//!
//! ```text
//! API ◀── ours   ── /api/v1/targets: discoveredLabels ─┐
//!     ◀── theirs ── /api/v1/targets: discoveredLabels ─┴─ equal, and as many as expected
//! ```
//!
//! Found addresses are never spoken to: relabelling sends every scrape to a closed port of this machine.
//! Begin with [`Pair`].

mod consul;
mod dns;
mod moby;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::support::server::{Server, Start};
use crate::support::wait_for;

/// The targets of each job, each as its discovered labels in JSON with sorted names.
type Targets = BTreeMap<String, BTreeSet<String>>;

/// A configuration with these jobs: name, and the key and list of its discovery.
fn config(jobs: &[(&str, String)]) -> String {
    let mut text = "global: {scrape_interval: 1h}\nscrape_configs:\n".to_owned();
    for (name, discovery) in jobs {
        // Every label is kept on the target: they end up with one address, and shall be told apart, anew when one
        // label changes.
        text += &format!(
            "- job_name: {name}\n  {discovery}\n  relabel_configs:\n\
             \x20 - {{source_labels: [__address__], target_label: instance}}\n\
             \x20 - {{action: labelmap, regex: '__meta_(.+)'}}\n\
             \x20 - {{target_label: __address__, replacement: '127.0.0.1:1'}}\n"
        );
    }
    text
}

/// What a server has discovered, its own settings left out; `kept` says which labels are compared.
fn discovered(url: &str, kept: &dyn Fn(&str) -> bool) -> Targets {
    let kept = |name: &str| (name == "__address__" || name.starts_with("__meta_")) && kept(name);
    let url = format!("{url}/api/v1/targets?state=active");
    let answer = crate::support::http::get(&url).unwrap_or_else(|error| panic!("GET {url}: {error}"));
    let mut all = Targets::new();
    let answer = answer.json();
    for target in answer["data"]["activeTargets"].as_array().into_iter().flatten() {
        let labels = target["discoveredLabels"]
            .as_object()
            .expect("labels are a mapping");
        let labels: BTreeMap<&String, &Value> = labels.iter().filter(|(name, _)| kept(name)).collect();
        let text = serde_json::to_string(&labels).expect("labels are text");
        let job = target["scrapePool"].as_str().unwrap_or_default().to_owned();
        assert!(
            all.entry(job).or_default().insert(text),
            "no target is told twice"
        );
    }
    all
}

/// How many targets each job has.
fn counts(targets: &Targets) -> BTreeMap<&str, usize> {
    targets
        .iter()
        .map(|(job, targets)| (job.as_str(), targets.len()))
        .collect()
}

/// What one has and the other lacks.
fn difference(ours: &Targets, theirs: &Targets) -> String {
    let mut text = format!("ours {:?}\ntheirs {:?}\n", counts(ours), counts(theirs));
    for (name, have, lack) in [("ours", ours, theirs), ("theirs", theirs, ours)] {
        for (job, targets) in have {
            let known = lack.get(job);
            let mut alone = targets
                .iter()
                .filter(|target| known.is_none_or(|known| !known.contains(*target)));
            if let Some(target) = alone.next() {
                text += &format!("{name} alone, {job}: {target}\n");
            }
        }
    }
    text
}

/// Our server and a real one with the same jobs.
struct Pair {
    ours: Server,
    /// Theirs may be no Prometheus, so only its address is known.
    theirs_url: String,
    kept: Box<dyn Fn(&str) -> bool>,
}

impl Pair {
    /// Waits until both have discovered the same, and as many of each job as expected.
    #[track_caller]
    fn check(&self, what: &str, expected: &[(&str, usize)]) {
        let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
        let began = Instant::now();
        let agreed = wait_for(what, 60, || {
            let ours = discovered(&self.ours.url, &self.kept);
            let theirs = discovered(&self.theirs_url, &self.kept);
            if ours == theirs && counts(&ours) == expected {
                return Some(Ok(()));
            }
            let late = began.elapsed().as_secs() > 30;
            late.then(|| Err(difference(&ours, &theirs)))
        });
        if let Err(difference) = agreed {
            panic!("{what}: expected {expected:?}, found\n{difference}");
        }
    }

    /// That nothing has changed for us while failures were counted.
    #[track_caller]
    fn check_ours(&self, what: &str, expected: &[(&str, usize)]) {
        let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
        assert_eq!(
            counts(&discovered(&self.ours.url, &self.kept)),
            expected,
            "{what}"
        );
    }
}

/// Starts `binary` with these jobs in a directory of its own.
fn start(binary: &Path, dir: &Path, config: &str) -> Server {
    std::fs::create_dir_all(dir).expect("make a directory");
    std::fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
    Start::new(binary, dir).ready()
}

/// The value of one of a server's own metrics, 0 if it is not there.
fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics", &[]).body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a metric is a number"))
}
