//! The samples that all servers hold, set by set, the same in every run.
//!
//! | set | what | span, interval |
//! |---|---|---|
//! | [`fleet`] | a small fleet made up here: counters that reset, gauges, classic histograms | 36 h, 15 s |
//! | [`pages`] | pages recorded from real exporters, replayed as many instances | 12 h, 15 s |
//! | [`range`] | the data of Prometheus' own BenchmarkRangeQuery | 52 h, 10 s |
//! | [`pods`] | the data of the Thanos engine's benchmark | 6 h, 30 s |
//!
//! What is here knows no files and no servers: see [`super::stored`].

pub(crate) mod fleet;
pub(crate) mod pages;
pub(crate) mod pods;
pub(crate) mod range;

use tsdb::model::Labels;

/// When the samples of every set begin: a multiple of six hours.
pub(crate) const START_MS: i64 = 1_700_006_400_000;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// A set of series.
pub(crate) struct Set {
    /// Of the directory that keeps it; changes whenever the samples do, so that old ones are not taken for new.
    pub(crate) version: String,
    /// Sorted by labels.
    pub(crate) series: Vec<Series>,
    pub(crate) span_ms: i64,
    /// The length of the blocks.
    pub(crate) block_ms: i64,
}

impl Set {
    fn new(version: String, mut series: Vec<Series>, span_ms: i64, block_ms: i64) -> Self {
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Self {
            version,
            series,
            span_ms,
            block_ms,
        }
    }
}

/// One series.
pub(crate) struct Series {
    pub(crate) labels: Labels,
    first_ms: i64,
    step_ms: i64,
    count: usize,
    values: Values,
}

enum Values {
    /// One after the other; NaN stands where there is none.
    Listed(Vec<f64>),
    /// Computed from their position.
    Made(Box<dyn Fn(usize) -> f64>),
}

impl Series {
    fn listed(labels: Labels, first_ms: i64, step_ms: i64, values: Vec<f64>) -> Self {
        Self {
            labels,
            first_ms,
            step_ms,
            count: values.len(),
            values: Values::Listed(values),
        }
    }

    fn made(
        labels: Labels,
        (first_ms, step_ms, count): (i64, i64, usize),
        value: impl Fn(usize) -> f64 + 'static,
    ) -> Self {
        Self {
            labels,
            first_ms,
            step_ms,
            count,
            values: Values::Made(Box::new(value)),
        }
    }

    /// Time and value of each sample in `from_ms .. to_ms`.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, f64)> {
        let position = |ms: i64| {
            let steps = (ms - self.first_ms + self.step_ms - 1).div_euclid(self.step_ms);
            usize::try_from(steps).unwrap_or(0).min(self.count)
        };
        (position(from_ms)..position(to_ms)).filter_map(|at| {
            let value = match &self.values {
                Values::Listed(values) => values[at],
                Values::Made(value) => value(at),
            };
            (!value.is_nan()).then(|| (self.first_ms + at as i64 * self.step_ms, value))
        })
    }
}

/// Labels from a name and pairs.
fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied().chain([("__name__", name)]))
}
