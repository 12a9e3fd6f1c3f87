//! Writing a file from front to back through a buffer, counting; and what else has to survive a power cut whole.

use std::path::{Path, PathBuf};

use super::error::AtPath;
use super::{FileError, Vfs, VfsFile};

/// Bytes kept back before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A new file being written from its start; nothing of it counts before [`Self::finish`].
#[derive(Debug)]
pub(crate) struct BufferedFile {
    file: Box<dyn VfsFile>,
    path: PathBuf,
    buffer: Vec<u8>,
    flushed: u64,
}

impl BufferedFile {
    pub(crate) fn create(fs: &dyn Vfs, path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            file: fs.create(path).at(path)?,
            path: path.to_owned(),
            buffer: Vec::new(),
            flushed: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were written so far.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.file.append(bytes).at(&self.path)?;
            self.flushed += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Writes zeros up to a multiple of `align`.
    pub(crate) fn pad(&mut self, align: u64) -> Result<(), FileError> {
        const ZEROS: [u8; 16] = [0; 16];
        let missing = self.position().next_multiple_of(align) - self.position();
        self.write(&ZEROS[..missing as usize])
    }

    pub(crate) fn flush(&mut self) -> Result<(), FileError> {
        if !self.buffer.is_empty() {
            self.file.append(&self.buffer).at(&self.path)?;
            self.flushed += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Replaces bytes that were flushed before.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        self.flush()?;
        self.file.write_at(offset, bytes).at(&self.path)
    }

    /// Writes what was held back and has all of it on disk, so that its pages, once they are mapped, can go.
    pub(crate) fn sync(&mut self) -> Result<(), FileError> {
        self.flush()?;
        self.file.sync().at(&self.path)
    }

    /// Writes what is left and makes it survive a power cut.
    pub(crate) fn finish(mut self) -> Result<u64, FileError> {
        self.sync()?;
        Ok(self.flushed)
    }
}

/// Makes a directory and those above it, so that they survive a power cut.
pub(crate) fn make_dir(fs: &dyn Vfs, dir: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| fs.stat(dir).is_err()).collect();
    fs.create_dir_all(dir)?;
    for made in missing.iter().rev() {
        sync_above(fs, made)?;
    }
    match missing.is_empty() {
        false => Ok(()),
        // Whoever made it may not have got so far. One that somebody else made may be in one that we cannot open.
        true => sync_above(fs, dir).or_else(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Ok(()),
            _ => Err(error),
        }),
    }
}

fn sync_above(fs: &dyn Vfs, dir: &Path) -> std::io::Result<()> {
    match dir.parent() {
        // A relative path ends in nothing, which stands for the directory at hand.
        Some(above) if above.as_os_str().is_empty() => fs.sync_dir(Path::new(".")),
        Some(above) => fs.sync_dir(above),
        None => Ok(()),
    }
}

/// Replaces a small file whole: written beside it, synced, renamed over it.
pub(crate) fn replace_file(fs: &dyn Vfs, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let beside = path.with_file_name(name);
    let written = BufferedFile::create(fs, &beside)
        .and_then(|mut file| file.write(bytes).and_then(|()| file.finish()))
        .and_then(|_| fs.rename(&beside, path).at(path));
    if written.is_err() {
        // Half a file is of no use and takes room.
        let _removed = fs.remove_file(&beside);
    }
    written?;
    match path.parent() {
        Some(dir) => fs.sync_dir(dir).at(dir),
        None => Ok(()),
    }
}
