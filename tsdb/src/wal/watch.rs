//! Reading along while a log is written: what is there already, then each record as it comes.
//!
//! ```text
//! checkpoint.00000006/  00000007  00000008          00000009
//! └──────────── past ───────────────────┘└ past ┘└── live ──▶ end
//!                                                ↑ live_from
//! ```
//!
//! The past is read for its series; what is live is for whoever follows the log. A watcher holds no file open
//! and nothing back: a segment may go while it is behind, which the next read tells ([`WalError::is_missing`]).
//! How far the log may be read is told by its writer, so that nothing half written is ever looked at. It
//! knows records, not what is inside.
//!
//! Start with [`Watcher::next`].

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::page::{Fragment, HEADER_BYTES, PAGE_BYTES, SNAPPY, ZSTD, read_fragment};
use super::record::series;
use super::{Kind, SegmentReader, WalError, compression, segment};
use crate::fs::Vfs;

/// A place in a log, between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the segment.
    pub segment: u32,
    /// Bytes of it before the place.
    pub offset: u64,
}

/// A record that a watcher came upon.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The segment that it stands in, or the last one that its checkpoint stands for.
    pub segment: u32,
    /// Whether it is behind the place from which on the log is followed.
    pub is_live: bool,
    /// The body.
    pub record: &'a [u8],
}

/// How much is read at a time; a larger record is read whole.
const WINDOW_BYTES: usize = 1 << 20;

/// Reads a log while it is written.
#[derive(Debug)]
pub struct Watcher {
    fs: Arc<dyn Vfs>,
    dir: PathBuf,
    /// The newest checkpoint that was read.
    checkpoint: Option<u32>,
    past: VecDeque<Past>,
    reader: Option<SegmentReader>,
    live_from: Position,
    at: Position,
    /// Bytes of the segment at `at`, from `window_from` on.
    window: Vec<u8>,
    window_from: u64,
    /// Length of the segment at `at`, once it is finished.
    finished_len: Option<u64>,
    fragments: Vec<u8>,
    record: Vec<u8>,
}

/// A file to be read for its series.
#[derive(Debug)]
struct Past {
    segment: u32,
    path: PathBuf,
    is_checkpoint: bool,
}

/// What stands at a place.
enum Step {
    /// A record, in `record`, and where it ends.
    Record(u64),
    /// Nothing that is whole.
    End,
}

impl Watcher {
    /// A watcher of the log in `dir`. If the segment of `live_from` is gone, all that is left is live.
    ///
    /// # Errors
    /// When the directory cannot be listed or holds no segment.
    pub fn open(fs: Arc<dyn Vfs>, dir: &Path, live_from: Position) -> Result<Self, WalError> {
        let checkpoint = segment::checkpoints(&*fs, dir)?.pop();
        let covered = checkpoint.as_ref().map(|(number, _)| *number);
        let numbers = segment::list(&*fs, dir)?;
        let uncovered = numbers.iter().find(|&&number| covered.is_none_or(|c| number > c));
        let Some(&first) = uncovered else {
            return Err(WalError::corrupt(dir, 0, "no segment after the checkpoint"));
        };
        let live_from = live_from.max(Position {
            segment: first,
            offset: 0,
        });
        let mut past = VecDeque::new();
        if let Some((number, path)) = checkpoint {
            for part in segment::list(&*fs, &path)? {
                past.push_back(Past {
                    segment: number,
                    path: segment::path(&path, part),
                    is_checkpoint: true,
                });
            }
        }
        past.extend((first..live_from.segment).map(|number| Past {
            segment: number,
            path: segment::path(dir, number),
            is_checkpoint: false,
        }));
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            checkpoint: covered,
            past,
            reader: None,
            live_from,
            at: Position {
                segment: live_from.segment,
                offset: 0,
            },
            window: Vec::new(),
            window_from: 0,
            finished_len: None,
            fragments: Vec::new(),
            record: Vec::new(),
        })
    }

    /// Behind the last record that was returned.
    pub fn position(&self) -> Position {
        self.at
    }

    /// The next record before `end`, which is where the log's writer is; `None` when there is none yet.
    ///
    /// # Errors
    /// When a file is missing or damaged. Damage in a finished segment of the past only ends that segment.
    pub fn next(&mut self, end: Position) -> Result<Option<Seen<'_>>, WalError> {
        if let Some(segment) = self.next_past()? {
            return Ok(Some(Seen {
                segment,
                is_live: false,
                record: &self.record,
            }));
        }
        loop {
            if self.at.segment > end.segment {
                return Ok(None);
            }
            let limit = self.limit(end)?;
            match self.step(limit)? {
                Step::Record(next) => {
                    let is_live = self.at >= self.live_from;
                    self.at.offset = next;
                    return Ok(Some(Seen {
                        segment: self.at.segment,
                        is_live,
                        record: &self.record,
                    }));
                }
                Step::End if self.at.segment >= end.segment => return Ok(None),
                Step::End => {
                    self.at = Position {
                        segment: self.at.segment + 1,
                        offset: 0,
                    };
                    self.window.clear();
                    self.finished_len = None;
                }
            }
        }
    }

    /// A checkpoint that was written since the last one was read, if it stands for segments that are done
    /// with: its number and its files. It counts as read from now on.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn newer_checkpoint(&mut self) -> Result<Option<(u32, Vec<PathBuf>)>, WalError> {
        let Some((number, path)) = segment::checkpoints(&*self.fs, &self.dir)?.pop() else {
            return Ok(None);
        };
        if self.checkpoint.is_some_and(|known| number <= known) {
            return Ok(None);
        }
        self.checkpoint = Some(number);
        if number >= self.at.segment {
            return Ok(None);
        }
        let parts = segment::list(&*self.fs, &path)?;
        let files = parts.into_iter().map(|part| segment::path(&path, part));
        Ok(Some((number, files.collect())))
    }

    /// The file system that the log is in.
    pub fn fs(&self) -> Arc<dyn Vfs> {
        Arc::clone(&self.fs)
    }

    /// Puts the next record of the past into `record`; the segment it stands for.
    fn next_past(&mut self) -> Result<Option<u32>, WalError> {
        while let Some(past) = self.past.front() {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                None => self.reader.insert(SegmentReader::open(&*self.fs, &past.path)?),
            };
            match reader.next() {
                Ok(Some(record)) => {
                    self.record.clear();
                    self.record.extend_from_slice(record);
                    return Ok(Some(past.segment));
                }
                Ok(None) => {}
                Err(error) if past.is_checkpoint => return Err(error),
                Err(error) => {
                    let (segment, read) = (past.segment, reader.offset());
                    tracing::warn!(segment, read, err = %error, "Ignoring error reading to end of segment, may have dropped data");
                }
            }
            self.past.pop_front();
            self.reader = None;
        }
        Ok(None)
    }

    /// How far the segment at `at` may be read.
    fn limit(&mut self, end: Position) -> Result<u64, WalError> {
        if self.at.segment >= end.segment {
            return Ok(end.offset);
        }
        if let Some(len) = self.finished_len {
            return Ok(len);
        }
        let path = segment::path(&self.dir, self.at.segment);
        let stat = self.fs.stat(&path).map_err(|error| WalError::io(&path, error))?;
        Ok(*self.finished_len.insert(stat.len))
    }

    /// Reads the record at `at`, passing over zeros.
    fn step(&mut self, limit: u64) -> Result<Step, WalError> {
        self.fragments.clear();
        let mut from = self.at.offset;
        let mut parts = 0;
        loop {
            if from >= limit {
                return Ok(Step::End);
            }
            let page_end = (from / PAGE_BYTES as u64 + 1) * PAGE_BYTES as u64;
            let to = page_end.min(limit);
            if !self.load(from, to, limit)? {
                return Ok(Step::End);
            }
            let start = usize::try_from(from - self.window_from).unwrap_or(usize::MAX);
            let stop = usize::try_from(to - self.window_from).unwrap_or(usize::MAX);
            let rest = self.window.get(start..stop).unwrap_or(&[]);
            let found = match read_fragment(rest) {
                Ok(found) => found,
                // What is cut off by the end is not whole yet.
                Err(_) if page_end > limit && is_cut_off(rest) => return Ok(Step::End),
                Err(reason) => return Err(self.corrupt(reason)),
            };
            if found.kind == Fragment::PageEnd {
                from = page_end;
                if parts == 0 {
                    self.at.offset = from.min(limit);
                }
                continue;
            }
            let begins = matches!(found.kind, Fragment::Full | Fragment::First);
            if begins != (parts == 0) {
                let kind = found.kind;
                return Err(self.corrupt(format!("fragment {kind:?} as number {parts} of a record")));
            }
            parts += 1;
            from += (HEADER_BYTES + found.payload.len()) as u64;
            let (kind, flags) = (found.kind, found.flags);
            self.fragments.extend_from_slice(found.payload);
            if matches!(kind, Fragment::Full | Fragment::Last) {
                if flags & (SNAPPY | ZSTD) == 0 {
                    std::mem::swap(&mut self.record, &mut self.fragments);
                } else {
                    let unpacked = compression::decompress(flags, &self.fragments, &mut self.record);
                    unpacked.map_err(|reason| self.corrupt(reason))?;
                }
                return Ok(Step::Record(from));
            }
        }
    }

    /// Sees to it that the window holds `from .. to` of the segment at `at`, and nothing from `limit` on;
    /// whether the file is that long.
    fn load(&mut self, from: u64, to: u64, limit: u64) -> Result<bool, WalError> {
        let has = |window: &[u8], start: u64| start <= from && to <= start + window.len() as u64;
        if has(&self.window, self.window_from) {
            return Ok(true);
        }
        let path = segment::path(&self.dir, self.at.segment);
        let len = usize::try_from(limit - from).map_or(WINDOW_BYTES, |rest| rest.min(WINDOW_BYTES));
        let read = self.fs.read_at(&path, from, len);
        self.window = read.map_err(|error| WalError::io(&path, error))?;
        self.window_from = from;
        Ok(has(&self.window, from))
    }

    fn corrupt(&self, reason: impl Into<String>) -> WalError {
        let path = segment::path(&self.dir, self.at.segment);
        WalError::corrupt(&path, self.at.offset, reason)
    }
}

/// Whether a fragment goes on behind the bytes that are there.
fn is_cut_off(rest: &[u8]) -> bool {
    match rest {
        [kind, high, low, ..] if Fragment::of(*kind).is_some() => {
            rest.len() < HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => rest.len() < HEADER_BYTES,
    }
}

/// Calls `each` with the ref of every series in a file of a checkpoint.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn series_of(fs: &dyn Vfs, file: &Path, mut each: impl FnMut(u64)) -> Result<(), WalError> {
    let mut reader = SegmentReader::open(fs, file)?;
    let mut before = 0;
    while let Some(record) = reader.next()? {
        if Kind::of(record) == Some(Kind::Series) {
            let decoded = series::decode(record, |id, _| each(id));
            decoded.map_err(|error| WalError::corrupt(file, before, error.to_string()))?;
        }
        before = reader.offset();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
