//! The kinds of metric.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A float that threads may add to.
#[derive(Debug, Default)]
struct AtomicF64(AtomicU64);

impl AtomicF64 {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn add(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        let added = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        debug_assert!(added.is_ok(), "the closure never refuses");
    }
}

/// Only goes up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicF64>);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.0.add(1.0);
    }

    /// Adds `amount`, which is not negative.
    pub fn add(&self, amount: f64) {
        debug_assert!(amount >= 0.0, "a counter only goes up");
        self.0.add(amount);
    }

    /// Sets the count to what a component counted by itself.
    pub fn set_total(&self, total: f64) {
        self.0.set(total);
    }

    /// The count.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// Goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicF64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds, also negative amounts.
    pub fn add(&self, amount: f64) {
        self.0.add(amount);
    }

    /// The value.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// Counts observations in buckets.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<HistogramInner>);

#[derive(Debug)]
struct HistogramInner {
    bounds: Vec<f64>,
    /// One a bound, and the last for `+Inf`.
    counts: Vec<AtomicU64>,
    sum: AtomicF64,
}

impl Histogram {
    /// A histogram with these upper bounds, ascending, `+Inf` left out.
    pub fn new(bounds: &[f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(HistogramInner {
            bounds: bounds.to_vec(),
            counts,
            sum: AtomicF64::default(),
        }))
    }

    /// Notes one observation.
    pub fn observe(&self, value: f64) {
        let at = self.0.bounds.partition_point(|&bound| bound < value);
        self.0.counts[at].fetch_add(1, Ordering::Relaxed);
        self.0.sum.add(value);
    }

    /// (upper bound, observations up to it) for each bound, then `+Inf`.
    pub(super) fn cumulative(&self) -> Vec<(f64, u64)> {
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        let mut total = 0;
        let counts = self.0.counts.iter().map(|count| {
            total += count.load(Ordering::Relaxed);
            total
        });
        bounds.zip(counts).collect()
    }

    pub(super) fn sum(&self) -> f64 {
        self.0.sum.get()
    }
}

/// Quantiles of recent observations.
///
/// Prometheus' library keeps a stream sketch over ten minutes; this keeps the last thousand observations,
/// whose quantiles are exact. Before the first observation every quantile is NaN.
#[derive(Clone, Debug)]
pub struct Summary(Arc<SummaryInner>);

#[derive(Debug)]
struct SummaryInner {
    quantiles: Vec<f64>,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    values: VecDeque<f64>,
    sum: f64,
    count: u64,
}

/// How many observations a summary's quantiles look back on; 8 KB a summary at most.
const SUMMARY_WINDOW: usize = 1000;

impl Summary {
    /// A summary of these quantiles (0 to 1).
    pub fn new(quantiles: &[f64]) -> Self {
        Self(Arc::new(SummaryInner {
            quantiles: quantiles.to_vec(),
            recent: Mutex::default(),
        }))
    }

    /// Notes one observation.
    pub fn observe(&self, value: f64) {
        let mut recent = self.0.recent.lock();
        if recent.values.len() == SUMMARY_WINDOW {
            recent.values.pop_front();
        }
        recent.values.push_back(value);
        recent.sum += value;
        recent.count += 1;
    }

    /// (quantile, value) pairs, the sum and the count.
    pub(super) fn read(&self) -> (Vec<(f64, f64)>, f64, u64) {
        let (mut values, sum, count) = {
            let recent = self.0.recent.lock();
            (
                recent.values.iter().copied().collect::<Vec<_>>(),
                recent.sum,
                recent.count,
            )
        };
        values.sort_by(f64::total_cmp);
        let value = |quantile: f64| match values.len() {
            0 => f64::NAN,
            // The rank is below `len`, which is at most SUMMARY_WINDOW.
            len => values[((quantile * len as f64).ceil() as usize).clamp(1, len) - 1],
        };
        (
            self.0.quantiles.iter().map(|&q| (q, value(q))).collect(),
            sum,
            count,
        )
    }
}
