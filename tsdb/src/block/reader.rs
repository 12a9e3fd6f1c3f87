//! An open block: its files mapped, its tombstones in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::{Interval, Meta, Tombstones, filenames};
use crate::chunk::segment::Segments;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};
use crate::index::IndexReader;
use crate::model::{Labels, Matcher};
use crate::postings::matching;

/// A block open for reading. Samples never change; only [`Self::delete`] changes what is seen of them.
#[derive(Debug)]
pub struct Block {
    dir: PathBuf,
    index: IndexReader,
    segments: Segments,
    changing: RwLock<Changing>,
}

/// What a deletion changes.
#[derive(Debug)]
struct Changing {
    meta: Arc<Meta>,
    tombstones: Arc<Tombstones>,
    /// Bytes of the two files that change.
    bytes: u64,
}

impl Block {
    /// Opens the block in the directory `dir`.
    ///
    /// # Errors
    /// When a file is missing, unreadable, damaged, or of a version that is not known.
    pub fn open(fs: &dyn Vfs, dir: &Path) -> Result<Self, FileError> {
        Self::open_with(fs, dir, Tombstones::read(fs, dir)?)
    }

    /// Opens the block in the directory `dir`, of which `tombstones` are deleted, whatever its file says.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_with(fs: &dyn Vfs, dir: &Path, tombstones: Tombstones) -> Result<Self, FileError> {
        let changing = Changing {
            meta: Arc::new(Meta::read(fs, dir)?),
            tombstones: Arc::new(tombstones),
            bytes: changing_bytes(fs, dir)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            index: IndexReader::open(fs, &dir.join(filenames::INDEX))?,
            segments: Segments::open(fs, &dir.join(filenames::CHUNKS))?,
            changing: RwLock::new(changing),
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its `meta.json`.
    pub fn meta(&self) -> Arc<Meta> {
        Arc::clone(&self.changing.read().meta)
    }

    /// Its index.
    pub fn index(&self) -> &IndexReader {
        &self.index
    }

    /// Its chunk files.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Whether all that was read of it came from its files.
    ///
    /// # Errors
    /// When some did not: someone else shortened the file that is named.
    pub(crate) fn check_whole(&self) -> Result<(), FileError> {
        self.index.check_whole()?;
        self.segments.check_whole()
    }

    /// What is deleted of it now.
    pub fn tombstones(&self) -> Arc<Tombstones> {
        Arc::clone(&self.changing.read().tombstones)
    }

    /// Bytes of all its files, as retention by size counts them.
    pub fn bytes(&self) -> u64 {
        self.index.bytes() + self.segments.bytes() + self.changing.read().bytes
    }

    /// The labels of a series as text.
    ///
    /// # Errors
    /// When there is no such series or its entry is damaged.
    pub fn labels(&self, series: u32) -> Result<Labels, FileError> {
        let (mut pairs, mut chunks) = (Vec::new(), Vec::new());
        self.index.series(series, &mut pairs, &mut chunks)?;
        let mut texts = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            texts.push((self.index.symbol(name)?, self.index.symbol(value)?));
        }
        Ok(Labels::from_sorted(texts.into_iter()))
    }

    /// Deletes the samples from `min_ms` through `max_ms` of all series that satisfy all of `matchers`: they
    /// are no longer seen, and go when the block is compacted.
    ///
    /// # Errors
    /// When the index is damaged or the tombstones cannot be written; then nothing is deleted.
    pub fn delete(
        &self,
        fs: &dyn Vfs,
        matchers: &[Matcher],
        min_ms: i64,
        max_ms: i64,
    ) -> Result<(), FileError> {
        // Held throughout, so that two deletions do not overwrite each other's file.
        let mut changing = self.changing.write();
        let mut tombstones = Tombstones::clone(&changing.tombstones);
        let mut chunks = Vec::new();
        for series in matching(&self.index, matchers)? {
            chunks.clear();
            self.index.chunks(series, &mut chunks)?;
            let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
                continue;
            };
            // No more than there is: a later sample of the series may come with another block.
            let interval = Interval {
                min_ms: min_ms.max(first.min_ms),
                max_ms: max_ms.min(last.max_ms),
            };
            if interval.min_ms <= interval.max_ms {
                tombstones.add(u64::from(series), interval);
            }
        }
        self.index.check_whole()?;
        if tombstones == *changing.tombstones {
            return Ok(());
        }
        tombstones.write(fs, &self.dir)?;
        changing.tombstones = Arc::new(tombstones);
        let mut meta = Meta::clone(&changing.meta);
        meta.stats.num_tombstones = changing.tombstones.len() as u64;
        meta.write(fs, &self.dir)?;
        changing.meta = Arc::new(meta);
        changing.bytes = changing_bytes(fs, &self.dir)?;
        Ok(())
    }

    /// Rewrites `meta.json`, as `change` changes it.
    ///
    /// # Errors
    /// The system's; then it is unchanged.
    pub fn change_meta(&self, fs: &dyn Vfs, change: impl FnOnce(&mut Meta)) -> Result<(), FileError> {
        let mut changing = self.changing.write();
        let mut meta = Meta::clone(&changing.meta);
        change(&mut meta);
        meta.write(fs, &self.dir)?;
        changing.meta = Arc::new(meta);
        changing.bytes = changing_bytes(fs, &self.dir)?;
        Ok(())
    }
}

fn changing_bytes(fs: &dyn Vfs, dir: &Path) -> Result<u64, FileError> {
    let meta = dir.join(filenames::META);
    let tombstones = fs
        .stat(&dir.join(filenames::TOMBSTONES))
        .map_or(0, |stat| stat.len);
    Ok(fs.stat(&meta).at(&meta)?.len + tombstones)
}
