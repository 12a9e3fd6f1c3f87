//! A batch on its way into the log: its series that are not there yet, then its samples, in one write.

use std::io;

use super::{Batch, Verdict};
use crate::head::lane::LaneData;
use crate::head::lookup::Address;
use crate::head::slab::LOGGED;
use crate::head::{Head, Stats};
use crate::wal::record::{samples, series};
use crate::wal::{Compressed, Compressor};

/// Buffers of one commit, used again by the next.
pub(crate) struct Scratch {
    pub(crate) places: Vec<Address>,
    /// Series whose record goes into the log with this batch.
    pub(crate) unlogged: Vec<Address>,
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
        let mut encoder = samples::Encoder::new(&mut self.raw);
        for row in 0..batch.len() {
            if batch.verdict[row] == Verdict::Accepted {
                encoder.push(batch.refs[row].0, batch.row_at_ms(row), batch.bits[row]);
            }
        }
        if !encoder.is_empty() {
            self.finish_record()?;
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
                Err(error)
            }
        }
    }
}

/// Notes that the records of these series are in the log.
pub(crate) fn mark_logged(data: &mut LaneData, ordinal: u32) {
    let hot = &mut data.hot[ordinal];
    hot.flags = LOGGED;
}
