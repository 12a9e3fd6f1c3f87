//! A time of each series, in four bytes.

use hashbrown::HashMap;

/// Stands for "none".
const NONE: u32 = u32::MAX;

/// Stands for a time that does not fit.
const WIDE: u32 = u32::MAX - 1;

/// Times by ordinal.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The times count from here: 24 days before the first.
    base_ms: Option<i64>,
    times: Vec<u32>,
    wide: HashMap<u32, i64>,
}

impl Ends {
    /// Adds a series without a time.
    pub(super) fn push(&mut self) {
        self.times.push(NONE);
    }

    /// The time of a series, `i64::MIN` if it has none.
    pub(super) fn get(&self, ordinal: u32) -> i64 {
        match self.times[ordinal as usize] {
            NONE => i64::MIN,
            WIDE => self.wide.get(&ordinal).copied().unwrap_or(i64::MIN),
            since => self.base_ms.unwrap_or(0) + i64::from(since),
        }
    }

    /// Changes the time of a series.
    pub(super) fn set(&mut self, ordinal: u32, t_ms: i64) {
        if t_ms == i64::MIN {
            return;
        }
        let base_ms = *self
            .base_ms
            .get_or_insert(t_ms.saturating_sub(i64::from(u32::MAX / 2)));
        let since = t_ms
            .checked_sub(base_ms)
            .and_then(|since| u32::try_from(since).ok());
        let time = &mut self.times[ordinal as usize];
        *time = since.filter(|&since| since < WIDE).unwrap_or(WIDE);
        if *time == WIDE {
            self.wide.insert(ordinal, t_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_however_far_apart() {
        let mut ends = Ends::default();
        let all = [1_700_000_000_000, -5, i64::MAX, i64::MIN, 1_700_000_000_001];
        for (ordinal, t_ms) in (0..).zip(all) {
            ends.push();
            assert_eq!(ends.get(ordinal), i64::MIN);
            ends.set(ordinal, t_ms);
        }
        assert_eq!(std::array::from_fn(|at| ends.get(at as u32)), all);
        ends.set(1, 1_700_000_000_000);
        assert_eq!(ends.get(1), 1_700_000_000_000);
    }
}
