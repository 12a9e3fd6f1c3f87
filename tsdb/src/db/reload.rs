//! Which blocks there are: opening new ones, letting go of those that others stand for, setting aside what is damaged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Db;
use crate::block::{Block, Meta, Tombstones, Ulid, filenames, remove_block};
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

/// The blocks of a directory.
pub(super) struct Loaded {
    /// Those to be used, by the start of their range.
    pub(super) blocks: Vec<Arc<Block>>,
    /// Those that others stand for.
    pub(super) superseded: Vec<Ulid>,
    /// Those that cannot be used as they are.
    pub(super) broken: Vec<Broken>,
}

/// A block that cannot be used as it is.
pub(super) struct Broken {
    pub(super) dir: PathBuf,
    pub(super) error: FileError,
    pub(super) remedy: Remedy,
}

/// What is to be done about a block that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Its description cannot be read: it is passed over, as Prometheus does. Somebody may be copying it.
    PassOver,
    /// Its bytes are wrong: it is set aside whole.
    SetAside,
    /// What says what was deleted of it is wrong: that file is set aside, and the block is in use without.
    SetTombstonesAside,
    /// It may well be good: the system does not give it, or this version does not understand it.
    Refuse,
}

impl Loaded {
    /// Samples before this are in blocks: of all but those that say otherwise.
    pub(super) fn min_valid_ms(&self) -> i64 {
        min_valid_ms(&self.blocks)
    }

    /// The first error that one of `remedies` is for.
    pub(super) fn refuse(&mut self, remedies: &[Remedy]) -> Result<(), FileError> {
        let at = self
            .broken
            .iter()
            .position(|broken| remedies.contains(&broken.remedy));
        at.map_or(Ok(()), |at| Err(self.broken.swap_remove(at).error))
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
    let mut loaded = load(fs, dir, &[])?;
    loaded.refuse(&[Remedy::Refuse, Remedy::SetAside, Remedy::SetTombstonesAside])?;
    for Broken { dir, error, .. } in &loaded.broken {
        tracing::error!(%error, dir = %dir.display(), "Failed to read meta.json for a block; skipping");
    }
    Ok(loaded.blocks)
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
        match open_block(fs, &path) {
            Ok((block, complaint)) => {
                blocks.push(Arc::new(block));
                broken.extend(complaint.map(|broken| (ulid, broken)));
            }
            Err(complaint) => broken.push((ulid, complaint)),
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
    broken.retain(|(ulid, _)| !superseded.contains(ulid));
    blocks.retain(|block| !superseded.contains(&block.meta().ulid));
    blocks.sort_by_key(|block| (block.meta().min_ms, block.meta().ulid));
    Ok(Loaded {
        blocks,
        superseded,
        broken: broken.into_iter().map(|(_, broken)| broken).collect(),
    })
}

/// Opens a block, if need be without what was deleted of it.
fn open_block(fs: &dyn Vfs, dir: &Path) -> Result<(Block, Option<Broken>), Broken> {
    let broken = |error, remedy| Broken {
        dir: dir.to_owned(),
        error,
        remedy,
    };
    let remedy = |error: &FileError| match error.is_damage() || error.is_not_found() {
        true => Remedy::SetAside,
        false => Remedy::Refuse,
    };
    if let Err(error) = Meta::read(fs, dir) {
        let remedy = match error.is_damage() {
            true => Remedy::SetAside,
            false if error.is_not_found() || error.is_unsupported() => Remedy::PassOver,
            false => Remedy::Refuse,
        };
        return Err(broken(error, remedy));
    }
    let (tombstones, complaint) = match Tombstones::read(fs, dir) {
        Ok(tombstones) => (tombstones, None),
        Err(error) if error.is_damage() => {
            let complaint = broken(error, Remedy::SetTombstonesAside);
            (Tombstones::new(), Some(complaint))
        }
        Err(error) => return Err(broken(error, Remedy::Refuse)),
    };
    match Block::open_with(fs, dir, tombstones) {
        Ok(block) => Ok((block, complaint)),
        Err(error) => {
            let remedy = remedy(&error);
            Err(broken(error, remedy))
        }
    }
}

/// Does about broken blocks what is to be done, and says so in the log; returns how much was set aside.
pub(super) fn set_aside(
    fs: &dyn Vfs,
    dir: &Path,
    broken: Vec<Broken>,
    now_ms: i64,
) -> Result<u64, FileError> {
    let mut count = 0;
    for Broken {
        dir: block,
        error,
        remedy,
    } in broken
    {
        let name = block
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let quarantine = dir.join("quarantine");
        let aside = quarantine.join(format!("{name}-{now_ms}"));
        let (from, to) = match remedy {
            Remedy::PassOver => {
                tracing::error!(%error, dir = %block.display(), "Failed to read meta.json for a block; skipping");
                continue;
            }
            Remedy::Refuse => return Err(error),
            Remedy::SetAside => (block.clone(), aside),
            Remedy::SetTombstonesAside => (
                block.join(filenames::TOMBSTONES),
                aside.join(filenames::TOMBSTONES),
            ),
        };
        let parent = to.parent().unwrap_or(&quarantine);
        fs.create_dir_all(parent).at(parent)?;
        fs.rename(&from, &to).at(&from)?;
        fs.sync_dir(parent).at(parent)?;
        fs.sync_dir(from.parent().unwrap_or(dir)).at(&from)?;
        tracing::error!(
            %error,
            kept = %to.display(),
            "A block is damaged; what is wrong is set aside, and queries go on without it"
        );
        count += 1;
    }
    Ok(count)
}

impl Db {
    /// Takes the directory's blocks as they are now; removes those that others stand for and those in
    /// `unwanted`. Queries that are open keep theirs.
    ///
    /// Others may put blocks here while the server runs, by copying them file by file: one that cannot be used
    /// is passed over until the next time, and never stands in the way of the rest.
    pub(super) fn reload(&self, unwanted: &[Ulid]) -> Result<(), FileError> {
        super::Stats::add(&self.stats.reloads, 1);
        let reloaded = self.reload_blocks(unwanted);
        if reloaded.is_err() {
            super::Stats::add(&self.stats.reloads_failed, 1);
        }
        reloaded
    }

    /// As [`Self::reload`], after block `ulid` was written: what it stands for may go only once it is in use.
    pub(super) fn show(&self, ulid: Ulid) -> Result<(), FileError> {
        self.reload(&[])?;
        let is_there = self.blocks().iter().any(|block| block.meta().ulid == ulid);
        is_there.then_some(()).ok_or_else(|| {
            let dir = self.dir.join(ulid.to_string());
            FileError::damaged(&dir, "the block was written just now and cannot be used")
        })
    }

    fn reload_blocks(&self, unwanted: &[Ulid]) -> Result<(), FileError> {
        let mut loaded = load(&*self.fs, &self.dir, &self.blocks())?;
        for Broken { dir, error, .. } in &loaded.broken {
            tracing::error!(%error, dir = %dir.display(), "A block cannot be used; skipping");
            super::Stats::add(&self.stats.reloads_failed, 1);
        }
        // What was deleted of it is not known, so that it is not shown before a restart has settled that.
        let in_doubt = |block: &Block| loaded.broken.iter().any(|broken| broken.dir == block.dir());
        loaded
            .blocks
            .retain(|block| !unwanted.contains(&block.meta().ulid) && !in_doubt(block));
        *self.blocks.write() = Arc::new(loaded.blocks);
        for &ulid in &loaded.superseded {
            // It is not in use any more, and the next reload tries again.
            if let Err(error) = remove_block(&*self.fs, &self.dir, ulid) {
                tracing::error!(%error, "A block that another stands for cannot be removed yet");
            }
        }
        for &ulid in unwanted {
            remove_block(&*self.fs, &self.dir, ulid)?;
        }
        Ok(())
    }
}
