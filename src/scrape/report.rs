//! The synthetic series of a scrape: `up` and how it went.

use tsdb::batch::{AppendError, Appendable, Batch, SeriesRef};
use tsdb::model::{Labels, LabelsBuilder, METRIC_NAME, STALE_NAN_BITS};

use super::page::Counts;

/// How many series are reported always, and how many with `extra_scrape_metrics`.
const ALWAYS: usize = 5;
const ALL: usize = 8;

const NAMES: [&str; ALL] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// How a scrape went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) up: bool,
    pub(super) duration_s: f64,
    pub(super) counts: Counts,
    pub(super) timeout_ms: i64,
    pub(super) sample_limit: u64,
    /// Size of the page; -1 if it was too large, 0 if there was none.
    pub(super) body_bytes: f64,
}

impl Report {
    fn values(&self) -> [f64; ALL] {
        [
            f64::from(u8::from(self.up)),
            self.duration_s,
            self.counts.scraped as f64,
            self.counts.kept as f64,
            self.counts.added as f64,
            self.timeout_ms as f64 / 1000.0,
            self.sample_limit as f64,
            self.body_bytes,
        ]
    }
}

/// The reported series of one target. They bear its labels alone, whatever relabelling does to samples.
#[derive(Debug, Default)]
pub(super) struct ReportSeries {
    /// 0 where not known yet.
    refs: [SeriesRef; ALL],
}

impl ReportSeries {
    /// Adds the rows of `report`, or stale markers for `None`. Tells how many rows that were.
    pub(super) fn push(
        &mut self,
        report: Option<&Report>,
        extra: bool,
        at_ms: i64,
        target: &Labels,
        storage: &dyn Appendable,
        batch: &mut Batch,
    ) -> Result<usize, AppendError> {
        let count = if extra { ALL } else { ALWAYS };
        let values = report.map(Report::values);
        for number in 0..count {
            if self.refs[number] == SeriesRef::default() {
                // Whatever the limits: without these nobody would learn of them.
                batch.beyond_limits = true;
                let resolved = storage.resolve(&labels(NAMES[number], target), batch);
                batch.beyond_limits = false;
                self.refs[number] = resolved?;
            }
            let bits = values.map_or(STALE_NAN_BITS, |values| values[number].to_bits());
            batch.push_at(self.refs[number], at_ms, bits);
        }
        Ok(count)
    }

    /// Forgets the refs: the head has.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn labels(name: &str, target: &Labels) -> Labels {
    let mut labels = LabelsBuilder::from_labels(target);
    labels.set(METRIC_NAME, name);
    labels.build()
}
