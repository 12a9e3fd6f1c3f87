//! All targets in one: a server that answers under every path and notes when it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::exporter::TEXT;
use crate::support::web::{Page, Web};

/// Samples of each page.
const PAGE_LINES: usize = 10;

/// When each path was asked for.
type Asked = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

/// The targets. Dropping ends them.
pub(super) struct Farm {
    web: Web,
    asked: Asked,
}

impl Farm {
    pub(super) fn start() -> Self {
        let asked = Asked::default();
        let noting = Arc::clone(&asked);
        let page: String = (0..PAGE_LINES).map(|n| format!("m{{n=\"{n}\"}} {n}\n")).collect();
        let web = Web::start(move |request| {
            let mut asked = noting.lock().expect("nobody panicked");
            let times = asked.entry(request.target.clone()).or_default();
            times.push(Instant::now());
            Page::new(200, TEXT, page.clone())
        });
        Self { web, asked }
    }

    pub(super) fn port(&self) -> u16 {
        self.web.address.port()
    }

    /// By how much the latest scrape missed its target's own beat.
    pub(super) fn latest(&self, interval: Duration) -> Duration {
        let asked = self.asked.lock().expect("nobody panicked");
        let late = asked.values().map(|times| spread(times, interval));
        late.max().unwrap_or_default()
    }
}

/// How far the times of one target lie from a beat that fits them all.
fn spread(times: &[Instant], interval: Duration) -> Duration {
    let Some(first) = times.first() else {
        return Duration::ZERO;
    };
    let beat_s = interval.as_secs_f64();
    let phases = times.iter().map(|at| {
        let since_s = at.duration_since(*first).as_secs_f64();
        since_s - (since_s / beat_s).round() * beat_s
    });
    let (least, most) = phases.fold((0.0_f64, 0.0_f64), |(least, most), phase| {
        (least.min(phase), most.max(phase))
    });
    Duration::from_secs_f64(most - least)
}
