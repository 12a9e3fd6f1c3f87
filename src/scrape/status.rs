//! How a target is doing, for others to read while it is being scraped.

use std::sync::Arc;

use parking_lot::Mutex;
use tsdb::model::{Labels, Metadata};

use super::cycle::Outcome;
use super::metadata::SharedFamilies;
use super::target::Target;
use super::url::Outside;
use crate::web::views::{ActiveTarget, Health};

/// A target with its state.
#[derive(Debug)]
pub(super) struct Watched {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    target: Arc<Target>,
    families: SharedFamilies,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    at_ms: i64,
    duration_s: f64,
    error: Option<String>,
    complaint: Option<String>,
}

impl Watched {
    pub(super) fn new(target: Arc<Target>, families: SharedFamilies) -> Self {
        let state = State {
            target,
            families,
            last: None,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.state.lock().target)
    }

    /// The same target was discovered again, perhaps with other labels before relabelling.
    pub(super) fn rediscover(&self, discovered: &Labels) {
        let mut state = self.state.lock();
        if state.target.discovered != *discovered {
            let mut target = Target::clone(&state.target);
            target.discovered = discovered.clone();
            state.target = Arc::new(target);
        }
    }

    /// A new recorder has taken over.
    pub(super) fn show(&self, families: SharedFamilies) {
        self.state.lock().families = families;
    }

    pub(super) fn report(&self, at_ms: i64, outcome: &Outcome) {
        self.state.lock().last = Some(Last {
            at_ms,
            duration_s: outcome.duration_s,
            error: outcome.error.clone(),
            complaint: outcome.complaint.clone(),
        });
    }

    pub(super) fn families(&self) -> SharedFamilies {
        Arc::clone(&self.state.lock().families)
    }

    /// What the target says of its metrics, sorted by name.
    pub(super) fn metadata(&self) -> Vec<(String, Metadata)> {
        let families = self.families();
        let families = families.lock();
        let all = families.iter().flatten();
        let mut all: Vec<_> = all
            .map(|family| (family.name.clone(), family.said.clone()))
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// As the web shows it.
    pub(super) fn view(&self, pool: &str, outside: &Outside) -> ActiveTarget {
        let state = self.state.lock();
        let (target, last) = (&state.target, state.last.as_ref());
        ActiveTarget {
            discovered_labels: target.discovered.clone(),
            labels: target.labels.clone(),
            scrape_pool: pool.to_owned(),
            scrape_url: target.url.clone(),
            global_url: outside.globalize(&target.url),
            last_error: last
                .and_then(|last| last.error.clone().or_else(|| last.complaint.clone()))
                .unwrap_or_default(),
            last_scrape_ms: last.map(|last| last.at_ms),
            last_scrape_duration_s: last.map_or(0.0, |last| last.duration_s),
            health: match last {
                None => Health::Unknown,
                Some(Last { error: None, .. }) => Health::Up,
                Some(_) => Health::Down,
            },
            scrape_interval_ms: target.interval_ms,
            scrape_timeout_ms: target.timeout_ms,
        }
    }
}
