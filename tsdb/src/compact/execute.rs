//! Several blocks made into one, series by series.
//!
//! All inputs are walked in label order at once; one series' chunks are in memory at a time, plus four bytes
//! a series and a symbol of each input.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::lengthen::lengthen;
use super::merge_chunks::{Bytes, Piece, encoded, merge, samples_of};
use crate::block::{Block, BlockWriter, Intervals, Meta, Tombstones, Ulid};
use crate::chunk::encode::{Chunking, Packer};
use crate::chunk::{ChunkError, Encoding};
use crate::fs::{FileError, Vfs};
use crate::index::{ChunkMeta, IndexReader};
use crate::query::{Cancel, CancelReason};

/// After how many series it is asked whether to go on.
const SERIES_BETWEEN_CHECKS: u64 = 64;

/// What became of a compaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This block stands for the inputs, which may be removed.
    Written(Box<Meta>),
    /// Nothing was left: there is no block, and the inputs are marked as deletable.
    Empty,
}

/// A compaction that failed. No block was written.
#[derive(Debug)]
pub enum CompactError {
    /// A file could not be read, written or understood. Unless it was for want of room, the inputs are marked, so that
    /// they are not tried again.
    File(FileError),
    /// It was told to stop.
    Cancelled(CancelReason),
}

impl fmt::Display for CompactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Cancelled(_) => f.write_str("compaction was cancelled"),
        }
    }
}

impl std::error::Error for CompactError {}

impl From<FileError> for CompactError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<CancelReason> for CompactError {
    fn from(reason: CancelReason) -> Self {
        Self::Cancelled(reason)
    }
}

/// The series of a block that are to be left out, ascending.
pub type UnwantedSeries<'a> = dyn Fn(&Block) -> Result<Vec<u32>, FileError> + 'a;

/// What is to be made of blocks.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The new block's id.
    pub ulid: Ulid,
    /// How long its chunk files may become.
    pub segment_bytes_max: u64,
    /// How float samples are to lie in it. Chunks that are long already stay as they are.
    pub chunking: Chunking,
    /// Which series are to be left out, if any.
    pub unwanted: Option<&'a UnwantedSeries<'a>>,
}

impl fmt::Debug for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("ulid", &self.ulid)
            .field("chunking", &self.chunking)
            .finish_non_exhaustive()
    }
}

/// Writes a block into `data` with the samples of `blocks` that are not deleted.
///
/// # Errors
/// When an input cannot be read, the output cannot be written, or `cancel` is set.
///
/// # Panics
/// When there are no blocks.
pub fn compact(
    fs: &dyn Vfs,
    data: &Path,
    blocks: &[Arc<Block>],
    order: &Order<'_>,
    cancel: &Cancel,
) -> Result<Outcome, CompactError> {
    match write(fs, data, blocks, order, cancel) {
        Ok(Some(meta)) => Ok(Outcome::Written(Box::new(meta))),
        Ok(None) => {
            for block in blocks {
                block.change_meta(fs, |meta| meta.compaction.deletable = true)?;
            }
            Ok(Outcome::Empty)
        }
        // The inputs are good; there was no room for the output.
        Err(CompactError::File(error)) if error.is_no_room() => Err(error.into()),
        Err(CompactError::File(error)) => {
            for block in blocks {
                // What failed first is what the operator needs to know.
                let _also_failed = block.change_meta(fs, |meta| meta.compaction.failed = true);
            }
            Err(error.into())
        }
        Err(cancelled) => Err(cancelled),
    }
}

fn write(
    fs: &dyn Vfs,
    data: &Path,
    blocks: &[Arc<Block>],
    order: &Order<'_>,
    cancel: &Cancel,
) -> Result<Option<Meta>, CompactError> {
    let metas: Vec<Arc<Meta>> = blocks.iter().map(|block| block.meta()).collect();
    let meta = Meta::merged(order.ulid, &metas.iter().map(|meta| &**meta).collect::<Vec<_>>());
    let mut writer = BlockWriter::create(fs, data, meta, order.segment_bytes_max)?;
    let mut packer = match order.chunking {
        Chunking::Plain => None,
        Chunking::Packed { samples } => Some(Packer::new(samples)),
    };
    let indexes: Vec<&IndexReader> = blocks.iter().map(|block| block.index()).collect();
    let symbols = merge_symbols(&indexes, &mut writer)?;
    let mut inputs = Vec::with_capacity(blocks.len());
    for (block, symbols) in blocks.iter().zip(symbols) {
        let unwanted = order.unwanted.map_or_else(|| Ok(Vec::new()), |of| of(block))?;
        inputs.push(Input::new(block, symbols, &unwanted)?);
    }
    let mut written = 0u64;
    let mut labels = Vec::new();
    // Symbols ascend, so that the least labels as numbers are the least as texts.
    while let Some(least) = inputs.iter().filter_map(Input::labels).min() {
        if written.is_multiple_of(SERIES_BETWEEN_CHECKS) {
            cancel.check()?;
        }
        written += 1;
        labels.clear();
        labels.extend_from_slice(least);
        let mut lists = Vec::new();
        for input in inputs.iter_mut().filter(|input| input.labels() == Some(&labels)) {
            lists.push(input.pieces()?);
            input.advance()?;
        }
        let mut pieces = match lists.len() {
            1 => lists.remove(0),
            _ => merge(lists).map_err(|error| explain(error, blocks))?,
        };
        if let Some(packer) = &mut packer {
            pieces = lengthen(pieces, packer).map_err(|error| explain(error, blocks))?;
        }
        writer.add_series_by_symbols(&labels, pieces.iter().map(Piece::to_write))?;
    }
    for block in blocks {
        block.check_whole()?;
    }
    Ok(writer.finish()?)
}

/// A merge that failed, said of the blocks, since it is not known which of the chunks it was.
fn explain(error: ChunkError, blocks: &[Arc<Block>]) -> FileError {
    let dir = blocks.first().map_or(Path::new(""), |block| block.dir());
    FileError::damaged(dir, error.to_string())
}

/// Adds all symbols of all inputs, ascending; returns for each input what its symbols are now.
fn merge_symbols(indexes: &[&IndexReader], writer: &mut BlockWriter<'_>) -> Result<Vec<Vec<u32>>, FileError> {
    let mut streams: Vec<_> = indexes.iter().map(|index| index.symbols().peekable()).collect();
    let mut maps: Vec<Vec<u32>> = indexes
        .iter()
        .map(|index| Vec::with_capacity(index.symbol_count() as usize))
        .collect();
    loop {
        let mut least: Option<&str> = None;
        for stream in &mut streams {
            match stream.peek() {
                Some(Ok(symbol)) => least = Some(least.map_or(*symbol, |least| least.min(symbol))),
                Some(Err(_)) => {
                    if let Some(Err(error)) = stream.next() {
                        return Err(error);
                    }
                }
                None => {}
            }
        }
        let Some(least) = least else {
            return Ok(maps);
        };
        let at = writer.add_symbol(least)?;
        for (stream, map) in streams.iter_mut().zip(&mut maps) {
            if stream
                .next_if(|symbol| matches!(symbol, Ok(symbol) if *symbol == least))
                .is_some()
            {
                map.push(at);
            }
        }
    }
}

/// One block being walked.
struct Input<'a> {
    block: &'a Block,
    /// What the block's symbols are in the output.
    symbols: Vec<u32>,
    tombstones: Arc<Tombstones>,
    series: Vec<u32>,
    /// Where in `series` the walk stands.
    at: usize,
    /// Labels of that series in the output's symbols, and its chunks.
    labels: Vec<(u32, u32)>,
    chunks: Vec<ChunkMeta>,
}

impl<'a> Input<'a> {
    /// All series of `block` but the `unwanted`, which ascend.
    fn new(block: &'a Block, symbols: Vec<u32>, unwanted: &[u32]) -> Result<Self, FileError> {
        let mut input = Self {
            block,
            symbols,
            tombstones: block.tombstones(),
            series: Vec::new(),
            at: 0,
            labels: Vec::new(),
            chunks: Vec::new(),
        };
        block.index().all_postings(&mut input.series)?;
        if !unwanted.is_empty() {
            input
                .series
                .retain(|series| unwanted.binary_search(series).is_err());
        }
        input.load()?;
        Ok(input)
    }

    /// Labels of the series at hand; `None` at the end.
    fn labels(&self) -> Option<&Vec<(u32, u32)>> {
        (self.at < self.series.len()).then_some(&self.labels)
    }

    fn advance(&mut self) -> Result<(), FileError> {
        self.at += 1;
        self.load()
    }

    fn load(&mut self) -> Result<(), FileError> {
        let Some(&series) = self.series.get(self.at) else {
            return Ok(());
        };
        self.labels.clear();
        self.chunks.clear();
        let index = self.block.index();
        index.series(series, &mut self.labels, &mut self.chunks)?;
        for (name, value) in &mut self.labels {
            for symbol in [name, value] {
                *symbol = *self.symbols.get(*symbol as usize).ok_or_else(|| {
                    FileError::damaged(
                        index.path(),
                        format!("series {series} has symbol {symbol}, which is none"),
                    )
                })?;
            }
        }
        Ok(())
    }

    /// The chunks of the series at hand without what is deleted.
    fn pieces(&self) -> Result<Vec<Piece<'a>>, FileError> {
        let deleted = self.tombstones.get(u64::from(self.series[self.at]));
        let mut pieces = Vec::with_capacity(self.chunks.len());
        for chunk in &self.chunks {
            if deleted.is_some_and(|deleted| deleted.cover(chunk.min_ms, chunk.max_ms)) {
                continue;
            }
            let stored = self.stored(chunk)?;
            match deleted.filter(|deleted| deleted.touch(chunk.min_ms, chunk.max_ms)) {
                None => pieces.push(stored),
                Some(deleted) => pieces.extend(self.rewritten(chunk, &stored, deleted)?),
            }
        }
        Ok(pieces)
    }

    fn stored(&self, chunk: &ChunkMeta) -> Result<Piece<'a>, FileError> {
        let segments = self.block.segments();
        let stored = segments.chunk(chunk.at)?;
        let encoding = Encoding::from_u8(stored.encoding).ok_or_else(|| {
            segments.unsupported(chunk.at, format!("chunk encoding {} is unknown", stored.encoding))
        })?;
        Ok(Piece {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding,
            bytes: Bytes::Stored(stored.data),
        })
    }

    /// A chunk without its deleted samples; nothing if none are left, several if a reset shows that did not
    /// before.
    fn rewritten(
        &self,
        chunk: &ChunkMeta,
        stored: &Piece<'_>,
        deleted: &Intervals,
    ) -> Result<Vec<Piece<'static>>, FileError> {
        let segments = self.block.segments();
        let mut samples =
            samples_of(stored).map_err(|error| segments.damaged(chunk.at, error.to_string()))?;
        samples.retain_from(0, |t_ms| !deleted.cover(t_ms, t_ms));
        Ok(encoded(&samples, usize::MAX).collect())
    }
}
