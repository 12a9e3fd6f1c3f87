//! Waits that grow: how long news wait for more news, and how long a failed request for the next.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first wait: a quiet manager tells almost at once.
const FIRST: Duration = Duration::from_millis(100);

/// Waits that grow by half from [`FIRST`] to a longest one, each randomised by half up and down.
///
/// Prometheus' library has the same figures.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(longest: Duration) -> Self {
        Self::between(FIRST, longest)
    }

    /// Waits that begin with another than [`FIRST`].
    pub(super) fn between(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self {
            first,
            next: first,
            longest,
        }
    }

    /// Starts over.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The wait that is due; the following is longer.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(self.longest);
        // Managers started together shall not stay in step.
        let random = RandomState::new().hash_one(wait) % 1024;
        wait.mul_f64(0.5 + random as f64 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_start_over_when_told() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        let first = backoff.next();
        assert!((FIRST / 2..=FIRST * 3 / 2).contains(&first), "{first:?}");
        let last = (0..20).map(|_| backoff.next()).last().unwrap();
        assert!(
            last >= Duration::from_millis(2500) && last <= Duration::from_millis(7500),
            "{last:?}"
        );
        backoff.reset();
        assert!(backoff.next() <= FIRST * 3 / 2);
    }
}
