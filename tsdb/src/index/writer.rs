//! Writing an index: all symbols, then all series, each ascending; postings are derived at the end.
//!
//! Memory does not grow with the labels: what was written is mapped and read again, for as many label names
//! at a time as have about one pair a series, 8 bytes each. Four bytes a series stay (the list of all series). Before
//! it is mapped it is synced, since mapped pages that are not written yet are memory, too.

use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::series::{self, ChunkMeta};
use super::symbols::Symbols;
use super::toc::Toc;
use super::{HEADER_BYTES, MAGIC, POSTINGS_ALIGN, SERIES_ALIGN, VERSION};
use crate::encoding::crc32c::Crc32c;
use crate::encoding::{DecodeBuffer, crc32c, varint};
use crate::fs::buffered::BufferedFile;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Mapped, Vfs};
use crate::memory::{LargeVec, SystemMemory};

/// So much is read or written at a time.
const PART_BYTES: usize = 64 << 10;

/// So many (name, value, series) may be sorted at a time, however few series there are.
const PAIRS_ALWAYS: usize = 1 << 16;

/// Labels of one name, as (value, series).
type Pairs = LargeVec<(u32, u32)>;

/// Writes a new index.
pub struct IndexWriter<'a> {
    fs: &'a dyn Vfs,
    file: BufferedFile,
    toc: Toc,
    last_symbol: Option<String>,
    symbol_count: u32,
    written: Option<WrittenSymbols>,
    /// Refs of all series.
    refs: LargeVec<u32>,
    /// How many series have each label name.
    uses: HashMap<u32, usize>,
    last_labels: Vec<(u32, u32)>,
    body: Vec<u8>,
}

struct WrittenSymbols {
    file: Mapped,
    symbols: Symbols,
}

impl std::fmt::Debug for IndexWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexWriter")
            .field("path", &self.file.path())
            .finish_non_exhaustive()
    }
}

impl<'a> IndexWriter<'a> {
    /// Begins a new index at `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn create(fs: &'a dyn Vfs, path: &Path) -> Result<Self, FileError> {
        let mut file = BufferedFile::create(fs, path)?;
        file.write(&MAGIC.to_be_bytes())?;
        file.write(&[VERSION])?;
        // Length and count are known later.
        file.write(&[0; 8])?;
        Ok(Self {
            fs,
            file,
            toc: Toc {
                symbols: HEADER_BYTES as u64,
                ..Toc::default()
            },
            last_symbol: None,
            symbol_count: 0,
            written: None,
            refs: LargeVec::new_in(SystemMemory),
            uses: HashMap::new(),
            last_labels: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Adds a symbol and says its position. All come before the first series, strictly ascending.
    ///
    /// # Errors
    /// The system's, or when the order is broken.
    pub fn add_symbol(&mut self, symbol: &str) -> Result<u32, FileError> {
        if self.written.is_some() {
            return Err(self.misuse("symbol after the first series"));
        }
        match &mut self.last_symbol {
            Some(last) if last.as_str() >= symbol => {
                let text = format!("symbol {symbol:?} after {last:?}");
                return Err(self.misuse(&text));
            }
            Some(last) => symbol.clone_into(last),
            none => *none = Some(symbol.to_owned()),
        }
        self.body.clear();
        varint::put_str(&mut self.body, symbol);
        self.file.write(&self.body)?;
        let at = self.symbol_count;
        self.symbol_count = at
            .checked_add(1)
            .ok_or_else(|| self.misuse("more than 2^32 symbols"))?;
        Ok(at)
    }

    /// Ends the symbols. Done by the first series if not before.
    ///
    /// # Errors
    /// The system's.
    pub fn finish_symbols(&mut self) -> Result<(), FileError> {
        if self.written.is_some() {
            return Ok(());
        }
        let begin = HEADER_BYTES + 4;
        let len = u32::try_from(self.file.position() - begin as u64)
            .map_err(|_| self.misuse("symbols of more than 4 GiB"))?;
        let mut head = len.to_be_bytes().to_vec();
        head.extend(self.symbol_count.to_be_bytes());
        self.file.write_at(HEADER_BYTES as u64, &head)?;
        // The count stands before the texts, so that the checksum could not be taken on the way.
        self.file.sync()?;
        let crc = crc32c(&(*self.mapped()?).as_ref()[begin..]);
        self.file.write(&crc.to_be_bytes())?;
        self.file.flush()?;
        let file = self.mapped()?;
        let symbols = Symbols::read((*file).as_ref(), self.toc.symbols)
            .map_err(|error| FileError::damaged_at(self.file.path(), error.offset(), error.to_string()))?;
        self.written = Some(WrittenSymbols { file, symbols });
        self.toc.series = self.file.position();
        Ok(())
    }

    /// The text of a symbol; known after [`Self::finish_symbols`].
    ///
    /// # Errors
    /// When there is none.
    pub fn symbol(&self, at: u32) -> Result<&str, FileError> {
        let Some(written) = &self.written else {
            return Err(self.misuse("symbols are read before they are written"));
        };
        written
            .symbols
            .get((*written.file).as_ref(), at)
            .map_err(|error| FileError::damaged(self.file.path(), format!("symbol {at}: {error}")))
    }

    /// All symbols in order; known after [`Self::finish_symbols`].
    pub fn symbols(&self) -> impl Iterator<Item = Result<&str, FileError>> {
        let written = self.written.iter();
        written
            .flat_map(|written| written.symbols.iter((*written.file).as_ref()))
            .map(|symbol| symbol.map_err(|error| FileError::damaged(self.file.path(), error.to_string())))
    }

    /// How many symbols were added.
    pub fn symbol_count(&self) -> u32 {
        self.symbol_count
    }

    /// Adds a series and says its ref. Series come strictly ascending by labels, chunks by time and apart.
    ///
    /// # Errors
    /// The system's, or when an order is broken.
    pub fn add_series(&mut self, labels: &[(u32, u32)], chunks: &[ChunkMeta]) -> Result<u32, FileError> {
        self.finish_symbols()?;
        self.check_series(labels, chunks)?;
        self.file.pad(SERIES_ALIGN)?;
        let series = u32::try_from(self.file.position() / SERIES_ALIGN)
            .map_err(|_| self.misuse("index of more than 64 GiB"))?;
        self.body.clear();
        series::encode(labels, chunks, &mut self.body);
        let mut len = Vec::with_capacity(varint::BYTES_MAX);
        varint::put_uvarint(&mut len, self.body.len() as u64);
        self.file.write(&len)?;
        self.file.write(&self.body)?;
        self.file.write(&crc32c(&self.body).to_be_bytes())?;
        self.refs.push(series);
        for &(name, _) in labels {
            *self.uses.entry(name).or_default() += 1;
        }
        self.last_labels.clear();
        self.last_labels.extend_from_slice(labels);
        Ok(series)
    }

    fn check_series(&self, labels: &[(u32, u32)], chunks: &[ChunkMeta]) -> Result<(), FileError> {
        // Symbols ascend, so that their positions compare as their texts do.
        if !self.refs.is_empty() && *labels <= *self.last_labels {
            return Err(self.misuse("series out of order"));
        }
        if !labels.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(self.misuse("label names out of order"));
        }
        let known = |symbol: u32| symbol < self.symbol_count;
        if !labels.iter().all(|&(name, value)| known(name) && known(value)) {
            return Err(self.misuse("label that is no symbol"));
        }
        let apart = chunks.is_sorted_by(|a, b| a.max_ms < b.min_ms);
        if !apart || chunks.iter().any(|chunk| chunk.min_ms > chunk.max_ms) {
            return Err(self.misuse("chunks out of order"));
        }
        Ok(())
    }

    /// Writes postings, their table and the contents; syncs. Says how long the file is.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<u64, FileError> {
        self.finish_symbols()?;
        self.toc.label_indices = self.file.position();
        self.file.sync()?;
        let series = self.mapped()?;
        self.toc.postings = self.file.position();
        let mut table = Table::create(self.fs, self.file.path())?;
        self.write_postings((*series).as_ref(), &mut table)?;
        self.toc.label_indices_table = self.file.position();
        self.toc.postings_table = self.file.position();
        table.append_to(self.fs, &mut self.file)?;
        self.file.write(&self.toc.encode())?;
        self.file.finish()
    }

    fn write_postings(&mut self, written: &[u8], table: &mut Table) -> Result<(), FileError> {
        let refs = std::mem::replace(&mut self.refs, LargeVec::new_in(SystemMemory));
        self.write_list("", "", refs.iter().copied(), table)?;
        let mut names: Vec<(u32, usize)> = self.uses.drain().collect();
        names.sort_unstable();
        let pairs_max = refs.len().max(PAIRS_ALWAYS);
        let mut rest = &names[..];
        while !rest.is_empty() {
            let mut sum = 0;
            let fits = rest.iter().take_while(|(_, uses)| {
                sum += uses;
                sum <= pairs_max
            });
            let (batch, later) = rest.split_at(fits.count().max(1));
            for (name, mut pairs) in self.collect_pairs(written, &refs, batch)? {
                pairs.sort_unstable();
                let name = self.symbol(name)?.to_owned();
                for list in pairs.chunk_by(|a, b| a.0 == b.0) {
                    let value = self.symbol(list[0].0)?.to_owned();
                    self.write_list(&name, &value, list.iter().map(|pair| pair.1), table)?;
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// Reads again all labels with these names, each of which so many series have; returns them by name.
    fn collect_pairs(
        &self,
        written: &[u8],
        refs: &[u32],
        names: &[(u32, usize)],
    ) -> Result<Vec<(u32, Pairs)>, FileError> {
        let room = |&(name, uses): &(u32, usize)| (name, Pairs::with_capacity_in(uses, SystemMemory));
        let mut pairs: Vec<_> = names.iter().map(room).collect();
        let mut labels = Vec::new();
        for &series in refs {
            let at = u64::from(series) * SERIES_ALIGN;
            labels.clear();
            let mut entry = DecodeBuffer::new(&written[at as usize..]);
            entry
                .length()
                .and_then(|_| series::decode_labels(&mut entry, &mut labels))
                .map_err(|error| FileError::damaged_at(self.file.path(), at, error.to_string()))?;
            // Both ascend.
            let mut rest = &mut pairs[..];
            for &(name, value) in &labels {
                let before = rest.partition_point(|(other, _)| *other < name);
                rest = &mut rest[before..];
                if let Some((_, pairs)) = rest.first_mut().filter(|(other, _)| *other == name) {
                    pairs.push((value, series));
                }
            }
        }
        Ok(pairs)
    }

    fn write_list(
        &mut self,
        name: &str,
        value: &str,
        refs: impl ExactSizeIterator<Item = u32>,
        table: &mut Table,
    ) -> Result<(), FileError> {
        self.file.pad(POSTINGS_ALIGN)?;
        table.add(name, value, self.file.position())?;
        let count =
            u32::try_from(refs.len()).map_err(|_| self.misuse("postings of more than 2^32 series"))?;
        let len = count.checked_mul(4).and_then(|bytes| bytes.checked_add(4));
        let len = len.ok_or_else(|| self.misuse("postings of more than 4 GiB"))?;
        self.file.write(&len.to_be_bytes())?;
        let mut crc = Crc32c::new();
        self.body.clear();
        self.body.extend(count.to_be_bytes());
        for series in refs {
            if self.body.len() >= PART_BYTES {
                crc.update(&self.body);
                self.file.write(&self.body)?;
                self.body.clear();
            }
            self.body.extend(series.to_be_bytes());
        }
        crc.update(&self.body);
        self.body.extend(crc.finish().to_be_bytes());
        self.file.write(&self.body)
    }

    fn mapped(&self) -> Result<Mapped, FileError> {
        self.fs.map(self.file.path()).at(self.file.path())
    }

    fn misuse(&self, text: &str) -> FileError {
        FileError::io(
            self.file.path(),
            std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
        )
    }
}

/// The entries of the postings table, in a file of their own until it is their turn.
struct Table {
    file: BufferedFile,
    path: PathBuf,
    count: u32,
    entry: Vec<u8>,
}

impl Table {
    fn create(fs: &dyn Vfs, index: &Path) -> Result<Self, FileError> {
        let path = index.with_file_name("index_tmp_po");
        Ok(Self {
            file: BufferedFile::create(fs, &path)?,
            path,
            count: 0,
            entry: Vec::new(),
        })
    }

    fn add(&mut self, name: &str, value: &str, offset: u64) -> Result<(), FileError> {
        self.entry.clear();
        varint::put_uvarint(&mut self.entry, 2);
        varint::put_str(&mut self.entry, name);
        varint::put_str(&mut self.entry, value);
        varint::put_uvarint(&mut self.entry, offset);
        self.count += 1;
        self.file.write(&self.entry)
    }

    fn append_to(mut self, fs: &dyn Vfs, index: &mut BufferedFile) -> Result<(), FileError> {
        self.file.flush()?;
        let too_long = || FileError::unsupported(index.path(), "postings table of more than 4 GiB");
        let len = u32::try_from(self.file.position() + 4).map_err(|_| too_long())?;
        let mut crc = Crc32c::new();
        crc.update(&self.count.to_be_bytes());
        index.write(&len.to_be_bytes())?;
        index.write(&self.count.to_be_bytes())?;
        let mut at = 0;
        while at < self.file.position() {
            // Not mapped: nothing of it is on disk yet.
            let part = fs.read_at(&self.path, at, PART_BYTES).at(&self.path)?;
            if part.is_empty() {
                return Err(FileError::torn(&self.path));
            }
            crc.update(&part);
            index.write(&part)?;
            at += part.len() as u64;
        }
        index.write(&crc.finish().to_be_bytes())?;
        fs.remove_file(&self.path).at(&self.path)
    }
}
