//! The checks of [`crate::decoders`], on inputs made of good ones by chance. `DECODERS_CORPUS=dir` leaves the good
//! ones in a folder a target, for the fuzzer to begin with.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::chunk::encode::encode;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::simulated::Dice;
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::model::Labels;
use tsdb::wal::record::{exemplars, histograms, markers, metadata, samples, series, tombstones};

use crate::decoders::TARGETS;
use crate::decoders::take::Take;

/// How many inputs each check gets, unless `DECODERS_S` says for how long.
const INPUTS: usize = 400;

fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    (0..dice.below(most)).map(|_| dice.next() as u8).collect()
}

/// Files of a small database, by the last parts of their paths.
fn files() -> Vec<(String, Vec<u8>)> {
    let fs = MemoryFs::new();
    let shared: Arc<dyn Vfs> = Arc::new(fs.clone());
    let options = DbOptions {
        min_block_ms: 1_000,
        out_of_order_window_ms: 2_000,
        ..DbOptions::default()
    };
    let db = Db::open(shared, Path::new("/data"), options, 1).unwrap();
    for step in 0..150 {
        let mut batch = Batch::at(step * 20);
        for i in 0..3u8 {
            let text = i.to_string();
            let labels = Labels::from_pairs([("__name__", "a"), ("i", text.as_str())]);
            let id = db.resolve(&labels, &mut batch).unwrap();
            batch.push(id, step as u64 * u64::from(i));
        }
        db.append(&mut batch, &AppendOptions::default()).unwrap();
    }
    db.maintain(2).unwrap();
    db.delete(0, 500, &[]).unwrap();
    db.close().unwrap();
    let mut files = Vec::new();
    collect(&fs, Path::new("/data"), &mut files);
    files
}

fn collect(fs: &MemoryFs, dir: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for name in fs.list(dir).unwrap() {
        let path = dir.join(name);
        match fs.stat(&path).unwrap().is_dir {
            true => collect(fs, &path, into),
            false => into.push((path.to_string_lossy().into_owned(), fs.read(&path).unwrap())),
        }
    }
}

/// Good records of every kind that is written.
fn records(dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(); 6];
    series::begin(&mut all[0]);
    for id in 1..4 {
        series::push(&mut all[0], id, 2, [("__name__", "a"), ("b", "c")].into_iter());
    }
    let mut floats = samples::Encoder::new(&mut all[1]);
    (1..4).for_each(|id| floats.push(id, 1_000 + id.cast_signed(), dice.next()));
    tombstones::begin(&mut all[2]);
    tombstones::push(&mut all[2], 1, 5, 900);
    exemplars::Encoder::new(&mut all[3]).push(1, 7, 1.5, [("trace", "x")].into_iter());
    markers::begin(&mut all[4]);
    markers::push(&mut all[4], 1, 1 << 32 | 8);
    metadata::begin(&mut all[5]);
    metadata::push(&mut all[5], 1, &tsdb::model::Metadata::default());
    for _ in 0..4 {
        let histogram = Take(&noise(dice, 200)).histogram();
        let mut record = Vec::new();
        histograms::Encoder::new(histograms::kind_of(&histogram), &mut record).push(2, 2_000, &histogram);
        all.push(record);
    }
    all
}

/// Good inputs of a target.
fn good(target: &str, dice: &mut Dice) -> Vec<Vec<u8>> {
    let ending = |part: &str| -> Vec<Vec<u8>> {
        let found = files().into_iter().filter(|(path, _)| path.contains(part));
        found.map(|(_, bytes)| bytes).collect()
    };
    let behind = |first: u8, all: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        all.into_iter()
            .map(|bytes| [&[first][..], &bytes].concat())
            .collect()
    };
    match target {
        "chunk_decode" => {
            let columns = Take(&noise(dice, 4_000)).samples();
            let chunks = encode(&columns, 120).into_iter();
            chunks
                .flat_map(|chunk| {
                    // Also as the encodings that are not written.
                    (0..2).map(move |later| {
                        let number = chunk.encoding.as_u8() + later * 3;
                        [&[number][..], &chunk.bytes].concat()
                    })
                })
                .collect()
        }
        "record_decode" => {
            let mut all = records(dice);
            for at in [1, 6, 7] {
                let mut later = all[at].clone();
                later[0] = 11 + (at as u8 % 3);
                all.push(later);
            }
            all
        }
        "page_read" => ending("/wal/"),
        "wal_replay" | "wbl_replay" | "checkpoint_replay" => {
            let mut all = behind(0, ending("/wal/"));
            let mut framed = vec![1];
            for record in records(dice) {
                framed.push(record.len().min(255) as u8);
                framed.extend(&record[..record.len().min(255)]);
            }
            all.push(framed);
            all
        }
        "head_chunks_scan" => {
            let stripped = |bytes: Vec<u8>| bytes[8..].to_vec();
            let mut all = behind(0, ending("/chunks_head/").into_iter().map(stripped).collect());
            all.push([&[1][..], &[1, 20, 0, 0, 2, 10, 0, 0x80, 1, 30, 0, 0]].concat());
            all
        }
        "index_open" => ending("/index"),
        "block_chunks" => ending("/chunks/"),
        "tombstones_decode" => ending("/tombstones"),
        "meta_decode" => ending("/meta.json"),
        _ => vec![noise(dice, 600)],
    }
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..1 + dice.below(6) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 0xff, 0x7f, 0x80, 1][dice.below(5)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, dice.next() as u8),
            4 if at < bytes.len() => {
                let end = (at + dice.below(40)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            _ => {
                let end = (at + dice.below(9)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
}

#[test]
fn every_decoder_bears_what_chance_makes_of_good_bytes() {
    let seconds = std::env::var("DECODERS_S").ok().and_then(|s| s.parse().ok());
    for (name, check) in TARGETS {
        let seed = seconds.map_or(1, |_: u64| u64::from(std::process::id()));
        let mut dice = Dice::new(seed);
        let good = good(name, &mut dice);
        assert!(!good.is_empty(), "{name} has good inputs");
        if let Some(corpus) = std::env::var_os("DECODERS_CORPUS") {
            let dir = Path::new(&corpus).join(name);
            std::fs::create_dir_all(&dir).unwrap();
            for (at, bytes) in good.iter().enumerate() {
                std::fs::write(dir.join(format!("good-{at}")), bytes).unwrap();
            }
        }
        good.iter().for_each(|bytes| check(bytes));
        let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
        let mut inputs = 0;
        while inputs < INPUTS || Instant::now() < until {
            let mut bytes = match dice.below(8) {
                0 => noise(&mut dice, 300),
                _ => good[dice.below(good.len())].clone(),
            };
            change(&mut bytes, &mut dice);
            let outcome = std::panic::catch_unwind(|| check(&bytes));
            assert!(outcome.is_ok(), "{name} does not bear {bytes:?}");
            inputs += 1;
        }
        if seconds.is_some() {
            println!("{name}: {inputs} inputs");
        }
    }
}
