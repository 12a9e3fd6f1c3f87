//! A history of a database, drawn from a seed before any of it happens: what goes wrong meanwhile does not
//! change what is tried next.

use tsdb::db::DbOptions;
use tsdb::fs::simulated::Dice;
use tsdb::wal::Compression;

/// How many series there are; the last of them hold histograms.
pub(crate) const SERIES: usize = 14;

/// The first series of histograms.
pub(crate) const HISTOGRAMS_FROM: usize = 10;

/// How long a block of the head is.
pub(crate) const BLOCK_MS: i64 = 1_000;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One sample of each of these series, so much later than any before.
    Append {
        ahead_ms: i64,
        series: Vec<usize>,
        beside: bool,
    },
    /// Samples of one series from `behind_ms` before the newest on.
    Late {
        series: usize,
        behind_ms: i64,
        count: usize,
    },
    /// The newest sample once more, and another value at its time.
    Again {
        series: usize,
    },
    /// Many new series with long labels, so that a segment of the log is filled.
    Flood {
        count: usize,
    },
    Sync,
    Maintain,
    /// Samples of one series from `behind_ms` before the newest on, for `length_ms`.
    Delete {
        series: usize,
        behind_ms: i64,
        length_ms: i64,
    },
    Clean,
    Snapshot,
    Window {
        ms: i64,
    },
    /// Closed and opened again.
    Restart,
    /// Killed, and opened again by another process.
    Kill,
    /// Cut from power, and opened again.
    PowerCut {
        seed: u64,
    },
}

/// How the database is opened, at the edges of what works.
pub(crate) fn options(dice: &mut Dice) -> DbOptions {
    let compression = [Compression::None, Compression::Snappy, Compression::Zstd];
    let retention_bytes = [0, 0, 0, 60_000][dice.below(4)];
    let window_ms = [0, 400, 2_500, 2_500][dice.below(4)];
    DbOptions {
        min_block_ms: BLOCK_MS,
        max_block_ms: 9 * BLOCK_MS,
        retention_ms: [0, 0, 6 * BLOCK_MS][dice.below(3)],
        retention_bytes,
        long_chunks: dice.coin(),
        checkpoint_samples_max: [0, 30, 300][dice.below(3)],
        open_threads: 1 + dice.below(2),
        wal_compression: compression[dice.below(3)],
        wal_segment_bytes: [32 << 10, 64 << 10][dice.below(2)],
        chunk_segment_bytes: [300, 4_000, 512 << 20][dice.below(3)],
        exemplars_max: [0, 5, 10_000][dice.below(3)],
        // By bytes, what comes late may go as soon as it is in a block.
        out_of_order_window_ms: if retention_bytes > 0 { 0 } else { window_ms },
        no_lockfile: dice.coin(),
        ..DbOptions::default()
    }
}

/// What happens, and that it ends with a look at all of it.
pub(crate) fn history(dice: &mut Dice, steps: usize) -> Vec<Step> {
    let mut phase = 0;
    let mut all = Vec::with_capacity(steps);
    for at in 0..steps {
        phase += usize::from(at % 12 == 0);
        all.push(step(dice, phase));
    }
    all
}

fn step(dice: &mut Dice, phase: usize) -> Step {
    let series = dice.below(SERIES);
    match dice.below(64) {
        0..=25 => {
            // Some series end, others begin; some come and go.
            let lives = |&series: &usize| !(series + phase).is_multiple_of(4);
            let all: Vec<usize> = (0..SERIES).filter(lives).collect();
            let ahead_ms = [10, 30, 50, 50, 200, 400][dice.below(6)];
            let kept = all.into_iter().filter(|_| dice.below(8) > 0).collect();
            Step::Append {
                ahead_ms,
                series: kept,
                beside: dice.below(3) == 0,
            }
        }
        26..=33 => Step::Late {
            series,
            behind_ms: dice.below(2_600) as i64,
            count: 1 + dice.below(24),
        },
        34 => Step::Again { series },
        35 => Step::Flood {
            count: 1 + dice.below(40),
        },
        36..=40 => Step::Sync,
        41..=50 => Step::Maintain,
        51..=53 => Step::Delete {
            series,
            behind_ms: dice.below(5_000) as i64,
            length_ms: dice.below(1_500) as i64,
        },
        54 => Step::Clean,
        55 => Step::Snapshot,
        56 => Step::Window {
            ms: [0, 300, 2_500][dice.below(3)],
        },
        57..=59 => Step::Restart,
        60..=61 => Step::Kill,
        _ => Step::PowerCut { seed: dice.next() },
    }
}
