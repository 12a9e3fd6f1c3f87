//! Part files: blocks of bytes, and behind them a table that says what each is and its checksum.
//!
//! ```text
//! file   "DeucHead" | block | block | … | table
//! table  uvarint count | count × (u8 kind | u8 lane | uvarint page | uvarint length | u32 crc32, big-endian)
//! ```
//!
//! Where the table begins, and its checksum, is in the manifest. Blocks are read from the mapped file and checked
//! one by one before they are looked at, so that a part takes no memory.

use std::path::{Path, PathBuf};

use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::fs::buffered::BufferedFile;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Mapped, Vfs};

/// What every part begins with.
const MAGIC: &[u8; 8] = b"DeucHead";

/// What a block holds; the number is what stands in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum BlockKind {
    /// Pairs of label name and value that are new: see [`super::labels`].
    Pairs = 1,
    /// Series that are new: see [`super::labels`].
    Series = 2,
    /// Groups of closed chunks that are new: see [`crate::head::closed`].
    Groups = 3,
    /// Open chunks without their bytes: see [`super::state`].
    State = 4,
    /// Bytes that open chunks have grown by: see [`super::pieces`].
    Pieces = 5,
    /// Chunks that are in no file, whole.
    Held = 6,
    /// Tombstones, metadata, places of late chunks: see [`super::beside`].
    Beside = 7,
    /// What belongs to no lane: see [`super::global`].
    Global = 8,
    /// Closed chunks that are in files and in no group: see [`super::closed`].
    Loose = 9,
}

impl BlockKind {
    fn from_u8(number: u8) -> Option<Self> {
        [
            Self::Pairs,
            Self::Series,
            Self::Groups,
            Self::State,
            Self::Pieces,
            Self::Held,
            Self::Beside,
            Self::Global,
            Self::Loose,
        ]
        .into_iter()
        .find(|&kind| kind as u8 == number)
    }
}

/// A part file as the manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) len: u64,
    pub(super) table_at: u64,
    pub(super) table_crc: u32,
}

/// Where part `number` is.
pub(super) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}"))
}

/// Writes one part.
pub(super) struct PartWriter {
    number: u32,
    file: BufferedFile,
    table: Vec<u8>,
    count: u64,
}

impl PartWriter {
    pub(super) fn create(fs: &dyn Vfs, dir: &Path, number: u32) -> Result<Self, FileError> {
        let mut file = BufferedFile::create(fs, &path(dir, number))?;
        file.write(MAGIC)?;
        Ok(Self {
            number,
            file,
            table: Vec::new(),
            count: 0,
        })
    }

    /// Writes a block; one without bytes is left out.
    pub(super) fn block(
        &mut self,
        kind: BlockKind,
        lane: u8,
        page: u32,
        bytes: &[u8],
    ) -> Result<(), FileError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.table.extend([kind as u8, lane]);
        varint::put_uvarint(&mut self.table, u64::from(page));
        varint::put_uvarint(&mut self.table, bytes.len() as u64);
        self.table.extend(crc32fast::hash(bytes).to_be_bytes());
        self.count += 1;
        self.file.write(bytes)
    }

    /// Ends the part and makes it survive a power cut.
    pub(super) fn finish(mut self) -> Result<Part, FileError> {
        let mut table = Vec::with_capacity(self.table.len() + varint::BYTES_MAX);
        varint::put_uvarint(&mut table, self.count);
        table.extend_from_slice(&self.table);
        let table_at = self.file.position();
        self.file.write(&table)?;
        Ok(Part {
            number: self.number,
            len: self.file.finish()?,
            table_at,
            table_crc: crc32fast::hash(&table),
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Block {
    kind: BlockKind,
    lane: u8,
    page: u32,
    offset: u64,
    len: usize,
    crc: u32,
}

/// Reads one part, where it lies.
pub(super) struct PartReader {
    path: PathBuf,
    bytes: Mapped,
    blocks: Vec<Block>,
}

impl PartReader {
    /// Reads and checks the table.
    pub(super) fn open(fs: &dyn Vfs, dir: &Path, part: &Part) -> Result<Self, FileError> {
        let path = path(dir, part.number);
        let bytes = fs.map(&path).at(&path)?;
        let all: &[u8] = (*bytes).as_ref();
        let found = all.len() as u64;
        if found != part.len || part.table_at < MAGIC.len() as u64 || part.table_at > part.len {
            return Err(FileError::damaged(
                &path,
                format!("{found} bytes instead of {}", part.len),
            ));
        }
        let table = usize::try_from(part.table_at).map_or(&[][..], |at| &all[at..]);
        if crc32fast::hash(table) != part.table_crc {
            return Err(FileError::damaged(&path, "the table's checksum is wrong"));
        }
        let blocks = read_table(table).map_err(|error| FileError::damaged(&path, error.to_string()))?;
        let end = blocks
            .last()
            .map_or(MAGIC.len() as u64, |last| last.offset + last.len as u64);
        if end != part.table_at {
            return Err(FileError::damaged(
                &path,
                "the blocks do not end where the table begins",
            ));
        }
        Ok(Self { path, bytes, blocks })
    }

    /// The blocks of a kind and a lane in their order, each with its page, checked one by one.
    pub(super) fn each(
        &self,
        kind: BlockKind,
        lane: u8,
        mut each: impl FnMut(u32, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), FileError> {
        for block in self
            .blocks
            .iter()
            .filter(|block| (block.kind, block.lane) == (kind, lane))
        {
            each(block.page, self.bytes(block)?).map_err(|error| self.error(kind, lane, &error))?;
        }
        Ok(())
    }

    /// One block; empty if there is none.
    pub(super) fn block(&self, kind: BlockKind, lane: u8, page: u32) -> Result<&[u8], FileError> {
        let wanted = |block: &&Block| (block.kind, block.lane, block.page) == (kind, lane, page);
        match self.blocks.iter().find(wanted) {
            Some(block) => self.bytes(block),
            None => Ok(&[]),
        }
    }

    fn bytes(&self, block: &Block) -> Result<&[u8], FileError> {
        let all: &[u8] = (*self.bytes).as_ref();
        let found = usize::try_from(block.offset)
            .ok()
            .and_then(|from| all.get(from..from.checked_add(block.len)?));
        match found {
            Some(bytes) if crc32fast::hash(bytes) == block.crc => Ok(bytes),
            _ => {
                let what = format!(
                    "{:?} of lane {} at {}: wrong checksum",
                    block.kind, block.lane, block.offset
                );
                Err(FileError::damaged(&self.path, what))
            }
        }
    }

    /// Says that nobody has cut the file up to now: what was read before is what was written.
    ///
    /// # Errors
    /// When somebody has.
    pub(super) fn ensure_whole(&self) -> Result<(), FileError> {
        match self.bytes.is_whole() {
            true => Ok(()),
            false => Err(FileError::damaged(&self.path, "it was cut while it was read")),
        }
    }

    /// An error in what a block of this part says.
    pub(super) fn error(&self, kind: BlockKind, lane: u8, error: &DecodeError) -> FileError {
        FileError::damaged(&self.path, format!("{kind:?} of lane {lane}: {error}"))
    }
}

/// Writes a part once more with other bytes in the place of a block, if there is such a block.
pub(super) fn replace_block(
    fs: &dyn Vfs,
    dir: &Path,
    part: &Part,
    block: usize,
    bytes: &[u8],
) -> Result<Option<Part>, FileError> {
    let reader = PartReader::open(fs, dir, part)?;
    if block >= reader.blocks.len() {
        return Ok(None);
    }
    let before = reader.blocks.iter().map(|block| reader.bytes(block));
    let before = before.collect::<Result<Vec<_>, _>>()?;
    let mut writer = PartWriter::create(fs, dir, part.number)?;
    for (at, (what, old)) in reader.blocks.iter().zip(&before).enumerate() {
        let bytes = if at == block { bytes } else { old };
        writer.block(what.kind, what.lane, what.page, bytes)?;
    }
    writer.finish().map(Some)
}

fn read_table(table: &[u8]) -> Result<Vec<Block>, DecodeError> {
    let mut rest = DecodeBuffer::new(table);
    let count = rest.length()?;
    let mut blocks = Vec::new();
    let mut offset = MAGIC.len() as u64;
    for _ in 0..count {
        let Some(kind) = BlockKind::from_u8(rest.u8()?) else {
            return Err(rest.error("a kind of block"));
        };
        let lane = rest.u8()?;
        let page = rest.uvarint32()?;
        let len = rest.uvarint32()?;
        blocks.push(Block {
            kind,
            lane,
            page,
            offset,
            len: len as usize,
            crc: rest.u32()?,
        });
        offset += u64::from(len);
    }
    match rest.is_empty() {
        true => Ok(blocks),
        false => Err(rest.error("the table's end")),
    }
}
