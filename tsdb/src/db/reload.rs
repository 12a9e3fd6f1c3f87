//! Which blocks there are: opening new ones, letting go of those that others stand for.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Db;
use crate::block::{Block, Ulid, filenames, remove_block};
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

/// The blocks of a directory.
pub(super) struct Loaded {
    /// Those to be used, by the start of their range.
    pub(super) blocks: Vec<Arc<Block>>,
    /// Those that others stand for.
    pub(super) superseded: Vec<Ulid>,
}

impl Loaded {
    /// Samples before this are in blocks: of all but those that say otherwise.
    pub(super) fn min_valid_ms(&self) -> i64 {
        min_valid_ms(&self.blocks)
    }
}

/// Samples before this are in `blocks`: in all but those that say otherwise.
pub(super) fn min_valid_ms(blocks: &[Arc<Block>]) -> i64 {
    let metas = blocks.iter().map(|block| block.meta());
    let ends = metas
        .filter(|meta| meta.compaction.hints.is_empty())
        .map(|meta| meta.max_ms);
    ends.max().unwrap_or(i64::MIN)
}

/// The blocks in the data directory `dir`, by the start of their range. Writes nothing.
///
/// # Errors
/// When one cannot be read.
pub fn read_blocks(fs: &dyn Vfs, dir: &Path) -> Result<Vec<Arc<Block>>, FileError> {
    load(fs, dir, &[]).map(|loaded| loaded.blocks)
}

/// Opens the blocks in `dir`; those in `known` are open already. Writes nothing.
pub(super) fn load(fs: &dyn Vfs, dir: &Path, known: &[Arc<Block>]) -> Result<Loaded, FileError> {
    let (mut blocks, mut broken) = (Vec::new(), Vec::new());
    for name in fs.list(dir).at(dir)? {
        let Some(ulid) = filenames::block_ulid(&name) else {
            continue;
        };
        let path = dir.join(&name);
        // Of one that the system does not tell of, it is not known that it is no block.
        match fs.stat(&path) {
            Ok(stat) if stat.is_dir => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(FileError::io(&path, error)),
            _ => continue,
        }
        if let Some(open) = known.iter().find(|block| block.meta().ulid == ulid) {
            blocks.push(Arc::clone(open));
            continue;
        }
        match Block::open(fs, &path) {
            Ok(block) => blocks.push(Arc::new(block)),
            Err(error) => broken.push((ulid, path, error)),
        }
    }
    let mut superseded: Vec<Ulid> = blocks
        .iter()
        .flat_map(|block| {
            block
                .meta()
                .compaction
                .parents
                .iter()
                .map(|p| p.ulid)
                .collect::<Vec<_>>()
        })
        .collect();
    superseded.extend(
        blocks
            .iter()
            .map(|block| block.meta())
            .filter(|meta| meta.compaction.deletable)
            .map(|meta| meta.ulid),
    );
    for (ulid, path, error) in broken {
        if superseded.contains(&ulid) {
            continue;
        }
        // Prometheus passes over a directory whose description cannot be read and refuses any other.
        // One that the system does not give may be whole.
        let described = crate::block::Meta::read(fs, &path);
        if described.is_err_and(|error| error.is_damage() || error.is_unsupported() || error.is_not_found()) {
            tracing::error!(%error, dir = %path.display(), "Failed to read meta.json for a block; skipping");
            continue;
        }
        return Err(error);
    }
    blocks.retain(|block| !superseded.contains(&block.meta().ulid));
    blocks.sort_by_key(|block| (block.meta().min_ms, block.meta().ulid));
    Ok(Loaded { blocks, superseded })
}

impl Db {
    /// Takes the directory's blocks as they are now; removes those that others stand for and those in
    /// `unwanted`. Queries that are open keep theirs.
    pub(super) fn reload(&self, unwanted: &[Ulid]) -> Result<(), FileError> {
        super::Stats::add(&self.stats.reloads, 1);
        let reloaded = self.reload_blocks(unwanted);
        if reloaded.is_err() {
            super::Stats::add(&self.stats.reloads_failed, 1);
        }
        reloaded
    }

    fn reload_blocks(&self, unwanted: &[Ulid]) -> Result<(), FileError> {
        let mut loaded = load(&*self.fs, &self.dir, &self.blocks())?;
        loaded
            .blocks
            .retain(|block| !unwanted.contains(&block.meta().ulid));
        *self.blocks.write() = Arc::new(loaded.blocks);
        for &ulid in loaded.superseded.iter().chain(unwanted) {
            remove_block(&*self.fs, &self.dir, ulid)?;
        }
        Ok(())
    }
}
