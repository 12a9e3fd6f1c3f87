//! Storage that tells remote write of what it has stored.

use tsdb::batch::{AppendError, AppendOptions, Appendable, At, Batch, Receipt, SeriesRef, Verdict};
use tsdb::model::{Labels, Matcher};
use tsdb::query::{Budget, Cancel, QueryError, Queryable, Read, Selection};

use super::RemoteWrite;

/// Stands before storage for those who append to it.
#[derive(Clone, Debug)]
pub struct Tracked<S> {
    storage: S,
    remote: RemoteWrite,
}

impl<S> Tracked<S> {
    /// Tells `remote` of what `storage` stores.
    pub fn new(storage: S, remote: RemoteWrite) -> Self {
        Self { storage, remote }
    }
}

impl<S: Appendable> Appendable for Tracked<S> {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        self.storage.resolve(labels, batch)
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        let receipt = self.storage.append(batch, options)?;
        if receipt.accepted > 0 {
            let exemplars = batch.exemplars.len() as u64;
            self.remote
                .note_stored(receipt.accepted as u64, exemplars, highest_ms(batch));
        }
        Ok(receipt)
    }

    fn judge(&self, batch: &mut Batch) {
        self.storage.judge(batch);
    }
}

impl<S: Queryable> Queryable for Tracked<S> {
    fn open(&self, want: &[Selection], budget: &Budget, cancel: &Cancel) -> Result<Read, QueryError> {
        self.storage.open(want, budget, cancel)
    }

    fn label_names(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.storage.label_names(from_ms, through_ms, matchers, cancel)
    }

    fn label_values(
        &self,
        name: &str,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.storage
            .label_values(name, from_ms, through_ms, matchers, cancel)
    }
}

/// The newest time of the rows that were stored.
fn highest_ms(batch: &Batch) -> i64 {
    match &batch.at {
        At::One(at_ms) => *at_ms,
        At::Each(times) => {
            let rows = times.iter().zip(&batch.verdict);
            let stored = rows.filter(|(_, verdict)| **verdict == Verdict::Accepted);
            stored.map(|(at_ms, _)| *at_ms).max().unwrap_or(0)
        }
    }
}
