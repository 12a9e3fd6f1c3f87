//! The log as one run of records: the checkpoint, then the segments, up to the end or to damage.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::ReplayProgress;
use super::work::{Gather, Refused, Work};
use crate::fs::Vfs;
use crate::head::lane::LANES;
use crate::wal::{SegmentReader, WalError, segment};

/// How much is gathered before it is applied, in rows: half a hundred scrapes, a few megabytes.
const WEIGHT: usize = 128 << 10;

/// A file of the log.
struct Source {
    path: PathBuf,
    /// Its number, if it is a segment of the log and not of a checkpoint.
    segment: Option<u32>,
    /// Where reading begins.
    offset: u64,
}

/// What is left to be read.
pub(super) struct Log<'a> {
    fs: &'a dyn Vfs,
    progress: &'a ReplayProgress,
    left: VecDeque<Source>,
    /// The file at hand, and the end of the last record that was taken.
    reader: Option<(SegmentReader, Option<u32>, u64)>,
    /// The last segment that is there, or that a checkpoint stands for.
    pub(super) last_segment: Option<u32>,
    /// Where the log is damaged.
    pub(super) damage: Option<(u32, WalError)>,
    pub(super) segments_read: u64,
}

impl<'a> Log<'a> {
    /// The log in `dir`, of which nothing is read yet: all of it, or what lies behind a segment's offset.
    pub(super) fn open(
        fs: &'a dyn Vfs,
        dir: &Path,
        position: Option<(u32, u64)>,
        progress: &'a ReplayProgress,
    ) -> Result<Self, WalError> {
        let mut log = Self {
            fs,
            progress,
            left: VecDeque::new(),
            reader: None,
            last_segment: None,
            damage: None,
            segments_read: 0,
        };
        let mut from = 0;
        if let Some((number, path)) = segment::checkpoints(fs, dir)?.pop() {
            let parts = match position {
                None => segment::list(fs, &path)?,
                Some(_) => Vec::new(),
            };
            for part in parts {
                log.left.push_back(Source {
                    path: segment::path(&path, part),
                    segment: None,
                    offset: 0,
                });
            }
            from = number + 1;
            log.last_segment = Some(number);
        }
        let numbers: Vec<u32> = segment::list(fs, dir)?
            .into_iter()
            .filter(|&n| n >= from)
            .collect();
        if let (Some(&first), true) = (numbers.first(), from > 0)
            && first != from
        {
            let reason = format!("segment {from} is missing, the first after the checkpoint is {first}");
            return Err(WalError::corrupt(dir, 0, reason));
        }
        let (first, offset) = position.unwrap_or((0, 0));
        let numbers: Vec<u32> = numbers.into_iter().filter(|&number| number >= first).collect();
        progress
            .min
            .store(numbers.first().copied().unwrap_or(0), Ordering::Relaxed);
        progress
            .max
            .store(numbers.last().copied().unwrap_or(0), Ordering::Relaxed);
        for number in numbers {
            log.left.push_back(Source {
                path: segment::path(dir, number),
                segment: Some(number),
                offset: if number == first { offset } else { 0 },
            });
        }
        Ok(log)
    }

    /// Gathers a good deal of work; says whether there is more.
    pub(super) fn fill(&mut self, gather: &mut Gather, works: &mut [Work; LANES]) -> Result<bool, WalError> {
        while works.iter().map(Work::weight).sum::<usize>() < WEIGHT {
            let Some((reader, number, before)) = &mut self.reader else {
                let Some(next) = self.left.pop_front() else {
                    return Ok(false);
                };
                if let Some(number) = next.segment {
                    self.progress.current.store(number, Ordering::Relaxed);
                    self.last_segment = Some(number);
                }
                let reader = SegmentReader::open_at(self.fs, &next.path, next.offset)?;
                self.reader = Some((reader, next.segment, next.offset));
                continue;
            };
            let number = *number;
            let error = match reader.next() {
                Ok(None) => {
                    self.segments_read += 1;
                    self.reader = None;
                    continue;
                }
                Ok(Some(record)) => match gather.record(record, works) {
                    Ok(()) => {
                        *before = reader.offset();
                        continue;
                    }
                    Err(Refused::Foreign(what)) => WalError::foreign(reader.path(), *before, what),
                    Err(Refused::Damaged(reason)) => {
                        WalError::corrupt(reader.path(), *before, reason.to_string())
                    }
                },
                Err(error) => error,
            };
            return match number {
                Some(number) if error.is_corruption() => {
                    self.damage = Some((number, error));
                    (self.reader, self.left) = (None, VecDeque::new());
                    Ok(false)
                }
                // A damaged checkpoint is an error to the end: nothing is repaired, nothing removed.
                _ => Err(error),
            };
        }
        Ok(true)
    }
}
