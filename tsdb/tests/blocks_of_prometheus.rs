//! Blocks that promtool wrote, read by us; blocks that we wrote, read by promtool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb::block::{Block, BlockWriter, ChunkToWrite, Meta, Ulid, filenames, remove_block};
use tsdb::chunk::encode::Chunking;
use tsdb::chunk::segment::SEGMENT_BYTES_MAX;
use tsdb::chunk::{Encoding, xor};
use tsdb::compact::{Order, Outcome, compact, retention};
use tsdb::fs::{RealFs, Vfs};
use tsdb::model::{Labels, STALE_NAN_BITS};
use tsdb::query::{Budget, Cancel, Columns, Selection, Source, Vocabulary};

use crate::peers::{peer, run};

const HOUR_MS: i64 = 3_600_000;
const MIDDAY_MS: i64 = 1_700_006_400_000;

type Sample = (i64, u64);
type Shape = (&'static str, fn(i64) -> f64);
type Contents = BTreeMap<Labels, Vec<Sample>>;

/// Series of many shapes, `count` samples each, 15 s apart but for a little jitter.
fn example(count: i64) -> Contents {
    let shapes: [Shape; 7] = [
        ("constant", |_| 1.0),
        ("counter", |i| (i * i / 3) as f64),
        ("decimal", |i| ((i * 7919) % 1000) as f64 / 100.0),
        ("wild", |i| {
            f64::from_bits(i.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1)
        }),
        ("special", |i| {
            [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE][(i % 5) as usize]
        }),
        ("steps", |i| f64::from(i32::try_from(i / 100).unwrap_or(0)) * 1e9),
        ("rare", |i| if i % 50 == 0 { i as f64 } else { 0.5 }),
    ];
    let mut all = Contents::new();
    for (shape, value) in shapes {
        for instance in ["a:9100", "b \"x\"\\y", "zürich"] {
            let jitter = if instance == "a:9100" { 0 } else { 3 };
            let samples = (0..count).map(|i| {
                let v = value(i);
                // The text format has one NaN only.
                let v = if v.is_nan() { 1.5 } else { v };
                (MIDDAY_MS + i * 15_000 + (i * 31) % (jitter + 1), v.to_bits())
            });
            let labels = Labels::from_pairs([("__name__", shape), ("instance", instance), ("job", "node")]);
            all.insert(labels, samples.collect());
        }
    }
    all
}

fn text(v: u64) -> String {
    let v = f64::from_bits(v);
    match v {
        _ if v == f64::INFINITY => "+Inf".to_owned(),
        _ if v == f64::NEG_INFINITY => "-Inf".to_owned(),
        v => format!("{v:?}"),
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"")
}

fn openmetrics(contents: &Contents) -> String {
    let mut out = String::new();
    for (labels, samples) in contents {
        let inside: Vec<String> = labels
            .iter()
            .filter(|(name, _)| *name != "__name__")
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        for &(t_ms, v) in samples {
            let name = labels.metric_name();
            let seconds = format!("{}.{:03}", t_ms / 1000, t_ms % 1000);
            writeln!(out, "{name}{{{}}} {} {seconds}", inside.join(","), text(v)).unwrap();
        }
    }
    out + "# EOF\n"
}

fn block_dirs(data: &Path) -> Vec<PathBuf> {
    let names = RealFs.list(data).unwrap();
    names
        .iter()
        .filter(|name| filenames::block_ulid(name).is_some())
        .map(|name| data.join(name))
        .collect()
}

/// Everything in a block, as a query sees it.
fn contents(block: &Arc<Block>) -> Contents {
    let mut vocabulary = Vocabulary::default();
    let want = Selection::new(vec![], i64::MIN, i64::MAX);
    let (budget, cancel) = (Budget::unlimited(), Cancel::new());
    let found = Arc::clone(block)
        .select(&want, &mut vocabulary, &budget, &cancel)
        .unwrap();
    let mut all = Contents::new();
    let mut before: Option<Labels> = None;
    for series in 0..found.roster.len() {
        let labels = vocabulary.labels(found.roster.labels(series));
        assert!(
            before.as_ref().is_none_or(|before| *before < labels),
            "series come in label order"
        );
        let mut columns = Columns::default();
        found
            .reader
            .read(series, i64::MIN, i64::MAX, &mut columns)
            .unwrap();
        let samples = columns
            .t_ms
            .iter()
            .copied()
            .zip(columns.v.iter().map(|v| v.to_bits()));
        all.insert(labels.clone(), samples.collect());
        before = Some(labels);
    }
    all
}

/// Encodes all chunks of a block again and compares.
fn check_chunks_are_written_alike(block: &Block) -> usize {
    let mut all = Vec::new();
    block.index().all_postings(&mut all).unwrap();
    let mut chunks = Vec::new();
    for series in all {
        block.index().chunks(series, &mut chunks).unwrap();
    }
    for chunk in &chunks {
        let stored = block.segments().chunk(chunk.at).unwrap();
        let (mut t_ms, mut v) = (Vec::new(), Vec::new());
        xor::decode_all(stored.data, &mut t_ms, &mut v).unwrap();
        assert_eq!(
            (t_ms.first(), t_ms.last()),
            (Some(&chunk.min_ms), Some(&chunk.max_ms))
        );
        let mut again = Vec::new();
        xor::encode(t_ms.into_iter().zip(v.into_iter().map(f64::to_bits)), &mut again);
        assert_eq!(again, stored.data);
    }
    chunks.len()
}

#[test]
fn blocks_that_promtool_made_are_read() {
    let Some(promtool) = peer("promtool") else { return };
    let dir = tempfile::tempdir().unwrap();
    let expected = example(700);
    let input = dir.path().join("input");
    std::fs::write(&input, openmetrics(&expected)).unwrap();
    let data = dir.path().join("data");
    let arguments = ["tsdb", "create-blocks-from", "openmetrics", "-q"];
    run(
        &promtool,
        &[&arguments[..], &[input.to_str().unwrap(), data.to_str().unwrap()]].concat(),
    );

    let dirs = block_dirs(&data);
    assert!(dirs.len() >= 2, "three hours take more than one block");
    let (mut found, mut chunks) = (Contents::new(), 0);
    for dir in dirs {
        let block = Arc::new(Block::open(&RealFs, &dir).unwrap());
        for (labels, samples) in contents(&block) {
            found.entry(labels).or_default().extend(samples);
        }
        chunks += check_chunks_are_written_alike(&block);
    }
    assert!(chunks > 100, "{chunks} chunks");
    assert!(found == expected, "samples differ");
}

/// Writes a block of the samples in chunks of 120.
fn write(data: &Path, ulid: Ulid, contents: &Contents) -> Meta {
    let all = || contents.values().flatten().map(|&(t_ms, _)| t_ms);
    let meta = Meta::of_head(ulid, all().min().unwrap(), all().max().unwrap() + 1);
    let mut writer = BlockWriter::create(&RealFs, data, meta, 1 << 20).unwrap();
    let mut words: Vec<&str> = contents
        .keys()
        .flat_map(Labels::iter)
        .flat_map(|(n, v)| [n, v])
        .collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        writer.add_symbol(word).unwrap();
    }
    for (labels, samples) in contents {
        let encoded: Vec<(i64, i64, Vec<u8>)> = samples
            .chunks(120)
            .map(|part| {
                let mut bytes = Vec::new();
                xor::encode(part.iter().copied(), &mut bytes);
                (part[0].0, part[part.len() - 1].0, bytes)
            })
            .collect();
        let chunks = encoded.iter().map(|(min_ms, max_ms, bytes)| ChunkToWrite {
            min_ms: *min_ms,
            max_ms: *max_ms,
            encoding: Encoding::Xor,
            bytes,
        });
        writer.add_series(labels.iter(), chunks).unwrap();
    }
    writer.finish().unwrap().unwrap()
}

/// What `promtool tsdb dump` says, by series as it prints them.
fn dumped(promtool: &Path, data: &Path) -> BTreeMap<String, Vec<(i64, String)>> {
    std::fs::create_dir_all(data.join("wal")).unwrap();
    let dump = run(promtool, &["tsdb", "dump", data.to_str().unwrap()]);
    let mut all: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for line in dump.lines() {
        let mut parts = line.rsplitn(3, ' ');
        let (t_ms, v, labels) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        all.entry(labels.to_owned())
            .or_default()
            .push((t_ms.parse().unwrap(), v.to_owned()));
    }
    all
}

#[test]
fn blocks_of_ours_are_read_by_promtool() {
    let Some(promtool) = peer("promtool") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut contents = example(400);
    let stale = Labels::from_pairs([("__name__", "stale")]);
    contents.insert(
        stale,
        vec![(MIDDAY_MS, 1f64.to_bits()), (MIDDAY_MS + 1, STALE_NAN_BITS)],
    );
    let meta = write(dir.path(), Ulid::new(MIDDAY_MS, 42), &contents);
    assert!(meta.max_ms - meta.min_ms < 2 * HOUR_MS);
    let data = dir.path().to_str().unwrap();

    let list = run(&promtool, &["tsdb", "list", data]);
    let row = list
        .lines()
        .find(|line| line.starts_with(&meta.ulid.to_string()))
        .unwrap();
    let numbers: Vec<u64> = row
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let stats = &meta.stats;
    assert!(numbers.ends_with(&[
        stats.num_samples,
        stats.num_chunks,
        stats.num_series,
        numbers[numbers.len() - 1]
    ]));

    let dump = dumped(&promtool, dir.path());
    assert_eq!(dump.len(), contents.len());
    for ((shown, found), (labels, samples)) in dump.iter().zip(&contents) {
        assert_eq!(*shown, labels.to_string());
        let same = |(found, sample): (&(i64, String), &Sample)| {
            let v = f64::from_bits(sample.1);
            let shown: f64 = found.1.parse().unwrap_or(f64::NAN);
            found.0 == sample.0 && (shown == v || (shown.is_nan() && v.is_nan()))
        };
        assert_eq!(found.len(), samples.len());
        assert!(found.iter().zip(samples).all(same), "{labels}");
    }
    let analysis = run(&promtool, &["tsdb", "analyze", data, &meta.ulid.to_string()]);
    assert!(
        analysis.contains(&format!("Total Series: {}", stats.num_series)),
        "{analysis}"
    );
}

#[test]
fn compacting_promtools_blocks_loses_nothing_and_invents_nothing() {
    let Some(promtool) = peer("promtool") else { return };
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("input");
    std::fs::write(&input, openmetrics(&example(1500))).unwrap();
    let data = dir.path().join("data");
    let arguments = ["tsdb", "create-blocks-from", "openmetrics", "-q"];
    run(
        &promtool,
        &[&arguments[..], &[input.to_str().unwrap(), data.to_str().unwrap()]].concat(),
    );
    let before = dumped(&promtool, &data);

    let open = |dir: &PathBuf| Arc::new(Block::open(&RealFs, dir).unwrap());
    let mut blocks: Vec<Arc<Block>> = block_dirs(&data).iter().map(open).collect();
    // An overlapping block of the same samples in other chunks.
    let twice = write(&data, Ulid::new(MIDDAY_MS, 1), &example(300));
    blocks.push(open(&data.join(twice.ulid.to_string())));
    let order = Order {
        ulid: Ulid::new(MIDDAY_MS, 2),
        segment_bytes_max: SEGMENT_BYTES_MAX,
        chunking: Chunking::Packed { samples: 960 },
        unwanted: None,
    };
    let outcome = compact(&RealFs, &data, &blocks, &order, &Cancel::new()).unwrap();
    let Outcome::Written(meta) = outcome else {
        panic!("there should be a block")
    };
    assert_eq!(meta.compaction.level, 2);
    for replaced in retention::superseded(&[&meta]) {
        remove_block(&RealFs, &data, replaced).unwrap();
    }
    assert_eq!(block_dirs(&data).len(), 1);
    assert!(dumped(&promtool, &data) == before, "the dump differs");
}
