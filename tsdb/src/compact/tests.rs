//! Which blocks are merged, and what comes out.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::block::tests::{DATA, TestSeries, dir, open, write_block};
use crate::block::{Block, Meta, Ulid};
use crate::chunk::encode::Chunking;
use crate::fs::{MemoryFs, Vfs};
use crate::model::Matcher;
use crate::query::{Budget, Cancel, CancelReason, Columns, Selection, Source, Vocabulary};

fn meta(min_ms: i64, max_ms: i64) -> Meta {
    Meta::of_head(
        Ulid::new(min_ms, u128::from(max_ms.cast_unsigned())),
        min_ms,
        max_ms,
    )
}

/// Plans over blocks of these ranges, with lengths 20, 60, 180, 540; says which are chosen.
fn planned(blocks: &[(i64, i64)], change: impl FnOnce(&mut Vec<Meta>)) -> Option<(Reason, Vec<(i64, i64)>)> {
    let mut metas: Vec<Meta> = blocks
        .iter()
        .map(|&(min_ms, max_ms)| meta(min_ms, max_ms))
        .collect();
    change(&mut metas);
    let found = plan(&metas.iter().collect::<Vec<_>>(), &block_ranges_ms(20, 540), true)?;
    let range = |ulid| {
        metas
            .iter()
            .find(|meta| meta.ulid == ulid)
            .map(|meta| (meta.min_ms, meta.max_ms))
    };
    Some((found.reason, found.blocks.into_iter().filter_map(range).collect()))
}

#[track_caller]
fn check_range(blocks: &[(i64, i64)], chosen: &[(i64, i64)]) {
    let expected = (!chosen.is_empty()).then(|| (Reason::Range, chosen.to_vec()));
    assert_eq!(planned(blocks, |_| {}), expected);
}

#[test]
fn ranges_grow_threefold_up_to_the_longest() {
    assert_eq!(block_ranges_ms(2, 36), [2, 6, 18]);
    assert_eq!(block_ranges_ms(2, 1), [2]);
    assert_eq!(block_ranges_ms(1, i64::MAX).len(), 10);
}

#[test]
fn blocks_that_fill_a_range_are_merged_once_another_is_newer() {
    check_range(&[], &[]);
    check_range(&[(0, 20)], &[]);
    check_range(&[(0, 20), (20, 40), (40, 60)], &[]);
    check_range(
        &[(0, 20), (20, 40), (40, 60), (60, 80)],
        &[(0, 20), (20, 40), (40, 60)],
    );
    // In whatever order they come.
    check_range(
        &[(60, 80), (40, 60), (0, 20), (20, 40)],
        &[(0, 20), (20, 40), (40, 60)],
    );
    // With a gap, once the range is past.
    check_range(&[(0, 20), (40, 60), (60, 80)], &[(0, 20), (40, 60)]);
    check_range(&[(0, 20), (20, 40), (60, 80)], &[]);
    check_range(&[(0, 20), (20, 40), (60, 80), (80, 100)], &[(0, 20), (20, 40)]);
    // One alone is as good as it can be.
    check_range(&[(0, 20), (60, 80), (80, 100)], &[]);
    check_range(
        &[(-60, -40), (-40, -20), (-20, 0), (0, 20)],
        &[(-60, -40), (-40, -20), (-20, 0)],
    );
}

#[test]
fn longer_ranges_follow_shorter_ones() {
    let done = [(0, 60), (60, 120), (120, 180)];
    check_range(&[&done[..], &[(180, 200)]].concat(), &done);
    let shorter = [(0, 60), (60, 120), (120, 140), (140, 160), (160, 180), (180, 200)];
    check_range(&shorter, &shorter[2..5]);
    // A block that fits no aligned range does not stand in the way.
    check_range(
        &[(0, 20), (20, 70), (70, 80), (80, 100), (120, 140), (140, 160)],
        &[(70, 80), (80, 100)],
    );
}

#[test]
fn blocks_whose_compaction_failed_are_not_tried_again() {
    let blocks = [
        (0, 20),
        (20, 40),
        (40, 60),
        (60, 80),
        (80, 100),
        (100, 120),
        (120, 140),
    ];
    let found = planned(&blocks, |metas| metas[1].compaction.failed = true);
    assert_eq!(found, Some((Reason::Range, blocks[3..6].to_vec())));
}

#[test]
fn overlapping_blocks_come_first_even_the_newest() {
    let blocks = [
        (0, 20),
        (20, 40),
        (40, 60),
        (60, 80),
        (70, 90),
        (85, 100),
        (100, 120),
    ];
    assert_eq!(
        planned(&blocks, |_| {}),
        Some((Reason::Overlap, blocks[3..6].to_vec()))
    );
    let whole = [(0, 100), (10, 20), (30, 40), (100, 120)];
    assert_eq!(
        planned(&whole, |_| {}),
        Some((Reason::Overlap, whole[..3].to_vec()))
    );
    let metas = blocks.map(|(min_ms, max_ms)| meta(min_ms, max_ms));
    let without = plan(
        &metas.iter().collect::<Vec<_>>(),
        &block_ranges_ms(20, 540),
        false,
    );
    assert_eq!(
        without.unwrap().blocks,
        [metas[0].ulid, metas[1].ulid, metas[2].ulid]
    );
}

#[test]
fn a_long_block_is_rewritten_when_more_than_a_twentieth_is_deleted() {
    let deleted = |at: usize, tombstones, series| {
        move |metas: &mut Vec<Meta>| {
            metas[at].stats.num_tombstones = tombstones;
            metas[at].stats.num_series = series;
        }
    };
    let blocks = [(0, 540), (540, 560)];
    assert_eq!(planned(&blocks, deleted(0, 5, 99)), None);
    assert_eq!(
        planned(&blocks, deleted(0, 6, 99)),
        Some((Reason::Tombstones, vec![(0, 540)]))
    );
    // A short one only when all of it is.
    let blocks = [(0, 20), (60, 80)];
    assert_eq!(planned(&blocks, deleted(0, 98, 99)), None);
    assert_eq!(
        planned(&blocks, deleted(0, 99, 99)),
        Some((Reason::Tombstones, vec![(0, 20)]))
    );
    assert_eq!(planned(&blocks, deleted(1, 99, 99)), None);
}

#[test]
fn blocks_of_part_of_the_series_are_merged_among_themselves() {
    let blocks = [(0, 20), (10, 30), (20, 40), (40, 60)];
    let stale = |metas: &mut Vec<Meta>| {
        metas[1]
            .compaction
            .hints
            .push(crate::block::meta::FROM_STALE_SERIES.to_owned());
    };
    assert_eq!(planned(&blocks, stale), None);
    let both = |metas: &mut Vec<Meta>| {
        for at in [0, 1] {
            metas[at]
                .compaction
                .hints
                .push(crate::block::meta::FROM_STALE_SERIES.to_owned());
        }
    };
    assert_eq!(
        planned(&blocks, both),
        Some((Reason::Overlap, vec![(0, 20), (10, 30)]))
    );
}

#[test]
fn what_came_out_of_order_joins_ordinary_blocks_only_up_to_their_end() {
    let late = |metas: &mut Vec<Meta>| {
        for meta in metas.iter_mut().filter(|meta| meta.min_ms >= 20) {
            let hint = crate::block::meta::FROM_OUT_OF_ORDER.to_owned();
            meta.compaction.hints.push(hint);
        }
    };
    // Of 20 to 80 what came in order is in the head alone.
    assert_eq!(planned(&[(0, 20), (20, 40), (40, 60), (60, 80)], late), None);
    let ordinary = |metas: &mut Vec<Meta>| {
        late(metas);
        metas.push(meta(60, 80));
    };
    let (reason, chosen) = planned(&[(0, 20), (20, 40), (40, 60)], ordinary).unwrap();
    assert_eq!(
        (reason, &*chosen),
        (Reason::Range, &[(0, 20), (20, 40), (40, 60)][..])
    );
}

fn ten(from_ms: i64, v: f64) -> Vec<(i64, f64)> {
    (from_ms..from_ms + 10).map(|t| (t, v)).collect()
}

const A: &[(&str, &str)] = &[("__name__", "a"), ("zone", "1")];
const B: &[(&str, &str)] = &[("__name__", "b")];
const C: &[(&str, &str)] = &[("__name__", "b"), ("extra", "x")];

fn blocks(fs: &MemoryFs) -> Vec<Arc<Block>> {
    let inputs: [(Meta, Vec<TestSeries<'_>>); 2] = [
        (
            meta(0, 20),
            vec![(A, vec![ten(0, 1.0), ten(10, 1.0)]), (C, vec![ten(5, 1.0)])],
        ),
        (
            meta(20, 40),
            vec![(A, vec![ten(20, 2.0)]), (B, vec![ten(25, 2.0)])],
        ),
    ];
    let write = |(meta, series): (Meta, Vec<TestSeries<'_>>)| write_block(fs, meta, &series).unwrap();
    inputs.map(write).iter().map(|meta| open(fs, meta)).collect()
}

fn order() -> Order<'static> {
    Order {
        ulid: Ulid::new(99, 99),
        segment_bytes_max: 1 << 20,
        chunking: Chunking::Plain,
        unwanted: None,
    }
}

fn run(fs: &dyn Vfs, blocks: &[Arc<Block>]) -> Result<Outcome, CompactError> {
    compact(fs, Path::new(DATA), blocks, &order(), &Cancel::new())
}

#[track_caller]
fn written(outcome: Outcome) -> Meta {
    match outcome {
        Outcome::Written(meta) => *meta,
        Outcome::Empty => panic!("there should be a block"),
    }
}

fn contents(block: &Arc<Block>) -> Vec<(String, Vec<(i64, f64)>)> {
    let mut words = Vocabulary::default();
    let want = Selection::new(vec![], i64::MIN, i64::MAX);
    let found = Arc::clone(block)
        .select(&want, &mut words, &Budget::unlimited(), &Cancel::new())
        .unwrap();
    let mut all = Vec::new();
    for series in 0..found.roster.len() {
        let mut columns = Columns::default();
        found
            .reader
            .read(series, i64::MIN, i64::MAX, &mut columns)
            .unwrap();
        let name = words.labels(found.roster.labels(series)).to_string();
        all.push((name, columns.t_ms.into_iter().zip(columns.v).collect()));
    }
    all
}

#[test]
fn series_of_all_blocks_become_one_block_and_chunks_stay_as_they_are() {
    let fs = MemoryFs::new();
    let meta = written(run(&fs, &blocks(&fs)).unwrap());
    let long: Vec<_> = [ten(0, 1.0), ten(10, 1.0), ten(20, 2.0)].concat();
    let expected = [
        (r#"{__name__="a", zone="1"}"#.to_owned(), long),
        (r#"{__name__="b"}"#.to_owned(), ten(25, 2.0)),
        (r#"{__name__="b", extra="x"}"#.to_owned(), ten(5, 1.0)),
    ];
    assert_eq!(contents(&open(&fs, &meta)), expected);
    assert_eq!((meta.min_ms, meta.max_ms, meta.compaction.level), (0, 40, 2));
    assert_eq!(
        (
            meta.stats.num_series,
            meta.stats.num_chunks,
            meta.stats.num_samples
        ),
        (3, 5, 50)
    );
}

#[test]
fn packed_the_chunks_of_a_series_become_one() {
    let fs = MemoryFs::new();
    let order = Order {
        chunking: Chunking::Packed { samples: 960 },
        ..order()
    };
    let inputs = blocks(&fs);
    let outcome = compact(&fs, Path::new(DATA), &inputs, &order, &Cancel::new());
    let packed = written(outcome.unwrap());
    assert_eq!((packed.stats.num_chunks, packed.stats.num_samples), (3, 50));
    let packed = contents(&open(&fs, &packed));
    let plain = Order {
        ulid: Ulid::new(98, 98),
        chunking: Chunking::Plain,
        ..order
    };
    let outcome = compact(&fs, Path::new(DATA), &inputs, &plain, &Cancel::new());
    let plain = written(outcome.unwrap());
    assert_eq!(packed, contents(&open(&fs, &plain)));
}

#[test]
fn unwanted_series_do_not_come_along() {
    let fs = MemoryFs::new();
    let unwanted = |block: &Block| {
        let mut found = crate::postings::matching(block.index(), &[Matcher::equal("__name__", "b")])?;
        found.sort_unstable();
        Ok(found)
    };
    let order = Order {
        unwanted: Some(&unwanted),
        ..order()
    };
    let meta = written(compact(&fs, Path::new(DATA), &blocks(&fs), &order, &Cancel::new()).unwrap());
    let contents = contents(&open(&fs, &meta));
    assert_eq!(contents.len(), 1);
    assert_eq!(contents[0].1.len(), 30);
}

#[test]
fn deleted_samples_do_not_come_along() {
    let fs = MemoryFs::new();
    let blocks = blocks(&fs);
    blocks[0]
        .delete(&fs, &[Matcher::equal("__name__", "b")], 0, 100)
        .unwrap();
    blocks[0]
        .delete(&fs, &[Matcher::equal("__name__", "a")], 0, 14)
        .unwrap();
    let meta = written(run(&fs, &blocks).unwrap());
    let contents = contents(&open(&fs, &meta));
    assert_eq!(contents.len(), 2);
    assert_eq!(
        contents[0].1.iter().map(|s| s.0).collect::<Vec<_>>(),
        (15..30).collect::<Vec<_>>()
    );
    assert_eq!(meta.stats.num_chunks, 3);
}

#[test]
fn overlapping_blocks_give_each_time_once() {
    let fs = MemoryFs::new();
    let first = write_block(&fs, meta(0, 20), &[(A, vec![ten(0, 1.0), ten(10, 1.0)])]).unwrap();
    let second = write_block(&fs, meta(5, 30), &[(A, vec![ten(5, 2.0), ten(15, 2.0)])]).unwrap();
    let meta = written(run(&fs, &[open(&fs, &first), open(&fs, &second)]).unwrap());
    let contents = contents(&open(&fs, &meta));
    assert_eq!(
        contents[0].1.iter().map(|s| s.0).collect::<Vec<_>>(),
        (0..25).collect::<Vec<_>>()
    );
    assert_eq!(meta.stats.num_chunks, 1);
}

#[test]
fn nothing_left_is_no_block_and_marks_the_inputs() {
    let fs = MemoryFs::new();
    let blocks = blocks(&fs);
    for block in &blocks {
        block.delete(&fs, &[], i64::MIN, i64::MAX).unwrap();
    }
    assert_eq!(run(&fs, &blocks).unwrap(), Outcome::Empty);
    for block in &blocks {
        assert!(Meta::read(&fs, block.dir()).unwrap().compaction.deletable);
    }
    assert_eq!(fs.list(Path::new(DATA)).unwrap().len(), 2);
}

#[test]
fn a_damaged_input_ends_it_leaves_nothing_and_is_remembered() {
    let fs = MemoryFs::new();
    let inputs = blocks(&fs);
    let path = dir(inputs[1].meta().ulid).join("chunks/000001");
    fs.open(&path).unwrap().write_at(20, &[0xff]).unwrap();
    let inputs: Vec<_> = inputs.iter().map(|block| open(&fs, &block.meta())).collect();
    let error = run(&fs, &inputs).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{} at byte 8: chunk has checksum", path.display())),
        "{error}"
    );
    assert_eq!(fs.list(Path::new(DATA)).unwrap().len(), 2);
    assert!(
        inputs
            .iter()
            .all(|block| Meta::read(&fs, block.dir()).unwrap().compaction.failed)
    );
}

#[test]
fn a_cancelled_compaction_leaves_nothing_and_may_be_tried_again() {
    let fs = MemoryFs::new();
    let blocks = blocks(&fs);
    let cancel = Cancel::new();
    cancel.cancel(CancelReason::ShuttingDown);
    let cancelled = compact(&fs, Path::new(DATA), &blocks, &order(), &cancel);
    assert!(matches!(cancelled, Err(CompactError::Cancelled(_))));
    assert_eq!(fs.list(Path::new(DATA)).unwrap().len(), 2);
    written(run(&fs, &blocks).unwrap());
}
