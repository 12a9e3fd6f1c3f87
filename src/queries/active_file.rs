//! `queries.active` in the data directory: which queries run, so that a start after a crash can tell which ran
//! then.
//!
//! ```text
//! [ {"query":"up","timestamp_sec":1700000000} 0 0 0 … 0 , {"query":…
//! │ └────────────── a slot of 1000 bytes ─────────────┘ │
//! └ byte 0                         its last byte, a comma ┘
//! ```
//!
//! The file is Prometheus', byte by byte. It is written through the page cache, which outlives the process.
//! Start with [`ActiveFile::create`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{error, info};

/// The file's name in the data directory.
const FILE_NAME: &str = "queries.active";

/// Bytes of a slot, with the comma at its end.
const SLOT_BYTES: usize = 1000;

/// The file, with a slot for each query that may run at once. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct ActiveFile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    free: Mutex<Vec<usize>>,
}

/// A slot that is taken. Dropping empties it.
#[derive(Debug)]
pub(super) struct Slot {
    inner: Arc<Inner>,
    number: usize,
}

impl ActiveFile {
    /// Logs which queries the file in `dir` says were running, then begins it anew.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(super) fn create(dir: &Path, slots: usize) -> io::Result<Self> {
        let path = dir.join(FILE_NAME);
        let size = 1 + slots * SLOT_BYTES;
        log_unfinished(&path, size);
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(true)
            .open(&path)?;
        // Written rather than left as a hole: a disk that is full later cannot fail a query's note. Not synced, as
        // nothing in it is: a start after a kill would wait for all that the disk has yet to write.
        file.write_all(&vec![0; size])?;
        file.write_all_at(b"[", 0)?;
        let inner = Inner {
            file,
            free: Mutex::new((0..slots).rev().collect()),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Notes that `query` runs, if a slot is free.
    pub(super) fn enter(&self, query: &str, now_s: i64) -> Option<Slot> {
        let number = self.inner.free.lock().pop()?;
        let mut bytes = entry(query, now_s).into_bytes();
        bytes.resize(SLOT_BYTES - 1, 0);
        bytes.push(b',');
        self.inner.write(number, &bytes);
        Some(Slot {
            inner: Arc::clone(&self.inner),
            number,
        })
    }
}

impl Inner {
    fn write(&self, number: usize, bytes: &[u8]) {
        let at = (1 + number * SLOT_BYTES) as u64;
        if let Err(error) = self.file.write_all_at(bytes, at) {
            error!(err = %error, "A running query cannot be noted");
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.inner.write(self.number, &[0; SLOT_BYTES]);
        self.inner.free.lock().push(self.number);
    }
}

/// What a file of an earlier run holds, as a list in JSON; nothing if it holds no query.
fn unfinished(bytes: &[u8]) -> Option<String> {
    let text: Vec<u8> = bytes.iter().copied().filter(|&b| b != 0).collect();
    let text = String::from_utf8_lossy(&text);
    // The last comma, or the bracket if there is no query.
    let mut list = text.into_owned();
    list.pop()?;
    (!list.is_empty()).then(|| list + "]")
}

fn log_unfinished(path: &Path, size: usize) {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(size as u64).read_to_end(&mut bytes)) {
        Ok(_) => {
            if let Some(queries) = unfinished(&bytes) {
                info!(
                    component = "activeQueryTracker",
                    queries, "These queries didn't finish in prometheus' last run:"
                );
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => error!(component = "activeQueryTracker", err = %error, "Failed to read query log file"),
    }
}

/// A slot's JSON: as much of the query as has room. Prometheus counts the room before it escapes the query,
/// and writes into the next slot what is more; here that is cut off.
fn entry(query: &str, now_s: i64) -> String {
    let rest = format!("\"timestamp_sec\":{now_s}}}");
    let frame = "{\"query\":,".len() + rest.len();
    let mut shown = head(query, SLOT_BYTES - frame - 3);
    loop {
        let text = escaped(shown);
        let over = (frame + text.len()).saturating_sub(SLOT_BYTES - 1);
        if over == 0 {
            return format!("{{\"query\":{text},{rest}");
        }
        shown = head(shown, shown.len().saturating_sub(over.div_ceil(6)));
    }
}

/// At most so many bytes of a text, no character cut in two.
fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A JSON text as Go writes it, fit to stand in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(dir: &Path) -> Vec<u8> {
        std::fs::read(dir.join(FILE_NAME)).expect("read the file")
    }

    #[test]
    fn a_running_query_stands_in_a_slot_until_it_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = ActiveFile::create(dir.path(), 2).expect("make the file");
        assert_eq!(unfinished(&bytes_of(dir.path())), None);
        let first = file.enter("up", 17).expect("a slot");
        let second = file.enter("down", 18).expect("a slot");
        assert!(file.enter("left", 19).is_none());
        let bytes = bytes_of(dir.path());
        assert_eq!(bytes.len(), 2001);
        assert_eq!(&bytes[..38], b"[{\"query\":\"up\",\"timestamp_sec\":17}\0\0\0\0");
        assert_eq!((bytes[1000], bytes[1001]), (b',', b'{'));
        assert_eq!(
            unfinished(&bytes).as_deref(),
            Some(r#"[{"query":"up","timestamp_sec":17},{"query":"down","timestamp_sec":18}]"#)
        );
        drop((first, second));
        assert_eq!(unfinished(&bytes_of(dir.path())), None);
        assert!(file.enter("left", 19).is_some());
    }

    #[test]
    fn a_query_longer_than_its_slot_is_cut_between_characters() {
        for query in [
            "x".repeat(5000),
            "é".repeat(5000),
            "\"<\u{1}".repeat(5000),
            "a".repeat(961),
        ] {
            let entry = entry(&query, 1_700_000_000);
            assert!(entry.len() < SLOT_BYTES, "{}", entry.len());
            assert!(entry.len() > SLOT_BYTES - 20, "{}", entry.len());
            let read: serde_json::Value = serde_json::from_str(&entry).expect("JSON");
            assert!(query.starts_with(read["query"].as_str().expect("a text")));
        }
    }
}
