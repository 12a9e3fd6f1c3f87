//! A batch on its way into the log: its series that are not there yet, then its samples, in one write.

use std::io;
use std::ops::Range;

use hashbrown::HashMap;

use super::beside::Judged;
use super::{Batch, SeriesRef, Verdict};
use crate::head::lane::LaneData;
use crate::head::lookup::Address;
use crate::head::slab::LOGGED;
use crate::head::{Head, Stats};
use crate::model::Histogram;
use crate::wal::record::{histograms, samples, series};
use crate::wal::{Compressed, Compressor, Kind};

/// Buffers of one commit, used again by the next.
pub(crate) struct Scratch {
    pub(crate) places: Vec<Address>,
    /// Series whose record goes into the log with this batch.
    pub(crate) unlogged: Vec<Address>,
    /// Floats that are staleness markers of histogram series, as histograms.
    pub(crate) stale: Vec<(u32, Histogram)>,
    raw: Vec<u8>,
    records: Vec<Compressed>,
    used: usize,
    compressor: Compressor,
}

impl Scratch {
    fn new(head: &Head) -> Self {
        Self {
            places: Vec::new(),
            unlogged: Vec::new(),
            stale: Vec::new(),
            raw: Vec::new(),
            records: Vec::new(),
            used: 0,
            compressor: Compressor::new(head.options.compression),
        }
    }

    /// Takes buffers from the head's stock.
    pub(crate) fn take(head: &Head) -> Self {
        let mut scratch = head.scratch.lock().pop().unwrap_or_else(|| Self::new(head));
        scratch.used = 0;
        scratch.unlogged.clear();
        scratch.stale.clear();
        scratch
    }

    /// Puts buffers back; those of an uncommonly large batch are let go.
    pub(crate) fn put_back(self, head: &Head) {
        const KEPT_BYTES_MAX: usize = 1 << 20;
        let held: usize =
            self.raw.capacity() + self.records.iter().map(|r| r.bytes.capacity()).sum::<usize>();
        let mut stock = head.scratch.lock();
        if held <= KEPT_BYTES_MAX && stock.len() < 8 {
            stock.push(self);
        }
    }

    /// Encodes the records of a batch whose rows are judged. `lane` gives the data of a locked lane.
    pub(crate) fn encode<'a>(
        &mut self,
        batch: &Batch,
        judged: &Judged,
        lane: impl Fn(usize) -> Option<&'a LaneData>,
    ) -> io::Result<()> {
        if !self.unlogged.is_empty() {
            self.unlogged.sort_unstable();
            self.unlogged.dedup();
            series::begin(&mut self.raw);
            for &place in &self.unlogged {
                let Some(data) = lane(place.lane()) else { continue };
                let cold = &data.cold[place.ordinal()];
                let count = data.labels.run(cold.labels_at).len();
                series::push(
                    &mut self.raw,
                    cold.series,
                    count,
                    data.labels.labels(cold.labels_at),
                );
            }
            self.finish_record()?;
        }
        if judged.encode_metadata(batch, &mut self.raw) {
            self.finish_record()?;
        }
        if batch.histograms.is_empty() {
            self.encode_floats(batch, 0..batch.len())?;
        } else {
            for run in clean_runs(batch) {
                self.encode_floats(batch, run.clone())?;
                self.encode_histograms(batch, run)?;
            }
        }
        if judged.encode_exemplars(&mut self.raw) {
            self.finish_record()?;
        }
        Ok(())
    }

    fn encode_floats(&mut self, batch: &Batch, rows: Range<usize>) -> io::Result<()> {
        let mut encoder = samples::Encoder::new(&mut self.raw);
        let mut histograms = batch.histograms_of(&rows).iter().peekable();
        for row in rows {
            let is_float = histograms.next_if(|(at, _)| *at as usize == row).is_none();
            if is_float && batch.verdict[row] == Verdict::Accepted {
                encoder.push(batch.refs[row].0, batch.row_at_ms(row), batch.bits[row]);
            }
        }
        if !encoder.is_empty() {
            self.finish_record()?;
        }
        Ok(())
    }

    fn encode_histograms(&mut self, batch: &Batch, rows: Range<usize>) -> io::Result<()> {
        for kind in [
            Kind::HistogramSamples,
            Kind::CustomBucketsHistogramSamples,
            Kind::FloatHistogramSamples,
            Kind::CustomBucketsFloatHistogramSamples,
        ] {
            let mut encoder = histograms::Encoder::new(kind, &mut self.raw);
            for (row, histogram) in batch.histograms_of(&rows) {
                let row = *row as usize;
                if batch.verdict[row] == Verdict::Accepted && histograms::kind_of(histogram) == kind {
                    encoder.push(batch.refs[row].0, batch.row_at_ms(row), histogram);
                }
            }
            if !encoder.is_empty() {
                self.finish_record()?;
            }
        }
        Ok(())
    }

    fn finish_record(&mut self) -> io::Result<()> {
        if self.records.len() == self.used {
            self.records.push(Compressed::default());
        }
        self.compressor
            .compress(&self.raw, &mut self.records[self.used])?;
        self.used += 1;
        Ok(())
    }

    /// Writes what was encoded.
    pub(crate) fn write(&self, head: &Head) -> io::Result<()> {
        if self.used == 0 {
            return Ok(());
        }
        let stats = &head.stats;
        let written = head.wal.lock().append(&self.records[..self.used]);
        match written {
            Ok(bytes) => {
                Stats::add(&stats.wal_bytes, bytes as u64);
                Stats::add(&stats.wal_records, self.used as u64);
                Stats::add(&stats.wal_page_flushes, 1);
                Ok(())
            }
            Err(error) => {
                Stats::add(&stats.wal_writes_failed, 1);
                head.gate.note_failure(&error);
                Err(error)
            }
        }
    }
}

/// Runs of rows in which no series has samples of several kinds: each kind has records of its own, and a replay
/// must meet a series' samples in their order.
fn clean_runs(batch: &Batch) -> Vec<Range<usize>> {
    let mut kinds: HashMap<SeriesRef, Kind> = HashMap::new();
    let (mut runs, mut from) = (Vec::new(), 0);
    let mut histograms = batch.histograms.iter().peekable();
    for (row, &series) in batch.refs.iter().enumerate() {
        let histogram = histograms.next_if(|(at, _)| *at as usize == row);
        let kind = histogram.map_or(Kind::Samples, |(_, histogram)| histograms::kind_of(histogram));
        if kinds.insert(series, kind).is_some_and(|before| before != kind) {
            runs.push(from..row);
            from = row;
            kinds.clear();
            kinds.insert(series, kind);
        }
    }
    runs.push(from..batch.len());
    runs
}

/// Notes that the records of these series are in the log.
pub(crate) fn mark_logged(data: &mut LaneData, ordinal: u32) {
    let hot = &mut data.hot[ordinal];
    hot.flags = LOGGED;
}
