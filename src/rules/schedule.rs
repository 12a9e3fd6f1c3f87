//! When a group is evaluated: on slots that its name decides, so that groups spread over the interval
//! and every server with the same rules writes the same timestamps.
//!
//! ```text
//! ├──────── interval ────────┼──────── interval ────────┤
//! ├─ offset ─►slot           ├─ offset ─►slot             offset = hash(file, name) mod interval
//! ```

use tsdb::model::Labels;

/// The slots of one group, in nanoseconds since the epoch: offsets are finer than milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    interval_ns: i64,
    offset_ns: i64,
}

const MS_NS: i64 = 1_000_000;

impl Schedule {
    pub(super) fn new(file: &str, name: &str, interval_ms: i64) -> Self {
        let interval_ns = interval_ms.max(1).saturating_mul(MS_NS);
        let hash = Labels::from_pairs([("name", name), ("file", file)]).hash_xxh64();
        Self {
            interval_ns,
            offset_ns: (hash % interval_ns.unsigned_abs()) as i64,
        }
    }

    /// The last slot not after `now_ns`.
    pub(super) fn slot_before(self, now_ns: i64) -> i64 {
        let adjusted = now_ns - self.offset_ns;
        adjusted - adjusted % self.interval_ns + self.offset_ns
    }

    /// The slot after `slot_ns`.
    pub(super) fn next(self, slot_ns: i64) -> i64 {
        slot_ns + self.interval_ns
    }

    /// The slot to be evaluated at `now_ns` after that of `slot_ns`, and how many were missed between.
    pub(super) fn after(self, slot_ns: i64, now_ns: i64) -> (i64, u64) {
        let missed = ((now_ns - slot_ns) / self.interval_ns - 1).max(0);
        (slot_ns + (missed + 1) * self.interval_ns, missed.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: i64 = 60_000 * MS_NS;

    #[test]
    fn slots_are_an_interval_apart_and_the_last_one_is_in_the_past() {
        let schedule = Schedule::new("rules.yml", "example", 60_000);
        let now_ns = 1_700_000_000 * 1_000_000_000;
        let slot = schedule.slot_before(now_ns);
        assert!(slot <= now_ns && now_ns - slot < MINUTE_NS);
        assert_eq!(schedule.slot_before(slot), slot);
        assert_eq!(schedule.slot_before(slot - 1), slot - MINUTE_NS);
        assert_eq!(schedule.next(slot), slot + MINUTE_NS);
    }

    #[test]
    fn offsets_are_those_of_prometheus() {
        // Seen in the timestamps that Prometheus 3.5.3 recorded.
        let offset_ms =
            |name, interval_ms| Schedule::new("/tmp/slot/r.yml", name, interval_ms).offset_ns / MS_NS;
        assert_eq!(offset_ms("first group", 3_000), 1_045);
        assert_eq!(offset_ms("zweite", 7_000), 4_221);
    }

    #[test]
    fn groups_of_different_names_or_files_have_slots_of_their_own() {
        let offset = |file, name| Schedule::new(file, name, 60_000).offset_ns;
        assert_ne!(offset("a", "x"), offset("a", "y"));
        assert_ne!(offset("a", "x"), offset("b", "x"));
    }

    #[test]
    fn slots_that_passed_during_an_evaluation_are_missed() {
        let schedule = Schedule::new("a", "x", 60_000);
        assert_eq!(schedule.after(0, MINUTE_NS), (MINUTE_NS, 0));
        assert_eq!(schedule.after(0, MINUTE_NS + MINUTE_NS / 5), (MINUTE_NS, 0));
        assert_eq!(schedule.after(0, 3 * MINUTE_NS + 1), (3 * MINUTE_NS, 2));
        // A clock set back misses nothing.
        assert_eq!(schedule.after(0, -MINUTE_NS), (MINUTE_NS, 0));
    }
}
