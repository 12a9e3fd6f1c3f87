//! The logs and the head's chunks as a start reads them: opened, repaired or refused; what was opened once
//! opens again and holds the same.

use std::path::Path;
use std::sync::Arc;

use tsdb::chunk::xor;
use tsdb::db::{Db, DbOptions};
use tsdb::encoding::crc32c;
use tsdb::fs::{MemoryFs, Vfs};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};
use tsdb::wal::record::{samples, series};
use tsdb::wal::{Compressed, SegmentReader, Writer};

const DATA: &str = "/data";

fn memory() -> Arc<dyn Vfs> {
    Arc::new(MemoryFs::new())
}

fn put(fs: &dyn Vfs, path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    fs.create_dir_all(path.parent().expect("a directory"))
        .expect("memory");
    fs.create(path)
        .and_then(|mut file| file.append(bytes))
        .expect("memory");
}

/// Frames records (a length byte before each) rightly, so that what is inside of them is reached.
fn frame(fs: &Arc<dyn Vfs>, dir: &str, flags: u8, mut rest: &[u8]) {
    let dir = Path::new(dir);
    fs.create_dir_all(dir).expect("memory");
    let mut writer = Writer::create(Arc::clone(fs), dir, 0, 1 << 20).expect("memory");
    while let Some((&len, after)) = rest.split_first() {
        let (record, after) = after.split_at(after.len().min(usize::from(len)));
        let bytes = record.to_vec();
        writer
            .append(&[Compressed {
                flags: flags & 0x18,
                bytes,
            }])
            .expect("memory");
        rest = after;
    }
}

/// A log of six series with a few samples each, so that what is found beside it has an owner.
fn put_log(fs: &Arc<dyn Vfs>) {
    let mut record = Vec::new();
    series::begin(&mut record);
    for id in 1..=6u64 {
        let instance = id.to_string();
        let labels = [("__name__", "a"), ("instance", instance.as_str())];
        series::push(&mut record, id, 2, labels.into_iter());
    }
    let mut rows = Vec::new();
    let mut encoder = samples::Encoder::new(&mut rows);
    for t_ms in [1_000, 2_000] {
        (1..=5).for_each(|id| encoder.push(id, t_ms, 1f64.to_bits()));
    }
    let dir = Path::new("/data/wal");
    fs.create_dir_all(dir).expect("memory");
    let mut writer = Writer::create(Arc::clone(fs), dir, 0, 1 << 20).expect("memory");
    let plain = |bytes| Compressed { flags: 0, bytes };
    writer.append(&[plain(record), plain(rows)]).expect("memory");
}

fn contents(db: &Db) -> Vec<(String, Vec<i64>, usize)> {
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = db
        .open(&[want], &Budget::unlimited(), &Cancel::new())
        .expect("a head can be read");
    let mut columns = Columns::default();
    let mut all = Vec::new();
    for series in 0..read.rosters[0].len() {
        // Bytes of a chunk with the right checksum may still be no chunk: an error, and the same each time.
        let read_one = read.cursor().read(0, series, i64::MIN, i64::MAX, &mut columns);
        if read_one.is_err() {
            columns.clear();
        }
        assert!(columns.t_ms.windows(2).all(|pair| pair[0] < pair[1]));
        let labels = read.labels(0, series).to_string();
        all.push((labels, columns.t_ms.clone(), columns.histograms.len()));
    }
    all.sort();
    all
}

fn options() -> DbOptions {
    DbOptions {
        out_of_order_window_ms: 1_000,
        ..DbOptions::default()
    }
}

/// Opens twice; the second time finds what the first did.
fn check_opens_alike(fs: Arc<dyn Vfs>) {
    let data = Path::new(DATA);
    let Ok(db) = Db::open(Arc::clone(&fs), data, options(), 1) else {
        return;
    };
    let before = contents(&db);
    drop(db);
    let db = Db::open(fs, data, options(), 2).expect("what was opened opens again");
    assert_eq!(contents(&db), before);
}

/// Any bytes as a segment, read by itself.
pub(crate) fn any_bytes_as_a_segment(bytes: &[u8]) {
    let mut reader = SegmentReader::new(Path::new("segment"), Arc::new(bytes.to_vec()));
    let mut before = 0;
    while let Ok(Some(_)) = reader.next() {
        assert!(reader.offset() > before || reader.offset() == 0, "it goes on");
        before = reader.offset();
    }
    assert!(reader.offset() <= bytes.len().next_multiple_of(32 << 10) as u64);
}

/// The first byte says what the rest is: a segment as it stands, or records.
pub(crate) fn any_bytes_as_a_log(bytes: &[u8]) {
    let fs = memory();
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 2 {
        0 => put(&*fs, "/data/wal/00000000", rest),
        _ => frame(&fs, "/data/wal", kind, rest),
    }
    check_opens_alike(fs);
}

/// Likewise, as a write-behind log beside a good log.
pub(crate) fn any_bytes_as_a_write_behind_log(bytes: &[u8]) {
    let fs = memory();
    put_log(&fs);
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 2 {
        0 => put(&*fs, "/data/wbl/00000000", rest),
        _ => frame(&fs, "/data/wbl", kind, rest),
    }
    check_opens_alike(fs);
}

/// Likewise, as a checkpoint.
pub(crate) fn any_bytes_as_a_checkpoint(bytes: &[u8]) {
    let fs = memory();
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 2 {
        0 => put(&*fs, "/data/wal/checkpoint.00000003/00000000", rest),
        _ => frame(&fs, "/data/wal/checkpoint.00000003", kind, rest),
    }
    check_opens_alike(fs);
}

/// As a file of head chunks beside a good log: as it stands, or chunks (series, time, encoding, length, data)
/// with the right checksums around them.
pub(crate) fn any_bytes_as_head_chunks(bytes: &[u8]) {
    let fs = memory();
    put_log(&fs);
    let Some((&kind, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut file = vec![0x01, 0x30, 0xbc, 0x91, 1, 0, 0, 0];
    if kind % 2 == 0 {
        file.extend_from_slice(rest);
    }
    while let ([series, time, encoding, len, after @ ..], 1) = (rest, kind % 2) {
        let (data, after) = after.split_at(after.len().min(usize::from(*len)));
        let mut good = Vec::new();
        let min_ms = i64::from(*time) * 10;
        if *encoding == 0 {
            xor::encode((0..9).map(|i| (min_ms + i, 0)), &mut good);
        }
        let data = if *encoding == 0 { &good } else { data };
        let from = file.len();
        file.extend_from_slice(&u64::from(*series).to_be_bytes());
        file.extend_from_slice(&min_ms.to_be_bytes());
        file.extend_from_slice(&(min_ms + 8).to_be_bytes());
        file.push(if *encoding == 0 {
            1 | (len & 0x80)
        } else {
            *encoding
        });
        file.push(data.len() as u8);
        file.extend_from_slice(data);
        let crc = crc32c(&file[from..]);
        file.extend_from_slice(&crc.to_be_bytes());
        rest = after;
    }
    put(&*fs, "/data/chunks_head/000001", &file);
    check_opens_alike(fs);
}
