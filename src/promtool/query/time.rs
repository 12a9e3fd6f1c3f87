//! Times on the command line: Unix seconds or RFC 3339, to the nanosecond.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::quote::quoted;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    unix_s: i64,
    /// Beyond the second, 0 ..= 999 999 999.
    nanos: i64,
}

const NANOS: i64 = 1_000_000_000;

impl Time {
    /// The wall clock.
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            unix_s: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i64::from(since.subsec_nanos()),
        }
    }

    /// Reads a time.
    ///
    /// # Errors
    /// In Prometheus' words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse::<f64>() {
            let nanos = (seconds.fract() * 1e9) as i64;
            // Casts saturate, where Go's overflow.
            return Ok(Self {
                unix_s: (seconds.trunc() as i64).saturating_add(nanos.div_euclid(NANOS)),
                nanos: nanos.rem_euclid(NANOS),
            });
        }
        let at: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("cannot parse {} to a valid timestamp", quoted(text)))?;
        let nanos = at.as_nanosecond();
        Ok(Self {
            unix_s: nanos.div_euclid(i128::from(NANOS)) as i64,
            nanos: nanos.rem_euclid(i128::from(NANOS)) as i64,
        })
    }

    /// That many seconds later.
    pub(super) fn plus_s(self, seconds: i64) -> Self {
        Self {
            unix_s: self.unix_s.saturating_add(seconds),
            ..self
        }
    }

    /// How many seconds `later` is later.
    pub(super) fn seconds_until(self, later: Self) -> f64 {
        let nanos =
            i128::from(later.unix_s - self.unix_s) * i128::from(NANOS) + i128::from(later.nanos - self.nanos);
        nanos as f64 / 1e9
    }
}

impl fmt::Display for Time {
    /// Seconds, as the API takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_s as f64 + self.nanos as f64 / 1e9;
        f.write_str(&promql::format::plain(seconds))
    }
}
