//! chunks_head: closed chunks of the head in files, so that they take no memory and a restart need not
//! build them anew.
//!
//! ```text
//! file    u32 0x0130BC91 | u8 version 1 | 3 zeros | chunk | chunk | … zeros
//! chunk   u64 series | u64 first time | u64 last time | u8 encoding | uvarint length | bytes | u32 crc32c
//! ```
//!
//! The file at hand is not synced: what a power cut takes of its end is rebuilt from the log. Those before it
//! are, since a start takes it that the log's samples up to a series' last chunk are in chunks.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::closed::{Closed, Place};
use crate::chunk::{Encoding, sample_count};
use crate::encoding::{crc32c, varint};
use crate::fs::{Mapped, Vfs, VfsFile};
use crate::wal::WalError;

const MAGIC: u32 = 0x0130_BC91;
const VERSION: u8 = 1;
const FILE_HEADER_BYTES: usize = 8;

/// Series, two times, encoding.
const CHUNK_HEADER_BYTES: usize = 25;

/// The least that a chunk can take, its length field counted at its widest, as Prometheus counts.
const CHUNK_BYTES_MIN: usize = CHUNK_HEADER_BYTES + 5 + 4;

/// Set in the encoding of out-of-order chunks.
const OUT_OF_ORDER: u8 = 0x80;

/// A file takes no chunk that would make it longer.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// So much is gathered for one write(2).
const BUFFER_BYTES: usize = 1 << 17;

/// The files by number.
pub(crate) type FileMap = Arc<BTreeMap<u32, Mapped>>;

/// Makes the files in `dir` survive a power cut: another process, which was killed, may have left them unsynced.
///
/// # Errors
/// The system's.
pub(crate) fn sync_all(fs: &dyn Vfs, dir: &Path) -> Result<(), WalError> {
    let io = |path: &Path, error| WalError::io(path, error);
    for name in fs.list(dir).map_err(|error| io(dir, error))? {
        if name.parse::<u32>().is_ok() {
            let path = dir.join(name);
            let synced = fs.open(&path).and_then(|mut file| file.sync());
            synced.map_err(|error| io(&path, error))?;
        }
    }
    fs.sync_dir(dir).map_err(|error| io(dir, error))
}

/// Where file `number` is.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}"))
}

/// A chunk that was found: (series, file, offset).
type Found = (u64, u32, u32);

/// What was found at the opening, by series and then in the order of writing.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) chunks: Vec<Found>,
    /// Likewise, of chunks whose samples came out of order.
    pub(crate) late: Vec<Found>,
    /// The largest number of a series that a chunk names.
    pub(crate) last_ref: u64,
    pub(crate) files: BTreeMap<u32, Mapped>,
    /// The first file that cannot be used, and why. It and those after it must go.
    pub(crate) damage: Option<(u32, WalError)>,
    /// Numbers of the files that must go.
    pub(crate) unusable: Vec<u32>,
}

impl Scan {
    /// The chunks of one series.
    pub(crate) fn of(&self, series: u64) -> impl Iterator<Item = Closed> {
        self.find(&self.chunks, series)
    }

    /// The chunks of one series whose samples came out of order.
    pub(crate) fn late_of(&self, series: u64) -> impl Iterator<Item = Closed> {
        self.find(&self.late, series)
    }

    fn find<'a>(&'a self, all: &'a [Found], series: u64) -> impl Iterator<Item = Closed> + 'a {
        let from = all.partition_point(|c| c.0 < series);
        all[from..]
            .iter()
            .take_while(move |c| c.0 == series)
            .filter_map(|&(_, number, offset)| {
                let bytes: &[u8] = (**self.files.get(&number)?).as_ref();
                Some(closed(bytes, number, offset)?.1)
            })
    }
}

/// Reads the headers of all chunks in `dir` that lie behind what is known of their files already. Writes nothing.
///
/// # Errors
/// When a file cannot be read, or holds chunks that this version cannot carry.
pub(crate) fn scan(fs: &dyn Vfs, dir: &Path, known: impl Fn(u32) -> u64) -> Result<Scan, WalError> {
    let mut scan = Scan::default();
    let mut numbers: Vec<u32> = match fs.list(dir) {
        Ok(names) => names.iter().filter_map(|name| name.parse().ok()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(scan),
        Err(error) => return Err(WalError::io(dir, error)),
    };
    numbers.sort_unstable();
    let mut last_ms = hashbrown::HashMap::<u64, i64>::new();
    for (at, &number) in numbers.iter().enumerate() {
        let path = path(dir, number);
        let bytes = fs.map(&path).map_err(|error| WalError::io(&path, error))?;
        let all: &[u8] = (*bytes).as_ref();
        let is_last = at + 1 == numbers.len();
        if is_last && all.iter().all(|&byte| byte == 0) {
            scan.unusable.push(number);
            break;
        }
        let before = (scan.chunks.len(), scan.late.len());
        let gap = at > 0 && numbers[at - 1] + 1 != number;
        let damage = if gap {
            Some((0, "a file before it is missing"))
        } else {
            scan_file(
                all,
                usize::try_from(known(number)).unwrap_or(usize::MAX),
                number,
                &path,
                (&mut scan.chunks, &mut scan.late),
                &mut last_ms,
            )?
        };
        if let Some((offset, reason)) = damage {
            scan.chunks.truncate(before.0);
            scan.late.truncate(before.1);
            scan.damage = Some((number, WalError::corrupt(&path, offset as u64, reason)));
            scan.unusable.extend(&numbers[at..]);
            break;
        }
        scan.files.insert(number, bytes);
    }
    // Stable, so that a series' chunks stay in the order of writing.
    let written = scan.chunks.iter().chain(&scan.late);
    scan.last_ref = written.map(|&(series, _, _)| series).max().unwrap_or(0);
    scan.chunks.sort_by_key(|c| c.0);
    scan.late.sort_by_key(|c| c.0);
    Ok(scan)
}

fn scan_file(
    all: &[u8],
    known: usize,
    number: u32,
    path: &Path,
    (into, late): (&mut Vec<Found>, &mut Vec<Found>),
    last_ms: &mut hashbrown::HashMap<u64, i64>,
) -> Result<Option<(usize, &'static str)>, WalError> {
    if all.len() < FILE_HEADER_BYTES || all[..4] != MAGIC.to_be_bytes() {
        return Ok(Some((0, "not a file of head chunks")));
    }
    if all[4] != VERSION {
        let what = format!("version {} of the format, known is {VERSION}", all[4]);
        return Err(WalError::foreign(path, 4, what));
    }
    let mut at = known.max(FILE_HEADER_BYTES);
    while at < all.len() {
        let rest = &all[at..];
        if rest.len() < CHUNK_BYTES_MIN {
            let zeros = rest.iter().all(|&b| b == 0);
            if zeros {
                break;
            }
            // Prometheus asks for five bytes of length, so that it would not read a shorter chunk either.
            return Ok(Some((at, "fewer bytes than a chunk takes, and not zeros")));
        }
        if rest[..24] == [0; 24] {
            break;
        }
        let encoding = rest[24];
        let Ok(offset) = u32::try_from(at) else {
            return Ok(Some((at, "a file longer than 4 GiB")));
        };
        let Some((len, chunk)) = closed(all, number, offset) else {
            return Ok(Some((at, "a chunk that reaches beyond the file")));
        };
        let stored = &all[at + len - 4..at + len];
        if crc32c(&all[at..at + len - 4]).to_be_bytes() != stored {
            return Ok(Some((at, "a chunk with a wrong checksum")));
        }
        if Encoding::from_u8(encoding & !OUT_OF_ORDER).is_none() {
            let what = format!("a chunk with encoding {encoding}, which this version does not know");
            return Err(WalError::foreign(path, at as u64, what));
        }
        let series = be64(rest);
        if encoding & OUT_OF_ORDER != 0 {
            if chunk.max_ms < chunk.min_ms {
                return Ok(Some((at, "a chunk that ends before it begins")));
            }
            late.push((series, number, offset));
            at += len;
            continue;
        }
        let before = last_ms.insert(series, chunk.max_ms);
        if chunk.max_ms < chunk.min_ms || before.is_some_and(|last| last >= chunk.min_ms) {
            return Ok(Some((at, "out of sequence m-mapped chunk")));
        }
        into.push((series, number, offset));
        at += len;
    }
    Ok(None)
}

/// Looks at the checksums of all chunks of a file that is `len` bytes long, reading a part at a time; says where one
/// is wrong.
///
/// # Errors
/// The system's.
pub(crate) fn find_damage(fs: &dyn Vfs, path: &Path, len: u64) -> io::Result<Option<u64>> {
    const PART_BYTES: usize = 1 << 20;
    let (mut from, mut part) = (FILE_HEADER_BYTES as u64, PART_BYTES);
    while from < len {
        let bytes = fs.read_at(path, from, part)?;
        let mut at = 0;
        while bytes.len() - at >= CHUNK_BYTES_MIN && bytes[at..at + 24] != [0; 24] {
            let Some((chunk_len, _)) = closed(&bytes[at..], 0, 0) else {
                break;
            };
            let (chunk, stored) = bytes[at..at + chunk_len].split_at(chunk_len - 4);
            if crc32c(chunk).to_be_bytes() != stored {
                return Ok(Some(from + at as u64));
            }
            at += chunk_len;
        }
        let is_end = from + bytes.len() as u64 >= len;
        let rest = &bytes[at..];
        let is_zeros = rest.iter().take(24).all(|&byte| byte == 0);
        match at {
            _ if is_zeros && (is_end || rest.len() >= 24) => return Ok(None),
            _ if is_end => return Ok(Some(from + at as u64)),
            // A chunk longer than a part.
            0 => part *= 2,
            _ => from += at as u64,
        }
    }
    Ok(None)
}

fn be64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight))
}

/// The chunk whose header begins at `offset`, and how many bytes it takes with header and checksum.
fn closed(all: &[u8], number: u32, offset: u32) -> Option<(usize, Closed)> {
    let rest = all.get(offset as usize..)?;
    let (len, width) = varint::read_uvarint(rest.get(CHUNK_HEADER_BYTES..)?)?;
    let from = CHUNK_HEADER_BYTES + width;
    let end = from.checked_add(usize::try_from(len).ok()?)?;
    let data = rest.get(from..end)?;
    rest.get(end..end.checked_add(4)?)?;
    let chunk = Closed {
        min_ms: be64(&rest[8..]).cast_signed(),
        max_ms: be64(&rest[16..]).cast_signed(),
        place: Place::File { number, offset },
        samples: sample_count(encoding_of(rest)?, data).unwrap_or(0),
    };
    Some((end + 4, chunk))
}

/// The encoding in a chunk's header; one that is not known counts as the first, until it is looked at.
fn encoding_of(header: &[u8]) -> Option<Encoding> {
    let number = header.get(CHUNK_HEADER_BYTES - 1)? & !OUT_OF_ORDER;
    Some(Encoding::from_u8(number).unwrap_or(Encoding::Xor))
}

/// The chunk whose header begins at `offset` of a file; none if it is not what was written there.
pub(crate) fn data(all: &[u8], offset: u32) -> Option<(Encoding, &[u8])> {
    let rest = all.get(offset as usize..)?;
    let (len, width) = varint::read_uvarint(rest.get(CHUNK_HEADER_BYTES..)?)?;
    let from = CHUNK_HEADER_BYTES + width;
    let end = from.checked_add(usize::try_from(len).ok()?)?;
    // A file that others shorten ends in zeros, which decode to something.
    let stored = rest.get(end..)?.first_chunk()?;
    if crc32c(rest.get(..end)?) != u32::from_be_bytes(*stored) {
        return None;
    }
    Some((encoding_of(rest)?, rest.get(from..end)?))
}

/// The files being written and read.
pub(crate) struct ChunkFiles {
    fs: Arc<dyn Vfs>,
    dir: PathBuf,
    current: Option<(u32, Box<dyn VfsFile>, u64)>,
    /// One that ended before it was full, and is not synced yet.
    ended: Option<Box<dyn VfsFile>>,
    next: u32,
    /// How long a file may become.
    file_bytes_max: u64,
}

/// A chunk to be written.
pub(crate) struct ToWrite {
    pub(crate) series: u64,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) encoding: Encoding,
    /// Whether its samples came out of order.
    pub(crate) is_late: bool,
    /// Where its bytes are in the buffer that goes with it.
    pub(crate) bytes: std::ops::Range<usize>,
}

impl ChunkFiles {
    pub(crate) fn new(fs: Arc<dyn Vfs>, dir: PathBuf, next: u32) -> Self {
        Self {
            fs,
            dir,
            current: None,
            ended: None,
            next: next.max(1),
            file_bytes_max: FILE_BYTES_MAX,
        }
    }

    /// Writes chunks, in order; returns the file and offset of each.
    ///
    /// # Errors
    /// The system's. The files are then as they were before, or, where that fails too, end in bytes that the
    /// next start takes for damage and rebuilds from the log.
    pub(crate) fn write(&mut self, chunks: &[ToWrite], data: &[u8]) -> io::Result<Vec<(u32, u32)>> {
        let before = (self.next, self.current.as_ref().map(|&(_, _, len)| len));
        let written = self.write_all(chunks, data);
        if written.is_err() {
            // What went wrong first is what the operator needs to know.
            let _undone = self.undo(before);
        }
        written
    }

    fn undo(&mut self, (next, len): (u32, Option<u64>)) -> io::Result<()> {
        let current = self.current.take();
        for number in next..self.next {
            self.fs.remove_file(&path(&self.dir, number))?;
        }
        let grew = self.next > next;
        self.next = next;
        let Some(len) = len else { return Ok(()) };
        if grew {
            return self.fs.open(&path(&self.dir, next - 1))?.set_len(len);
        }
        if let Some((number, mut file, _)) = current {
            file.set_len(len)?;
            self.current = Some((number, file, len));
        }
        Ok(())
    }

    fn write_all(&mut self, chunks: &[ToWrite], data: &[u8]) -> io::Result<Vec<(u32, u32)>> {
        let mut places = Vec::with_capacity(chunks.len());
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + (1 << 12));
        for chunk in chunks {
            let bytes = &data[chunk.bytes.clone()];
            let most = (CHUNK_BYTES_MIN + bytes.len()) as u64;
            let full = |len: u64| len + buffer.len() as u64 + most > self.file_bytes_max;
            if self.current.as_ref().is_none_or(|&(_, _, len)| full(len)) {
                self.flush(&mut buffer)?;
                self.cut()?;
            }
            let (number, len) = match &self.current {
                Some((number, _, len)) => (*number, *len),
                None => unreachable!("a file was cut above"),
            };
            let offset = u32::try_from(len + buffer.len() as u64).map_err(io::Error::other)?;
            places.push((number, offset));
            put_chunk(&mut buffer, chunk, bytes);
            if buffer.len() >= BUFFER_BYTES {
                self.flush(&mut buffer)?;
            }
        }
        self.flush(&mut buffer)?;
        Ok(places)
    }

    fn flush(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if let Some((_, file, len)) = &mut self.current {
            file.append(buffer)?;
            *len += buffer.len() as u64;
        }
        buffer.clear();
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        if let Some((_, file, _)) = &mut self.current {
            file.sync()?;
        }
        if let Some(file) = &mut self.ended {
            file.sync()?;
            self.ended = None;
        }
        self.fs.sync_dir(&self.dir)?;
        let number = self.next;
        let mut file = self.fs.create(&path(&self.dir, number))?;
        // From here on there is something to undo.
        self.next += 1;
        let mut header = MAGIC.to_be_bytes().to_vec();
        header.extend([VERSION, 0, 0, 0]);
        file.append(&header)?;
        self.current = Some((number, file, FILE_HEADER_BYTES as u64));
        Ok(())
    }

    /// The files as they are now, those from `from` on mapped anew.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn map_from(&self, old: &FileMap, from: u32) -> io::Result<FileMap> {
        let mut files = BTreeMap::clone(old);
        for number in from..self.next {
            files.insert(number, self.fs.map(&path(&self.dir, number))?);
        }
        Ok(Arc::new(files))
    }

    /// Removes the files before `first_needed`; those that readers hold stay readable to them.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove_before(&mut self, old: &FileMap, first_needed: u32) -> io::Result<FileMap> {
        let mut files = BTreeMap::clone(old);
        let current = self.current.as_ref().map_or(u32::MAX, |c| c.0);
        // In order, so that the numbers stay contiguous if this is interrupted.
        for number in old.keys().copied().filter(|&n| n < first_needed && n < current) {
            self.fs.remove_file(&path(&self.dir, number))?;
            files.remove(&number);
        }
        Ok(Arc::new(files))
    }

    /// Whether file `number` is the one being written.
    pub(crate) fn is_current(&self, number: u32) -> bool {
        self.current.as_ref().is_some_and(|c| c.0 == number)
    }

    /// Ends the file being written; the next chunk begins a new one.
    pub(crate) fn end_file(&mut self) {
        if let Some((_, file, _)) = self.current.take() {
            self.ended = Some(file);
        }
    }
}

fn put_chunk(into: &mut Vec<u8>, chunk: &ToWrite, bytes: &[u8]) {
    let from = into.len();
    into.extend_from_slice(&chunk.series.to_be_bytes());
    into.extend_from_slice(&chunk.min_ms.to_be_bytes());
    into.extend_from_slice(&chunk.max_ms.to_be_bytes());
    into.push(chunk.encoding.as_u8() | if chunk.is_late { OUT_OF_ORDER } else { 0 });
    varint::put_uvarint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
    let checksum = crc32c(&into[from..]);
    into.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests;
