//! The store of a test: in memory, but histograms come back with the reset hints that chunks would give.
//!
//! See [`FloatHistogram::stored_hint`].

use std::collections::HashMap;

use parking_lot::Mutex;
use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef};
use tsdb::model::{FloatHistogram, Histogram, Labels};
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
                    histogram.reset_hint = histogram.stored_hint(last.get(series));
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
