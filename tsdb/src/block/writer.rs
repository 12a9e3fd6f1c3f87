//! Writing a block: whole or not at all.
//!
//! ```text
//! ULID.tmp-for-creation/   chunks, index          each synced when done
//!                          meta.json, tombstones  each synced and renamed
//!                          directory synced
//! ULID/                    renamed, data directory synced
//! ```
//!
//! Symbols come first (all that series will need, more do no harm), then series in label order. What goes
//! wrong leaves nothing behind but, after a power cut, a directory that the next start removes.

use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use hashbrown::HashTable;

use super::{Meta, Stats, Tombstones, filenames};
use crate::chunk::Encoding;
use crate::chunk::segment::SegmentWriter;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};
use crate::index::{ChunkMeta, IndexWriter};

/// A chunk to be stored.
#[derive(Clone, Copy, Debug)]
pub struct ChunkToWrite<'a> {
    /// Time of its first sample.
    pub min_ms: i64,
    /// Time of its last sample, itself included.
    pub max_ms: i64,
    /// How `bytes` are to be read.
    pub encoding: Encoding,
    /// The chunk.
    pub bytes: &'a [u8],
}

impl ChunkToWrite<'_> {
    /// How many samples the chunk says it holds.
    fn samples(&self) -> Option<u64> {
        let count = u16::from_be_bytes(*self.bytes.first_chunk()?);
        Some(u64::from(match self.encoding {
            // The two bits above are the counter-reset hint.
            Encoding::HistogramSt | Encoding::FloatHistogramSt => count & 0x3fff,
            _ => count,
        }))
    }
}

/// A block being written.
#[derive(Debug)]
pub struct BlockWriter<'a> {
    fs: &'a dyn Vfs,
    beside: Beside<'a>,
    data: PathBuf,
    meta: Meta,
    stats: Stats,
    index: IndexWriter<'a>,
    segments: SegmentWriter<'a>,
    words: Option<Words>,
    labels: Vec<(u32, u32)>,
    chunks: Vec<ChunkMeta>,
}

/// The directory beside the block's place, removed again unless it was renamed.
#[derive(Debug)]
struct Beside<'a> {
    fs: &'a dyn Vfs,
    path: PathBuf,
    keep: bool,
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.keep {
            // Should it stay, the next start removes it.
            let _removed = self.fs.remove_dir_all(&self.path);
        }
    }
}

impl<'a> BlockWriter<'a> {
    /// Begins the block that `meta` describes, in the data directory `data`.
    ///
    /// # Errors
    /// The system's.
    pub fn create(
        fs: &'a dyn Vfs,
        data: &Path,
        meta: Meta,
        segment_bytes_max: u64,
    ) -> Result<Self, FileError> {
        let path = data.join(format!("{}{}", meta.ulid, filenames::BEING_CREATED));
        if fs.stat(&path).is_ok() {
            fs.remove_dir_all(&path).at(&path)?;
        }
        fs.create_dir_all(&path).at(&path)?;
        let beside = Beside {
            fs,
            path,
            keep: false,
        };
        let index = IndexWriter::create(fs, &beside.path.join(filenames::INDEX))?;
        let chunks = beside.path.join(filenames::CHUNKS);
        let segments = SegmentWriter::create(fs, &chunks, segment_bytes_max)?;
        Ok(Self {
            fs,
            beside,
            data: data.to_owned(),
            meta,
            stats: Stats::default(),
            index,
            segments,
            words: None,
            labels: Vec::new(),
            chunks: Vec::new(),
        })
    }

    /// Adds a symbol and says its position. All come before the first series, strictly ascending.
    ///
    /// # Errors
    /// The system's, or when the order is broken.
    pub fn add_symbol(&mut self, symbol: &str) -> Result<u32, FileError> {
        self.index.add_symbol(symbol)
    }

    /// Adds a series, whose labels are sorted by name and among the symbols. Series come in label order. One
    /// without chunks is left out.
    ///
    /// # Errors
    /// The system's, or when an order is broken or a symbol was not added.
    pub fn add_series<'l, 'c>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        chunks: impl IntoIterator<Item = ChunkToWrite<'c>>,
    ) -> Result<(), FileError> {
        if self.words.is_none() {
            self.index.finish_symbols()?;
            self.words = Some(Words::of(&self.index)?);
        }
        let mut found = std::mem::take(&mut self.labels);
        found.clear();
        for (name, value) in labels {
            found.push((self.word(name)?, self.word(value)?));
        }
        let added = self.add_series_by_symbols(&found, chunks);
        self.labels = found;
        added
    }

    fn word(&self, text: &str) -> Result<u32, FileError> {
        let found = self
            .words
            .as_ref()
            .and_then(|words| words.find(&self.index, text));
        found.ok_or_else(|| {
            let text = format!("label text {text:?} was not added as a symbol");
            FileError::io(
                &self.beside.path.join(filenames::INDEX),
                std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
            )
        })
    }

    /// As [`Self::add_series`], the labels as positions that [`Self::add_symbol`] gave.
    ///
    /// # Errors
    /// As [`Self::add_series`].
    pub fn add_series_by_symbols<'c>(
        &mut self,
        labels: &[(u32, u32)],
        chunks: impl IntoIterator<Item = ChunkToWrite<'c>>,
    ) -> Result<(), FileError> {
        self.chunks.clear();
        for chunk in chunks {
            let Some(samples) = chunk.samples() else {
                let path = self.beside.path.join(filenames::CHUNKS);
                return Err(FileError::damaged(
                    &path,
                    "chunk to write is shorter than its header",
                ));
            };
            self.stats.num_chunks += 1;
            self.stats.num_samples += samples;
            match chunk.encoding {
                Encoding::Xor | Encoding::Xor2 => self.stats.num_float_samples += samples,
                _ => self.stats.num_histogram_samples += samples,
            }
            self.chunks.push(ChunkMeta {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                at: self.segments.write(chunk.encoding.as_u8(), chunk.bytes)?,
            });
        }
        if self.chunks.is_empty() {
            return Ok(());
        }
        self.stats.num_series += 1;
        self.index.add_series(labels, &self.chunks).map(|_| ())
    }

    /// How much was added so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Makes the block appear. `None` if there is nothing in it: then there is no block.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<Option<Meta>, FileError> {
        self.segments.finish()?;
        self.index.finish()?;
        if self.stats.num_samples == 0 {
            return Ok(None);
        }
        self.meta.stats = self.stats;
        let beside = &self.beside.path;
        self.meta.write(self.fs, beside)?;
        Tombstones::new().write(self.fs, beside)?;
        self.fs.sync_dir(beside).at(beside)?;
        let place = self.data.join(self.meta.ulid.to_string());
        self.fs.rename(beside, &place).at(&place)?;
        self.beside.keep = true;
        self.fs.sync_dir(&self.data).at(&self.data)?;
        Ok(Some(self.meta))
    }
}

/// Positions of symbols by their text.
struct Words {
    by_text: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.by_text.len())
    }
}

impl Words {
    fn of(index: &IndexWriter<'_>) -> Result<Self, FileError> {
        let hasher = foldhash::fast::RandomState::default();
        let mut by_text = HashTable::with_capacity(index.symbol_count() as usize);
        for (at, text) in (0..).zip(index.symbols()) {
            // The capacity suffices, so that nothing is hashed again.
            by_text.insert_unique(hasher.hash_one(text?), at, |_| 0);
        }
        Ok(Self { by_text, hasher })
    }

    fn find(&self, index: &IndexWriter<'_>, text: &str) -> Option<u32> {
        let same = |at: &u32| index.symbol(*at).is_ok_and(|symbol| symbol == text);
        self.by_text.find(self.hasher.hash_one(text), same).copied()
    }
}
