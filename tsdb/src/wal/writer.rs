//! Writing records: one `write(2)` a commit, `fdatasync` when asked.
//!
//! A write that fails leaves the segment as it was before: what came of it is cut off again, so that a
//! full disk stops ingest without damage and ingest resumes when there is room. A sync that fails stops
//! the log for good, since what is on disk is then unknown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::page::{PAGE_BYTES, room_in_segment, write_record};
use super::{Compressed, segment};
use crate::fs::{Vfs, VfsFile};

type SharedFile = Arc<Mutex<Box<dyn VfsFile>>>;

/// The writing end of a log. Not shared: whoever owns it puts it behind a lock.
#[derive(Debug)]
pub struct Writer {
    fs: Arc<dyn Vfs>,
    dir: PathBuf,
    segment_bytes: u64,
    number: u32,
    file: Box<dyn VfsFile>,
    /// A second handle on the segment, so that syncing does not hold up writing.
    handle: SharedFile,
    /// Finished segments that are not synced yet.
    finished: Vec<SharedFile>,
    written_bytes: u64,
    page_used: usize,
    unsynced: bool,
    entry_unsynced: bool,
    state: State,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    /// Bytes of a failed write may be behind the good ones.
    Torn,
    /// A sync failed.
    Lost,
}

/// What is to be synced; made by [`Writer::begin_sync`] and run without the log's lock.
#[derive(Debug)]
pub struct Sync {
    files: Vec<SharedFile>,
    dir: Option<(Arc<dyn Vfs>, PathBuf)>,
}

impl Sync {
    /// Syncs.
    ///
    /// # Errors
    /// The system's; then call [`Writer::sync_failed`].
    pub fn run(&self) -> io::Result<()> {
        for file in &self.files {
            file.lock().sync()?;
        }
        match &self.dir {
            Some((fs, dir)) => fs.sync_dir(dir),
            None => Ok(()),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.dir.is_none()
    }
}

impl Writer {
    /// Begins segment `number` in `dir`. A log is always continued in a new segment.
    ///
    /// # Errors
    /// The system's.
    pub fn create(fs: Arc<dyn Vfs>, dir: &Path, number: u32, segment_bytes: u64) -> io::Result<Self> {
        let (file, handle) = open_segment(&*fs, dir, number)?;
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            segment_bytes: segment_bytes.max(PAGE_BYTES as u64),
            number,
            file,
            handle,
            finished: Vec::new(),
            written_bytes: 0,
            page_used: 0,
            unsynced: false,
            entry_unsynced: true,
            state: State::Good,
            buffer: Vec::new(),
        })
    }

    /// The segment being written.
    pub fn segment(&self) -> u32 {
        self.number
    }

    /// Bytes in the segment being written.
    pub fn segment_len(&self) -> u64 {
        self.written_bytes
    }

    /// Appends records with one write, or with two where a segment ends between them. Returns the bytes written.
    ///
    /// # Errors
    /// The system's. Nothing of the records counts then, except those before the end of a segment.
    pub fn append(&mut self, records: &[Compressed]) -> io::Result<usize> {
        self.make_good()?;
        let mut total = 0;
        self.buffer.clear();
        for record in records {
            let used = self.written_bytes + self.buffer.len() as u64;
            // A segment that is still empty takes a record of any size.
            if used > 0 && record.bytes.len() as u64 > room_in_segment(used, self.segment_bytes) {
                total += self.flush()?;
                self.next_segment()?;
            }
            self.page_used = write_record(&record.bytes, record.flags, self.page_used, &mut self.buffer);
        }
        Ok(total + self.flush()?)
    }

    /// Ends the segment and begins the next; returns its number.
    ///
    /// # Errors
    /// The system's.
    pub fn next_segment(&mut self) -> io::Result<u32> {
        self.make_good()?;
        if self.entry_unsynced {
            // Were only the later of two segments certain, a power cut would leave a gap.
            self.fs.sync_dir(&self.dir)?;
            self.entry_unsynced = false;
        }
        let (file, handle) = open_segment(&*self.fs, &self.dir, self.number + 1)?;
        self.number += 1;
        self.file = file;
        let done = std::mem::replace(&mut self.handle, handle);
        self.finished.push(done);
        (self.written_bytes, self.page_used) = (0, 0);
        self.entry_unsynced = true;
        Ok(self.number)
    }

    /// What has to be synced so that all that was appended up to now survives a power cut.
    ///
    /// # Errors
    /// When a sync failed before.
    pub fn begin_sync(&mut self) -> io::Result<Sync> {
        if self.state == State::Lost {
            return Err(lost());
        }
        let mut files = std::mem::take(&mut self.finished);
        if std::mem::take(&mut self.unsynced) {
            files.push(Arc::clone(&self.handle));
        }
        let dir = std::mem::take(&mut self.entry_unsynced).then(|| (Arc::clone(&self.fs), self.dir.clone()));
        Ok(Sync { files, dir })
    }

    /// Notes that a [`Sync`] failed: the log takes nothing any more.
    pub fn sync_failed(&mut self) {
        self.state = State::Lost;
    }

    /// Whether the log takes nothing any more.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    fn flush(&mut self) -> io::Result<usize> {
        let len = self.buffer.len();
        if len == 0 {
            return Ok(0);
        }
        let written = self.file.append(&self.buffer);
        self.buffer.clear();
        if let Err(error) = written {
            self.state = State::Torn;
            self.page_used = (self.written_bytes % PAGE_BYTES as u64) as usize;
            // If this fails too, the next append tries again before it writes.
            let _cut = self.make_good();
            return Err(error);
        }
        self.written_bytes += len as u64;
        self.unsynced = true;
        Ok(len)
    }

    /// Cuts off what a failed write may have left.
    fn make_good(&mut self) -> io::Result<()> {
        match self.state {
            State::Good => Ok(()),
            State::Torn => {
                self.file.set_len(self.written_bytes)?;
                self.state = State::Good;
                Ok(())
            }
            State::Lost => Err(lost()),
        }
    }
}

fn lost() -> io::Error {
    io::Error::other("an earlier fsync of the write-ahead log failed, restart to find out what was kept")
}

fn open_segment(fs: &dyn Vfs, dir: &Path, number: u32) -> io::Result<(Box<dyn VfsFile>, SharedFile)> {
    let path = segment::path(dir, number);
    let file = fs.create(&path)?;
    let handle = fs.open(&path)?;
    Ok((file, Arc::new(Mutex::new(handle))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::memory::MemoryFs;
    use crate::wal::SegmentReader;

    fn record(len: usize) -> Compressed {
        Compressed {
            flags: 0,
            bytes: vec![1; len],
        }
    }

    fn records_in(fs: &MemoryFs, number: u32) -> usize {
        let path = segment::path(Path::new("/wal"), number);
        let mut reader = SegmentReader::open(fs, &path).unwrap();
        let mut count = 0;
        while reader.next().unwrap().is_some() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_record_that_does_not_fit_begins_the_next_segment() {
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new("/wal")).unwrap();
        let mut writer =
            Writer::create(Arc::new(fs.clone()), Path::new("/wal"), 3, 2 * PAGE_BYTES as u64).unwrap();
        writer.append(&[record(40_000), record(20_000)]).unwrap();
        writer.append(&[record(20_000)]).unwrap();
        assert_eq!(writer.segment(), 4);
        assert_eq!((records_in(&fs, 3), records_in(&fs, 4)), (2, 1));
    }

    #[test]
    fn a_record_larger_than_a_segment_makes_a_larger_segment() {
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new("/wal")).unwrap();
        let mut writer =
            Writer::create(Arc::new(fs.clone()), Path::new("/wal"), 0, PAGE_BYTES as u64).unwrap();
        writer.append(&[record(100_000)]).unwrap();
        writer.append(&[record(1)]).unwrap();
        assert_eq!((records_in(&fs, 0), records_in(&fs, 1)), (1, 1));
    }
}
