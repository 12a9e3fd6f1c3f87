//! Checkpoints: what is still needed of old segments, so that these can go.
//!
//! `checkpoint.N` stands for all segments up to N. It is made of the checkpoint before it and the segments
//! after that one: series that are still wanted, samples and exemplars not before a time, tombstones reaching
//! beyond it, the last metadata of each series.
//! It is written beside, synced and renamed, so that a checkpoint that has its name is whole.

use std::path::Path;
use std::sync::Arc;

use super::record::{exemplars, histograms, metadata, samples, series, tombstones};
use super::{Compressed, Compression, Compressor, Kind, SegmentReader, WalError, Writer, segment};
use crate::fs::Vfs;
use crate::model::Metadata;

/// How much is gathered before it is written.
const FLUSH_BYTES: usize = 1 << 20;

/// What a checkpoint made of its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Series that stayed.
    pub series: usize,
    /// Series that were dropped.
    pub series_dropped: usize,
    /// Samples that stayed.
    pub samples: usize,
    /// Samples that were dropped.
    pub samples_dropped: usize,
}

impl Counts {
    /// Counts a sample that stays or goes, and says which.
    fn keeps(&mut self, stays: bool) -> bool {
        let counter = match stays {
            true => &mut self.samples,
            false => &mut self.samples_dropped,
        };
        *counter += 1;
        stays
    }
}

/// What decides over staying and going.
pub struct Keep<'a> {
    /// Samples before this go.
    pub from_ms: i64,
    /// Tombstones that end before this go: the time of the earliest sample that the head has, out of order too.
    pub tombstones_from_ms: i64,
    /// Whether a series' record stays.
    pub series: &'a dyn Fn(u64) -> bool,
}

impl std::fmt::Debug for Keep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keep(from {} ms)", self.from_ms)
    }
}

/// Writes the checkpoint that stands for all segments of the log in `dir` up to `last`.
///
/// # Errors
/// When a source is damaged or a file cannot be written; the log is then as it was.
pub fn write(
    fs: &Arc<dyn Vfs>,
    dir: &Path,
    last: u32,
    compression: Compression,
    keep: &Keep<'_>,
) -> Result<Counts, WalError> {
    let name = format!("checkpoint.{last:08}");
    let (unfinished, finished) = (dir.join(format!("{name}.tmp")), dir.join(name));
    if fs.stat(&unfinished).is_ok() {
        fs.remove_dir_all(&unfinished)
            .map_err(|e| WalError::io(&unfinished, e))?;
    }
    let written = write_beside(fs, dir, last, compression, keep, (&unfinished, &finished));
    if written.is_err() {
        // Half of it is of no use and takes room. Should it stay, the next attempt or start removes it.
        let _removed = fs.remove_dir_all(&unfinished);
    }
    written
}

fn write_beside(
    fs: &Arc<dyn Vfs>,
    dir: &Path,
    last: u32,
    compression: Compression,
    keep: &Keep<'_>,
    (unfinished, finished): (&Path, &Path),
) -> Result<Counts, WalError> {
    fs.create_dir_all(unfinished)
        .map_err(|e| WalError::io(unfinished, e))?;
    let mut rewriter = Rewriter::create(fs, unfinished, compression, keep)?;
    let previous = segment::checkpoints(&**fs, dir)?.pop();
    if let Some((_, path)) = &previous {
        for number in segment::list(&**fs, path)? {
            rewriter.segment(&**fs, &segment::path(path, number))?;
        }
    }
    let from = previous.map_or(0, |(number, _)| number + 1);
    for number in segment::list(&**fs, dir)? {
        if (from..=last).contains(&number) {
            rewriter.segment(&**fs, &segment::path(dir, number))?;
        }
    }
    let counts = rewriter.finish(unfinished)?;
    fs.sync_dir(unfinished)
        .and_then(|()| fs.rename(unfinished, finished))
        .and_then(|()| fs.sync_dir(dir))
        .map_err(|e| WalError::io(finished, e))?;
    Ok(counts)
}

/// Removes the segments that a finished checkpoint stands for, and the checkpoints before it.
///
/// # Errors
/// The system's; what is left over does no harm and goes with the next checkpoint.
pub fn remove_covered(fs: &dyn Vfs, dir: &Path, last: u32) -> Result<(), WalError> {
    for number in segment::list(fs, dir)?.into_iter().filter(|&n| n <= last) {
        segment::remove(fs, dir, number)?;
    }
    for (_, path) in segment::checkpoints(fs, dir)?
        .into_iter()
        .filter(|&(n, _)| n < last)
    {
        fs.remove_dir_all(&path).map_err(|e| WalError::io(&path, e))?;
    }
    Ok(())
}

struct Rewriter<'a> {
    keep: &'a Keep<'a>,
    writer: Writer,
    compressor: Compressor,
    raw: Vec<u8>,
    pending: Vec<Compressed>,
    pending_bytes: usize,
    counts: Counts,
    metadata: std::collections::BTreeMap<u64, Metadata>,
    path: std::path::PathBuf,
}

impl<'a> Rewriter<'a> {
    fn create(
        fs: &Arc<dyn Vfs>,
        dir: &Path,
        compression: Compression,
        keep: &'a Keep<'a>,
    ) -> Result<Self, WalError> {
        let writer = Writer::create(Arc::clone(fs), dir, 0, 128 << 20).map_err(|e| WalError::io(dir, e))?;
        Ok(Self {
            keep,
            writer,
            compressor: Compressor::new(compression),
            raw: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
            counts: Counts::default(),
            metadata: std::collections::BTreeMap::new(),
            path: dir.to_owned(),
        })
    }

    fn segment(&mut self, fs: &dyn Vfs, path: &Path) -> Result<(), WalError> {
        let mut reader = SegmentReader::open(fs, path)?;
        let mut before = 0;
        while let Some(record) = reader.next()? {
            let kept = self.record(record);
            let kept = kept.map_err(|reason| WalError::corrupt(path, before, reason.to_string()))?;
            if kept {
                self.queue()?;
            }
            before = reader.offset();
        }
        Ok(())
    }

    /// Fills `raw` with what stays of a record; says whether anything does.
    fn record(&mut self, record: &[u8]) -> Result<bool, crate::encoding::DecodeError> {
        let (keep, counts, raw) = (self.keep, &mut self.counts, &mut self.raw);
        match Kind::of(record) {
            Some(Kind::Series) => {
                series::begin(raw);
                series::decode(record, |id, labels| {
                    if (keep.series)(id) {
                        counts.series += 1;
                        series::push(raw, id, labels.len(), labels.iter().copied());
                    } else {
                        counts.series_dropped += 1;
                    }
                })?;
            }
            Some(Kind::Samples) => {
                let mut encoder = samples::Encoder::new(raw);
                samples::decode(record, |id, t_ms, bits| {
                    if counts.keeps(t_ms >= keep.from_ms) {
                        encoder.push(id, t_ms, bits);
                    }
                })?;
            }
            Some(Kind::Tombstones) => {
                tombstones::begin(raw);
                tombstones::decode(record, |id, from_ms, through_ms| {
                    if through_ms >= keep.tombstones_from_ms && (keep.series)(id) {
                        tombstones::push(raw, id, from_ms, through_ms);
                    }
                })?;
            }
            Some(
                kind @ (Kind::HistogramSamples
                | Kind::FloatHistogramSamples
                | Kind::CustomBucketsHistogramSamples
                | Kind::CustomBucketsFloatHistogramSamples),
            ) => {
                let mut encoder = histograms::Encoder::new(kind, raw);
                histograms::decode(record, |frame, histogram| {
                    if counts.keeps(frame.t_ms >= keep.from_ms) {
                        encoder.push(frame.series, frame.t_ms, &histogram);
                    }
                })?;
            }
            // Their start times would be lost: such a record stays whole as long as any of it is needed.
            Some(kind @ (Kind::SamplesV2 | Kind::HistogramSamplesV2 | Kind::FloatHistogramSamplesV2)) => {
                let mut stays = false;
                let mut see = |t_ms: i64| stays |= counts.keeps(t_ms >= keep.from_ms);
                if kind == Kind::SamplesV2 {
                    samples::decode(record, |_, t_ms, _| see(t_ms))?;
                } else {
                    histograms::decode(record, |frame, _| see(frame.t_ms))?;
                }
                raw.clear();
                raw.extend_from_slice(if stays { record } else { &[] });
            }
            Some(Kind::Exemplars) => {
                let mut encoder = exemplars::Encoder::new(raw);
                exemplars::decode(record, |id, exemplar| {
                    if let Some(t_ms) = exemplar.at_ms.filter(|&t_ms| t_ms >= keep.from_ms) {
                        let labels: Vec<_> = exemplar.labels.iter().collect();
                        encoder.push(id, t_ms, exemplar.value, labels.into_iter());
                    }
                })?;
            }
            // Of each series the last that was said stays, and is written when all is read.
            Some(Kind::Metadata) => {
                let latest = &mut self.metadata;
                metadata::decode(record, |id, said| {
                    if (keep.series)(id) {
                        latest.insert(id, said);
                    }
                })?;
                return Ok(false);
            }
            // Markers are not of this log; others were refused at the opening.
            Some(Kind::MmapMarkers) | None => return Ok(false),
        }
        Ok(raw.len() > 1)
    }

    fn queue(&mut self) -> Result<(), WalError> {
        let mut record = Compressed::default();
        self.compressor
            .compress(&self.raw, &mut record)
            .map_err(|e| WalError::io(&self.path, e))?;
        // The compressor asked for room for what does not become smaller, which may be twenty times as much.
        self.pending_bytes += record.bytes.capacity();
        self.pending.push(record);
        if self.pending_bytes >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WalError> {
        self.writer
            .append(&self.pending)
            .map_err(|e| WalError::io(&self.path, e))?;
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<Counts, WalError> {
        if !self.metadata.is_empty() {
            metadata::begin(&mut self.raw);
            for (&series, said) in &self.metadata {
                metadata::push(&mut self.raw, series, said);
            }
            self.queue()?;
        }
        self.flush()?;
        self.writer
            .begin_sync()
            .and_then(|sync| sync.run())
            .map_err(|e| WalError::io(path, e))?;
        Ok(self.counts)
    }
}

#[cfg(test)]
mod tests;
