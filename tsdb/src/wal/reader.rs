//! Reading a segment record by record.

use std::path::{Path, PathBuf};

use super::page::{Fragment, HEADER_BYTES, PAGE_BYTES, SNAPPY, ZSTD, read_fragment};
use super::{WalError, compression};
use crate::fs::{Mapped, Vfs};

/// Reads one segment from its beginning.
///
/// The last page may be shorter than a page: it counts as filled with zeros, since a writer that is
/// opened anew never goes on in an old segment.
pub struct SegmentReader {
    path: PathBuf,
    /// All of the file, or whole pages of it from `base` on.
    bytes: Mapped,
    base: usize,
    /// Whether nothing follows.
    is_last: bool,
    /// The last page, filled up, where the file ends within one.
    tail: Vec<u8>,
    at: usize,
    /// End of the last whole record: what a repair may keep.
    good: usize,
    fragments: Vec<u8>,
    record: Vec<u8>,
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SegmentReader({} at {})", self.path.display(), self.at)
    }
}

/// What the next header says.
enum Step {
    End,
    Zeros,
    Fragment {
        kind: Fragment,
        flags: u8,
        from: usize,
        len: usize,
    },
}

impl SegmentReader {
    /// Opens the segment at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(fs: &dyn Vfs, path: &Path) -> Result<Self, WalError> {
        let bytes = fs.map(path).map_err(|error| WalError::io(path, error))?;
        Ok(Self::new(path, bytes))
    }

    /// Reads bytes that stand for the file at `path`.
    pub fn new(path: &Path, bytes: Mapped) -> Self {
        Self::part(path, bytes, 0, 0, true)
    }

    /// Reads bytes that stand for whole pages of the file at `path` from `base` on, or for its end, beginning at
    /// `from`, where a record begins. A record that goes on beyond them is not read: after the last that is,
    /// [`Self::offset`] is where to begin with more.
    pub fn part(path: &Path, bytes: Mapped, base: usize, from: usize, is_last: bool) -> Self {
        let all: &[u8] = (*bytes).as_ref();
        let mut tail = all[all.len() - all.len() % PAGE_BYTES..].to_vec();
        if !tail.is_empty() {
            tail.resize(PAGE_BYTES, 0);
        }
        Self {
            path: path.to_owned(),
            bytes,
            base,
            is_last,
            tail,
            at: from - base,
            good: from - base,
            fragments: Vec::new(),
            record: Vec::new(),
        }
    }

    /// Where the last whole record ended.
    pub fn offset(&self) -> u64 {
        (self.base + self.good) as u64
    }

    /// Where in the file the bytes begin that are read.
    pub fn base(&self) -> u64 {
        self.base as u64
    }

    /// Whether nothing follows the bytes that are read.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The body of the next record; `None` at the end.
    ///
    /// # Errors
    /// At the first byte that is wrong; reading on is pointless.
    #[expect(clippy::should_implement_trait, reason = "the record borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, WalError> {
        self.fragments.clear();
        let mut count = 0;
        let mut last = Fragment::PageEnd;
        loop {
            let (kind, flags, from, len) = match self.step()? {
                Step::End if self.is_last && matches!(last, Fragment::First | Fragment::Middle) => {
                    return Err(self.corrupt("last record is torn"));
                }
                Step::End if !self.bytes.is_whole() => {
                    return Err(WalError::io(&self.path, std::io::ErrorKind::UnexpectedEof.into()));
                }
                Step::End => return Ok(None),
                Step::Zeros => {
                    last = Fragment::PageEnd;
                    continue;
                }
                Step::Fragment {
                    kind,
                    flags,
                    from,
                    len,
                } => (kind, flags, from, len),
            };
            let begins = matches!(kind, Fragment::Full | Fragment::First);
            if begins != (count == 0) {
                return Err(self.corrupt(format!("fragment {kind:?} as number {count} of a record")));
            }
            count += 1;
            last = kind;
            if kind == Fragment::Full {
                self.good = self.at;
                return self.finish(flags, (from, len)).map(Some);
            }
            let part = slice(&self.bytes, &self.tail, from, len);
            self.fragments.extend_from_slice(part);
            if kind == Fragment::Last {
                let before = self.base + self.good;
                self.good = self.at;
                if flags & (SNAPPY | ZSTD) == 0 {
                    return Ok(Some(&self.fragments));
                }
                let unpacked = compression::decompress(flags, &self.fragments, &mut self.record);
                return match unpacked {
                    Ok(()) => Ok(Some(&self.record)),
                    Err(reason) => Err(WalError::corrupt(&self.path, before as u64, reason)),
                };
            }
        }
    }

    fn finish(&mut self, flags: u8, (from, len): (usize, usize)) -> Result<&[u8], WalError> {
        let part = slice(&self.bytes, &self.tail, from, len);
        if flags & (SNAPPY | ZSTD) == 0 {
            return Ok(part);
        }
        match compression::decompress(flags, part, &mut self.record) {
            Ok(()) => Ok(&self.record),
            Err(reason) => {
                let before = self.base + from.saturating_sub(HEADER_BYTES);
                Err(WalError::corrupt(&self.path, before as u64, reason))
            }
        }
    }

    fn step(&mut self) -> Result<Step, WalError> {
        let len = (*self.bytes).as_ref().len().next_multiple_of(PAGE_BYTES);
        if self.at >= len {
            return Ok(Step::End);
        }
        let page_end = (self.at / PAGE_BYTES + 1) * PAGE_BYTES;
        let rest = slice(&self.bytes, &self.tail, self.at, page_end - self.at);
        match read_fragment(rest) {
            Ok(found) if found.kind == Fragment::PageEnd => {
                self.at = page_end;
                Ok(Step::Zeros)
            }
            Ok(found) => {
                let (kind, flags, len) = (found.kind, found.flags, found.payload.len());
                let from = self.at + HEADER_BYTES;
                self.at = from + len;
                // A page's last bytes, too few for a header, are zeros that a header byte of 0 would
                // announce; skipping them here or there comes to the same.
                Ok(Step::Fragment {
                    kind,
                    flags,
                    from,
                    len,
                })
            }
            Err(reason) => Err(self.corrupt(reason)),
        }
    }

    fn corrupt(&self, reason: impl Into<String>) -> WalError {
        WalError::corrupt(&self.path, self.offset(), reason)
    }
}

/// Bytes of one page, from the file or from its filled-up end.
fn slice<'a>(bytes: &'a Mapped, tail: &'a [u8], from: usize, len: usize) -> &'a [u8] {
    let all: &[u8] = (**bytes).as_ref();
    let whole = all.len() - all.len() % PAGE_BYTES;
    if from >= whole {
        &tail[from - whole..from - whole + len]
    } else {
        &all[from..from + len]
    }
}

#[cfg(test)]
mod tests;
