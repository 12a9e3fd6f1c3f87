//! Scraping's metrics about itself, under Prometheus' names.

use crate::telemetry::{Counter, Family, Gauge, Histogram, Registry, Summary};

/// All of them. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct ScrapeMetrics {
    pub(super) pools: Counter,
    pub(super) pools_failed: Counter,
    pub(super) reloads: Counter,
    pub(super) reloads_failed: Counter,
    pub(super) reload_length: Family<Summary>,
    pub(super) syncs: Family<Counter>,
    pub(super) sync_length: Family<Summary>,
    pub(super) sync_length_histogram: Family<Histogram>,
    pub(super) sync_failed: Family<Counter>,
    pub(super) target_limit: Family<Gauge>,
    pub(super) targets: Family<Gauge>,
    pub(super) symbols: Family<Gauge>,
    pub(super) exceeded_target_limit: Counter,
    pub(super) exceeded_label_limits: Counter,
    pub(super) exemplars_out_of_order: Counter,
    pub(super) exceeded_body_size_limit: Counter,
    pub(super) exceeded_sample_limit: Counter,
    pub(super) duplicates: Counter,
    pub(super) out_of_order: Counter,
    pub(super) out_of_bounds: Counter,
    pub(super) cache_flush_forced: Counter,
    pub(super) interval_length: Family<Summary>,
    pub(super) interval_length_histogram: Family<Histogram>,
    pub(super) duration: Histogram,
}

const QUANTILES: [f64; 5] = [0.01, 0.05, 0.5, 0.9, 0.99];
const BOUNDS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];
const DURATION_BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl ScrapeMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        // Native histograms do not come from the text formats: this one stays at zero.
        registry.counter(
            "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
            "Total number of scrapes that hit the native histogram bucket limit and were rejected.",
        );
        Self {
            exemplars_out_of_order: registry.counter(
                "prometheus_target_scrapes_exemplar_out_of_order_total",
                "Total number of exemplar rejected due to not being out of the expected order.",
            ),
            pools: registry.counter(
                "prometheus_target_scrape_pools_total",
                "Total number of scrape pool creation attempts.",
            ),
            pools_failed: registry.counter(
                "prometheus_target_scrape_pools_failed_total",
                "Total number of scrape pool creations that failed.",
            ),
            reloads: registry.counter(
                "prometheus_target_scrape_pool_reloads_total",
                "Total number of scrape pool reloads.",
            ),
            reloads_failed: registry.counter(
                "prometheus_target_scrape_pool_reloads_failed_total",
                "Total number of failed scrape pool reloads.",
            ),
            reload_length: registry.summaries(
                "prometheus_target_reload_length_seconds",
                "Actual interval to reload the scrape pool with a given configuration.",
                &["interval"],
                &QUANTILES,
            ),
            syncs: registry.counters(
                "prometheus_target_scrape_pool_sync_total",
                "Total number of syncs that were executed on a scrape pool.",
                &["scrape_job"],
            ),
            sync_length: registry.summaries(
                "prometheus_target_sync_length_seconds",
                "Actual interval to sync the scrape pool.",
                &["scrape_job"],
                &QUANTILES,
            ),
            sync_length_histogram: registry.histograms(
                "prometheus_target_sync_length_histogram_seconds",
                "Actual interval to sync the scrape pool.",
                &["scrape_job"],
                &BOUNDS,
            ),
            sync_failed: registry.counters(
                "prometheus_target_sync_failed_total",
                "Total number of target sync failures.",
                &["scrape_job"],
            ),
            target_limit: registry.gauges(
                "prometheus_target_scrape_pool_target_limit",
                "Maximum number of targets allowed in this scrape pool.",
                &["scrape_job"],
            ),
            targets: registry.gauges(
                "prometheus_target_scrape_pool_targets",
                "Current number of targets in this scrape pool.",
                &["scrape_job"],
            ),
            symbols: registry.gauges(
                "prometheus_target_scrape_pool_symboltable_items",
                "Current number of symbols in table for this scrape pool.",
                &["scrape_job"],
            ),
            exceeded_target_limit: registry.counter(
                "prometheus_target_scrape_pool_exceeded_target_limit_total",
                "Total number of times scrape pools hit the target limit, during sync or config reload.",
            ),
            exceeded_label_limits: registry.counter(
                "prometheus_target_scrape_pool_exceeded_label_limits_total",
                "Total number of times scrape pools hit the label limits, during sync or config reload.",
            ),
            exceeded_body_size_limit: registry.counter(
                "prometheus_target_scrapes_exceeded_body_size_limit_total",
                "Total number of scrapes that hit the body size limit",
            ),
            exceeded_sample_limit: registry.counter(
                "prometheus_target_scrapes_exceeded_sample_limit_total",
                "Total number of scrapes that hit the sample limit and were rejected.",
            ),
            duplicates: registry.counter(
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Total number of samples rejected due to duplicate timestamps but different values.",
            ),
            out_of_order: registry.counter(
                "prometheus_target_scrapes_sample_out_of_order_total",
                "Total number of samples rejected due to not being out of the expected order.",
            ),
            out_of_bounds: registry.counter(
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Total number of samples rejected due to timestamp falling outside of the time bounds.",
            ),
            cache_flush_forced: registry.counter(
                "prometheus_target_scrapes_cache_flush_forced_total",
                "How many times a scrape cache was flushed due to getting big while scrapes are failing.",
            ),
            interval_length: registry.summaries(
                "prometheus_target_interval_length_seconds",
                "Actual intervals between scrapes.",
                &["interval"],
                &QUANTILES,
            ),
            interval_length_histogram: registry.histograms(
                "prometheus_target_interval_length_histogram_seconds",
                "Actual intervals between scrapes.",
                &["interval"],
                &BOUNDS,
            ),
            duration: registry.histogram(
                "prometheus_target_scrape_duration_seconds",
                "Total duration of the scrape from start to commit completion in seconds.",
                &DURATION_BOUNDS,
            ),
        }
    }

    /// Removes what is said of a job that is gone.
    pub(super) fn forget_job(&self, job: &str) {
        let job = &[job];
        self.syncs.remove(job);
        self.sync_length.remove(job);
        self.sync_length_histogram.remove(job);
        self.sync_failed.remove(job);
        self.target_limit.remove(job);
        self.targets.remove(job);
        self.symbols.remove(job);
    }
}
