//! Storage that takes no new series, or nothing: the target is not to blame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Receipt, SeriesRef};
use tsdb::model::{Labels, Matcher};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel, Queryable, Selection};

use super::config;
use super::cycle::{Scraped, at};

/// A store on a disk that fills up.
#[derive(Debug, Default)]
struct Filling {
    store: MemoryStore,
    no_series: AtomicBool,
    no_samples: AtomicBool,
}

impl Filling {
    fn knows(&self, labels: &Labels) -> bool {
        let matchers = labels.iter().map(|(name, value)| Matcher::equal(name, value));
        let all = Selection::new(matchers.collect(), i64::MIN, i64::MAX);
        let read = self.store.open(&[all], &Budget::unlimited(), &Cancel::new());
        !read.unwrap().rosters[0].is_empty()
    }
}

impl Appendable for Filling {
    fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        if self.no_series.load(Ordering::SeqCst) && !self.knows(labels) {
            return Err(AppendError::no_room("no room for series"));
        }
        self.store.resolve(labels, batch)
    }

    fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        if self.no_samples.load(Ordering::SeqCst) {
            return Err(AppendError::no_room("no room for samples"));
        }
        self.store.append(batch, options)
    }
}

#[test]
fn without_room_for_new_series_the_others_go_on_and_the_target_is_up() {
    let storage = Arc::new(Filling::default());
    let mut scraped = Scraped::into_storage(config(), storage.store.clone(), Arc::clone(&storage) as _);
    scraped.page("a 1\n");
    storage.no_series.store(true, Ordering::SeqCst);
    let outcome = scraped.page("a 2\nb 2\nc 2\n");
    assert_eq!((outcome.error, outcome.counts.added), (None, 0));
    assert_eq!(outcome.complaint.as_deref(), Some("no room for series"));
    scraped.check("a", &[at(1, 1.0), at(2, 2.0)]);
    scraped.check("up", &[at(1, 1.0), at(2, 1.0)]);
    storage.no_series.store(false, Ordering::SeqCst);
    let outcome = scraped.page("a 3\nb 3\nc 3\n");
    assert_eq!((outcome.complaint, outcome.counts.added), (None, 2));
    scraped.check("a", &[at(1, 1.0), at(2, 2.0), at(3, 3.0)]);
    scraped.check("b", &[at(3, 3.0)]);
}

#[test]
fn without_room_for_samples_nothing_is_stored_and_the_target_says_why() {
    let storage = Arc::new(Filling::default());
    let mut scraped = Scraped::into_storage(config(), storage.store.clone(), Arc::clone(&storage) as _);
    scraped.page("a 1\n");
    storage.no_samples.store(true, Ordering::SeqCst);
    for page in ["a 2\n", "a 3\nb 3\n", "b 4\n"] {
        let outcome = scraped.page(page);
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.complaint.as_deref(), Some("no room for samples"));
    }
    storage.no_samples.store(false, Ordering::SeqCst);
    assert_eq!(scraped.page("a 5\nb 5\n").complaint, None);
    scraped.check("a", &[at(1, 1.0), at(5, 5.0)]);
    scraped.check("b", &[at(5, 5.0)]);
    scraped.check("up", &[at(1, 1.0), at(5, 1.0)]);
}
