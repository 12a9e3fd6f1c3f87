//! Deleting from the head: a tombstone in the log, then one in memory. Samples go with their chunks.

use std::io;

use super::late::Late;
use super::slab::LOGGED;
use super::{Head, Stats, postings};
use crate::model::Matcher;
use crate::query::Source;
use crate::wal::record::tombstones;
use crate::wal::{Compressed, Compressor};

impl Head {
    /// Deletes samples in `from_ms ..= through_ms` of the series that satisfy `matchers`.
    ///
    /// # Errors
    /// When the log cannot be written; nothing of a lane that failed is deleted.
    pub(crate) fn delete(&self, from_ms: i64, through_ms: i64, matchers: &[Matcher]) -> io::Result<()> {
        let (head_from, head_through) = Source::time_range_ms(self);
        if from_ms > head_through || through_ms < head_from {
            return Ok(());
        }
        for lane in &self.lanes {
            let _writer = lane.writer.lock();
            let mut record = Vec::new();
            tombstones::begin(&mut record);
            let mut buried = Vec::new();
            {
                let data = lane.data.read();
                for ordinal in postings::select(&data.labels, &data.postings, data.count(), matchers) {
                    let in_order = data.first_ms(ordinal);
                    let in_order = in_order.map(|first| (first, data.hot[ordinal].last_t_ms));
                    let late = data.late.get(&ordinal).and_then(Late::range_ms);
                    let both = in_order.into_iter().chain(late);
                    let Some((first, last)) = both.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
                        continue;
                    };
                    // A tombstone covers what is there now, not what comes later.
                    let (from, through) = (from_ms.max(first), through_ms.min(last));
                    if from > through || data.hot[ordinal].flags & LOGGED == 0 {
                        continue;
                    }
                    tombstones::push(&mut record, data.cold[ordinal].series, from, through);
                    buried.push((ordinal, from, through));
                }
            }
            if buried.is_empty() {
                continue;
            }
            let mut compressed = Compressed::default();
            Compressor::new(self.options.compression).compress(&record, &mut compressed)?;
            let bytes = self.wal.lock().append(&[compressed])?;
            Stats::add(&self.stats.wal_bytes, bytes as u64);
            Stats::add(&self.stats.wal_records, 1);
            let mut data = lane.data.write();
            for (ordinal, from, through) in buried {
                data.bury(ordinal, from, through);
            }
        }
        Ok(())
    }
}
