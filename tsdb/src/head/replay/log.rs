//! The log as one run of records: the checkpoint, then the segments, up to the end or to damage.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ReplayProgress;
use super::work::{Gather, Refused, Work};
use crate::fs::Vfs;
use crate::head::lane::LANES;
use crate::wal::page::PAGE_BYTES;
use crate::wal::{SegmentReader, WalError, segment};

/// How much is gathered before it is applied, in rows: half a hundred scrapes, a few megabytes. After the first time
/// it is a row for each series at least, which is some scrapes of all, so that a series that is at hand takes more than
/// one sample.
const WEIGHT_MIN: usize = if cfg!(test) { 64 } else { 128 << 10 };

/// However many series there are.
const WEIGHT_MAX: usize = 4 << 20;

/// How much of a file is read at a time: whole pages.
const WINDOW_BYTES: usize = if cfg!(test) { PAGE_BYTES } else { 1 << 20 };

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
    /// The file at hand.
    reading: Option<Reading>,
    /// How much is gathered the next time.
    weight: usize,
    /// The last segment that is there, or that a checkpoint stands for.
    pub(super) last_segment: Option<u32>,
    /// The part of a checkpoint that is damaged.
    pub(super) checkpoint_damage: Option<WalError>,
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
            reading: None,
            weight: WEIGHT_MIN,
            last_segment: None,
            checkpoint_damage: None,
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
        let weight = self.weight;
        self.weight = gather.routes.count.clamp(WEIGHT_MIN, WEIGHT_MAX);
        for work in &mut *works {
            work.reserve(weight / LANES);
        }
        while works.iter().map(Work::weight).sum::<usize>() < weight {
            let Some(reading) = &mut self.reading else {
                let Some(next) = self.left.pop_front() else {
                    return Ok(false);
                };
                if let Some(number) = next.segment {
                    self.progress.current.store(number, Ordering::Relaxed);
                    self.last_segment = Some(number);
                }
                self.reading = Some(Reading::begin(self.fs, next)?);
                continue;
            };
            match reading.take(gather, works) {
                Ok(true) => {}
                Ok(false) if reading.go_on(self.fs)? => {}
                Ok(false) => {
                    self.segments_read += 1;
                    self.reading = None;
                }
                Err(error) if !error.is_corruption() => return Err(error),
                Err(error) => match reading.source.segment {
                    Some(number) => {
                        self.damage = Some((number, error));
                        (self.reading, self.left) = (None, VecDeque::new());
                        return Ok(false);
                    }
                    // Segments of the log are not concerned: the numbers of a checkpoint's parts mean something else.
                    None => {
                        self.checkpoint_damage = Some(error);
                        self.reading = None;
                        self.left.retain(|source| source.segment.is_some());
                    }
                },
            }
        }
        Ok(true)
    }
}

/// A file of the log that is being read, a few megabytes at a time.
struct Reading {
    source: Source,
    len: u64,
    /// How much is read at a time; more where a record takes more.
    window: usize,
    reader: SegmentReader,
    /// Where the last record ended that was taken.
    before: u64,
}

impl Reading {
    fn begin(fs: &dyn Vfs, source: Source) -> Result<Self, WalError> {
        let len = fs
            .stat(&source.path)
            .map_err(|error| WalError::io(&source.path, error))?;
        let reader = read_part(fs, &source, len.len, source.offset, WINDOW_BYTES)?;
        Ok(Self {
            len: len.len,
            window: WINDOW_BYTES,
            before: source.offset,
            reader,
            source,
        })
    }

    /// Takes the next record; says whether there was one in what is read.
    fn take(&mut self, gather: &mut Gather, works: &mut [Work; LANES]) -> Result<bool, WalError> {
        let Some(record) = self.reader.next()? else {
            return Ok(false);
        };
        match gather.record(record, works) {
            Ok(()) => {
                self.before = self.reader.offset();
                Ok(true)
            }
            Err(Refused::Foreign(what)) => Err(WalError::foreign(&self.source.path, self.before, what)),
            Err(Refused::Damaged(reason)) => Err(WalError::corrupt(
                &self.source.path,
                self.before,
                reason.to_string(),
            )),
        }
    }

    /// Reads the next part of the file; says whether there is one.
    fn go_on(&mut self, fs: &dyn Vfs) -> Result<bool, WalError> {
        if self.reader.is_last() {
            return Ok(false);
        }
        let from = self.reader.offset();
        if from < self.reader.base() + PAGE_BYTES as u64 {
            self.window *= 2;
        }
        self.reader = read_part(fs, &self.source, self.len, from, self.window)?;
        Ok(true)
    }
}

/// Reads whole pages around `from` on, as many as fill the window.
fn read_part(
    fs: &dyn Vfs,
    source: &Source,
    len: u64,
    from: u64,
    window: usize,
) -> Result<SegmentReader, WalError> {
    let path = &source.path;
    if from > len {
        return Err(WalError::corrupt(path, len, "the segment is too short"));
    }
    let base = from - from % PAGE_BYTES as u64;
    let bytes = fs
        .read_at(path, base, window)
        .map_err(|error| WalError::io(path, error))?;
    let is_last = base + bytes.len() as u64 >= len;
    let (base, from) = (base as usize, from as usize);
    Ok(SegmentReader::part(path, Arc::new(bytes), base, from, is_last))
}
