//! Which queries were brief the last time they were asked. To wake another thread for one takes about as long as
//! to evaluate it, so those are evaluated where they are asked.
//!
//! A query that is brief no more delays what else its thread would do until [`super::deadlines`] sees it and
//! calls another thread in; the next time it goes to the pool again.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Request, Times};

/// Up to how long an evaluation is brief, in seconds.
const BRIEF_S: f64 = 0.000_5;

/// How many queries are remembered, at most; of two that fall on one place the later one is. 32 KiB.
const PLACES: usize = 4096;

/// How many signs and gaps between words a brief query may have: none is nested deeper than it has of them,
/// and the thread that it is evaluated on has not the stack of the pool's.
const SIGNS_MAX: usize = 64;

/// The brief queries.
#[derive(Debug)]
pub(super) struct Brief {
    hasher: foldhash::fast::RandomState,
    /// At the place of each its hash; 0 where there is none.
    places: Box<[AtomicU64]>,
}

impl Default for Brief {
    fn default() -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Brief {
    /// Whether a query was brief the last time; it was then as many steps of the same length.
    pub(super) fn contains(&self, request: &Request) -> bool {
        let hash = self.hash(request);
        self.place(hash).load(Ordering::Relaxed) == hash && is_flat(&request.query)
    }

    /// Notes how long an evaluation took.
    pub(super) fn note(&self, request: &Request, eval_s: f64) {
        let hash = self.hash(request);
        let place = self.place(hash);
        if eval_s <= BRIEF_S {
            place.store(hash, Ordering::Relaxed);
        } else if place.load(Ordering::Relaxed) == hash {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn hash(&self, request: &Request) -> u64 {
        let (span_ms, step_ms) = match request.times {
            Times::Instant { .. } => (0, 0),
            Times::Range {
                start_ms,
                end_ms,
                step_ms,
            } => (end_ms.saturating_sub(start_ms), step_ms),
        };
        // 0 stands for none.
        self.hasher.hash_one((&*request.query, span_ms, step_ms)) | 1
    }

    fn place(&self, hash: u64) -> &AtomicU64 {
        // The remainder is less than PLACES.
        &self.places[(hash >> 32) as usize % PLACES]
    }
}

fn is_flat(query: &str) -> bool {
    let signs = query
        .bytes()
        .filter(|b| !b.is_ascii_alphanumeric() && *b != b'_' && *b < 0x80);
    signs.take(SIGNS_MAX + 1).count() <= SIGNS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::{Class, Origin};
    use promql::engine::QueryOptions;

    fn request(query: &str, times: Times) -> Request {
        Request {
            query: query.to_owned(),
            times,
            options: QueryOptions::default(),
            timeout: None,
            class: Class::AdHoc,
            origin: Origin::Internal,
        }
    }

    fn range(start_ms: i64, end_ms: i64) -> Times {
        Times::Range {
            start_ms,
            end_ms,
            step_ms: 10,
        }
    }

    #[test]
    fn a_query_is_brief_if_it_was_so_the_last_time() {
        let brief = Brief::default();
        let up = request("up", range(0, 100));
        assert!(!brief.contains(&up));
        brief.note(&up, 0.000_1);
        assert!(brief.contains(&up));
        assert!(brief.contains(&request("up", range(50, 150))));
        assert!(!brief.contains(&request("up", range(0, 200))));
        assert!(!brief.contains(&request("up", Times::Instant { at_ms: 0 })));
        assert!(!brief.contains(&request("down", range(0, 100))));
        brief.note(&up, 1.0);
        assert!(!brief.contains(&up));
    }

    #[test]
    fn a_query_of_many_levels_is_never_evaluated_on_a_small_stack() {
        let brief = Brief::default();
        for query in ["(".repeat(99) + "1" + &")".repeat(99), "1 or ".repeat(99) + "1"] {
            let deep = request(&query, range(0, 100));
            brief.note(&deep, 0.000_1);
            assert!(!brief.contains(&deep));
        }
    }
}
