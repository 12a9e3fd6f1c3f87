//! A replay that begins with a checkpoint of ours: series and chunks are loaded, the end of the log is replayed.

use std::path::Path;

use super::beside::beside;
use super::lane::{Context, LaneReplay};
use super::log::Log;
use super::work::{Gather, Work};
use super::{ReplayProgress, Replayed};
use crate::checkpoint::{Checkpoint, Refused};
use crate::fs::{FileError, Vfs};
use crate::head::chunk_files::Scan;
use crate::head::closed::Place;
use crate::head::lane::LANES;
use crate::head::{HeadOptions, chunk_files, chunks_dir, wal_dir, wbl_dir};

impl Replayed {
    /// The head by its checkpoint, if there is one that belongs to the directory.
    pub(super) fn read_over_checkpoint(
        fs: &dyn Vfs,
        dir: &Path,
        options: &HeadOptions,
        min_valid_ms: i64,
        progress: &ReplayProgress,
    ) -> Result<Option<Self>, Refused> {
        let Some(checkpoint) = Checkpoint::open(fs, dir, min_valid_ms, options)? else {
            return Ok(None);
        };
        let mut replayed = Self::new(options, Scan::default(), min_valid_ms);
        replayed.load(fs, dir, &checkpoint)?;
        let position = Some(checkpoint.position());
        let log = Log::open(fs, &wal_dir(dir), position, progress);
        let mut log = log.map_err(|error| Refused(error.to_string()))?;
        let mut first = <[Work; LANES]>::default();
        let filled = replayed.take_newer_chunks(|gather| {
            drop(checkpoint);
            log.fill(gather, &mut first)
        })?;
        filled
            .and_then(|more| replayed.go_on(log, first, more))
            .and_then(|()| replayed.read_late_log(fs, &wbl_dir(dir)))
            .map_err(|error| Refused(error.to_string()))?;
        replayed.forget_tombstones();
        Ok(Some(replayed))
    }

    fn load(&mut self, fs: &dyn Vfs, dir: &Path, checkpoint: &Checkpoint) -> Result<(), Refused> {
        let mut outcomes: [Result<(), FileError>; LANES] = std::array::from_fn(|_| Ok(()));
        let ring = &self.exemplars;
        let scan = beside(
            self.threads,
            self.lanes.iter_mut().zip(&mut outcomes),
            |(lane, outcome)| *outcome = checkpoint.lane(lane.number, &mut lane.data, &mut lane.refs),
            || {
                checkpoint.fill(ring);
                scan_newer(fs, dir, checkpoint)
            },
        );
        outcomes.into_iter().collect::<Result<(), _>>()?;
        self.scan = scan?;
        for lane in &mut self.lanes {
            let numbers = lane.data.cold.iter().map(|cold| cold.series);
            let last_ref = &mut self.gather.last_ref;
            let numbers = numbers.inspect(|&number| *last_ref = number.max(*last_ref));
            self.gather.routes.extend(numbers, lane.number);
            lane.series_created = u64::from(lane.data.count());
        }
        checkpoint.each_alias(|number, lane| self.gather.routes.insert(number, lane));
        self.gather.last_ref = self.gather.last_ref.max(checkpoint.last_ref());
        let (min_ms, max_ms, late_min_ms) = checkpoint.times_ms();
        let first = &mut self.lanes[0];
        (first.min_ms, first.max_ms, first.late_min_ms) = (min_ms, max_ms, late_min_ms);
        self.expiries = checkpoint.expiries().collect();
        self.uses_checkpoint = true;
        *self.stats.checkpoint_loads.get_mut() += 1;
        Ok(())
    }

    /// Gives series the chunks that were written after the checkpoint, beside something else.
    fn take_newer_chunks<R>(&mut self, meanwhile: impl FnOnce(&mut Gather) -> R) -> Result<R, Refused> {
        let Self {
            scan, gather, lanes, ..
        } = self;
        let context = Context {
            scan,
            min_valid_ms: self.min_valid_ms,
            range_ms: self.range_ms,
        };
        let mut numbers: Vec<u64> = scan
            .chunks
            .iter()
            .chain(&scan.late)
            .map(|chunk| chunk.0)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut by_lane: [Vec<u64>; LANES] = Default::default();
        for number in numbers {
            // A series that is not known comes with its record in the tail.
            if let Some(lane) = gather.routes.get(number) {
                by_lane[lane].push(number);
            }
        }
        let mut outcomes: [Result<(), Refused>; LANES] = std::array::from_fn(|_| Ok(()));
        let done = beside(
            self.threads,
            lanes.iter_mut().zip(by_lane).zip(&mut outcomes),
            |((lane, numbers), outcome)| {
                *outcome = numbers.into_iter().try_for_each(|number| {
                    lane.make_room(number, &context).map_err(|reason| {
                        Refused(format!("chunks of series {number} in chunks_head: {reason}"))
                    })
                });
            },
            || meanwhile(gather),
        );
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(done)
    }
}

/// The chunks in files that a checkpoint does not account for.
fn scan_newer(fs: &dyn Vfs, dir: &Path, checkpoint: &Checkpoint) -> Result<Scan, Refused> {
    let known = |number| checkpoint.chunk_files().find(|file| file.0 == number);
    let mut scan = chunk_files::scan(fs, &chunks_dir(dir), |number| {
        known(number).map_or(0, |file| file.1)
    })
    .map_err(|error| Refused(error.to_string()))?;
    super::late::forget_compacted(fs, &wbl_dir(dir), &mut scan)
        .map_err(|error| Refused(error.to_string()))?;
    match &scan.damage {
        Some((_, error)) => Err(Refused(error.to_string())),
        None => Ok(scan),
    }
}

impl LaneReplay {
    /// Gives a loaded series its newer chunks in files, for which what they cover makes room.
    fn make_room(&mut self, number: u64, context: &Context<'_>) -> Result<(), &'static str> {
        let Some(ordinal) = self.refs.get(number).map(|place| place.ordinal()) else {
            return Ok(());
        };
        let data = &mut self.data;
        let times = context.scan.of(number).map(|chunk| (chunk.min_ms, chunk.max_ms));
        if let Some((first_ms, last_ms)) = times.reduce(|all, chunk| (all.0, chunk.1)) {
            let known_last_ms = data.hot[ordinal].last_t_ms;
            if data
                .open_from_ms(ordinal)
                .is_some_and(|from_ms| from_ms <= last_ms)
            {
                if known_last_ms > last_ms {
                    return Err("one ends within an open chunk");
                }
                data.drop_open(ordinal);
            }
            loop {
                let newest = data.closed_since(ordinal, first_ms.saturating_sub(1)).next();
                let Some((_, newest)) = newest else { break };
                match newest.place {
                    Place::Held if newest.max_ms <= last_ms => data.pop_held(ordinal),
                    Place::Held => return Err("one ends within a closed chunk"),
                    _ => return Err("they overlap others"),
                }
            }
            self.take_chunks(number, ordinal, context);
            let hot = &mut self.data.hot[ordinal];
            hot.last_t_ms = hot.last_t_ms.max(known_last_ms);
            return Ok(());
        }
        self.take_chunks(number, ordinal, context);
        Ok(())
    }
}
