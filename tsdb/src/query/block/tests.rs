//! Reading out of a block.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::block::tests::{DATA, TestSeries, dir, open, write_block};
use crate::block::{BlockWriter, ChunkToWrite, Meta, Ulid};
use crate::chunk::encode::encode;
use crate::fs::{MemoryFs, Vfs};
use crate::model::{Histogram, IntHistogram};
use crate::model::{MatchKind, Matcher};

fn example() -> Vec<TestSeries<'static>> {
    let ten = |from: i64| (from..from + 10).map(|t| (t * 10, t as f64)).collect::<Vec<_>>();
    vec![
        (&[("__name__", "a"), ("i", "1")], vec![ten(0), ten(10), ten(20)]),
        (&[("__name__", "a"), ("i", "2")], vec![ten(0)]),
        (&[("__name__", "b"), ("j", "1")], vec![ten(50)]),
    ]
}

fn block() -> (MemoryFs, Arc<Block>) {
    let fs = MemoryFs::new();
    let written = write_block(&fs, Meta::of_head(Ulid::new(1, 1), 0, 1000), &example()).unwrap();
    let block = open(&fs, &written);
    (fs, block)
}

fn matcher(kind: MatchKind, name: &str, value: &str) -> Matcher {
    Matcher::new(kind, name, value).unwrap()
}

fn select(
    block: &Arc<Block>,
    matchers: Vec<Matcher>,
    from_ms: i64,
    through_ms: i64,
) -> (Selected, Vec<String>) {
    let mut vocabulary = Vocabulary::default();
    let want = Selection::new(matchers, from_ms, through_ms);
    let source: Arc<dyn Source> = Arc::clone(block) as _;
    let selected = source
        .select(&want, &mut vocabulary, &Budget::unlimited(), &Cancel::new())
        .unwrap();
    let roster = &selected.roster;
    let texts = (0..roster.len())
        .map(|at| vocabulary.labels(roster.labels(at)).to_string())
        .collect();
    (selected, texts)
}

#[track_caller]
fn check_read(block: &Arc<Block>, from_ms: i64, through_ms: i64, expected: impl IntoIterator<Item = i64>) {
    let (selected, _) = select(block, vec![Matcher::equal("i", "1")], i64::MIN, i64::MAX);
    let mut columns = Columns::default();
    columns.push(-1, 7.0);
    selected
        .reader
        .read(0, from_ms, through_ms, &mut columns)
        .unwrap();
    let times: Vec<i64> = expected.into_iter().collect();
    assert_eq!(columns.t_ms[1..], times);
    let values: Vec<f64> = times.iter().map(|&t| (t / 10) as f64).collect();
    assert_eq!(columns.v[1..], values);
    assert_eq!((columns.t_ms[0], columns.v[0]), (-1, 7.0));
}

#[test]
fn series_come_in_label_order_and_only_those_with_chunks_in_the_range() {
    let (_fs, block) = block();
    let all = select(&block, vec![], 0, 1000).1;
    let expected = [
        r#"{__name__="a", i="1"}"#,
        r#"{__name__="a", i="2"}"#,
        r#"{__name__="b", j="1"}"#,
    ];
    assert_eq!(all, expected);
    assert_eq!(select(&block, vec![], 91, 499).1, expected[..1]);
    assert_eq!(
        select(&block, vec![Matcher::equal("__name__", "b")], 0, 499).1,
        [""; 0]
    );
    assert_eq!(
        select(&block, vec![matcher(MatchKind::NotEqual, "i", "1")], 0, 1000).1,
        expected[1..]
    );
}

#[test]
fn samples_of_a_range_come_with_both_its_ends() {
    let (_fs, block) = block();
    check_read(&block, i64::MIN, i64::MAX, (0..30).map(|t| t * 10));
    check_read(&block, 90, 100, [90, 100]);
    check_read(&block, 91, 99, []);
    check_read(&block, 50, 150, (5..=15).map(|t| t * 10));
    check_read(&block, 290, 290, [290]);
    check_read(&block, 300, 400, []);
}

#[test]
fn deleted_samples_are_not_seen_and_series_deleted_whole_neither() {
    let (fs, block) = block();
    let i = |value| [Matcher::equal("i", value)];
    for (from_ms, through_ms) in [(0, 99), (105, 125), (131, 139), (280, 280)] {
        block.delete(&fs, &i("1"), from_ms, through_ms).unwrap();
    }
    let left = [
        100, 130, 140, 150, 160, 170, 180, 190, 200, 210, 220, 230, 240, 250, 260, 270, 290,
    ];
    check_read(&block, i64::MIN, i64::MAX, left);
    check_read(&block, 120, 140, [130, 140]);
    block.delete(&fs, &i("2"), 0, 99).unwrap();
    assert_eq!(select(&block, vec![], 0, 1000).1.len(), 2);
}

#[test]
fn label_names_and_values_are_those_of_the_series_that_match() {
    let (_fs, block) = block();
    let cancel = Cancel::new();
    let a = [Matcher::equal("__name__", "a")];
    assert_eq!(block.label_names(&[], &cancel).unwrap(), ["__name__", "i", "j"]);
    assert_eq!(block.label_names(&a, &cancel).unwrap(), ["__name__", "i"]);
    assert_eq!(block.label_values("i", &[], &cancel).unwrap(), ["1", "2"]);
    assert_eq!(block.label_values("i", &a, &cancel).unwrap(), ["1", "2"]);
    assert_eq!(block.label_values("__name__", &a, &cancel).unwrap(), ["a"]);
    assert_eq!(
        block
            .label_values("i", &[Matcher::equal("i", "2")], &cancel)
            .unwrap(),
        ["2"]
    );
    assert_eq!(block.label_values("j", &a, &cancel).unwrap(), [""; 0]);
    assert_eq!(block.label_values("nope", &a, &cancel).unwrap(), [""; 0]);
}

#[test]
fn a_budget_that_does_not_suffice_ends_the_selection() {
    let (_fs, block) = block();
    let want = Selection::new(vec![], 0, 1000);
    let budget = Budget::new("query", 50);
    let refused = Arc::clone(&block).select(&want, &mut Vocabulary::default(), &budget, &Cancel::new());
    assert!(refused.unwrap_err().over_budget().is_some());
    assert_eq!(budget.held_bytes(), 0);
    let budget = Budget::new("query", 500);
    let found = block
        .select(&want, &mut Vocabulary::default(), &budget, &Cancel::new())
        .unwrap();
    assert!(budget.held_bytes() > 0);
    drop(found);
    assert_eq!(budget.held_bytes(), 0);
}

/// Reads all of the first series after byte `at` of its first chunk has become `byte`.
fn read_damaged(at: usize, byte: u8) -> String {
    let (fs, block) = block();
    let path = dir(block.meta().ulid).join("chunks/000001");
    let mut file = fs.open(&path).unwrap();
    file.write_at(8 + at as u64, &[byte]).unwrap();
    let block = open(&fs, &block.meta());
    let (selected, _) = select(&block, vec![], 0, 1000);
    let error = selected
        .reader
        .read(0, 0, 1000, &mut Columns::default())
        .unwrap_err();
    let shown = error.to_string();
    let rest = shown.strip_prefix(&path.display().to_string()).map(str::to_owned);
    rest.unwrap_or(shown)
}

#[test]
fn damage_is_reported_with_its_place() {
    let shown = read_damaged(9, 0xee);
    assert!(shown.starts_with(" at byte 8: chunk has checksum"), "{shown}");
    let shown = read_damaged(1, 2);
    assert!(shown.starts_with(" at byte 8: chunk has checksum"), "{shown}");
}

#[test]
fn histograms_are_counted_and_read() {
    let fs = MemoryFs::new();
    let meta = Meta::of_head(Ulid::new(1, 1), 0, 100);
    let mut writer = BlockWriter::create(&fs, Path::new(DATA), meta, 1 << 20).unwrap();
    for symbol in ["__name__", "a"] {
        writer.add_symbol(symbol).unwrap();
    }
    let mut samples = Columns::default();
    for t_ms in 0..9 {
        samples.push_histogram(t_ms, Histogram::Integer(IntHistogram::default()));
    }
    let encoded = encode(&samples, 120);
    let chunk = ChunkToWrite {
        min_ms: 0,
        max_ms: 8,
        encoding: encoded[0].encoding,
        bytes: &encoded[0].bytes,
    };
    writer.add_series([("__name__", "a")], [chunk]).unwrap();
    let meta = writer.finish().unwrap().unwrap();
    assert_eq!(
        (meta.stats.num_histogram_samples, meta.stats.num_float_samples),
        (9, 0)
    );
    let (selected, _) = select(&open(&fs, &meta), vec![], 0, 1000);
    let mut found = Columns::default();
    selected.reader.read(0, 3, 6, &mut found).unwrap();
    assert_eq!((found.t_ms, found.histograms.len()), (vec![3, 4, 5, 6], 4));
}
