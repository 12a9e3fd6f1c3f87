//! Replaying the write-behind log: what came out of order.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashSet;

use super::Replayed;
use crate::fs::Vfs;
use crate::head::chunk_files::Scan;
use crate::head::late::{LateChunk, LatePlace, Value};
use crate::head::lookup::REFS_END;
use crate::head::{HeadOptions, Stats, wbl_dir};
use crate::wal::record::{histograms, markers, samples};
use crate::wal::{Kind, SegmentReader, WalError, Writer, repair, segment};

/// Lets go of chunks that are in blocks since: a chunk's marker goes with the write-behind log's segment when
/// what was out of order by then has been compacted, the chunk itself only with its file.
///
/// Where the log says nothing at all, or not all that it did, every chunk counts.
pub(super) fn forget_compacted(fs: &dyn Vfs, dir: &Path, scan: &mut Scan) -> Result<(), WalError> {
    let numbers = segment::list(fs, dir)?;
    if numbers.is_empty() || scan.late.is_empty() {
        return Ok(());
    }
    let mut marked = HashSet::new();
    for number in numbers {
        let mut reader = SegmentReader::open(fs, &segment::path(dir, number))?;
        loop {
            let Ok(record) = reader.next() else { return Ok(()) };
            let Some(record) = record else { break };
            if Kind::of(record) == Some(Kind::MmapMarkers) {
                let _damaged = markers::decode(record, |_, place| {
                    marked.insert(place);
                });
            }
        }
    }
    scan.late
        .retain(|&(_, file, offset)| marked.contains(&place(file, offset)));
    Ok(())
}

/// A chunk's place, as markers have it.
fn place(file: u32, offset: u32) -> u64 {
    u64::from(file) << 32 | u64::from(offset)
}

impl Replayed {
    /// Reads the write-behind log: what came out of order.
    pub(super) fn read_late_log(&mut self, fs: &dyn Vfs, dir: &Path) -> Result<(), WalError> {
        for number in segment::list(fs, dir)? {
            self.last_late_segment = Some(number);
            match self.read_late_segment(fs, &segment::path(dir, number)) {
                Ok(()) => {}
                Err(error) if error.is_corruption() => {
                    self.late_damage = Some((number, error));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_late_segment(&mut self, fs: &dyn Vfs, path: &Path) -> Result<(), WalError> {
        let mut reader = SegmentReader::open(fs, path)?;
        let mut before = 0;
        while let Some(record) = reader.next()? {
            let applied = match Kind::of(record) {
                Some(Kind::Samples | Kind::SamplesV2) => {
                    let mut found = Vec::new();
                    samples::decode(record, |id, t_ms, bits| {
                        found.push((id, t_ms, Value::Float(bits)))
                    })
                    .map(|()| self.apply_late(found))
                }
                Some(
                    Kind::HistogramSamples
                    | Kind::FloatHistogramSamples
                    | Kind::CustomBucketsHistogramSamples
                    | Kind::CustomBucketsFloatHistogramSamples
                    | Kind::HistogramSamplesV2
                    | Kind::FloatHistogramSamplesV2,
                ) => {
                    let mut found = Vec::new();
                    let decoded = histograms::decode(record, |at, histogram| {
                        found.push((at.series, at.t_ms, Value::Histogram(Box::new(histogram))));
                    });
                    decoded.map(|()| self.apply_late(found))
                }
                Some(Kind::MmapMarkers) => {
                    let mut found = Vec::new();
                    markers::decode(record, |id, place| found.push((id, place)))
                        .map(|()| self.apply_markers(&found))
                }
                // A list without entries says nothing, whatever it is a list of.
                _ if record.len() <= 1 => Ok(()),
                _ => {
                    let what = format!("a record of kind {}, which does not belong here", record[0]);
                    return Err(WalError::foreign(path, before, what));
                }
            };
            applied.map_err(|reason| WalError::corrupt(path, before, reason.to_string()))?;
            before = reader.offset();
        }
        Ok(())
    }

    fn apply_late(&mut self, found: Vec<(u64, i64, Value)>) {
        for (number, t_ms, value) in found {
            match self.locate(number) {
                Some((lane, ordinal)) => {
                    lane.data.insert_late(ordinal, t_ms, value);
                    lane.late_min_ms = lane.late_min_ms.min(t_ms);
                }
                None => {
                    if number < REFS_END {
                        self.gather.last_ref = self.gather.last_ref.max(number);
                    }
                    *self.stats.replay_unknown_series.get_mut() += 1;
                }
            }
        }
    }

    /// What lies before a marker is in a chunk, if that chunk was found.
    fn apply_markers(&mut self, found: &[(u64, u64)]) {
        for &(number, at) in found {
            // A later chunk may be in its place, or behind it, after the file was damaged and rebuilt.
            let is_there = |chunk: &LateChunk| match chunk.place {
                LatePlace::File { number, offset } => place(number, offset) == at,
                LatePlace::Memory(..) => false,
            };
            if let Some((lane, ordinal)) = self.locate(number)
                && let Some(late) = lane.data.late.get_mut(&ordinal)
                && late.closed.iter().any(is_there)
            {
                late.forget_open();
            }
        }
    }

    /// The write-behind log, if there is a window, or something in it already.
    pub(super) fn open_late_log(
        &self,
        fs: &Arc<dyn Vfs>,
        dir: &Path,
        options: &HeadOptions,
        quarantine: &Path,
    ) -> Result<Option<Writer>, WalError> {
        let dir = wbl_dir(dir);
        if options.window_ms == 0 && self.last_late_segment.is_none() {
            return Ok(None);
        }
        fs.create_dir_all(&dir).map_err(|e| WalError::io(&dir, e))?;
        if let Some((number, error)) = &self.late_damage {
            let aside = repair::repair(&**fs, &dir, *number, error.offset(), quarantine)?;
            tracing::warn!(%error, kept = ?aside, "Encountered WBL read error, repaired; what was cut off is kept");
            Stats::add(&self.stats.wal_corruptions, 1);
        }
        let number = self.last_late_segment.map_or(0, |last| last + 1);
        Writer::create(Arc::clone(fs), &dir, number, options.segment_bytes)
            .map(Some)
            .map_err(|e| WalError::io(&dir, e))
    }
}
