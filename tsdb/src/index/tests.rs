//! Indexes: round trips, bytes, damage.

use std::path::Path;

use super::*;
use crate::chunk::segment::ChunkRef;
use crate::encoding::varint;
use crate::fs::{FileError, MemoryFs, Vfs};

const PATH: &str = "/b/index";

fn chunk(min_ms: i64, max_ms: i64, at: u64) -> ChunkMeta {
    ChunkMeta {
        min_ms,
        max_ms,
        at: ChunkRef(at),
    }
}

type Series<'a> = (&'a [(&'a str, &'a str)], &'a [ChunkMeta]);

fn written(series: &[Series<'_>]) -> MemoryFs {
    let fs = MemoryFs::new();
    let mut words: Vec<&str> = series
        .iter()
        .flat_map(|(labels, _)| labels.iter())
        .flat_map(|&(n, v)| [n, v])
        .collect();
    words.sort_unstable();
    words.dedup();
    let mut writer = IndexWriter::create(&fs, Path::new(PATH)).unwrap();
    for word in &words {
        writer.add_symbol(word).unwrap();
    }
    let symbol = |word: &str| u32::try_from(words.binary_search(&word).unwrap()).unwrap();
    for (labels, chunks) in series {
        let labels: Vec<_> = labels.iter().map(|&(n, v)| (symbol(n), symbol(v))).collect();
        writer.add_series(&labels, chunks).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), fs.stat(Path::new(PATH)).unwrap().len);
    fs
}

fn open(fs: &MemoryFs) -> Result<IndexReader, FileError> {
    IndexReader::open(fs, Path::new(PATH))
}

fn postings(reader: &IndexReader, name: &str, value: &str) -> Vec<u32> {
    let mut refs = Vec::new();
    reader.postings(name, value, &mut refs).unwrap();
    refs
}

fn series_text(reader: &IndexReader, series: u32) -> (String, Vec<ChunkMeta>) {
    let (mut labels, mut chunks) = (Vec::new(), Vec::new());
    reader.series(series, &mut labels, &mut chunks).unwrap();
    let mut again = Vec::new();
    reader.chunks(series, &mut again).unwrap();
    assert_eq!(chunks, again);
    let text: Vec<_> = labels
        .iter()
        .map(|&(n, v)| format!("{}={}", reader.symbol(n).unwrap(), reader.symbol(v).unwrap()))
        .collect();
    (text.join(","), chunks)
}

const EXAMPLE: &[Series<'static>] = &[
    (&[("a", "1")], &[]),
    (&[("a", "1"), ("b", "2")], &[]),
    (&[("b", "2")], &[]),
];

#[test]
fn the_bytes_of_an_example_are_these() {
    let chunks = [chunk(-1, 9, 8), chunk(20, 20, 300)];
    let fs = written(&[(&[("a", "b")], &chunks)]);
    let mut expected = vec![0xba, 0xaa, 0xd7, 0x00, 2];
    let with_crc = |body: &[u8]| [body, &crc32c(body).to_be_bytes()].concat();
    // Symbols: 8 bytes, two of them, "a" and "b".
    expected.extend([0, 0, 0, 8]);
    expected.extend(with_crc(&[0, 0, 0, 2, 1, b'a', 1, b'b']));
    assert_eq!(expected.len(), 21);
    expected.resize(32, 0);
    // Series: one label, two chunks: -1, +10, 8; +11, +0, +292.
    let body = [1, 0, 1, 2, 1, 10, 8, 11, 0, 0xc8, 0x04];
    expected.push(11);
    expected.extend(with_crc(&body));
    assert_eq!(expected.len(), 48);
    // Postings of all series, then of a="b".
    for _ in 0..2 {
        expected.extend([0, 0, 0, 8]);
        expected.extend(with_crc(&[0, 0, 0, 1, 0, 0, 0, 2]));
    }
    assert_eq!(expected.len(), 80);
    let table = [0, 0, 0, 2, 2, 0, 0, 48, 2, 1, b'a', 1, b'b', 64];
    expected.extend([0, 0, 0, 14]);
    expected.extend(with_crc(&table));
    let toc: Vec<u8> = [5u64, 21, 48, 80, 48, 80]
        .iter()
        .flat_map(|o| o.to_be_bytes())
        .collect();
    expected.extend(with_crc(&toc));
    assert_eq!(fs.read(Path::new(PATH)).unwrap(), expected);
}

#[test]
fn series_labels_and_chunks_come_back() {
    let chunks = [
        chunk(i64::MIN, -5, 8),
        chunk(-4, 7, 1 << 32 | 8),
        chunk(8, i64::MAX, 9),
    ];
    let fs = written(&[(&[("__name__", "up"), ("job", "a")], &chunks)]);
    let reader = open(&fs).unwrap();
    let all = postings(&reader, "", "");
    assert_eq!(all, postings(&reader, "job", "a"));
    let (text, found) = series_text(&reader, all[0]);
    assert_eq!(text, "__name__=up,job=a");
    assert_eq!(found, chunks);
}

#[test]
fn postings_list_the_series_of_each_label() {
    let fs = written(EXAMPLE);
    let reader = open(&fs).unwrap();
    let all = postings(&reader, "", "");
    assert_eq!(all.len(), 3);
    assert_eq!(postings(&reader, "a", "1"), all[..2]);
    assert_eq!(postings(&reader, "b", "2"), all[1..]);
    assert!(postings(&reader, "b", "1").is_empty());
    assert!(postings(&reader, "c", "").is_empty());
    assert_eq!(reader.label_names().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn every_value_is_found_among_many() {
    let values: Vec<String> = (0..1000).map(|i| format!("v{i:04}")).collect();
    let labels: Vec<[(&str, &str); 1]> = values.iter().map(|v| [("n", v.as_str())]).collect();
    let series: Vec<Series<'_>> = labels.iter().map(|l| (l.as_slice(), [].as_slice())).collect();
    let fs = written(&series);
    let reader = open(&fs).unwrap();
    let all = postings(&reader, "", "");
    for (value, &series) in values.iter().zip(&all) {
        assert_eq!(postings(&reader, "n", value), [series]);
        let at = reader.find_symbol(value).unwrap().unwrap();
        assert_eq!(reader.symbol(at).unwrap(), value);
    }
    assert_eq!(reader.find_symbol("v00005").unwrap(), None);
    assert_eq!(reader.find_symbol("a").unwrap(), None);
    assert_eq!(reader.value_count("n"), 1000);
    let later: Vec<_> = reader
        .values_from("n", "v0990x")
        .unwrap()
        .map(|v| v.unwrap().0)
        .collect();
    assert_eq!(later, values[991..]);
    assert_eq!(reader.values_from("n", "w").unwrap().count(), 0);
    assert_eq!(reader.values_from("n", "").unwrap().count(), 1000);
    assert_eq!(reader.symbols().map(Result::unwrap).collect::<Vec<_>>()[0], "n");
}

#[test]
fn an_index_without_series_is_an_index() {
    let reader = open(&written(&[])).unwrap();
    assert!(postings(&reader, "", "").is_empty());
    assert_eq!(reader.symbol_count(), 0);
    assert!(reader.symbol(0).is_err());
}

#[test]
fn an_order_that_is_broken_is_refused() {
    let fs = MemoryFs::new();
    let mut writer = IndexWriter::create(&fs, Path::new(PATH)).unwrap();
    for symbol in ["a", "b", "c"] {
        writer.add_symbol(symbol).unwrap();
    }
    let check = |refused: Result<u32, FileError>, text: &str| {
        assert_eq!(refused.unwrap_err().to_string(), format!("{PATH}: {text}"));
    };
    check(writer.add_symbol("b"), "symbol \"b\" after \"c\"");
    writer.add_series(&[(0, 1)], &[]).unwrap();
    check(writer.add_symbol("d"), "symbol after the first series");
    check(writer.add_series(&[(0, 1)], &[]), "series out of order");
    check(
        writer.add_series(&[(1, 0), (0, 0)], &[]),
        "label names out of order",
    );
    check(writer.add_series(&[(1, 3)], &[]), "label that is no symbol");
    let touching = [chunk(0, 5, 8), chunk(5, 6, 9)];
    check(writer.add_series(&[(1, 1)], &touching), "chunks out of order");
    check(
        writer.add_series(&[(1, 1)], &[chunk(5, 4, 8)]),
        "chunks out of order",
    );
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Vec<u8>), text: &str) {
    let fs = written(EXAMPLE);
    let mut bytes = fs.read(Path::new(PATH)).unwrap();
    change(&mut bytes);
    fs.create(Path::new(PATH)).unwrap().append(&bytes).unwrap();
    let read_all = |reader: IndexReader| {
        let mut all = Vec::new();
        reader.all_postings(&mut all)?;
        for series in all {
            reader.series(series, &mut Vec::new(), &mut Vec::new())?;
        }
        Ok(())
    };
    let error: FileError = open(&fs).and_then(read_all).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(text), "{shown:?} should contain {text:?}");
    assert!(shown.starts_with(PATH), "{shown}");
}

#[test]
fn each_kind_of_damage_is_refused() {
    check_refused(|b| b[0] = 0, "expected magic number 0xbaaad700");
    check_refused(|b| b[4] = 9, "unknown index version 9");
    check_refused(|b| b.truncate(3), "expected a header of 5 bytes, found 3");
    check_refused(|b| b.truncate(50), "expected at least 52 bytes");
    check_refused(|b| *b.last_mut().unwrap() ^= 1, "table of contents has checksum");
    check_refused(|b| b[14] ^= 1, "at byte 5: symbols section has checksum");
    check_refused(|b| b[33] ^= 1, "at byte 32: series has checksum");
    check_refused(|b| b[32] = 0xff, "at byte 32: series");
    let table = |b: &[u8]| {
        let toc = b.len() - 12;
        u64::from_be_bytes(b[toc..toc + 8].try_into().unwrap()) as usize
    };
    check_refused(
        |b| {
            let at = table(b);
            b[at + 4] ^= 1;
        },
        "postings table section has checksum",
    );
    check_refused(|b| b[81] ^= 1, "postings section");
}

#[test]
fn a_postings_table_out_of_order_is_refused() {
    let entries = |entries: &[(&str, &str)]| {
        let mut body = u32::try_from(entries.len()).unwrap().to_be_bytes().to_vec();
        for (name, value) in entries {
            varint::put_uvarint(&mut body, 2);
            varint::put_str(&mut body, name);
            varint::put_str(&mut body, value);
            varint::put_uvarint(&mut body, 5);
        }
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let file = [&len[..], &body, &crc32c(&body).to_be_bytes()].concat();
        postings_table::PostingsTable::read(&file, 0).map(|_| ())
    };
    assert!(entries(&[("", ""), ("a", "1"), ("a", "2"), ("b", "0")]).is_ok());
    let error = entries(&[("a", "2"), ("a", "1")]).unwrap_err().to_string();
    assert_eq!(
        error,
        "postings table section: expected ascending entries at byte 10"
    );
    assert!(entries(&[("b", "1"), ("a", "2")]).is_err());
    assert!(entries(&[("a", "1"), ("a", "1")]).is_err());
}

/// A section with its length and checksum.
fn sectioned(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&len[..], body, &crc32c(body).to_be_bytes()].concat()
}

#[test]
fn an_index_of_version_1_is_read() {
    let mut file = vec![0xba, 0xaa, 0xd7, 0, 1];
    let mut toc = toc::Toc {
        symbols: file.len() as u64,
        ..toc::Toc::default()
    };
    // More symbols than one step of the table in memory.
    let words: Vec<String> = (10..60).map(|n| format!("w{n}")).collect();
    let mut symbols = 50u32.to_be_bytes().to_vec();
    let mut offsets = Vec::new();
    for word in &words {
        offsets.push((file.len() + 4 + symbols.len()) as u64);
        varint::put_str(&mut symbols, word);
    }
    file.extend(sectioned(&symbols));
    toc.series = file.len() as u64;
    let mut refs = Vec::new();
    for value in [1, 40] {
        // At any place, and named by it.
        file.push(0);
        refs.push(u32::try_from(file.len()).unwrap());
        let mut body = Vec::new();
        varint::put_uvarint(&mut body, 1);
        varint::put_uvarint(&mut body, offsets[0]);
        varint::put_uvarint(&mut body, offsets[value]);
        let chunk = [chunk(5, 9, 8)];
        let mut with_chunks = Vec::new();
        series::encode(&[], &chunk, &mut with_chunks);
        body.extend(&with_chunks[1..]);
        varint::put_uvarint(&mut file, body.len() as u64);
        file.extend(&body);
        file.extend(crc32c(&body).to_be_bytes());
    }
    toc.postings = file.len() as u64;
    let mut places = Vec::new();
    for list in [&refs[..], &refs[..1], &refs[1..]] {
        places.push(file.len() as u64);
        let mut body = u32::try_from(list.len()).unwrap().to_be_bytes().to_vec();
        list.iter().for_each(|r| body.extend(r.to_be_bytes()));
        file.extend(sectioned(&body));
    }
    toc.postings_table = file.len() as u64;
    let mut table = 3u32.to_be_bytes().to_vec();
    for (name, value, place) in [
        ("w10", "w50", places[2]),
        ("", "", places[0]),
        ("w10", "w11", places[1]),
    ] {
        varint::put_uvarint(&mut table, 2);
        varint::put_str(&mut table, name);
        varint::put_str(&mut table, value);
        varint::put_uvarint(&mut table, place);
    }
    file.extend(sectioned(&table));
    file.extend(toc.encode());
    let fs = MemoryFs::new();
    fs.create_dir_all(Path::new("/b")).unwrap();
    fs.create(Path::new(PATH)).unwrap().append(&file).unwrap();
    let reader = open(&fs).unwrap();
    assert_eq!(postings(&reader, "", ""), refs);
    assert_eq!(postings(&reader, "w10", "w50"), refs[1..]);
    assert_eq!(reader.values_from("w10", "").unwrap().count(), 2);
    let (labels, chunks) = series_text(&reader, refs[1]);
    assert!(labels.contains("w10") && labels.contains("w50"), "{labels}");
    assert_eq!(chunks, [chunk(5, 9, 8)]);
}
