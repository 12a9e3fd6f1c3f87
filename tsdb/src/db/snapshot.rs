//! A copy of the database beside it, and the removal of what was deleted: the admin API's two wishes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Db, MaintainError};
use crate::block::{Block, Meta, filenames};
use crate::fs::buffered::make_dir;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};
use crate::head::ordered::Part;
use crate::query::Source;

impl Db {
    /// Writes all that is stored as blocks into the directory `snapshots/NAME` of the data directory and returns
    /// it. What only the head has is left out if `skip_head`.
    ///
    /// # Errors
    /// The system's, or damage; what was written by then is removed.
    pub fn snapshot(&self, skip_head: bool, name: &str, now_ms: i64) -> Result<PathBuf, MaintainError> {
        let _maintaining = self.maintaining.lock();
        let all = self.dir.join("snapshots");
        make_dir(&*self.fs, &all).at(&all)?;
        let dir = all.join(name);
        make_dir(&*self.fs, &dir).at(&dir)?;
        let written = self.write_snapshot(&dir, skip_head, now_ms);
        if written.is_err() {
            // What went wrong first is what the operator needs to know.
            let _removed = self.fs.remove_dir_all(&dir);
        }
        written.map(|()| dir)
    }

    fn write_snapshot(&self, dir: &Path, skip_head: bool, now_ms: i64) -> Result<(), MaintainError> {
        for block in self.blocks().iter() {
            let ulid = block.meta().ulid.to_string();
            let unfinished = dir.join(format!("{ulid}{}", filenames::BEING_CREATED));
            copy_block(&*self.fs, block, &unfinished)?;
            let finished = dir.join(&ulid);
            self.fs.rename(&unfinished, &finished).at(&finished)?;
        }
        let (from_ms, through_ms) = Source::time_range_ms(&*self.head);
        if !skip_head && from_ms <= through_ms {
            let meta = Meta::of_head(self.new_ulid(now_ms), from_ms, through_ms.saturating_add(1));
            self.write_block(dir, Part::All, meta)?;
        }
        Ok(self.fs.sync_dir(dir).at(dir)?)
    }

    /// Rewrites the blocks of which something was deleted, without it.
    ///
    /// # Errors
    /// When a block is damaged or cannot be written.
    pub fn clean_tombstones(&self, now_ms: i64) -> Result<(), MaintainError> {
        let _maintaining = self.maintaining.lock();
        for block in self
            .blocks()
            .iter()
            .filter(|block| !block.tombstones().is_empty())
        {
            self.compact(&[Arc::clone(block)], self.new_ulid(now_ms))?;
            self.reload(&[])?;
        }
        Ok(())
    }
}

fn copy_block(fs: &dyn Vfs, block: &Block, to: &Path) -> Result<(), FileError> {
    fs.create_dir_all(&to.join(filenames::CHUNKS)).at(to)?;
    let chunks = block.dir().join(filenames::CHUNKS);
    let mut files: Vec<PathBuf> = [filenames::META, filenames::INDEX, filenames::TOMBSTONES]
        .iter()
        .map(PathBuf::from)
        .collect();
    for name in fs.list(&chunks).at(&chunks)? {
        files.push(Path::new(filenames::CHUNKS).join(name));
    }
    for name in files {
        let (from, to) = (block.dir().join(&name), to.join(&name));
        let bytes = fs.map(&from).at(&from)?;
        let mut file = fs.create(&to).at(&to)?;
        file.append((*bytes).as_ref()).at(&to)?;
        if !bytes.is_whole() {
            return Err(FileError::torn(&from));
        }
        file.sync().at(&to)?;
    }
    for dir in [&to.join(filenames::CHUNKS), to] {
        fs.sync_dir(dir).at(dir)?;
    }
    Ok(())
}
