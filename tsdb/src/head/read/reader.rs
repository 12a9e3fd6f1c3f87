//! Reading what was noted down: chunks decoded, trimmed, and merged where they overlap.

use std::fmt;
use std::path::Path;

use hashbrown::HashMap;

use crate::chunk::chain::chain_columns;
use crate::chunk::encode::encode;
use crate::chunk::{Encoding, decode_all};
use crate::fs::FileError;
use crate::head::arena::Slot;
use crate::head::chunk_files::{self, FileMap};
use crate::head::closed::Place;
use crate::head::lane::LaneData;
use crate::head::late::{LateChunk, LatePlace};
use crate::query::budget::Steps;
use crate::query::source::SeriesReader;
use crate::query::{Budget, Charge, Columns, QueryError};

#[derive(Clone, Copy)]
enum At {
    File {
        number: u32,
        offset: u32,
    },
    Copied {
        from: usize,
        len: usize,
        encoding: Encoding,
    },
}

#[derive(Clone, Copy)]
struct Noted {
    min_ms: i64,
    max_ms: i64,
    at: At,
    is_late: bool,
}

/// Samples of the series that one selection found.
pub(crate) struct HeadReader {
    files: FileMap,
    /// What lies before is not the head's any more.
    head_from_ms: i64,
    /// Where each series' chunks end in `chunks`.
    ends: Vec<usize>,
    chunks: Vec<Noted>,
    copied: Vec<u8>,
    tombstones: HashMap<usize, Vec<(i64, i64)>>,
    pub(super) roster_bytes: usize,
    charge: Charge,
}

impl fmt::Debug for HeadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadReader({} series)", self.ends.len())
    }
}

impl HeadReader {
    pub(crate) fn new(files: FileMap, head_from_ms: i64, budget: &Budget) -> Result<Self, QueryError> {
        Ok(Self {
            files,
            head_from_ms,
            ends: Vec::new(),
            chunks: Vec::new(),
            copied: Vec::new(),
            tombstones: HashMap::new(),
            roster_bytes: 0,
            charge: budget.charge(0)?,
        })
    }

    pub(super) fn charge(&mut self) -> Result<(), QueryError> {
        let held = self.roster_bytes
            + self.ends.capacity() * size_of::<usize>()
            + self.chunks.capacity() * size_of::<Noted>()
            + self.copied.capacity();
        Ok(self.charge.resize(held)?)
    }

    pub(crate) fn note(&mut self, row: usize, data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) {
        let first = self.chunks.len();
        let closed = data.closed.list_from(ordinal, data.cold[ordinal].closed, from_ms);
        for (held, chunk) in closed {
            if chunk.min_ms > through_ms {
                continue;
            }
            let at = match chunk.place {
                Place::File { number, offset } => At::File { number, offset },
                Place::Memory(slot, len) => self.copy(data, slot, usize::from(len), chunk.samples),
                Place::Held => match data.closed.held(held) {
                    Some((encoding, bytes)) => self.copy_bytes(encoding, bytes),
                    None => unreachable!("a chunk that is held is in the table"),
                },
            };
            self.chunks.push(Noted {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                at,
                is_late: false,
            });
        }
        self.chunks[first..].reverse();
        let hot = &data.hot[ordinal];
        if let Some(min_ms) = data.open_from_ms(ordinal)
            && min_ms <= through_ms
            && hot.last_t_ms >= from_ms
        {
            let at = match data.histograms.get(&ordinal) {
                Some(open) => {
                    let (encoding, bytes, ..) = open.chunk();
                    self.copy_bytes(encoding, bytes)
                }
                None => self.copy(data, hot.slot, hot.chunk_len(), hot.samples),
            };
            self.chunks.push(Noted {
                min_ms,
                max_ms: hot.last_t_ms,
                at,
                is_late: false,
            });
        }
        self.ends.push(self.chunks.len());
        if let Some(intervals) = data.tombstones.get(&ordinal) {
            self.tombstones.insert(row, intervals.clone());
        }
    }

    /// Notes down what came out of order of the series that was noted last.
    pub(crate) fn note_late(&mut self, data: &LaneData, ordinal: u32, from_ms: i64, through_ms: i64) {
        let Some(late) = data.late.get(&ordinal) else {
            return;
        };
        self.note_late_chunks(&late.closed, from_ms, through_ms);
        for chunk in encode(&late.open_columns(), usize::MAX) {
            if chunk.min_ms <= through_ms && from_ms <= chunk.max_ms {
                let at = self.copy_bytes(chunk.encoding, &chunk.bytes);
                self.push_late(chunk.min_ms, chunk.max_ms, at);
            }
        }
    }

    fn note_late_chunks(&mut self, chunks: &[LateChunk], from_ms: i64, through_ms: i64) {
        for chunk in chunks {
            if chunk.min_ms <= through_ms && from_ms <= chunk.max_ms {
                let at = match &chunk.place {
                    LatePlace::Memory(encoding, bytes) => self.copy_bytes(*encoding, bytes),
                    &LatePlace::File { number, offset } => At::File { number, offset },
                };
                self.push_late(chunk.min_ms, chunk.max_ms, at);
            }
        }
    }

    fn push_late(&mut self, min_ms: i64, max_ms: i64, at: At) {
        self.chunks.push(Noted {
            min_ms,
            max_ms,
            at,
            is_late: true,
        });
        if let Some(end) = self.ends.last_mut() {
            *end = self.chunks.len();
        }
    }

    /// Notes down a series with nothing but what was cut of its samples that came out of order.
    pub(crate) fn note_cut(&mut self, row: usize, data: &LaneData, ordinal: u32, from_ms: i64, to_ms: i64) {
        self.ends.push(self.chunks.len());
        if let Some(late) = data.late.get(&ordinal) {
            self.note_late_chunks(&late.closed[..late.cut], from_ms, to_ms);
        }
        if let Some(intervals) = data.tombstones.get(&ordinal) {
            self.tombstones.insert(row, intervals.clone());
        }
    }

    /// Chunks that overlap, put together as Prometheus does it: in the order of their first times.
    fn read_merged(
        &self,
        series: usize,
        noted: &[Noted],
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let mut order: Vec<&Noted> = noted.iter().collect();
        order.sort_by_key(|noted| (noted.min_ms, noted.is_late));
        let mut runs = Vec::with_capacity(order.len());
        let mut held = Steps::new(self.charge.budget());
        for noted in order {
            let mut run = Columns::default();
            self.read_chunk(noted, from_ms, through_ms, &mut run)?;
            // Once in its run and once put together with the others.
            held.grow(2 * run.bytes_from(0))?;
            runs.push(run);
        }
        let row = into.len();
        chain_columns(&runs.iter().collect::<Vec<_>>(), into);
        self.remove_deleted(series, row, into);
        Ok(())
    }

    fn read_chunk(
        &self,
        noted: &Noted,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let from_ms = match noted.is_late {
            true => from_ms,
            false => from_ms.max(self.head_from_ms),
        };
        if noted.max_ms < from_ms || noted.min_ms > through_ms {
            return Ok(());
        }
        let row = into.len();
        let (encoding, bytes) = self.bytes(noted.at)?;
        let decoded = decode_all(encoding, bytes, into);
        // First, since zeros are no chunk either.
        self.check_whole(noted.at)?;
        decoded.map_err(|error| self.damaged(noted.at, &error.to_string()))?;
        into.trim(row, from_ms, through_ms);
        Ok(())
    }

    fn remove_deleted(&self, series: usize, row: usize, into: &mut Columns) {
        if let Some(intervals) = self.tombstones.get(&series) {
            let is_deleted = |t_ms| intervals.iter().any(|&(from, to)| (from..=to).contains(&t_ms));
            into.retain_from(row, |t_ms| !is_deleted(t_ms));
        }
    }

    /// Forgets all series, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.chunks.clear();
        self.copied.clear();
        self.tombstones.clear();
    }

    fn copy(&mut self, data: &LaneData, slot: Slot, len: usize, samples: u16) -> At {
        let from = self.copied.len();
        data.arena.copy(slot, len, samples, &mut self.copied);
        let encoding = Encoding::Xor;
        At::Copied { from, len, encoding }
    }

    fn copy_bytes(&mut self, encoding: Encoding, bytes: &[u8]) -> At {
        let (from, len) = (self.copied.len(), bytes.len());
        self.copied.extend_from_slice(bytes);
        At::Copied { from, len, encoding }
    }

    fn bytes(&self, at: At) -> Result<(Encoding, &[u8]), QueryError> {
        match at {
            At::Copied { from, len, encoding } => Ok((encoding, &self.copied[from..from + len])),
            At::File { number, offset } => {
                let file: Option<&[u8]> = self.files.get(&number).map(|file| (**file).as_ref());
                let found = file.and_then(|file| chunk_files::data(file, offset));
                if found.is_none() {
                    self.check_whole(at)?;
                }
                found.ok_or_else(|| self.damaged(at, "no whole chunk"))
            }
        }
    }

    /// Whether what was read came from the file.
    fn check_whole(&self, at: At) -> Result<(), QueryError> {
        match at {
            At::File { number, .. } if self.files.get(&number).is_some_and(|file| !file.is_whole()) => {
                let path = chunk_files::path(Path::new("chunks_head"), number);
                Err(FileError::torn(&path).into())
            }
            _ => Ok(()),
        }
    }

    fn damaged(&self, at: At, text: &str) -> QueryError {
        match at {
            At::Copied { .. } => QueryError::storage(text.to_owned()),
            At::File { number, offset } => {
                let path = chunk_files::path(Path::new("chunks_head"), number);
                FileError::damaged_at(&path, u64::from(offset), text).into()
            }
        }
    }
}

impl SeriesReader for HeadReader {
    fn read(
        &self,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        let first = if series == 0 { 0 } else { self.ends[series - 1] };
        let noted = &self.chunks[first..self.ends[series]];
        if noted.iter().any(|noted| noted.is_late) {
            return self.read_merged(series, noted, from_ms, through_ms, into);
        }
        let mut held = Steps::new(self.charge.budget());
        for noted in noted {
            let row = into.len();
            self.read_chunk(noted, from_ms, through_ms, into)?;
            self.remove_deleted(series, row, into);
            held.grow(into.bytes_from(row))?;
        }
        Ok(())
    }
}
