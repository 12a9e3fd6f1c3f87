//! `meta.json`: what a block spans, how much is in it, what it was made of.
//!
//! Fields that we do not know (others add theirs) are kept when the file is rewritten.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Ulid, filenames};
use crate::fs::buffered::replace_file;
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

/// The only version there is.
const VERSION: u32 = 1;

/// Marks blocks of out-of-order samples alone, which do not tell how far the WAL is covered.
pub const FROM_OUT_OF_ORDER: &str = "from-out-of-order";
/// Marks blocks of series that went stale early (Prometheus 3.10 and later).
pub const FROM_STALE_SERIES: &str = "from-stale-series";
/// Marks blocks of series that an operator selected (Prometheus 3.10 and later).
pub const FROM_SELECTED_SERIES: &str = "from-selected-series";

/// The contents of `meta.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The block's id, which is its directory's name.
    pub ulid: Ulid,
    /// The earliest time that the block may hold.
    #[serde(rename = "minTime")]
    pub min_ms: i64,
    /// The end of its range, itself not included.
    #[serde(rename = "maxTime")]
    pub max_ms: i64,
    /// How much is in it.
    #[serde(default)]
    pub stats: Stats,
    /// What it was made of.
    pub compaction: Compaction,
    version: u32,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// How much is in a block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stats {
    /// Samples of all kinds.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_samples: u64,
    /// Float samples. 0 in blocks of early versions, which did not tell kinds apart.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_float_samples: u64,
    /// Native histogram samples.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    /// Series.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_series: u64,
    /// Chunks.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_chunks: u64,
    /// Deleted intervals.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What a block was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compaction {
    /// 1 for a block of the head; one more than the highest of its parents for others.
    pub level: u32,
    /// The level-1 blocks whose samples are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Ulid>,
    /// It may go: compacting it left nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deletable: bool,
    /// The blocks it was made of and replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Compacting it failed, so that it is not tried again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub failed: bool,
    /// Where its samples came from, if not in order from the head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A block that another was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// Its id.
    pub ulid: Ulid,
    /// The earliest time that it might hold.
    #[serde(rename = "minTime")]
    pub min_ms: i64,
    /// The end of its range, itself not included.
    #[serde(rename = "maxTime")]
    pub max_ms: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What Prometheus 2.1 wrote as the version by mistake.
const VERSION_OF_2_1: u32 = 2;

/// Where an index file says its version.
const INDEX_VERSION_AT: usize = 4;

impl Meta {
    /// A block of the head: level 1, its own source.
    pub fn of_head(ulid: Ulid, min_ms: i64, max_ms: i64) -> Self {
        let compaction = Compaction {
            level: 1,
            sources: vec![ulid],
            ..Compaction::default()
        };
        Self::new(ulid, min_ms, max_ms, compaction)
    }

    fn new(ulid: Ulid, min_ms: i64, max_ms: i64, compaction: Compaction) -> Self {
        Self {
            ulid,
            min_ms,
            max_ms,
            stats: Stats::default(),
            compaction,
            version: VERSION,
            unknown: Map::new(),
        }
    }

    /// A block made of others. What it holds is yet to be counted.
    ///
    /// # Panics
    /// When there are no others.
    pub fn merged(ulid: Ulid, blocks: &[&Self]) -> Self {
        let ends = |end: fn(&Self) -> i64| blocks.iter().map(move |meta| end(meta));
        let (Some(min_ms), Some(max_ms)) = (ends(|m| m.min_ms).min(), ends(|m| m.max_ms).max()) else {
            panic!("a block is merged of at least one");
        };
        let mut sources: Vec<Ulid> = blocks
            .iter()
            .flat_map(|meta| meta.compaction.sources.iter().copied())
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let mut hints = Vec::new();
        // Only what is out of order as a whole says nothing of the WAL; the other two must not get lost.
        if blocks.iter().all(|meta| meta.has_hint(FROM_OUT_OF_ORDER)) {
            hints.push(FROM_OUT_OF_ORDER.to_owned());
        }
        for hint in [FROM_STALE_SERIES, FROM_SELECTED_SERIES] {
            if blocks.iter().any(|meta| meta.has_hint(hint)) {
                hints.push(hint.to_owned());
            }
        }
        let parent = |meta: &&Self| Parent {
            ulid: meta.ulid,
            min_ms: meta.min_ms,
            max_ms: meta.max_ms,
        };
        let compaction = Compaction {
            level: blocks.iter().map(|meta| meta.compaction.level).max().unwrap_or(0) + 1,
            sources,
            parents: blocks.iter().map(parent).collect(),
            hints,
            ..Compaction::default()
        };
        Self::new(ulid, min_ms, max_ms, compaction)
    }

    /// Whether the block carries a hint.
    pub fn has_hint(&self, hint: &str) -> bool {
        self.compaction.hints.iter().any(|found| found == hint)
    }

    /// Repairs a block of Prometheus 2.1, which wrote the version of the index into the `meta.json` and the
    /// other way round. Says whether there was need.
    ///
    /// # Errors
    /// The system's. A `meta.json` that cannot be read is no error of this.
    pub fn repair_version(fs: &dyn Vfs, block: &Path) -> Result<bool, FileError> {
        let Ok(bytes) = fs.read(&block.join(filenames::META)) else {
            return Ok(false);
        };
        let Ok(mut meta) = serde_json::from_slice::<Self>(&bytes) else {
            return Ok(false);
        };
        if meta.version != VERSION_OF_2_1 {
            return Ok(false);
        }
        let path = block.join(filenames::INDEX);
        let mut index = fs.read(&path).at(&path)?;
        if let Some(version) = index.get_mut(INDEX_VERSION_AT) {
            *version = 2;
        }
        replace_file(fs, &path, &index)?;
        meta.version = VERSION;
        meta.write(fs, block)?;
        Ok(true)
    }

    /// Reads the `meta.json` in a block's directory.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, or is of another version.
    pub fn read(fs: &dyn Vfs, block: &Path) -> Result<Self, FileError> {
        let path = block.join(filenames::META);
        let bytes = fs.read(&path).at(&path)?;
        let meta: Self =
            serde_json::from_slice(&bytes).map_err(|error| FileError::damaged(&path, error.to_string()))?;
        if meta.version != VERSION {
            let text = format!(
                "unexpected meta file version {}, expected {VERSION}",
                meta.version
            );
            return Err(FileError::unsupported(&path, text));
        }
        Ok(meta)
    }

    /// Replaces the `meta.json` in a block's directory; whoever reads sees the old or the new one whole.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, fs: &dyn Vfs, block: &Path) -> Result<(), FileError> {
        let path = block.join(filenames::META);
        let json = self
            .to_json()
            .map_err(|error| FileError::damaged(&path, error.to_string()))?;
        replace_file(fs, &path, &json)
    }

    /// What Prometheus shows of a block: its own fields alone, on one line.
    pub fn to_known_json(&self) -> String {
        let mut known = self.clone();
        known.unknown.clear();
        known.stats.unknown.clear();
        known.compaction.unknown.clear();
        serde_json::to_string(&known).unwrap_or_default()
    }

    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::new();
        let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        self.serialize(&mut serde_json::Serializer::with_formatter(&mut json, tabs))?;
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::MemoryFs;

    #[test]
    fn a_block_of_prometheus_2_1_gets_its_versions_right() {
        let fs = MemoryFs::new();
        let dir = Path::new("/data/b");
        fs.create_dir_all(dir).unwrap();
        let mut meta = Meta::of_head(Ulid::new(1, 1), 0, 10);
        meta.version = 2;
        meta.write(&fs, dir).unwrap();
        let mut index = fs.create(&dir.join("index")).unwrap();
        index.append(&[0xba, 0xaa, 0xd7, 0, 1, 9, 9]).unwrap();
        assert!(Meta::repair_version(&fs, dir).unwrap());
        assert_eq!(fs.read(&dir.join("index")).unwrap()[4..], [2, 9, 9]);
        assert_eq!(Meta::read(&fs, dir).unwrap().version, 1);
        assert!(!Meta::repair_version(&fs, dir).unwrap());
    }

    const TEXT: &str = "{
\t\"ulid\": \"01ARZ3NDEKTSV4RRFFQ69G5FAV\",
\t\"minTime\": 0,
\t\"maxTime\": 7200000,
\t\"stats\": {
\t\t\"numSamples\": 5,
\t\t\"numSeries\": 1
\t},
\t\"compaction\": {
\t\t\"level\": 1,
\t\t\"sources\": [
\t\t\t\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"
\t\t]
\t},
\t\"version\": 1,
\t\"thanos\": {
\t\t\"labels\": {
\t\t\t\"replica\": \"a\"
\t\t}
\t}
}";

    fn read(text: &str) -> Result<Meta, FileError> {
        let fs = MemoryFs::new();
        fs.create(Path::new("/b/meta.json"))
            .unwrap()
            .append(text.as_bytes())
            .unwrap();
        Meta::read(&fs, Path::new("/b"))
    }

    #[test]
    fn what_others_added_is_kept() {
        let meta = read(TEXT).unwrap();
        assert_eq!((meta.max_ms, meta.stats.num_samples), (7_200_000, 5));
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new("/b")).unwrap();
        meta.write(&fs, Path::new("/b")).unwrap();
        assert_eq!(fs.read(Path::new("/b/meta.json")).unwrap(), TEXT.as_bytes());
        assert_eq!(fs.list(Path::new("/b")).unwrap(), ["meta.json"]);
    }

    #[test]
    fn fields_of_others_are_not_shown() {
        assert_eq!(
            read(TEXT).unwrap().to_known_json(),
            r#"{"ulid":"01ARZ3NDEKTSV4RRFFQ69G5FAV","minTime":0,"maxTime":7200000,"stats":{"numSamples":5,"numSeries":1},"compaction":{"level":1,"sources":["01ARZ3NDEKTSV4RRFFQ69G5FAV"]},"version":1}"#
        );
    }

    #[test]
    fn another_version_and_broken_text_are_refused() {
        let error = read(&TEXT.replace("\"version\": 1", "\"version\": 2")).unwrap_err();
        assert!(error.is_unsupported());
        assert_eq!(
            error.to_string(),
            "/b/meta.json: unexpected meta file version 2, expected 1"
        );
        assert!(read(&TEXT[..50]).unwrap_err().is_damage());
        let error = read(&TEXT.replace("01ARZ3", "x")).unwrap_err();
        assert!(error.to_string().contains("is no ULID"), "{error}");
    }

    #[test]
    fn a_merged_block_names_its_parents_and_all_sources_once() {
        let ulid = |n| Ulid::new(n, 0);
        let mut a = Meta::of_head(ulid(1), 0, 10);
        let mut b = Meta::of_head(ulid(2), 5, 20);
        b.compaction.level = 3;
        b.compaction.sources = vec![ulid(2), ulid(1)];
        a.compaction.hints = vec![FROM_OUT_OF_ORDER.to_owned()];
        let merged = Meta::merged(ulid(9), &[&a, &b]);
        assert_eq!(
            (merged.min_ms, merged.max_ms, merged.compaction.level),
            (0, 20, 4)
        );
        assert_eq!(merged.compaction.sources, [ulid(1), ulid(2)]);
        assert_eq!(merged.compaction.parents.len(), 2);
        assert_eq!(merged.compaction.hints, [""; 0]);
        assert!(Meta::merged(ulid(9), &[&a]).has_hint(FROM_OUT_OF_ORDER));
    }
}
