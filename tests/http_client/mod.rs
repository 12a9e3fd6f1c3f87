//! The options of the HTTP client beside the real Prometheus: both servers scrape the same, each in a world of
//! its own, and what arrives there and what `/targets` says of it must agree.
//!
//! Begin with [`jobs`]: a job for each option and each way that a request may fail.

mod jobs;
mod keys;
mod proxies;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use jobs::{Job, jobs};
use world::World;

use crate::support::differences::listed;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, wait_for};

/// The job of `name` as the configuration has it.
fn configured((name, target, path, more): &Job) -> String {
    let mut more = (*more).to_owned();
    if name.starts_with("t-") {
        more = format!("oauth2: {{{}}}", with_defaults(name, &more));
    }
    let more = if more.is_empty() {
        more
    } else {
        format!(", {more}")
    };
    format!(
        "  - {{job_name: {name}, metrics_path: /{path}/{name}, static_configs: [{{targets: ['{target}']}}]{more}}}\n"
    )
}

fn with_defaults(name: &str, more: &str) -> String {
    let mut path = "gives";
    let mut giver = "giver";
    let mut kept = Vec::new();
    for part in more.split(", ").filter(|part| !part.is_empty()) {
        match part.split_once(": ") {
            Some(("path", value)) => path = value,
            Some(("giver", value)) => giver = value,
            _ => kept.push(part),
        }
    }
    let mut text = kept.join(", ");
    let scheme = if giver == "giver_tls" { "https" } else { "http" };
    let defaults = [
        ("client_id", "id".to_owned()),
        ("client_secret", "hunter2".to_owned()),
        ("token_url", format!("'{scheme}://{{{giver}}}/{path}/{name}'")),
    ];
    for (key, value) in defaults {
        if !kept.iter().any(|part| part.starts_with(&format!("{key}: "))) {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, "{comma}{key}: {value}").expect("write to memory");
        }
    }
    text
}

struct Run {
    world: World,
    server: Server,
}

impl Run {
    fn start(binary: &Path, dir: &Path, jobs: &[Job]) -> Self {
        std::fs::create_dir_all(dir).expect("make a directory");
        let world = World::start();
        for (name, text) in &world.files {
            std::fs::write(dir.join(name), text).expect("write");
        }
        let mut config = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
        config.extend(jobs.iter().map(configured));
        let mut start = Start::new(binary, dir);
        for (name, address) in &world.places {
            config = config.replace(&format!("{{{name}}}"), address);
            if *name == "proxy" {
                start = start
                    .env("HTTP_PROXY", address)
                    .env("https_proxy", &format!("http://{address}"));
            }
        }
        std::fs::write(dir.join("prometheus.yml"), config).expect("write");
        let server = start.env("NO_PROXY", "").ready();
        Self { world, server }
    }

    /// What is said of each job once it has been scraped, with what arrived.
    fn told(&self, jobs: &[Job]) -> BTreeMap<String, String> {
        let mut told = BTreeMap::new();
        for (name, _, _, _) in jobs {
            let said = wait_for(&format!("{name} to be scraped"), 60, || self.said(name));
            told.insert(format!("said of {name}"), self.world.placed(&said));
        }
        for (name, _, _, _) in jobs {
            told.insert(
                format!("arrived of {name}"),
                self.world.noted(name).join("\n          "),
            );
        }
        told
    }

    fn said(&self, job: &str) -> Option<String> {
        let answer = self
            .server
            .get("/api/v1/targets", &[("state", "active"), ("scrapePool", job)]);
        let targets = answer.json()["data"]["activeTargets"].clone();
        let target = targets
            .as_array()?
            .iter()
            .find(|target| target["scrapePool"] == job)?
            .clone();
        let text = |name: &str| target[name].as_str().unwrap_or("").to_owned();
        (text("health") != "unknown").then(|| format!("{} {}", text("health"), text("lastError")))
    }
}

#[test]
fn what_arrives_and_what_is_said_of_it_is_the_same_as_with_prometheus() {
    let Some(prometheus) = peers::prometheus("the HTTP client beside the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let jobs = jobs();
    let theirs = Run::start(&prometheus, &dir.path().join("theirs"), &jobs);
    let ours = Run::start(&deucalion(), &dir.path().join("ours"), &jobs);
    // Kept connections are used again, and tokens are not fetched again.
    for run in [&theirs, &ours] {
        let asked = || (run.world.times("j-nothing") >= 3).then_some(());
        wait_for("three scrapes", 60, asked);
    }
    let (theirs, ours) = (theirs.told(&jobs), ours.told(&jobs));
    let known = listed("HTTP client\n");
    let mut report = String::new();
    let mut found = 0;
    for (key, our) in &ours {
        let their = &theirs[key];
        let is_known = known.contains(key);
        found += usize::from(our != their);
        if (our != their) != is_known {
            writeln!(report, "{key}\n  ours    {our}\n  theirs  {their}").expect("write to memory");
        }
    }
    let count = ours.len();
    assert!(
        report.is_empty(),
        "of {count} things these are not as they should be:\n{report}"
    );
    assert!(count >= 2 * jobs.len(), "every job is compared");
    eprintln!("{count} things are the same, but for {found} listed ones");
}
