//! When a target is scraped: its place in the interval, and which time its samples get.
//!
//! ```text
//! |––––––––––––– interval ––––––––––––|––––––––––––– interval ––––––––––––|
//!        ↑ (hash of the target XOR seed of the server) mod interval
//! ```
//!
//! The seed is the same formula as Prometheus', so that servers of a pair scrape at different times and a
//! replaced server scrapes when its predecessor did.

use tsdb::model::Labels;

/// The largest distance from the ideal time at which the ideal time is stored.
const TOLERANCE_NS_MAX: i64 = 2_000_000;

/// 64-bit FNV-1a.
pub(super) fn fnv1a(pieces: &[&[u8]]) -> u64 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What sets this server's scrapes apart from those of others.
pub(super) fn offset_seed(host: &str, external_labels: &Labels) -> u64 {
    fnv1a(&[host.as_bytes(), external_labels.to_string().as_bytes()])
}

/// How long to wait at `now_ns` until the target's place in the interval comes.
pub(super) fn wait_ns(now_ns: i64, interval_ns: i64, target_hash: u64, seed: u64) -> i64 {
    let interval = interval_ns.max(1);
    // Below the interval, which is an i64.
    let place = ((target_hash ^ seed) % interval.unsigned_abs()).cast_signed();
    let wait = interval - now_ns.rem_euclid(interval) + place;
    if wait > interval { wait - interval } else { wait }
}

/// The times that a target's scrapes should have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    ideal_ns: i64,
    interval_ns: i64,
}

impl Alignment {
    /// Counts from the first scrape.
    pub(super) fn starting_at(first_ns: i64, interval_ns: i64) -> Self {
        Self {
            ideal_ns: first_ns,
            interval_ns: interval_ns.max(1),
        }
    }

    /// The time to store for a scrape at `now_ns`: the ideal one if that is near, since equal distances
    /// between samples take a bit each instead of sixteen.
    pub(super) fn time_ns(&mut self, now_ns: i64) -> i64 {
        let behind = (now_ns - self.ideal_ns) / self.interval_ns;
        if behind > 0 {
            self.ideal_ns += behind * self.interval_ns;
        }
        let tolerance = (self.interval_ns / 100).min(TOLERANCE_NS_MAX);
        if now_ns - self.ideal_ns <= tolerance {
            self.ideal_ns
        } else {
            now_ns
        }
    }
}

/// This machine's full name, or its short one: what a lookup of its address in `/etc/hosts` answers.
pub(super) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    full_name(&name, &hosts)
}

fn full_name(name: &str, hosts: &str) -> String {
    let lines = || {
        hosts.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            Some((words.next()?, words.collect::<Vec<_>>()))
        })
    };
    let address = lines()
        .find(|(_, names)| names.contains(&name))
        .map(|(address, _)| address);
    let first = lines().find(|(other, names)| Some(*other) == address && !names.is_empty());
    first
        .map_or(name, |(_, names)| names[0])
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn the_place_in_the_interval_does_not_depend_on_when_one_asks() {
        let hash = 1_234_567_890_123_456_789;
        let places: Vec<i64> = (0..50)
            .map(|i| {
                let now = 1_700_000_000 * SECOND + i * 777_777_777;
                (now + wait_ns(now, 15 * SECOND, hash, 42)).rem_euclid(15 * SECOND)
            })
            .collect();
        let expected = ((hash ^ 42) % (15 * SECOND).unsigned_abs()).cast_signed();
        assert!(places.iter().all(|&place| place == expected), "{places:?}");
    }

    #[test]
    fn a_wait_is_never_longer_than_the_interval() {
        for now in [0, 1, SECOND - 1, SECOND] {
            let wait = wait_ns(now, SECOND, u64::MAX, 0);
            assert!((0..=SECOND).contains(&wait), "{wait}");
        }
    }

    #[track_caller]
    fn check_aligned(interval_ms: i64, late_us: i64, stored_late_us: i64) {
        let interval = interval_ms * 1_000_000;
        let mut alignment = Alignment::starting_at(7, interval);
        let ideal = 7 + 3 * interval;
        let time = alignment.time_ns(ideal + late_us * 1000);
        assert_eq!(time - ideal, stored_late_us * 1000);
    }

    #[test]
    fn a_slightly_late_scrape_gets_the_ideal_time() {
        check_aligned(15_000, 2_000, 0);
        check_aligned(15_000, 2_001, 2_001);
    }

    #[test]
    fn the_tolerance_is_at_most_a_hundredth_of_the_interval() {
        check_aligned(100, 1_000, 0);
        check_aligned(100, 1_001, 1_001);
    }

    #[test]
    fn a_host_is_called_as_its_address_is() {
        let hosts = "127.0.0.1 localhost\n10.0.0.5 box.example.org. box # comment\n";
        assert_eq!(full_name("box", hosts), "box.example.org");
        assert_eq!(full_name("other", hosts), "other");
    }
}
