//! Samples that came out of order: of few series, so that they stand in a table beside the hot records.
//!
//! ```text
//! sample ─▶ open: at most 32, sorted ─ full ─▶ closed: chunks ─ flush ─▶ chunks_head, marked out of order
//!    └ write-behind log, after memory                    └ marker, and the open samples once more
//! ```
//!
//! A marker says that all which the log held of a series is in chunks_head. It is written with the chunks, while
//! the series may have open samples again; those are logged a second time behind it, so that a replay, by
//! Prometheus too, has them after it dropped what the marker covers.

use std::io;

use super::chunk_files::{ChunkFiles, ToWrite};
use super::lane::{Lane, LaneData};
use super::{Head, Stats};
use crate::chunk::Encoding;
use crate::chunk::encode::encode;
use crate::model::{Columns, Histogram};
use crate::wal::record::{histograms, markers, samples};
use crate::wal::{Compressed, Compressor, Kind};

/// How many samples are gathered before they become a chunk (Prometheus' `DefaultOutOfOrderCapMax`).
const OPEN_SAMPLES_MAX: usize = 32;

/// The samples of one series that came out of order.
#[derive(Default)]
pub(crate) struct Late {
    /// Sorted; no time twice.
    open: Vec<(i64, Value)>,
    pub(crate) closed: Vec<LateChunk>,
    /// How many of the closed chunks are being compacted.
    pub(crate) cut: usize,
}

/// The value of a sample.
#[derive(Clone)]
pub(crate) enum Value {
    /// A float, as bits.
    Float(u64),
    Histogram(Box<Histogram>),
}

/// A chunk of samples that came out of order. It may overlap any other.
pub(crate) struct LateChunk {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) place: LatePlace,
}

pub(crate) enum LatePlace {
    Memory(Encoding, Vec<u8>),
    File { number: u32, offset: u32 },
}

impl Late {
    /// Inserts a sample; says whether there was none of its time among those that are open.
    pub(crate) fn insert(&mut self, t_ms: i64, value: Value) -> bool {
        if self.open.len() >= OPEN_SAMPLES_MAX {
            self.close();
        }
        let at = self.open.partition_point(|sample| sample.0 < t_ms);
        if self.open.get(at).is_some_and(|sample| sample.0 == t_ms) {
            return false;
        }
        self.open.insert(at, (t_ms, value));
        true
    }

    /// Turns the open samples into chunks.
    pub(crate) fn close(&mut self) {
        let columns = self.open_columns();
        self.open.clear();
        let chunks = encode(&columns, usize::MAX);
        self.closed.extend(chunks.into_iter().map(|chunk| LateChunk {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            place: LatePlace::Memory(chunk.encoding, chunk.bytes),
        }));
    }

    /// Forgets the open samples, which are in a chunk.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }

    /// The open samples.
    pub(crate) fn open_columns(&self) -> Columns {
        let mut columns = Columns::default();
        for (t_ms, value) in &self.open {
            match value {
                Value::Float(bits) => columns.push(*t_ms, f64::from_bits(*bits)),
                Value::Histogram(histogram) => columns.push_histogram(*t_ms, (**histogram).clone()),
            }
        }
        columns
    }

    /// Whether no sample is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    fn has_unwritten(&self) -> bool {
        let in_memory = |chunk: &LateChunk| matches!(chunk.place, LatePlace::Memory(..));
        self.closed.iter().any(in_memory)
    }

    /// Times of the earliest and latest sample.
    pub(crate) fn range_ms(&self) -> Option<(i64, i64)> {
        let open = self.open.first().zip(self.open.last());
        let open = open.map(|(first, last)| (first.0, last.0));
        let closed = self.closed.iter().map(|chunk| (chunk.min_ms, chunk.max_ms));
        closed.chain(open).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Whether a chunk overlaps the range.
    pub(crate) fn touches(&self, from_ms: i64, through_ms: i64) -> bool {
        let touches = |first: i64, last: i64| first <= through_ms && from_ms <= last;
        let open = self.open.first().zip(self.open.last());
        open.is_some_and(|(first, last)| touches(first.0, last.0))
            || self
                .closed
                .iter()
                .any(|chunk| touches(chunk.min_ms, chunk.max_ms))
    }
}

impl LaneData {
    /// Stores a sample that came out of order; says whether its time is new among those that are open.
    pub(crate) fn insert_late(&mut self, ordinal: u32, t_ms: i64, value: Value) -> bool {
        self.late.entry(ordinal).or_default().insert(t_ms, value)
    }
}

/// Samples on their way into the write-behind log, in order.
#[derive(Default)]
pub(crate) struct LateRecords {
    samples: Vec<(u64, i64, Value)>,
}

impl LateRecords {
    pub(crate) fn push(&mut self, series: u64, t_ms: i64, value: Value) {
        self.samples.push((series, t_ms, value));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The records of all samples.
    fn encode(&self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let mut raw = Vec::new();
        let mut floats = samples::Encoder::new(&mut raw);
        for (series, t_ms, value) in &self.samples {
            if let Value::Float(bits) = value {
                floats.push(*series, *t_ms, *bits);
            }
        }
        if !floats.is_empty() {
            records.push(std::mem::take(&mut raw));
        }
        for kind in [
            Kind::HistogramSamples,
            Kind::CustomBucketsHistogramSamples,
            Kind::FloatHistogramSamples,
            Kind::CustomBucketsFloatHistogramSamples,
        ] {
            let mut encoder = histograms::Encoder::new(kind, &mut raw);
            for (series, t_ms, value) in &self.samples {
                if let Value::Histogram(histogram) = value
                    && histograms::kind_of(histogram) == kind
                {
                    encoder.push(*series, *t_ms, histogram);
                }
            }
            if !encoder.is_empty() {
                records.push(std::mem::take(&mut raw));
            }
        }
        records
    }
}

impl Head {
    /// Logs samples that came out of order and are in memory. Where that fails, nothing is acknowledged any more
    /// before they are logged.
    pub(crate) fn log_late(&self, mut late: LateRecords) -> io::Result<()> {
        let logged = self.append_to_wbl(late.encode());
        if let Err(error) = &logged {
            Stats::add(&self.stats.wbl_writes_failed, 1);
            self.gate.note_failure(error);
            self.late_owed.lock().samples.append(&mut late.samples);
        }
        logged
    }

    /// Logs what could not be logged before.
    pub(crate) fn log_owed(&self) -> io::Result<()> {
        let mut owed = self.late_owed.lock();
        if owed.is_empty() {
            return Ok(());
        }
        let logged = self.append_to_wbl(owed.encode());
        match &logged {
            Ok(()) => owed.samples = Vec::new(),
            Err(error) => self.gate.note_failure(error),
        }
        logged
    }

    fn append_to_wbl(&self, records: Vec<Vec<u8>>) -> io::Result<()> {
        let mut compressor = Compressor::new(self.options.compression);
        let mut compressed = Vec::with_capacity(records.len());
        for record in &records {
            let mut into = Compressed::default();
            compressor.compress(record, &mut into)?;
            compressed.push(into);
        }
        match &mut *self.wbl.lock() {
            Some(writer) => writer.append(&compressed).map(|_| ()),
            None => Err(io::Error::other("there is no write-behind log")),
        }
    }

    /// Writes the closed chunks of a lane that came out of order to chunks_head; returns how many they were.
    pub(super) fn flush_late(&self, lane: &Lane, files: &mut ChunkFiles) -> io::Result<usize> {
        // Nothing comes in between the chunks and what is logged with them.
        let _writer = lane.writer.lock();
        let (mut to_write, mut bytes, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let mut again = LateRecords::default();
        {
            let data = lane.data.read();
            for (&ordinal, late) in data.late.iter().filter(|(_, late)| late.has_unwritten()) {
                let series = data.cold[ordinal].series;
                for (at, chunk) in late.closed.iter().enumerate() {
                    let LatePlace::Memory(encoding, stored) = &chunk.place else {
                        continue;
                    };
                    let from = bytes.len();
                    bytes.extend_from_slice(stored);
                    to_write.push(ToWrite {
                        series,
                        min_ms: chunk.min_ms,
                        max_ms: chunk.max_ms,
                        encoding: *encoding,
                        is_late: true,
                        bytes: from..bytes.len(),
                    });
                    owners.push((ordinal, at, series));
                }
                for (t_ms, value) in &late.open {
                    again.push(series, *t_ms, value.clone());
                }
            }
        }
        if to_write.is_empty() {
            return Ok(0);
        }
        let places = files.write(&to_write, &bytes)?;
        let first = places.first().map_or(0, |place| place.0);
        let mapped = files.map_from(&self.files.read(), first)?;
        *self.files.write() = mapped;
        let mut data = lane.data.write();
        let mut record = Vec::new();
        markers::begin(&mut record);
        for (&(ordinal, at, series), &(number, offset)) in owners.iter().zip(&places) {
            if let Some(late) = data.late.get_mut(&ordinal) {
                late.closed[at].place = LatePlace::File { number, offset };
            }
            markers::push(&mut record, series, u64::from(number) << 32 | u64::from(offset));
        }
        drop(data);
        let mut records = vec![record];
        records.extend(again.encode());
        // Their open samples may be among what was not logged yet, but everything closed is in a file now.
        self.append_to_wbl(records)?;
        Stats::add(&self.stats.chunks_mapped, to_write.len() as u64);
        Ok(to_write.len())
    }

    /// Closes all open samples that came out of order and begins a new segment of their log: what is closed now
    /// can become blocks. Returns the range of its times and the last segment that it takes along.
    pub(crate) fn cut_late(&self) -> io::Result<Option<(i64, i64, u32)>> {
        let _writers: Vec<_> = self.lanes.iter().map(|lane| lane.writer.lock()).collect();
        let Some(wbl) = &mut *self.wbl.lock() else {
            return Ok(None);
        };
        let mut range_ms = None::<(i64, i64)>;
        for lane in &self.lanes {
            let data = &mut *lane.data.write();
            for late in data.late.values_mut() {
                late.close();
                late.cut = late.closed.len();
                if let Some((from, through)) = late.range_ms() {
                    let (min, max) = range_ms.unwrap_or((from, through));
                    range_ms = Some((min.min(from), max.max(through)));
                }
            }
        }
        let Some((from_ms, through_ms)) = range_ms else {
            return Ok(None);
        };
        let last = wbl.segment();
        wbl.next_segment()?;
        Ok(Some((from_ms, through_ms, last)))
    }

    /// Forgets what was cut, since it is in blocks.
    pub(crate) fn forget_cut(&self) {
        let (mut left_from_ms, mut left_through_ms) = (i64::MAX, i64::MIN);
        for lane in &self.lanes {
            let _writer = lane.writer.lock();
            let data = &mut *lane.data.write();
            data.late.retain(|_, late| {
                late.closed.drain(..late.cut);
                late.cut = 0;
                if let Some((from, through)) = late.range_ms() {
                    left_from_ms = left_from_ms.min(from);
                    left_through_ms = left_through_ms.max(through);
                }
                !late.is_empty()
            });
        }
        let order = std::sync::atomic::Ordering::Release;
        self.late_min_ms.store(left_from_ms, order);
        self.late_max_ms.store(left_through_ms, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_sorted_and_a_time_is_taken_once() {
        let mut late = Late::default();
        for t in [5, 3, 9, 3] {
            assert_eq!(late.insert(t, Value::Float(0)), t != 3 || late.open.len() < 3);
        }
        assert_eq!(late.open_columns().t_ms, [3, 5, 9]);
        assert_eq!(late.range_ms(), Some((3, 9)));
    }

    #[test]
    fn thirty_two_samples_become_a_chunk_when_another_comes() {
        let mut late = Late::default();
        for t in 0..33 {
            late.insert(100 - t, Value::Float(0));
        }
        assert_eq!((late.open.len(), late.closed.len()), (1, 1));
        assert_eq!((late.closed[0].min_ms, late.closed[0].max_ms), (69, 100));
        assert!(late.touches(0, 68) && late.touches(70, 70) && !late.touches(0, 67));
    }
}
