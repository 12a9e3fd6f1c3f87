//! Scraping beside the real Prometheus: the same pages in the same order, the same samples and markers stored.
//!
//! ```text
//! exporter: n-th scrape of a job by a server → n-th page of the job's script
//!    ↑ ours        ↑ theirs
//!  data           data      → samples by number of the scrape, bit by bit → equal
//!  /targets       /targets  → what is said of each scrape                 → equal
//! ```
//!
//! Begin with [`check`]; `transport` and `contents` are the scripts, `reloads` what happens in between.

mod contents;
mod exporter;
mod observe;
mod reloads;
mod script;
mod stored;
mod transport;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use exporter::Exporter;
use observe::Observer;
use reloads::{Changing, Targets};
use script::Script;
use stored::Job;

use crate::support::differences::listed;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, wait_for};

/// A server in a directory of its own.
struct Run {
    name: &'static str,
    dir: PathBuf,
    server: Server,
}

struct Scene<'a> {
    exporter: &'a Exporter,
    scripts: &'a [Script],
    changing: &'a [Changing],
}

impl Scene<'_> {
    /// The configuration of `server`, before or after the reload.
    fn config(&self, server: &str, is_after: bool) -> String {
        let mut text =
            "global: {scrape_interval: 1s, scrape_timeout: 1s, scrape_failure_log_file: failures.log}\n\
             scrape_configs:\n"
                .to_owned();
        let target = format!("'127.0.0.1:{}'", self.exporter.port);
        for script in self.scripts {
            let targets = format!("static_configs: [{{targets: [{target}]}}]");
            add_job(&mut text, server, &script.name, script.config, &targets);
        }
        for job in self.changing {
            let config = if is_after {
                job.after
            } else {
                Some(job.script.config)
            };
            let Some(config) = config else { continue };
            let name = &job.script.name;
            let targets = match job.targets[usize::from(is_after)] {
                Targets::Static(instances) => {
                    let groups = instances
                        .iter()
                        .map(|one| format!("{{targets: [{target}], labels: {{instance: {one}}}}}"));
                    format!("static_configs: [{}]", groups.collect::<Vec<_>>().join(", "))
                }
                Targets::File(_) => format!("file_sd_configs: [{{files: [{name}.json]}}]"),
            };
            add_job(&mut text, server, name, config, &targets);
        }
        text
    }

    /// Writes the files of targets.
    fn write_targets(&self, dir: &Path, is_late: bool) {
        for job in self.changing {
            let Targets::File(instances) = job.targets[0] else {
                continue;
            };
            let groups: Vec<_> = instances[usize::from(is_late)]
                .iter()
                .map(|one| {
                    let target = format!("127.0.0.1:{}", self.exporter.port);
                    serde_json::json!({"targets": [target], "labels": {"instance": one}})
                })
                .collect();
            let text = serde_json::to_string(&groups).expect("write JSON");
            let path = dir.join(format!("{}.json", job.script.name));
            std::fs::write(path.with_extension("new"), text).expect("write");
            std::fs::rename(path.with_extension("new"), path).expect("rename");
        }
    }

    fn start(&self, name: &'static str, binary: &Path, dir: &Path) -> Run {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).expect("make a directory");
        self.write_targets(&dir, false);
        std::fs::write(dir.join("prometheus.yml"), self.config(name, false)).expect("write");
        let server = Start::new(binary, &dir)
            .arg("--enable-feature=extra-scrape-metrics")
            .ready();
        Run { name, dir, server }
    }

    fn wait_until_scraped(&self, runs: &[Run], count: impl Fn(&Script) -> usize) {
        let waiting = || {
            let scripts = || {
                self.scripts
                    .iter()
                    .chain(self.changing.iter().map(|job| &job.script))
            };
            let all = runs
                .iter()
                .flat_map(|run| scripts().map(move |script| (run, script)));
            let mut late = all.filter(|(run, script)| self.asked(run.name, script) < count(script));
            late.next().is_none().then_some(())
        };
        wait_for("all scripts to be told", 90, waiting);
    }

    fn asked(&self, server: &str, script: &Script) -> usize {
        self.exporter.count(server, &path_of(script))
    }

    /// Every job, with how many of its scrapes are scripted.
    fn jobs(&self) -> Vec<Job<'_>> {
        let scripted = self.scripts.iter().map(|script| Job {
            name: &script.name,
            scrapes: Some(script.pages.len()),
        });
        let changing = self.changing.iter().map(|job| Job {
            name: &job.script.name,
            scrapes: None,
        });
        scripted.chain(changing).collect()
    }
}

/// What is asked for in a scrape of `script`.
fn path_of(script: &Script) -> String {
    let query = if script.config.contains("params:") {
        "?empty=&module=one&module=two"
    } else {
        ""
    };
    format!("/{}{query}", script.name)
}

fn add_job(text: &mut String, server: &str, name: &str, config: &str, targets: &str) {
    let header = format!("http_headers: {{X-Server: {{values: [{server}]}}}}");
    let job = format!(
        "  - job_name: {name}\n    metrics_path: /{name}\n    {header}\n    {targets}\n    {config}\n"
    );
    text.push_str(&job);
}

/// What one server made of it all: a line for everything that must be the same.
fn told(scene: &Scene<'_>, run: Run, observer: Observer, from_ms: i64) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for script in scene.scripts {
        let headers = scene.exporter.headers(run.name, &path_of(script));
        let headers = headers
            .into_iter()
            .filter(|line| !line.starts_with("user-agent:") && !line.starts_with("x-server:"));
        told.insert(
            format!("request of {}", script.name),
            headers.collect::<Vec<_>>().join("\n    "),
        );
    }
    told.extend(observe::metadata(&run.server));
    if scene.changing.is_empty() {
        told.extend(observe::counters(&run.server));
        told.extend(observe::warnings(&run.server));
    }
    let said = observer.stop();
    run.server.stop();
    let stored = stored::read(&run.dir.join("data"));
    for job in scene.jobs() {
        told.extend(stored.text(job, from_ms));
        let Some(count) = job.scrapes else { continue };
        for (&at_ms, what) in said.get(job.name).into_iter().flatten() {
            if let Some(number) = stored.scrape_at(job.name, at_ms).filter(|&number| number < count) {
                told.insert(format!("said of {} {number}", job.name), what.clone());
            }
        }
        told.extend(observe::rhythm(job.name, stored.times(job.name)));
    }
    let exporter = format!("127.0.0.1:{}", scene.exporter.port);
    let without_port = |text: String| text.replace(&exporter, "exporter");
    told.into_iter()
        .map(|(key, value)| (without_port(key), without_port(value)))
        .collect()
}

/// What is not the same: under its key, both.
fn differences(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for key in ours.keys().chain(theirs.keys()) {
        let (a, b) = (ours.get(key), theirs.get(key));
        // A scrape that one of the observers missed says nothing.
        if a == b || (key.starts_with("said of ") && (a.is_none() || b.is_none())) {
            continue;
        }
        let show = |text: Option<&String>| text.map_or("nothing", String::as_str).to_owned();
        found.insert(
            key.clone(),
            format!("  ours    {}\n  theirs  {}", show(a), show(b)),
        );
    }
    found
}

/// Two servers that scrape the same.
struct Pair {
    runs: [Run; 2],
    observers: [Observer; 2],
}

impl Pair {
    fn start(scene: &Scene<'_>, prometheus: &Path, dir: &Path) -> Self {
        let runs = [
            scene.start("theirs", prometheus, dir),
            scene.start("ours", &deucalion(), dir),
        ];
        let observers = [Observer::start(&runs[0].server), Observer::start(&runs[1].server)];
        Self { runs, observers }
    }

    /// Stops both and compares what they have told and stored.
    #[track_caller]
    fn compare(self, scene: &Scene<'_>, from_ms: i64, heading: &str) {
        let [theirs, ours] = self.runs;
        let [their_observer, our_observer] = self.observers;
        let theirs = told(scene, theirs, their_observer, from_ms);
        let ours = told(scene, ours, our_observer, from_ms);
        let found = differences(&ours, &theirs);
        let known = listed(heading);
        let mut report = String::new();
        for (key, text) in found.iter().filter(|(key, _)| !known.contains(key)) {
            writeln!(report, "{key}\n{text}").expect("write to memory");
        }
        for key in known.iter().filter(|key| !found.contains_key(*key)) {
            writeln!(report, "{key}\n  is listed as a difference and is none").expect("write to memory");
        }
        let compared = ours.len();
        assert!(
            report.is_empty(),
            "of {compared} things these are not the same:\n{report}"
        );
        eprintln!(
            "{compared} things are the same, but for {} listed ones",
            known.len()
        );
    }
}

/// The time that scripted times count from.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[test]
fn scripted_pages_are_stored_as_prometheus_stores_them() {
    let Some(prometheus) = peers::prometheus("scraping beside the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let from_ms = now_ms();
    let scripts = [transport::scripts(), contents::scripts()].concat();
    let scripts: Vec<_> = scripts.into_iter().map(|script| script.at(from_ms)).collect();
    let exporter = Exporter::start(scripts.iter().cloned().chain(transport::aside()));
    let scene = Scene {
        exporter: &exporter,
        scripts: &scripts,
        changing: &[],
    };
    let pair = Pair::start(&scene, &prometheus, dir.path());
    scene.wait_until_scraped(&pair.runs, |script| script.pages.len() + 1);
    pair.compare(&scene, from_ms, "Scraping\n");
}

#[test]
fn reloads_begin_and_end_series_as_in_prometheus() {
    let Some(prometheus) = peers::prometheus("reloads beside the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let changing = reloads::jobs();
    let exporter = Exporter::start(changing.iter().map(|job| job.script.clone()));
    let scene = Scene {
        exporter: &exporter,
        scripts: &[],
        changing: &changing,
    };
    let pair = Pair::start(&scene, &prometheus, dir.path());
    // A job with more targets than it may have is not scraped.
    scene.wait_until_scraped(&pair.runs, |script| {
        if script.config.contains("target_limit") {
            0
        } else {
            3
        }
    });
    for run in &pair.runs {
        std::fs::write(run.dir.join("prometheus.yml"), scene.config(run.name, true)).expect("write");
        run.server.signal("HUP");
        scene.write_targets(&run.dir, true);
    }
    // What discovery finds is told every five seconds; a target that is gone is marked so after two intervals
    // and a tenth.
    std::thread::sleep(Duration::from_secs(9));
    for run in &pair.runs {
        scene.write_targets(&run.dir, false);
    }
    std::thread::sleep(Duration::from_secs(7));
    pair.compare(&scene, now_ms(), "Reloads\n");
}
