//! Storage that opens while the web is up already.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef};
use tsdb::model::{Labels, Matcher};
use tsdb::query::{Budget, Cancel, QueryError, Queryable, Read, Selection};

/// Stands for storage of type `T` before it is open. Cloning shares it.
pub(super) struct LateStorage<T> {
    storage: Arc<OnceLock<Arc<T>>>,
}

impl<T> Clone for LateStorage<T> {
    fn clone(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
        }
    }
}

impl<T> Default for LateStorage<T> {
    fn default() -> Self {
        Self {
            storage: Arc::default(),
        }
    }
}

impl<T> fmt::Debug for LateStorage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.storage.get().is_some() {
            "open"
        } else {
            "not open yet"
        })
    }
}

impl<T> LateStorage<T> {
    /// Storage is open. Only the first call counts.
    pub(super) fn open(&self, storage: Arc<T>) {
        let first = self.storage.set(storage);
        debug_assert!(first.is_ok(), "storage is opened once");
    }

    /// Storage, once it is open.
    pub(super) fn get(&self) -> Option<&Arc<T>> {
        self.storage.get()
    }
}

/// Prometheus' words.
const NOT_READY: &str = "TSDB not ready";

impl<T: Queryable> LateStorage<T> {
    fn queryable(&self) -> Result<&T, QueryError> {
        self.storage
            .get()
            .map(|storage| &**storage)
            .ok_or_else(|| QueryError::storage(NOT_READY))
    }
}

impl<T: Queryable> Queryable for LateStorage<T> {
    fn open(&self, want: &[Selection], budget: &Budget, cancel: &Cancel) -> Result<Read, QueryError> {
        self.queryable()?.open(want, budget, cancel)
    }

    fn label_names(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.queryable()?
            .label_names(from_ms, through_ms, matchers, cancel)
    }

    fn label_values(
        &self,
        name: &str,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.queryable()?
            .label_values(name, from_ms, through_ms, matchers, cancel)
    }
}

impl<T: Appendable> Appendable for LateStorage<T> {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        self.storage
            .get()
            .ok_or_else(AppendError::closed)?
            .resolve(labels, batch)
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        self.storage
            .get()
            .ok_or_else(AppendError::closed)?
            .append(batch, options)
    }

    fn judge(&self, batch: &mut Batch) {
        if let Some(storage) = self.storage.get() {
            storage.judge(batch);
        }
    }
}
