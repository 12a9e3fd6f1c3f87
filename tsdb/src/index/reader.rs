//! Reading an index from its mapping.

use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use parking_lot::RwLock;

use super::postings_table::{self, PostingsEntries, PostingsTable};
use super::series::{self, ChunkMeta};
use super::symbols::Symbols;
use super::toc::Toc;
use super::{HEADER_BYTES, MAGIC, SERIES_ALIGN, SectionError, VERSION, section, section_unverified};
use crate::encoding::{DecodeBuffer, DecodeError, crc32c};
use crate::fs::error::AtPath;
use crate::fs::{FileError, Mapped, Vfs};
use crate::postings::advance;

/// From how many refs on it is remembered that a list was verified.
const REMEMBERED_REFS_MIN: usize = 1024;

/// An open index.
pub struct IndexReader {
    path: PathBuf,
    file: Mapped,
    symbols: Symbols,
    table: PostingsTable,
    /// Of version 1: the postings table, sorted. Series and symbols are then named by their offsets.
    sorted_table: Option<Vec<u8>>,
    /// Places of long postings whose checksums were found right.
    verified: RwLock<HashSet<u64, foldhash::fast::RandomState>>,
}

impl std::fmt::Debug for IndexReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl IndexReader {
    /// Maps the index at `path` and verifies its header, contents, symbols and postings table.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of another version.
    pub fn open(fs: &dyn Vfs, path: &Path) -> Result<Self, FileError> {
        Self::from_mapped(fs.map(path).at(path)?, path)
    }

    /// An index in bytes; `path` appears in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_mapped(file: Mapped, path: &Path) -> Result<Self, FileError> {
        let bytes = (*file).as_ref();
        let version = check_header(bytes, path)?;
        let toc = Toc::decode(bytes).map_err(|text| FileError::damaged(path, text))?;
        let damaged = |error: SectionError| FileError::damaged_at(path, error.offset(), error.to_string());
        let symbols = Symbols::read(bytes, toc.symbols).map_err(damaged)?;
        let sorted_table = match version {
            1 => Some(postings_table::sorted(bytes, toc.postings_table).map_err(damaged)?),
            _ => None,
        };
        let table = match &sorted_table {
            Some(sorted) => PostingsTable::read(sorted, 0),
            None => PostingsTable::read(bytes, toc.postings_table),
        };
        let table = table.map_err(damaged)?;
        Ok(Self {
            path: path.to_owned(),
            symbols,
            table,
            sorted_table,
            file,
            verified: RwLock::default(),
        })
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what was read came from the file.
    ///
    /// # Errors
    /// When it did not: someone else shortened the file.
    #[inline]
    pub(crate) fn check_whole(&self) -> Result<(), FileError> {
        match self.file.is_whole() {
            true => Ok(()),
            false => Err(FileError::torn(&self.path)),
        }
    }

    /// How long it is.
    pub fn bytes(&self) -> u64 {
        self.file().len() as u64
    }

    fn file(&self) -> &[u8] {
        (*self.file).as_ref()
    }

    /// Where the entries of the postings table lie.
    fn table_bytes(&self) -> &[u8] {
        match &self.sorted_table {
            Some(sorted) => sorted,
            None => self.file(),
        }
    }

    fn damaged(&self, part: &str, error: DecodeError) -> FileError {
        FileError::damaged(&self.path, format!("{part}: {error}"))
    }

    /// How many symbols there are.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.count()
    }

    /// The symbol at position `at`.
    ///
    /// # Errors
    /// When there is none or it is no text.
    pub fn symbol(&self, at: u32) -> Result<&str, FileError> {
        self.symbols
            .get(self.file(), at)
            .map_err(|error| self.damaged(&format!("symbol {at}"), error))
    }

    /// The position of a text among the symbols, if it is one.
    ///
    /// # Errors
    /// When the table is damaged.
    pub fn find_symbol(&self, text: &str) -> Result<Option<u32>, FileError> {
        self.symbols
            .find(self.file(), text)
            .map_err(|error| self.damaged("symbols", error))
    }

    /// All symbols, ascending.
    pub fn symbols(&self) -> impl Iterator<Item = Result<&str, FileError>> {
        self.symbols
            .iter(self.file())
            .map(|symbol| symbol.map_err(|error| self.damaged("symbols", error)))
    }

    /// Names of all labels, ascending.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.table.names()
    }

    /// How many values a label has.
    pub fn value_count(&self, name: &str) -> usize {
        self.table.value_count(name)
    }

    /// Values of a label that are `from` or later, ascending, each with the place of its postings.
    ///
    /// # Errors
    /// When the table is damaged.
    pub fn values_from(
        &self,
        name: &str,
        from: &str,
    ) -> Result<impl Iterator<Item = Result<(&str, u64), FileError>>, FileError> {
        let damaged = |error| self.damaged("postings table", error);
        let entries: PostingsEntries<'_> = self
            .table
            .entries_from(self.table_bytes(), name, from)
            .map_err(damaged)?;
        Ok(entries.map(move |entry| entry.map_err(damaged)))
    }

    /// Appends the refs of all series with the label, ascending; none if there are none.
    ///
    /// # Errors
    /// When table or postings are damaged.
    pub fn postings(&self, name: &str, value: &str, refs: &mut Vec<u32>) -> Result<(), FileError> {
        let list = self.list(name, value)?.unwrap_or(&[]);
        refs.extend(list.iter().map(|word| u32::from_be_bytes(*word)));
        Ok(())
    }

    /// Appends the refs of all series, ascending.
    ///
    /// # Errors
    /// As [`Self::postings`].
    pub fn all_postings(&self, refs: &mut Vec<u32>) -> Result<(), FileError> {
        self.postings("", "", refs)
    }

    /// Appends the refs that stand at a place named by [`Self::values_from`].
    ///
    /// # Errors
    /// When the postings are damaged.
    pub fn postings_at(&self, offset: u64, refs: &mut Vec<u32>) -> Result<(), FileError> {
        refs.extend(self.list_at(offset)?.iter().map(|word| u32::from_be_bytes(*word)));
        Ok(())
    }

    /// How many series have the label.
    ///
    /// # Errors
    /// When table or postings are damaged.
    pub fn postings_count(&self, name: &str, value: &str) -> Result<usize, FileError> {
        Ok(self.list(name, value)?.map_or(0, <[_]>::len))
    }

    /// Keeps of `refs`, which ascend, those of series with the label. Looks at few of the others.
    ///
    /// # Errors
    /// When table or postings are damaged.
    pub fn keep_postings(&self, name: &str, value: &str, refs: &mut Vec<u32>) -> Result<(), FileError> {
        let mut rest = self.list(name, value)?.unwrap_or(&[]);
        refs.retain(|&wanted| {
            // Big-endian words compare as the numbers do.
            rest = &rest[advance(rest, wanted.to_be_bytes())..];
            rest.first() == Some(&wanted.to_be_bytes())
        });
        Ok(())
    }

    fn list(&self, name: &str, value: &str) -> Result<Option<&[[u8; 4]]>, FileError> {
        let place = self.table.find(self.table_bytes(), name, value);
        let place = place.map_err(|error| self.damaged("postings table", error))?;
        place.map(|offset| self.list_at(offset)).transpose()
    }

    /// The refs at a place, big-endian. A list is verified when it is first looked at.
    fn list_at(&self, offset: u64) -> Result<&[[u8; 4]], FileError> {
        let verified = self.verified.read().contains(&offset);
        let section = if verified { section_unverified } else { section };
        let (body, _) = section(self.file(), offset, "postings")
            .map_err(|error| FileError::damaged_at(&self.path, offset, error.to_string()))?;
        let (count, list) = body.split_first_chunk().map_or((0, body), |(count, list)| {
            (u32::from_be_bytes(*count) as usize, list)
        });
        if list.len() != count.saturating_mul(4) {
            let text = format!("postings of {} bytes say that they are {count} refs", list.len());
            return Err(FileError::damaged_at(&self.path, offset, text));
        }
        // Short lists are verified anew sooner than they are remembered.
        if !verified && count >= REMEMBERED_REFS_MIN {
            self.verified.write().insert(offset);
        }
        Ok(list.as_chunks().0)
    }

    /// Appends the labels, as symbols, and the chunks of a series.
    ///
    /// # Errors
    /// When there is no such series or its entry is damaged.
    pub fn series(
        &self,
        series: u32,
        labels: &mut Vec<(u32, u32)>,
        chunks: &mut Vec<ChunkMeta>,
    ) -> Result<(), FileError> {
        let mut body = self.series_body(series, true)?;
        let before = labels.len();
        series::decode_labels(&mut body, labels)
            .and_then(|()| series::decode_chunks(&mut body, chunks))
            .and_then(|()| self.name_symbols(&mut labels[before..]))
            .map_err(|error| self.damaged(&format!("series {series}"), error))
    }

    /// Turns offsets of symbols into their positions, where they are offsets.
    #[inline]
    fn name_symbols(&self, labels: &mut [(u32, u32)]) -> Result<(), DecodeError> {
        if self.sorted_table.is_some() {
            for (name, value) in labels {
                *name = self.symbols.position_of(self.file(), *name)?;
                *value = self.symbols.position_of(self.file(), *value)?;
            }
        }
        Ok(())
    }

    /// Appends the chunks of a series whose entry was read before: its checksum is not verified again.
    ///
    /// # Errors
    /// When there is no such series or its entry is damaged.
    pub fn chunks(&self, series: u32, chunks: &mut Vec<ChunkMeta>) -> Result<(), FileError> {
        let mut body = self.series_body(series, false)?;
        series::skip_labels(&mut body)
            .and_then(|()| series::decode_chunks(&mut body, chunks))
            .map_err(|error| self.damaged(&format!("series {series}"), error))
    }

    #[inline]
    fn series_body(&self, series: u32, verify: bool) -> Result<DecodeBuffer<'_>, FileError> {
        let unit = match self.sorted_table {
            Some(_) => 1,
            None => SERIES_ALIGN,
        };
        let offset = u64::from(series) * unit;
        let beyond = || FileError::damaged_at(&self.path, offset, "series reaches beyond the file");
        let rest = usize::try_from(offset).ok().and_then(|at| self.file().get(at..));
        let mut entry = DecodeBuffer::new(rest.ok_or_else(beyond)?);
        let body = entry.prefixed_bytes().map_err(|_| beyond())?;
        let stored = entry.u32().map_err(|_| beyond())?;
        if verify {
            let computed = crc32c(body);
            if stored != computed {
                let text = format!("series has checksum {computed:#010x}, its footer says {stored:#010x}");
                return Err(FileError::damaged_at(&self.path, offset, text));
            }
        }
        Ok(DecodeBuffer::new(body))
    }
}

/// The version.
fn check_header(bytes: &[u8], path: &Path) -> Result<u8, FileError> {
    let Some((magic, rest)) = bytes.split_first_chunk() else {
        let text = format!("expected a header of {HEADER_BYTES} bytes, found {}", bytes.len());
        return Err(FileError::damaged(path, text));
    };
    let magic = u32::from_be_bytes(*magic);
    if magic != MAGIC {
        let text = format!("expected magic number {MAGIC:#010x}, found {magic:#010x}");
        return Err(FileError::damaged(path, text));
    }
    match rest.first() {
        // Version 3 was only ever a constant: Prometheus reads it as 2.
        Some(&version @ (1 | VERSION | 3)) => Ok(version),
        Some(other) => Err(FileError::unsupported(
            path,
            format!("unknown index version {other}, expected 2"),
        )),
        None => Err(FileError::damaged(path, "index ends within its header")),
    }
}
