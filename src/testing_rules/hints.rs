//! The store of a test: in memory, but histograms come back with the reset hints that chunks would give.
//!
//! | the histogram before it | hint |
//! |---|---|
//! | none, a float, a marker, other buckets' bounds | unknown |
//! | counts no more than this one, bucket by bucket | not a reset |
//! | counts more somewhere | a reset |
//!
//! A gauge stays one, and a reset that is written stays one.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef};
use tsdb::model::histogram::{ResetHint, Span};
use tsdb::model::{FloatHistogram, Histogram, Labels, is_stale};
use tsdb::query::memory::MemoryStore;

/// A [`MemoryStore`] that gives hints.
#[derive(Debug, Default)]
pub(super) struct HintingStore {
    store: MemoryStore,
    /// The last sample of each series, if it is a histogram.
    last: Mutex<HashMap<SeriesRef, FloatHistogram>>,
}

impl HintingStore {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            last: Mutex::default(),
        }
    }
}

impl Appendable for HintingStore {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        self.store.resolve(labels, batch)
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        let mut last = self.last.lock();
        let mut histograms = batch.histograms.iter_mut().peekable();
        for (row, series) in batch.refs.iter().enumerate() {
            match histograms.next_if(|(at, _)| *at as usize == row) {
                Some((_, Histogram::Float(histogram))) => {
                    histogram.reset_hint = hint(last.get(series), histogram);
                    last.insert(*series, histogram.clone());
                }
                _ => {
                    last.remove(series);
                }
            }
        }
        drop(last);
        self.store.append(batch, options)
    }
}

fn hint(before: Option<&FloatHistogram>, now: &FloatHistogram) -> ResetHint {
    if matches!(now.reset_hint, ResetHint::Gauge | ResetHint::Reset) {
        return now.reset_hint;
    }
    let Some(before) = before else {
        return ResetHint::Unknown;
    };
    if before.reset_hint == ResetHint::Gauge || is_stale(before.sum) {
        ResetHint::Unknown
    } else if now.count < before.count {
        ResetHint::Reset
    } else if now.schema != before.schema
        || now.zero_threshold != before.zero_threshold
        || now.custom_bounds != before.custom_bounds
    {
        ResetHint::Unknown
    } else if now.zero_count < before.zero_count
        || has_fewer(
            (&now.positive_spans, &now.positive_buckets),
            (&before.positive_spans, &before.positive_buckets),
        )
        || has_fewer(
            (&now.negative_spans, &now.negative_buckets),
            (&before.negative_spans, &before.negative_buckets),
        )
    {
        ResetHint::Reset
    } else {
        ResetHint::NotReset
    }
}

/// Whether any bucket counts less than before.
fn has_fewer(now: (&[Span], &[f64]), before: (&[Span], &[f64])) -> bool {
    let now = by_index(now);
    by_index(before)
        .into_iter()
        .any(|(index, count)| count > now.get(&index).copied().unwrap_or(0.0))
}

fn by_index((spans, counts): (&[Span], &[f64])) -> BTreeMap<i64, f64> {
    let mut counts = counts.iter();
    let mut index = 0i64;
    let mut found = BTreeMap::new();
    for span in spans {
        index += i64::from(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            found.insert(index, *count);
            index += 1;
        }
    }
    found
}
