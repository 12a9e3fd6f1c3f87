//! How many things happen in a second, on a moving average that forgets a fifth with each tick.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// How often [`Rate::tick`] is called, and the number of shards thought over.
pub(super) const TICK: Duration = Duration::from_secs(10);

/// What the newest tick weighs.
const WEIGHT: f64 = 0.2;

/// A rate. Before the first event it is 0, after it the average.
#[derive(Debug, Default)]
pub(super) struct Rate {
    new_events: AtomicU64,
    per_second: Mutex<Option<f64>>,
}

impl Rate {
    pub(super) fn add(&self, events: u64) {
        self.new_events.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn per_second(&self) -> f64 {
        self.per_second.lock().unwrap_or(0.0)
    }

    /// Takes in the events since the last tick.
    pub(super) fn tick(&self) {
        let events = self.new_events.swap(0, Ordering::Relaxed);
        let now = events as f64 / TICK.as_secs_f64();
        let mut rate = self.per_second.lock();
        *rate = match *rate {
            Some(before) => Some(before + WEIGHT * (now - before)),
            None => (events > 0).then_some(now),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_events_are_the_rate_and_later_ones_a_fifth_of_it() {
        let rate = Rate::default();
        rate.tick();
        assert_eq!(rate.per_second(), 0.0);
        rate.add(100);
        rate.tick();
        assert_eq!(rate.per_second(), 10.0);
        rate.add(200);
        rate.tick();
        assert_eq!(rate.per_second(), 12.0);
        rate.tick();
        assert_eq!(rate.per_second(), 9.6);
    }
}
