//! Targets from what discovery tells: labels before and after relabelling, address, timing, identity.
//!
//! ```text
//! target's labels → group's → __scheme__ __metrics_path__ job __param_… → relabel_configs
//!   → address and times checked → __meta_… removed → instance
//! ```

use std::path::PathBuf;

use tsdb::model::{Labels, LabelsBuilder};

use super::schedule::fnv1a;
use super::url::join;
use crate::config::duration;
use crate::config::scrape::ScrapeConfig;
use crate::discovery::TargetGroup;
use crate::relabel::relabel;

/// Labels that begin so are not added to samples.
const RESERVED: &str = "__";

const ADDRESS: &str = "__address__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PATH: &str = "__metrics_path__";
const SCHEME: &str = "__scheme__";
const UNIX_SOCKET: &str = "__unix_socket__";
const PARAMETER: &str = "__param_";
const NHCB: &str = "__convert_classic_histograms_to_nhcb__";
const ALWAYS_CLASSIC: &str = "__always_scrape_classic_histograms__";
const NATIVE: &str = "__scrape_native_histograms__";

/// Something that can be scraped.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels that its samples get.
    pub labels: Labels,
    /// The address with parameters.
    pub url: String,
    /// The unix socket that leads there, if one does.
    pub unix_socket: Option<PathBuf>,
    /// How often.
    pub interval_ms: i64,
    /// How long a scrape may take.
    pub timeout_ms: i64,
    /// Identifies the target within its pool, and its place in the interval.
    pub hash: u64,
}

/// What became of the entries of a group.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) targets: Vec<Target>,
    /// Discovered labels of those that relabelling dropped.
    pub(super) dropped: Vec<Labels>,
    /// What is wrong with the others.
    pub(super) failures: Vec<String>,
}

impl Built {
    /// Adds the targets of `group`.
    pub(super) fn add(&mut self, group: &TargetGroup, config: &ScrapeConfig) {
        for (number, labels) in group.targets.iter().enumerate() {
            let mut builder = discovered(labels, &group.labels, config);
            let before = builder.build();
            if !relabel(&config.relabel_configs, &mut builder) {
                self.dropped.push(before);
                continue;
            }
            match finish(before, builder, config) {
                Ok(target) => self.targets.push(target),
                Err(problem) => {
                    let source = &group.source;
                    self.failures
                        .push(format!("instance {number} in group {source}: {problem}"));
                }
            }
        }
    }
}

/// Whether all entries of `group` can be scraped or are dropped.
///
/// # Errors
/// What is wrong with the first that cannot.
pub fn check_group(group: &TargetGroup, config: &ScrapeConfig) -> Result<(), String> {
    let mut built = Built::default();
    built.add(group, config);
    match built.failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

fn discovered(target: &Labels, group: &Labels, config: &ScrapeConfig) -> LabelsBuilder {
    let mut labels = LabelsBuilder::from_labels(group);
    for (name, value) in target.iter() {
        labels.set(name, value);
    }
    let text = |flag| if flag { "true" } else { "false" };
    let defaults = [
        ("job", &*config.job_name),
        (INTERVAL, &duration::format_ms(config.scrape_interval_ms)),
        (TIMEOUT, &duration::format_ms(config.scrape_timeout_ms)),
        (PATH, &config.metrics_path),
        (SCHEME, &config.scheme),
        (NHCB, text(config.convert_classic_histograms_to_nhcb)),
        (ALWAYS_CLASSIC, text(config.always_scrape_classic_histograms)),
        (NATIVE, text(config.scrape_native_histograms)),
    ];
    let mut set_default = |name: &str, value: &str| {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    };
    for (name, value) in defaults {
        set_default(name, value);
    }
    for (name, values) in &config.params {
        if let Some(first) = values.first() {
            set_default(&format!("{PARAMETER}{name}"), first);
        }
    }
    labels
}

/// A target as it was found, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels after it, those of the scrape itself included; none if it was dropped.
    pub labels: Result<Labels, String>,
}

/// What would become of the entries of `group`.
pub fn outcomes(group: &TargetGroup, config: &ScrapeConfig) -> Vec<Outcome> {
    let outcome = |labels: &Labels| {
        let mut builder = discovered(labels, &group.labels, config);
        let discovered = builder.build();
        let labels = match relabel(&config.relabel_configs, &mut builder) {
            true => settle(&mut builder).map(|_| builder.build()),
            false => Ok(Labels::default()),
        };
        Outcome { discovered, labels }
    };
    group.targets.iter().map(outcome).collect()
}

fn finish(discovered: Labels, mut labels: LabelsBuilder, config: &ScrapeConfig) -> Result<Target, String> {
    let (interval_ms, timeout_ms) = settle(&mut labels)?;
    let all = labels.build();
    let url = url(&all, config);
    let public = all.iter().filter(|(name, _)| !name.starts_with(RESERVED));
    Ok(Target {
        discovered,
        labels: Labels::from_sorted(public),
        hash: fnv1a(&[format!("{:016}", all.hash_xxh64()).as_bytes(), url.as_bytes()]),
        url,
        unix_socket: all.get(UNIX_SOCKET).map(PathBuf::from),
        interval_ms,
        timeout_ms,
    })
}

/// Checks what relabelling left, removes what only it was to see, and adds `instance`. Interval and timeout.
fn settle(labels: &mut LabelsBuilder) -> Result<(i64, i64), String> {
    let address = labels.get(ADDRESS).ok_or("no address")?.to_owned();
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let interval_ms = time(labels, INTERVAL, "interval")?;
    let timeout_ms = time(labels, TIMEOUT, "timeout")?;
    if timeout_ms > interval_ms {
        let text = |name| labels.get(name).unwrap_or("");
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({:?} > {:?})",
            text(TIMEOUT),
            text(INTERVAL)
        ));
    }
    for (name, what) in [
        (NHCB, "convert classic histograms to nhcb"),
        (ALWAYS_CLASSIC, "always scrape classic histograms"),
        (NATIVE, "scrape native histograms"),
    ] {
        check_bool(labels.get(name).unwrap_or(""), what)?;
    }
    labels.retain(|name, _| !name.starts_with("__meta_"));
    if labels.get("instance").is_none() {
        labels.set("instance", &address);
    }
    Ok((interval_ms, timeout_ms))
}

fn time(labels: &LabelsBuilder, name: &str, what: &str) -> Result<i64, String> {
    let time = duration::parse_ms(labels.get(name).unwrap_or(""));
    match time {
        Ok(0) => Err(format!("scrape {what} cannot be 0")),
        Ok(time_ms) => Ok(time_ms),
        Err(error) => Err(format!("error parsing scrape {what}: {error}")),
    }
}

/// Go's `strconv.ParseBool`.
fn check_bool(text: &str, what: &str) -> Result<(), String> {
    let known = [
        "", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
    ];
    match known.contains(&text) {
        true => Ok(()),
        false => Err(format!(
            "error parsing {what}: strconv.ParseBool: parsing {text:?}: invalid syntax"
        )),
    }
}

fn url(labels: &Labels, config: &ScrapeConfig) -> String {
    let mut parameters = config.params.clone();
    for (name, value) in labels.iter() {
        let Some(name) = name.strip_prefix(PARAMETER) else {
            continue;
        };
        let values = parameters.entry(name.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    let text = |name| labels.get(name).unwrap_or("");
    join(text(SCHEME), text(ADDRESS), text(PATH), &parameters)
}
