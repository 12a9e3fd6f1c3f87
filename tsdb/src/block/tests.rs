//! Blocks written, read, deleted from and damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::chunk::{Encoding, xor};
use crate::fs::{FileError, MemoryFs, Vfs};
use crate::model::Matcher;

pub(crate) const DATA: &str = "/data";

/// A series for a test: labels in order, and its chunks' samples.
pub(crate) type TestSeries<'a> = (&'a [(&'a str, &'a str)], Vec<Vec<(i64, f64)>>);

/// Writes series, which are in label order, as a block that spans them.
#[track_caller]
pub(crate) fn write_block(fs: &dyn Vfs, meta: Meta, series: &[TestSeries<'_>]) -> Option<Meta> {
    let mut writer = begun(fs, meta, series);
    for (labels, chunks) in series {
        let encoded: Vec<(i64, i64, Vec<u8>)> = chunks.iter().map(|samples| chunk(samples)).collect();
        let chunks = encoded.iter().map(|(min_ms, max_ms, bytes)| ChunkToWrite {
            min_ms: *min_ms,
            max_ms: *max_ms,
            encoding: Encoding::Xor,
            bytes,
        });
        writer.add_series(labels.iter().copied(), chunks).unwrap();
    }
    writer.finish().unwrap()
}

fn begun<'a>(fs: &'a dyn Vfs, meta: Meta, series: &[TestSeries<'_>]) -> BlockWriter<'a> {
    let mut writer = BlockWriter::create(fs, Path::new(DATA), meta, 1 << 20).unwrap();
    let mut words: Vec<&str> = series
        .iter()
        .flat_map(|(labels, _)| labels.iter())
        .flat_map(|&(n, v)| [n, v])
        .collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        writer.add_symbol(word).unwrap();
    }
    writer
}

pub(crate) fn chunk(samples: &[(i64, f64)]) -> (i64, i64, Vec<u8>) {
    let mut bytes = Vec::new();
    xor::encode(samples.iter().map(|&(t, v)| (t, v.to_bits())), &mut bytes);
    (samples[0].0, samples[samples.len() - 1].0, bytes)
}

pub(crate) fn open(fs: &dyn Vfs, meta: &Meta) -> Arc<Block> {
    Arc::new(Block::open(fs, &dir(meta.ulid)).unwrap())
}

pub(crate) fn dir(ulid: Ulid) -> PathBuf {
    Path::new(DATA).join(ulid.to_string())
}

fn example() -> Vec<TestSeries<'static>> {
    vec![
        (
            &[("__name__", "a"), ("i", "1")],
            vec![vec![(0, 1.0), (10, 2.0)], vec![(20, 3.0)]],
        ),
        (&[("__name__", "b")], vec![vec![(5, 1.0)]]),
    ]
}

fn meta() -> Meta {
    Meta::of_head(Ulid::new(1, 1), 0, 100)
}

#[test]
fn a_block_appears_whole_with_what_is_in_it() {
    let fs = MemoryFs::new();
    let written = write_block(&fs, meta(), &example()).unwrap();
    let name = written.ulid.to_string();
    assert_eq!(fs.list(Path::new(DATA)).unwrap(), [&*name]);
    assert_eq!(
        fs.list(&dir(written.ulid)).unwrap(),
        ["chunks", "index", "meta.json", "tombstones"]
    );
    let block = open(&fs, &written);
    assert_eq!(*block.meta(), written);
    let stats = &written.stats;
    assert_eq!((stats.num_series, stats.num_chunks, stats.num_samples), (2, 3, 4));
    assert_eq!((stats.num_float_samples, stats.num_histogram_samples), (4, 0));
    let files = ["chunks/000001", "index", "meta.json", "tombstones"];
    let sizes = files.map(|file| fs.stat(&dir(written.ulid).join(file)).unwrap().len);
    assert_eq!(block.bytes(), sizes.iter().sum::<u64>());
}

#[test]
fn a_block_without_samples_does_not_appear() {
    let fs = MemoryFs::new();
    assert_eq!(write_block(&fs, meta(), &[(&[("a", "b")], vec![])]), None);
    assert!(fs.list(Path::new(DATA)).unwrap().is_empty());
}

#[test]
fn a_block_that_was_not_finished_leaves_nothing() {
    let fs = MemoryFs::new();
    let writer = begun(&fs, meta(), &example());
    assert_eq!(
        fs.list(Path::new(DATA)).unwrap(),
        [format!("{}.tmp-for-creation", meta().ulid)]
    );
    drop(writer);
    assert!(fs.list(Path::new(DATA)).unwrap().is_empty());
}

#[test]
fn a_label_that_was_not_announced_is_refused() {
    let fs = MemoryFs::new();
    let mut writer = begun(&fs, meta(), &example());
    let error = writer.add_series([("a", "nope")], []).unwrap_err().to_string();
    assert!(
        error.ends_with("label text \"nope\" was not added as a symbol"),
        "{error}"
    );
}

#[test]
fn a_deletion_stays_and_reaches_no_further_than_the_series() {
    let fs = MemoryFs::new();
    let written = write_block(&fs, meta(), &example()).unwrap();
    let block = open(&fs, &written);
    block
        .delete(&fs, &[Matcher::equal("__name__", "a")], i64::MIN, 12)
        .unwrap();
    block
        .delete(&fs, &[Matcher::equal("__name__", "b")], 6, i64::MAX)
        .unwrap();
    for block in [Arc::clone(&block), open(&fs, &written)] {
        let found: Vec<_> = block
            .tombstones()
            .iter()
            .map(|(_, i)| i.as_slice().to_vec())
            .collect();
        assert_eq!(
            found,
            [[Interval {
                min_ms: 0,
                max_ms: 12
            }]]
        );
        assert_eq!(block.meta().stats.num_tombstones, 1);
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    let fs = MemoryFs::new();
    let written = write_block(&fs, meta(), &example()).unwrap();
    let index = dir(written.ulid).join("index");
    fs.remove_file(&index).unwrap();
    let error: FileError = Block::open(&fs, &dir(written.ulid)).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.path(), index);
}
