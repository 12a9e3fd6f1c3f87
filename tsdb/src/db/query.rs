//! Answering queries: the head and the blocks that a query's times touch, as one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Db;
use crate::model::Matcher;
use crate::query::source::{Selected, Source};
use crate::query::{Budget, Cancel, QueryError, Queryable, Read, Selection, Vocabulary, merge};

impl Db {
    /// The sources that may hold something between `from_ms` and `through_ms`, by time, and whether the last
    /// of them is the head. The head was looked at before the blocks: what moves from it meanwhile is seen
    /// twice, never not at all.
    fn sources(&self, from_ms: i64, through_ms: i64) -> (Vec<Arc<dyn Source>>, bool) {
        let touches = |(first, last): (i64, i64)| first <= through_ms && from_ms <= last;
        let head = touches(Source::time_range_ms(&*self.head));
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        for block in self
            .blocks()
            .iter()
            .filter(|block| touches(block.time_range_ms()))
        {
            sources.push(Arc::clone(block) as Arc<dyn Source>);
        }
        if head {
            sources.push(Arc::clone(&self.head) as Arc<dyn Source>);
        }
        (sources, head)
    }
}

impl Queryable for Db {
    fn open(&self, want: &[Selection], budget: &Budget, cancel: &Cancel) -> Result<Read, QueryError> {
        cancel.check()?;
        let mut vocabulary = Vocabulary::default();
        let from_ms = want.iter().map(|w| w.from_ms).min().unwrap_or(i64::MAX);
        let through_ms = want.iter().map(|w| w.through_ms).max().unwrap_or(i64::MIN);
        // Whether the order is that of labels is decided for the query as a whole, as Prometheus does.
        let several = self.sources(from_ms, through_ms).0.len() > 1;
        let mut wanted = want.to_vec();
        for selection in &mut wanted {
            selection.sorted |= several;
        }
        let in_head = self.head.select_all(&wanted, &mut vocabulary, budget, cancel)?;
        let (sources, head) = self.sources(from_ms, through_ms);
        if sources.len() > 1 && !several {
            // A block came in between.
            return self.open(want, budget, cancel);
        }
        let mut selected: Vec<Vec<Selected>> = Vec::with_capacity(want.len());
        for (selection, in_head) in wanted.iter().zip(in_head) {
            let mut found = Vec::with_capacity(sources.len());
            for source in &sources[..sources.len() - usize::from(head)] {
                let (first, last) = source.time_range_ms();
                if first <= selection.through_ms && selection.from_ms <= last {
                    found.push(Arc::clone(source).select(selection, &mut vocabulary, budget, cancel)?);
                }
            }
            found.push(in_head);
            selected.push(found);
        }
        merge::open(sources, selected, vocabulary, budget)
    }

    fn label_names(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.collect(from_ms, through_ms, matchers, |source, matchers| {
            source.label_names(matchers, cancel)
        })
    }

    fn label_values(
        &self,
        name: &str,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        self.collect(from_ms, through_ms, matchers, |source, matchers| {
            source.label_values(name, matchers, cancel)
        })
    }
}

impl Db {
    fn collect(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
        ask: impl Fn(&dyn Source, &[Matcher]) -> Result<Vec<String>, QueryError>,
    ) -> Result<Vec<String>, QueryError> {
        let mut all = BTreeSet::new();
        for source in self.sources(from_ms, through_ms).0 {
            if matchers.is_empty() {
                all.extend(ask(&*source, &[])?);
            }
            for matchers in matchers {
                all.extend(ask(&*source, matchers)?);
            }
        }
        Ok(all.into_iter().collect())
    }
}
