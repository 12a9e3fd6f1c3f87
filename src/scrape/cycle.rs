//! What happens to a target's answer: unpack, read, commit, mark what is gone, report.
//!
//! ```text
//! page ─ ok ──────→ rows + report → commit → verdicts → stale markers
//!      └ failed ──→ nothing of it, stale markers for what it did not name, report with up 0
//! ```
//!
//! A page that fails half-way leaves the series it named before that unmarked, as in Prometheus.
//!
//! Everything here runs on the ingest pool and knows no network. Start with [`Recorder::record`].

use std::time::Instant;

use hashbrown::HashSet;
use tracing::{debug, error, warn};
use tsdb::batch::{AppendError, AppendOptions, Appendable, SeriesRef, Verdict};
use tsdb::model::STALE_NAN_BITS;

use super::answer::{Answer, unpack};
use super::cache::{CURRENT, LineCache, PREVIOUS, VOID};
use super::metadata::{SharedFamilies, TargetMetadata, Texts};
use super::metrics::ScrapeMetrics;
use super::page::{Counts, Origin, Reading, Refused, Scratch, Surroundings};
use super::report::{Report, ReportSeries};
use super::target::Target;
use super::verdict::{Missed, count, resolve_again};
use crate::config::scrape::ScrapeConfig;
use crate::exposition::Format;
use crate::exposition::negotiate::choose;

/// What a cycle needs to know of its surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) storage: &'a dyn Appendable,
    pub(super) config: &'a ScrapeConfig,
    pub(super) target: &'a Target,
    pub(super) metrics: &'a ScrapeMetrics,
    /// The time of samples without one.
    pub(super) at_ms: i64,
    pub(super) now_ms: i64,
}

/// Memory of an ingest thread, used by one cycle after the other.
#[derive(Debug)]
pub(super) struct Workbench {
    scratch: Scratch,
    page: Vec<u8>,
    /// Of the page.
    format: Format,
    /// Series to end.
    stale: Vec<SeriesRef>,
    /// Of the page.
    refused: Refused,
    /// Why storage did not take all of it.
    trouble: Option<String>,
}

impl Default for Workbench {
    fn default() -> Self {
        Self {
            scratch: Scratch::default(),
            page: Vec::new(),
            format: Format::Text,
            stale: Vec::new(),
            refused: Refused::default(),
            trouble: None,
        }
    }
}

/// A page larger than this is not kept room for.
const PAGE_KEPT_MAX: usize = 8 << 20;

/// How a cycle went.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) error: Option<String>,
    /// What is wrong though the scrape went well.
    pub(super) complaint: Option<String>,
    pub(super) counts: Counts,
    pub(super) duration_s: f64,
    /// The fetch itself failed, which the failure log tells of; not the page.
    pub(super) fetch_failed: bool,
}

/// What is remembered of a target from scrape to scrape.
#[derive(Debug)]
pub(super) struct Recorder {
    cache: LineCache,
    metadata: TargetMetadata,
    report: ReportSeries,
}

impl Recorder {
    pub(super) fn new(texts: Texts) -> Self {
        Self {
            cache: LineCache::new(),
            metadata: TargetMetadata::new(texts),
            report: ReportSeries::default(),
        }
    }

    /// What the target says of its metrics, for others to read.
    pub(super) fn families(&self) -> SharedFamilies {
        self.metadata.shared()
    }

    /// Stores an answer and how it went.
    pub(super) fn record(
        &mut self,
        setting: Setting<'_>,
        answer: Answer,
        started: Instant,
        bench: &mut Workbench,
    ) -> Outcome {
        bench.trouble = None;
        let fetched = unpack(setting, answer, &mut bench.page);
        let mut body_bytes = 0.0;
        let mut fetch_failed = false;
        let result = match fetched {
            Ok(content_type) => {
                body_bytes = bench.page.len() as f64;
                self.read(setting, &content_type, bench)
            }
            Err(failure) => {
                fetch_failed = !failure.forbidden;
                if failure.too_large {
                    body_bytes = -1.0;
                }
                self.without_page(setting, bench);
                Err((failure.error, Counts::default()))
            }
        };
        let (error, counts, page_rows) = match result {
            Ok(Read { counts, page_rows }) => (None, counts, page_rows),
            Err((error, counts)) => (Some(error), counts, 0),
        };
        let mut report = Report {
            up: error.is_none(),
            duration_s: started.elapsed().as_secs_f64(),
            counts,
            timeout_ms: setting.target.timeout_ms,
            sample_limit: setting.config.sample_limit,
            body_bytes,
        };
        // In a steady state page and report are one commit. A page with new series is committed before,
        // since the report tells how many of them were stored. Markers come before the report: should a page have
        // named a reported series and not any more, the first of the two samples stays, as in Prometheus.
        let mut reported = false;
        if page_rows > 0 {
            if counts.added == 0 && bench.stale.is_empty() {
                self.push_report(setting, Some(&report), bench);
                reported = true;
            }
            let report_missed;
            (report.counts, report_missed) = self.commit_page(setting, counts, bench);
            reported &= !report_missed;
        }
        let refused = std::mem::take(&mut bench.refused);
        let complaint = refused.complaint();
        count(setting, refused);
        if !reported {
            self.mark_stale(setting, bench);
            bench.scratch.batch.clear(setting.at_ms);
            report.duration_s = started.elapsed().as_secs_f64();
            self.commit_report(setting, &report, bench);
        }
        self.mark_stale(setting, bench);
        if bench.page.capacity() > PAGE_KEPT_MAX {
            bench.page = Vec::new();
        }
        Outcome {
            error,
            complaint: bench.trouble.take().or(complaint),
            counts: report.counts,
            duration_s: report.duration_s,
            fetch_failed,
        }
    }

    /// The target is gone for good: everything of it ends.
    pub(super) fn end(&mut self, setting: Setting<'_>, bench: &mut Workbench) {
        self.without_page(setting, bench);
        self.mark_stale(setting, bench);
        let options = AppendOptions {
            reject_out_of_order: true,
        };
        bench.scratch.batch.clear(setting.at_ms);
        self.push_report(setting, None, bench);
        if let Err(error) = setting.storage.append(&mut bench.scratch.batch, &options) {
            warn!(%error, scrape_pool = setting.config.job_name, target = setting.target.url, "Stale commit failed");
        }
    }

    fn read(
        &mut self,
        setting: Setting<'_>,
        content_type: &str,
        bench: &mut Workbench,
    ) -> Result<Read, (String, Counts)> {
        if bench.page.is_empty() {
            self.without_page(setting, bench);
            return Ok(Read::default());
        }
        let format = match choose(content_type, setting.config.fallback_scrape_protocol) {
            Ok(choice) => {
                if let Some(complaint) = choice.complaint {
                    debug!(
                        complaint,
                        target = setting.target.url,
                        "Invalid content type on scrape, using fallback setting"
                    );
                }
                choice.format
            }
            Err(error) => {
                error!(
                    error,
                    content_type,
                    target = setting.target.url,
                    "Failed to determine correct type of scrape target"
                );
                self.without_page(setting, bench);
                return Err((error, Counts::default()));
            }
        };
        let around = Surroundings {
            storage: setting.storage,
            config: setting.config,
            target: &setting.target.labels,
            metrics: setting.metrics,
            at_ms: setting.at_ms,
            now_ms: setting.now_ms,
        };
        bench.stale.clear();
        bench.format = format;
        let mut reading = Reading::new(around, &mut self.cache, &mut self.metadata, &mut bench.scratch);
        let result = reading.read(&bench.page, format);
        let mut counts = reading.counts;
        bench.refused = reading.refused;
        bench.trouble = reading.trouble.take();
        self.metadata.finish(result.is_ok());
        match result {
            Ok(()) => {
                self.cache.succeed(&mut bench.stale);
                let page_rows = bench.scratch.batch.len();
                Ok(Read { counts, page_rows })
            }
            Err(error) => {
                debug!(error, target = setting.target.url, "Append failed");
                self.judge_failing(setting, &mut counts, bench);
                self.fail(setting, bench);
                Err((error, counts))
            }
        }
    }

    /// What the storage would not have taken of a page that fails counts as refused all the same.
    fn judge_failing(&mut self, setting: Setting<'_>, counts: &mut Counts, bench: &mut Workbench) {
        setting.storage.judge(&mut bench.scratch.batch);
        for (&verdict, origin) in bench.scratch.batch.verdict.iter().zip(&bench.scratch.origins) {
            if bench.refused.note(verdict) {
                counts.added -= usize::from(origin.new);
                self.cache.refuse(origin.line as usize, origin.new);
            }
        }
    }

    /// A scrape without a page: everything tracked so far goes stale.
    fn without_page(&mut self, setting: Setting<'_>, bench: &mut Workbench) {
        bench.stale.clear();
        bench.scratch.origins.clear();
        self.cache.begin(&mut bench.scratch.index);
        self.metadata.finish(false);
        self.fail(setting, bench);
    }

    fn fail(&mut self, setting: Setting<'_>, bench: &mut Workbench) {
        bench.scratch.batch.clear(setting.at_ms);
        if self.cache.fail(&mut bench.stale) {
            setting.metrics.cache_flush_forced.inc();
        }
    }

    /// Commits the page's rows and learns what the storage thinks of them: what was really added, and
    /// whether the report has to be made anew.
    fn commit_page(
        &mut self,
        setting: Setting<'_>,
        mut counts: Counts,
        bench: &mut Workbench,
    ) -> (Counts, bool) {
        let receipt = setting
            .storage
            .append(&mut bench.scratch.batch, &AppendOptions::default());
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                bench.trouble = Some(tell_failed_commit(setting, &error));
                return (counts, false);
            }
        };
        if receipt.exemplars_out_of_order > 0 {
            let count = receipt.exemplars_out_of_order as f64;
            setting.metrics.exemplars_out_of_order.add(count);
        }
        if receipt.accepted == bench.scratch.batch.len() {
            return (counts, false);
        }
        let mut missed = Missed::default();
        let mut tracked = HashSet::new();
        let gone = bench.stale.len();
        for row in 0..bench.scratch.batch.len() {
            let batch = &bench.scratch.batch;
            let verdict = batch.verdict.get(row).copied().unwrap_or_default();
            let (series, at_ms) = (batch.refs[row], batch.row_at_ms(row));
            match (verdict, bench.scratch.origins.get(row).copied()) {
                // Overtaken by another row of this page: Prometheus' scrape never hears of that.
                (Verdict::Accepted | Verdict::Repeated | Verdict::Overtaken | Verdict::Pending, origin) => {
                    if origin.is_some_and(|origin| self.cache.line_mut(origin.line as usize).has(CURRENT)) {
                        tracked.insert(series);
                    }
                }
                (Verdict::UnknownSeries, None) => missed.report = true,
                (Verdict::UnknownSeries, Some(origin)) => {
                    missed.rows.push((origin, at_ms, batch.bits[row]));
                }
                // A report that is out of order is expected when a target comes back.
                (_, None) => {}
                (verdict, Some(origin)) => {
                    bench.refused.note(verdict);
                    self.untrack(origin, &mut counts, &mut bench.stale);
                }
            }
        }
        // Another row of an untracked series may have been taken, so that it goes on.
        let untracked = bench.stale.split_off(gone);
        bench
            .stale
            .extend(untracked.into_iter().filter(|series| !tracked.contains(series)));
        if !missed.rows.is_empty() {
            resolve_again(setting, &bench.page, bench.format, &missed.rows, &mut self.cache);
        }
        if missed.report {
            self.report.forget();
        }
        (counts, missed.report)
    }

    /// A refused sample: the series is not tracked by this scrape, and not known if it was new.
    fn untrack(&mut self, origin: Origin, counts: &mut Counts, stale: &mut Vec<SeriesRef>) {
        let line = self.cache.line_mut(origin.line as usize);
        if origin.new {
            line.set(VOID);
            counts.added -= 1;
        } else if line.has(CURRENT) && line.has(PREVIOUS) {
            stale.push(line.series_ref());
        }
        line.unset(CURRENT);
    }

    fn push_report(&mut self, setting: Setting<'_>, report: Option<&Report>, bench: &mut Workbench) {
        let pushed = self.report.push(
            report,
            setting.config.extra_scrape_metrics,
            setting.at_ms,
            &setting.target.labels,
            setting.storage,
            &mut bench.scratch.batch,
        );
        match pushed {
            Ok(_) => {}
            Err(error) if error.is_no_room() => bench.trouble = Some(error.to_string()),
            Err(error) => {
                warn!(%error, scrape_pool = setting.config.job_name, target = setting.target.url, "Appending scrape report failed");
            }
        }
    }

    fn commit_report(&mut self, setting: Setting<'_>, report: &Report, bench: &mut Workbench) {
        for _ in 0..2 {
            self.push_report(setting, Some(report), bench);
            let batch = &mut bench.scratch.batch;
            match setting.storage.append(batch, &AppendOptions::default()) {
                Ok(receipt) if receipt.unknown_series > 0 => {
                    self.report.forget();
                    batch.clear(setting.at_ms);
                }
                Ok(_) => return,
                Err(error) => {
                    bench.trouble = Some(tell_failed_commit(setting, &error));
                    return;
                }
            }
        }
    }

    /// Ends the series in `bench.stale`. Out-of-order markers are refused: the series goes on elsewhere.
    fn mark_stale(&mut self, setting: Setting<'_>, bench: &mut Workbench) {
        if bench.stale.is_empty() {
            return;
        }
        let batch = &mut bench.scratch.batch;
        batch.clear(setting.at_ms);
        for &series in &bench.stale {
            batch.push(series, STALE_NAN_BITS);
        }
        bench.stale.clear();
        let options = AppendOptions {
            reject_out_of_order: true,
        };
        if let Err(error) = setting.storage.append(batch, &options) {
            bench.trouble = Some(tell_failed_commit(setting, &error));
        }
    }
}

/// Says that nothing of a commit was stored; returns why.
fn tell_failed_commit(setting: Setting<'_>, error: &AppendError) -> String {
    let (scrape_pool, target) = (&setting.config.job_name, &setting.target.url);
    match error.is_no_room() {
        // Told once, by storage.
        true => debug!(%error, scrape_pool, target, "Scrape commit failed"),
        false => error!(%error, scrape_pool, target, "Scrape commit failed"),
    }
    error.to_string()
}

/// A page that was read, and how many rows of it wait for the commit.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    counts: Counts,
    page_rows: usize,
}
