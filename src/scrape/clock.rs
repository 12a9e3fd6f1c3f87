//! What time it is, as something that tests can decide.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the wall clock's time.
pub trait Clock: Send + Sync + Debug {
    /// Nanoseconds since the Unix epoch.
    fn now_ns(&self) -> i64;

    /// Milliseconds since the Unix epoch, rounded down as Prometheus rounds its timestamps.
    fn now_ms(&self) -> i64 {
        self.now_ns().div_euclid(1_000_000)
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A clock that begins at a time of the test's choosing and goes with tokio's, which can be paused.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokioClock {
    start_ns: i64,
    start: tokio::time::Instant,
}

#[cfg(test)]
impl TokioClock {
    pub(crate) fn starting_at_ms(start_ms: i64) -> Self {
        Self {
            start_ns: start_ms * 1_000_000,
            start: tokio::time::Instant::now(),
        }
    }
}

#[cfg(test)]
impl Clock for TokioClock {
    fn now_ns(&self) -> i64 {
        self.start_ns + i64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }
}
