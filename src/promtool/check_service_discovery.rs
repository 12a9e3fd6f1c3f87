//! `check service-discovery`: what a job's discovery finds, before and after relabelling, as JSON.
//!
//! Discovery and relabelling are the server's own; here is only what is printed. Begin with [`run`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tsdb::model::Labels;

use super::command::Invocation;
use super::{FAILED, OK, Terminal};
use crate::config::{Config, LoadOptions, ScrapeConfig};
use crate::discovery::{DiscoveryMetrics, TargetGroup, collect};
use crate::scrape::{Outcome, outcomes};
use crate::telemetry::Registry;

/// One entry of the output.
#[derive(Serialize)]
struct Entry<'o> {
    #[serde(rename = "discoveredLabels")]
    discovered: BTreeMap<&'o str, &'o str>,
    labels: BTreeMap<&'o str, &'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'o str>,
}

impl<'o> Entry<'o> {
    fn of(outcome: &'o Outcome) -> Self {
        let (labels, error) = match &outcome.labels {
            Ok(labels) => (pairs(labels), None),
            Err(error) => (BTreeMap::new(), Some(error.as_str())),
        };
        Self {
            discovered: pairs(&outcome.discovered),
            labels,
            error,
        }
    }
}

fn pairs(labels: &Labels) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    match find(invocation) {
        Ok(json) => {
            terminal.print(&json);
            OK
        }
        Err(text) => {
            terminal.complain_line(text);
            FAILED
        }
    }
}

fn find(invocation: &Invocation<'_>) -> Result<String, String> {
    let environment = |name: &str| std::env::var(name).ok();
    let options = LoadOptions::default().with_environment(super::expand_env(invocation), &environment);
    let config = Config::load(Path::new(invocation.text("config-file")), &options);
    let config = config.map_err(|errors| format!("Cannot load config {errors}"))?;
    let name = invocation.text("job");
    let jobs: Vec<_> = config.jobs().collect();
    let Some(job) = jobs.iter().find(|job| job.job_name == name) else {
        let names = jobs.iter().map(|job| format!("\n\t{}", job.job_name));
        let names: String = names.collect();
        return Err(format!("Job {name} not found. Select one of:{names}"));
    };
    let time_ns = u64::try_from(invocation.duration_ns("timeout")).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let metrics = DiscoveryMetrics::new(&Registry::new());
    let time = Duration::from_nanos(time_ns);
    let groups = runtime.block_on(collect(name, &job.discovery, &metrics, time));
    let groups = groups.map_err(|error| format!("Could not create new discoverer {error}"))?;
    let found = all_outcomes(&groups, job);
    let entries: Vec<_> = found.iter().map(Entry::of).collect();
    serde_json::to_string_pretty(&entries).map_err(|error| error.to_string())
}

/// Source by source; what a source tells again is not shown again.
fn all_outcomes(groups: &[TargetGroup], job: &ScrapeConfig) -> Vec<Outcome> {
    let mut by_source: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for group in groups {
        let known = by_source.entry(&group.source).or_default();
        for outcome in outcomes(group, job) {
            if !known.contains(&outcome) {
                known.push(outcome);
            }
        }
    }
    by_source.into_values().flatten().collect()
}
