//! How many shards there should be: as many as send what comes in, and a bit of the backlog.

use crate::config::QueueConfig;

/// A change of less than this part of the shards is not worth it.
const TOLERANCE: f64 = 0.3;

/// The part of the backlog that is to be sent each second.
const BACKLOG_PER_SECOND: f64 = 0.05;

/// Fewer shards only if sending is at most this late.
const DELAY_S_MAX: f64 = 10.0;

/// What was seen of late, by the second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Samples that were stored.
    pub(super) stored: f64,
    /// Samples that were sent, or given up.
    pub(super) sent: f64,
    /// Samples of series that are not wanted.
    pub(super) dropped: f64,
    /// Seconds that all shards together spent sending.
    pub(super) sending_s: f64,
    /// How far the newest sample sent is behind the newest stored, in seconds.
    pub(super) delay_s: f64,
}

/// What comes of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Desired {
    /// The exact number, for people to see; unknown while nothing is sent.
    pub(super) exact: Option<f64>,
    /// How many there should be.
    pub(super) shards: usize,
}

/// How many shards `load` asks for where there are `shards`.
pub(super) fn desired(load: &Load, shards: usize, config: &QueueConfig) -> Desired {
    let stay = |exact| Desired { exact, shards };
    if load.sent <= 0.0 {
        return stay(None);
    }
    let wanted = load.stored * load.sent / (load.dropped + load.sent);
    let backlog = load.delay_s * wanted;
    let s_per_sample = load.sending_s / load.sent;
    let exact = s_per_sample * (wanted + BACKLOG_PER_SECOND * backlog);
    let now = shards as f64;
    let rounded = exact.ceil();
    if (now * (1.0 - TOLERANCE)..=now * (1.0 + TOLERANCE)).contains(&rounded) {
        return stay(Some(exact));
    }
    // A negative delay may make it negative: that is none. The cast saturates.
    let number = rounded.max(0.0) as usize;
    if number < shards && load.delay_s > DELAY_S_MAX {
        return stay(Some(exact));
    }
    Desired {
        exact: Some(exact),
        shards: number.clamp(config.min_shards, config.max_shards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand samples a second, each taking `ms`.
    fn load(ms: f64) -> Load {
        Load {
            stored: 1_000.0,
            sent: 1_000.0,
            sending_s: ms,
            ..Load::default()
        }
    }

    #[track_caller]
    fn check(load: Load, before: usize, after: usize) {
        let config = QueueConfig {
            min_shards: 2,
            max_shards: 20,
            ..QueueConfig::default()
        };
        assert_eq!(desired(&load, before, &config).shards, after);
    }

    #[test]
    fn there_are_as_many_shards_as_seconds_spent_sending_in_a_second() {
        check(load(6.0), 2, 6);
        check(load(5.1), 2, 6);
        check(load(6.0), 12, 6);
    }

    #[test]
    fn a_difference_of_up_to_thirty_percent_changes_nothing() {
        check(load(13.0), 10, 10);
        check(load(13.1), 10, 14);
        check(load(7.0), 10, 10);
        check(load(5.9), 10, 6);
    }

    #[test]
    fn the_number_stays_within_its_bounds() {
        check(load(0.5), 4, 2);
        check(load(100.0), 4, 20);
    }

    #[test]
    fn a_backlog_asks_for_more_and_forbids_fewer() {
        let late = |ms, delay_s| Load { delay_s, ..load(ms) };
        check(late(4.0, 20.0), 4, 8);
        check(late(1.0, 11.0), 10, 10);
        check(late(2.0, 10.0), 10, 3);
    }

    #[test]
    fn samples_that_are_not_wanted_do_not_count() {
        let half = Load {
            stored: 2_000.0,
            dropped: 1_000.0,
            ..load(6.0)
        };
        check(half, 2, 6);
    }

    #[test]
    fn nothing_is_known_while_nothing_is_sent() {
        let nothing = Load {
            stored: 9.0,
            ..Load::default()
        };
        let config = QueueConfig::default();
        assert_eq!(
            desired(&nothing, 3, &config),
            Desired {
                exact: None,
                shards: 3
            }
        );
    }
}
