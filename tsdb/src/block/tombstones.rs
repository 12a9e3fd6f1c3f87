//! Tombstones: which times of which series were deleted.
//!
//! ```text
//! u32 01 30 BA 30 │ u8 version 1 │ (uvarint ref, varint from, varint through) … │ u32 CRC-32C of the entries
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use super::filenames;
use crate::encoding::{DecodeBuffer, crc32c, varint};
use crate::fs::buffered::replace_file;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

const MAGIC: u32 = 0x0130_ba30;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;

/// Times from `min_ms` through `max_ms`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first.
    pub min_ms: i64,
    /// The last, itself included.
    pub max_ms: i64,
}

/// Intervals of one series: ascending, with at least one time between two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    list: Vec<Interval>,
}

impl Intervals {
    /// Adds an interval, joining it with those that it overlaps or touches.
    pub fn add(&mut self, new: Interval) {
        let from = self
            .list
            .partition_point(|old| old.max_ms.saturating_add(1) < new.min_ms);
        let end = self
            .list
            .partition_point(|old| old.min_ms <= new.max_ms.saturating_add(1));
        if from >= end {
            self.list.insert(from, new);
            return;
        }
        let joined = Interval {
            min_ms: new.min_ms.min(self.list[from].min_ms),
            max_ms: new.max_ms.max(self.list[end - 1].max_ms),
        };
        self.list.splice(from..end, [joined]);
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Interval] {
        &self.list
    }

    /// Whether all times from `min_ms` through `max_ms` are deleted.
    pub fn cover(&self, min_ms: i64, max_ms: i64) -> bool {
        self.list
            .iter()
            .any(|old| old.min_ms <= min_ms && max_ms <= old.max_ms)
    }

    /// Whether any time from `min_ms` through `max_ms` is deleted.
    pub fn touch(&self, min_ms: i64, max_ms: i64) -> bool {
        self.list
            .iter()
            .any(|old| old.min_ms <= max_ms && min_ms <= old.max_ms)
    }
}

/// Deleted intervals by series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    by_series: BTreeMap<u64, Intervals>,
}

impl Tombstones {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an interval of a series.
    pub fn add(&mut self, series: u64, interval: Interval) {
        self.by_series.entry(series).or_default().add(interval);
    }

    /// What was deleted of a series, if anything.
    pub fn get(&self, series: u64) -> Option<&Intervals> {
        self.by_series.get(&series)
    }

    /// Whether nothing was deleted.
    pub fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        self.by_series
            .values()
            .map(|intervals| intervals.list.len())
            .sum()
    }

    /// All intervals by series, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Intervals)> {
        self.by_series
            .iter()
            .map(|(&series, intervals)| (series, intervals))
    }

    /// The contents of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_be_bytes().to_vec();
        out.push(VERSION);
        for (series, intervals) in self.iter() {
            for interval in &intervals.list {
                varint::put_uvarint(&mut out, series);
                varint::put_varint(&mut out, interval.min_ms);
                varint::put_varint(&mut out, interval.max_ms);
            }
        }
        let crc = crc32c(&out[HEADER_BYTES..]);
        out.extend(crc.to_be_bytes());
        out
    }

    /// Reads the contents of the file; the error says what is wrong with them.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let Some((front, stored)) = bytes.split_last_chunk().filter(|(f, _)| f.len() >= HEADER_BYTES) else {
            return Err(format!("expected at least 9 bytes, found {}", bytes.len()));
        };
        let (header, entries) = front.split_at(HEADER_BYTES);
        let mut buffer = DecodeBuffer::new(header);
        let magic = buffer.u32().map_err(|error| error.to_string())?;
        if magic != MAGIC {
            return Err(format!(
                "expected magic number {MAGIC:#010x}, found {magic:#010x}"
            ));
        }
        let version = buffer.u8().map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!("expected tombstones version {VERSION}, found {version}"));
        }
        let (stored, computed) = (u32::from_be_bytes(*stored), crc32c(entries));
        if stored != computed {
            return Err(format!(
                "tombstones have checksum {computed:#010x}, their footer says {stored:#010x}"
            ));
        }
        Self::decode_entries(entries).map_err(|error| error.to_string())
    }

    fn decode_entries(entries: &[u8]) -> Result<Self, crate::encoding::DecodeError> {
        let mut read = Self::new();
        let mut buffer = DecodeBuffer::new(entries);
        while !buffer.is_empty() {
            let series = buffer.uvarint()?;
            let (min_ms, max_ms) = (buffer.varint()?, buffer.varint()?);
            if min_ms > max_ms {
                return Err(buffer.error("an interval that ends after it begins"));
            }
            read.add(series, Interval { min_ms, max_ms });
        }
        Ok(read)
    }

    /// Reads the tombstones in a block's directory. A missing file stands for none.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn read(fs: &dyn Vfs, block: &Path) -> Result<Self, FileError> {
        let path = block.join(filenames::TOMBSTONES);
        let bytes = match fs.read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::new()),
            read => read.at(&path)?,
        };
        Self::decode(&bytes).map_err(|text| FileError::damaged(&path, text))
    }

    /// Replaces the tombstones in a block's directory.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, fs: &dyn Vfs, block: &Path) -> Result<(), FileError> {
        replace_file(fs, &block.join(filenames::TOMBSTONES), &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn intervals(list: &[(i64, i64)]) -> Intervals {
        let mut all = Intervals::default();
        for &(min_ms, max_ms) in list {
            all.add(Interval { min_ms, max_ms });
        }
        all
    }

    #[track_caller]
    fn check_joined(added: &[(i64, i64)], joined: &[(i64, i64)]) {
        let found: Vec<_> = intervals(added)
            .list
            .iter()
            .map(|i| (i.min_ms, i.max_ms))
            .collect();
        assert_eq!(found, joined);
    }

    #[test]
    fn intervals_that_touch_become_one() {
        check_joined(&[(1, 2), (3, 4)], &[(1, 4)]);
        check_joined(&[(3, 4), (1, 2)], &[(1, 4)]);
        check_joined(&[(1, 2), (4, 5)], &[(1, 2), (4, 5)]);
        check_joined(&[(4, 5), (1, 2), (3, 3)], &[(1, 5)]);
        check_joined(&[(1, 9), (2, 3)], &[(1, 9)]);
        check_joined(&[(i64::MIN, 0), (5, i64::MAX), (1, 4)], &[(i64::MIN, i64::MAX)]);
    }

    #[test]
    fn the_bytes_of_an_example_are_these() {
        let mut tombstones = Tombstones::new();
        tombstones.add(
            300,
            Interval {
                min_ms: -1,
                max_ms: 1,
            },
        );
        let mut expected = vec![0x01, 0x30, 0xba, 0x30, 1, 0xac, 0x02, 1, 2];
        expected.extend(crc32c(&[0xac, 0x02, 1, 2]).to_be_bytes());
        assert_eq!(tombstones.encode(), expected);
        assert_eq!(Tombstones::new().encode().len(), 9);
    }

    #[test]
    fn each_kind_of_damage_is_refused() {
        let mut tombstones = Tombstones::new();
        tombstones.add(1, Interval { min_ms: 1, max_ms: 2 });
        let good = tombstones.encode();
        let refused = |change: fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            Tombstones::decode(&bytes).unwrap_err()
        };
        assert_eq!(refused(|b| b.truncate(8)), "expected at least 9 bytes, found 8");
        assert!(refused(|b| b[0] = 9).starts_with("expected magic number"));
        assert_eq!(refused(|b| b[4] = 2), "expected tombstones version 1, found 2");
        assert!(refused(|b| b[5] = 2).starts_with("tombstones have checksum"));
        let sealed = |entries: &[u8]| {
            let front = [&MAGIC.to_be_bytes()[..], &[VERSION], entries].concat();
            Tombstones::decode(&[&front[..], &crc32c(entries).to_be_bytes()].concat()).unwrap_err()
        };
        assert_eq!(sealed(&[1, 2]), "expected a variable-length number at byte 2");
        assert_eq!(
            sealed(&[1, 2, 0]),
            "expected an interval that ends after it begins at byte 3"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(added in proptest::collection::vec((0u64..9, any::<i64>(), any::<i64>()), 0..20)) {
            let mut tombstones = Tombstones::new();
            for (series, a, b) in added {
                tombstones.add(series, Interval { min_ms: a.min(b), max_ms: a.max(b) });
            }
            prop_assert_eq!(Tombstones::decode(&tombstones.encode()), Ok(tombstones));
        }
    }
}
