//! The chunk files of a block: numbered segments, each a header and chunks one after the other.
//!
//! ```text
//! chunks/000001   85 BD 40 DD │ 01 │ 00 00 00 │ chunk │ chunk │ …
//! chunk           uvarint length of data │ u8 encoding │ data │ u32 CRC-32C of encoding and data
//! reference       index of the segment (000001 is 0) << 32 │ offset of the chunk in it
//! ```
//!
//! What the chunks hold is not looked at here. Start with [`SegmentWriter`] and [`Segments`].

use std::path::{Path, PathBuf};

use crate::encoding::crc32c::Crc32c;
use crate::encoding::{DecodeBuffer, varint};
use crate::fs::buffered::BufferedFile;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Mapped, Vfs};

const MAGIC: u32 = 0x85bd_40dd;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 8;
const CRC_BYTES: usize = 4;

/// How large a segment may grow, as in Prometheus, unless a flag says otherwise.
pub const SEGMENT_BYTES_MAX: u64 = 512 << 20;

/// Where a chunk lies: the segment's index above, its offset below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkRef(pub u64);

impl ChunkRef {
    fn new(segment: usize, offset: u64) -> Self {
        Self((segment as u64) << 32 | offset)
    }

    fn segment(self) -> usize {
        (self.0 >> 32) as usize
    }

    fn offset(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }
}

/// Writes the chunk files of a new block.
#[derive(Debug)]
pub struct SegmentWriter<'a> {
    fs: &'a dyn Vfs,
    dir: PathBuf,
    bytes_max: u64,
    current: Option<BufferedFile>,
    /// How many segments were begun.
    segments: usize,
    head: Vec<u8>,
    bytes: u64,
}

impl<'a> SegmentWriter<'a> {
    /// Makes the directory `dir` and writes segments of at most `bytes_max` bytes into it.
    ///
    /// # Errors
    /// The system's.
    pub fn create(fs: &'a dyn Vfs, dir: &Path, bytes_max: u64) -> Result<Self, FileError> {
        fs.create_dir_all(dir).at(dir)?;
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            bytes_max,
            current: None,
            segments: 0,
            head: Vec::new(),
            bytes: 0,
        })
    }

    /// Appends one chunk.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, encoding: u8, data: &[u8]) -> Result<ChunkRef, FileError> {
        self.head.clear();
        varint::put_uvarint(&mut self.head, data.len() as u64);
        self.head.push(encoding);
        let whole = (self.head.len() + data.len() + CRC_BYTES) as u64;
        let full = |file: &BufferedFile| file.position() + whole > self.bytes_max;
        if self.current.as_ref().is_none_or(full) {
            self.cut()?;
        }
        let Some(file) = &mut self.current else {
            unreachable!("a segment was cut above")
        };
        let offset = file.position();
        let mut crc = Crc32c::new();
        crc.update(&[encoding]);
        crc.update(data);
        file.write(&self.head)?;
        file.write(data)?;
        file.write(&crc.finish().to_be_bytes())?;
        Ok(ChunkRef::new(self.segments - 1, offset))
    }

    fn cut(&mut self) -> Result<(), FileError> {
        self.finish_current()?;
        self.segments += 1;
        let path = self.dir.join(format!("{:06}", self.segments));
        let mut file = BufferedFile::create(self.fs, &path)?;
        let mut header = MAGIC.to_be_bytes().to_vec();
        header.extend([VERSION, 0, 0, 0]);
        file.write(&header)?;
        self.current = Some(file);
        Ok(())
    }

    fn finish_current(&mut self) -> Result<(), FileError> {
        if let Some(file) = self.current.take() {
            self.bytes += file.finish()?;
        }
        Ok(())
    }

    /// Syncs the last file and the directory; returns how many bytes all files have.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<u64, FileError> {
        self.finish_current()?;
        self.fs.sync_dir(&self.dir).at(&self.dir)?;
        Ok(self.bytes)
    }
}

/// The chunk files of a block, mapped.
pub struct Segments {
    files: Vec<Segment>,
}

struct Segment {
    path: PathBuf,
    bytes: Mapped,
}

/// A chunk as it lies in its file, its checksum verified.
#[derive(Clone, Copy, Debug)]
pub struct StoredChunk<'a> {
    /// The encoding's number, known or not.
    pub encoding: u8,
    /// The bytes that the encoding explains.
    pub data: &'a [u8],
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths = self.files.iter().map(|file| &file.path);
        f.debug_list().entries(paths).finish()
    }
}

impl Segments {
    /// Maps all segments in `dir`. A directory that does not exist has none.
    ///
    /// # Errors
    /// When a file cannot be read or is no segment.
    pub fn open(fs: &dyn Vfs, dir: &Path) -> Result<Self, FileError> {
        let names = match fs.list(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            listed => listed.at(dir)?,
        };
        // Prometheus takes every file whose name is a number, in the order of the numbers.
        let mut numbered: Vec<(u64, String)> = names
            .into_iter()
            .filter_map(|name| Some((name.parse().ok()?, name)))
            .collect();
        numbered.sort_unstable();
        let open = |(_, name): (u64, String)| Segment::open(fs, dir.join(name));
        let files = numbered.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// The chunk at `at`, whose checksum is verified.
    ///
    /// # Errors
    /// When there is none or it is damaged.
    #[inline]
    pub fn chunk(&self, at: ChunkRef) -> Result<StoredChunk<'_>, FileError> {
        self.segment(at)?.chunk(at.offset(), true)
    }

    /// The encoding's number of the chunk at `at`, without a look at its data.
    ///
    /// # Errors
    /// When there is no chunk.
    pub fn encoding(&self, at: ChunkRef) -> Result<u8, FileError> {
        Ok(self.segment(at)?.chunk(at.offset(), false)?.encoding)
    }

    /// An error about the chunk at `at`.
    pub fn damaged(&self, at: ChunkRef, text: impl Into<String>) -> FileError {
        match self.files.get(at.segment()) {
            Some(file) => FileError::damaged_at(&file.path, at.offset() as u64, text),
            None => FileError::damaged(Path::new("chunks"), text),
        }
    }

    /// An error about the chunk at `at`, which this program does not understand.
    pub fn unsupported(&self, at: ChunkRef, text: impl Into<String>) -> FileError {
        match self.files.get(at.segment()) {
            Some(file) => FileError::unsupported_at(&file.path, at.offset() as u64, text),
            None => FileError::unsupported(Path::new("chunks"), text),
        }
    }

    /// Whether what was read of the chunk at `at` came from its file.
    ///
    /// # Errors
    /// When it did not: someone else shortened the file.
    #[inline]
    pub(crate) fn check_whole_at(&self, at: ChunkRef) -> Result<(), FileError> {
        self.segment(at)?.check_whole()
    }

    /// As [`Self::check_whole_at`], of all that was read.
    ///
    /// # Errors
    /// When some did not.
    pub(crate) fn check_whole(&self) -> Result<(), FileError> {
        self.files.iter().try_for_each(Segment::check_whole)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .map(|file| (*file.bytes).as_ref().len() as u64)
            .sum()
    }

    fn segment(&self, at: ChunkRef) -> Result<&Segment, FileError> {
        self.files.get(at.segment()).ok_or_else(|| {
            let dir = self.files.first().and_then(|file| file.path.parent());
            let count = self.files.len();
            let text = format!("chunk reference to segment {} of {count}", at.segment() + 1);
            FileError::damaged(dir.unwrap_or(Path::new("chunks")), text)
        })
    }
}

impl Segment {
    fn open(fs: &dyn Vfs, path: PathBuf) -> Result<Self, FileError> {
        let bytes = fs.map(&path).at(&path)?;
        let file = Self { path, bytes };
        file.check_header()?;
        Ok(file)
    }

    fn check_whole(&self) -> Result<(), FileError> {
        match self.bytes.is_whole() {
            true => Ok(()),
            false => Err(FileError::torn(&self.path)),
        }
    }

    fn check_header(&self) -> Result<(), FileError> {
        let mut header = DecodeBuffer::new((*self.bytes).as_ref());
        let damaged = |error: crate::encoding::DecodeError| {
            FileError::damaged(&self.path, format!("segment header: {error}"))
        };
        let magic = header.u32().map_err(damaged)?;
        if magic != MAGIC {
            let text = format!("expected magic number {MAGIC:#010x}, found {magic:#010x}");
            return Err(FileError::damaged(&self.path, text));
        }
        let version = header.u8().map_err(damaged)?;
        header.bytes(HEADER_BYTES - 5).map_err(damaged)?;
        if version != VERSION {
            let text = format!("expected segment version {VERSION}, found {version}");
            return Err(FileError::unsupported(&self.path, text));
        }
        Ok(())
    }

    #[inline]
    fn chunk(&self, offset: usize, verify: bool) -> Result<StoredChunk<'_>, FileError> {
        let short = || FileError::damaged_at(&self.path, offset as u64, "chunk reaches beyond the file");
        let rest = (*self.bytes).as_ref().get(offset..).ok_or_else(short)?;
        let mut buffer = DecodeBuffer::new(rest);
        let len = buffer.length().map_err(|_| short())?;
        let summed = buffer
            .bytes(len.checked_add(1).ok_or_else(short)?)
            .map_err(|_| short())?;
        let stored = buffer.u32().map_err(|_| short())?;
        if verify {
            let computed = crate::encoding::crc32c(summed);
            if stored != computed {
                self.check_whole()?;
                let text = format!("chunk has checksum {computed:#010x}, its footer says {stored:#010x}");
                return Err(FileError::damaged_at(&self.path, offset as u64, text));
            }
        }
        Ok(StoredChunk {
            encoding: summed[0],
            data: &summed[1..],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::MemoryFs;

    const DIR: &str = "/b/chunks";

    fn written(bytes_max: u64, chunks: &[(u8, &[u8])]) -> (MemoryFs, Vec<ChunkRef>) {
        let fs = MemoryFs::new();
        let mut writer = SegmentWriter::create(&fs, Path::new(DIR), bytes_max).unwrap();
        let refs = chunks
            .iter()
            .map(|(encoding, data)| writer.write(*encoding, data).unwrap())
            .collect();
        writer.finish().unwrap();
        (fs, refs)
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut Vec<u8>), text: &str) {
        let (fs, refs) = written(1 << 20, &[(1, b"abc")]);
        let path = Path::new(DIR).join("000001");
        let mut bytes = fs.read(&path).unwrap();
        change(&mut bytes);
        fs.create(&path).unwrap().append(&bytes).unwrap();
        let error = match Segments::open(&fs, Path::new(DIR)) {
            Ok(segments) => segments.chunk(refs[0]).map(|_| ()).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.to_string(), format!("{DIR}/000001{text}"));
    }

    #[test]
    fn the_bytes_of_an_example_are_these() {
        let (fs, refs) = written(1 << 20, &[(1, b"abc")]);
        let crc = crate::encoding::crc32c(b"\x01abc").to_be_bytes();
        let expected = [
            &[0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0, 3, 1, b'a', b'b', b'c'][..],
            &crc,
        ]
        .concat();
        assert_eq!(fs.read(&Path::new(DIR).join("000001")).unwrap(), expected);
        assert_eq!(refs, [ChunkRef(8)]);
    }

    #[test]
    fn a_chunk_that_does_not_fit_begins_the_next_segment() {
        let (fs, refs) = written(8 + 11 + 9, &[(1, b"hello"), (2, b"abc"), (9, b"")]);
        assert_eq!(refs, [ChunkRef(8), ChunkRef(19), ChunkRef(1 << 32 | 8)]);
        let segments = Segments::open(&fs, Path::new(DIR)).unwrap();
        assert_eq!(segments.chunk(refs[1]).unwrap().data, b"abc");
        assert_eq!(segments.encoding(refs[2]).unwrap(), 9);
        let beyond = segments.chunk(ChunkRef(2 << 32 | 8)).unwrap_err();
        assert_eq!(beyond.to_string(), "/b/chunks: chunk reference to segment 3 of 2");
    }

    #[test]
    fn each_kind_of_damage_is_refused() {
        check_refused(
            |bytes| bytes[0] = 0,
            ": expected magic number 0x85bd40dd, found 0x00bd40dd",
        );
        check_refused(|bytes| bytes[4] = 2, ": expected segment version 1, found 2");
        check_refused(
            |bytes| bytes.truncate(7),
            ": segment header: expected more bytes at byte 5",
        );
        check_refused(
            |bytes| bytes.truncate(15),
            " at byte 8: chunk reaches beyond the file",
        );
        check_refused(
            |bytes| bytes.truncate(8),
            " at byte 8: chunk reaches beyond the file",
        );
        check_refused(
            |bytes| bytes[8] = 0xff,
            " at byte 8: chunk reaches beyond the file",
        );
        check_refused(
            |bytes| bytes[11] ^= 1,
            " at byte 8: chunk has checksum 0xd0afe5c5, its footer says 0xc30d7db2",
        );
    }
}
