//! What a running server says of its scrapes: each scrape's outcome, its counters, its metadata.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::support::http;
use crate::support::server::Server;

/// Job → when a scrape began → health and error.
pub(super) type Said = HashMap<String, BTreeMap<i64, String>>;

/// Looks at the targets again and again.
pub(super) struct Observer {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Said>,
}

impl Observer {
    pub(super) fn start(server: &Server) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (url, over) = (
            format!("{}/api/v1/targets?state=active", server.url),
            Arc::clone(&is_over),
        );
        let thread = std::thread::spawn(move || {
            let mut said = Said::new();
            while !over.load(Ordering::Relaxed) {
                if let Ok(answer) = http::get(&url) {
                    note(&answer.json()["data"]["activeTargets"], &mut said);
                }
                std::thread::sleep(Duration::from_millis(250));
            }
            said
        });
        Self { is_over, thread }
    }

    pub(super) fn stop(self) -> Said {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the observer ends well")
    }
}

fn note(targets: &Value, said: &mut Said) {
    for target in targets.as_array().into_iter().flatten() {
        let text = |name: &str| target[name].as_str().unwrap_or("").to_owned();
        let Ok(at) = text("lastScrape").parse::<jiff::Timestamp>() else {
            continue;
        };
        // A target that was not scraped yet has the zero time.
        if at.as_millisecond() > 0 {
            let what = format!("{} {}", text("health"), text("lastError"));
            said.entry(text("scrapePool"))
                .or_default()
                .insert(at.as_millisecond(), what);
        }
    }
}

/// What `/api/v1/metadata` says, family by family.
pub(super) fn metadata(server: &Server) -> BTreeMap<String, String> {
    let answer = server.get("/api/v1/metadata", &[]).json();
    let families = answer["data"].as_object().cloned().unwrap_or_default();
    // What other pages declare is forgotten ten scrapes later, which is not the same moment.
    let lines = families
        .into_iter()
        .filter(|(family, _)| family.starts_with("meta_"))
        .map(|(family, mut said)| {
            if let Some(said) = said.as_array_mut() {
                said.sort_by_key(ToString::to_string);
            }
            (format!("metadata of {family}"), said.to_string())
        });
    lines.collect()
}

/// Counters of what was refused: the same pages, the same counts.
pub(super) fn counters(server: &Server) -> BTreeMap<String, String> {
    let page = server.get("/metrics", &[]).body;
    let wanted = [
        "prometheus_target_scrapes_",
        "prometheus_target_scrape_pool_exceeded_label_limits_total",
    ];
    let lines = page
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

/// Warnings of samples that were not taken, in the order of the log, target by target.
pub(super) fn warnings(server: &Server) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for line in server.log().lines().filter(|line| line.contains("level=WARN")) {
        let word = |name: &str| {
            let rest = line.split_once(name)?.1;
            rest.split(if name.ends_with('"') { '"' } else { ' ' }).next()
        };
        if let (Some(what), Some(count), Some(target)) =
            (word("msg=\""), word("num_dropped="), word("target="))
        {
            let all = found.entry(format!("warnings of {target}")).or_default();
            *all += &format!("{count} {what}; ");
        }
    }
    found
}

/// What to say of a job whose scrapes do not come every second, as far as a busy machine allows.
pub(super) fn rhythm(job: &str, times: &[i64]) -> Option<(String, String)> {
    let steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let gaps = steps.iter().filter(|&&step| step > 2500).count();
    (gaps > 0).then(|| (format!("rhythm of {job}"), format!("{steps:?}")))
}
