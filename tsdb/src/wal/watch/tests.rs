//! A log that is read while it is written.

use proptest::prelude::*;

use super::*;
use crate::fs::MemoryFs;
use crate::wal::{Compressed, Compression, Compressor, Writer};

const DIR: &str = "/wal";

/// A log with its writer.
struct Log {
    fs: MemoryFs,
    writer: Writer,
    compressor: Compressor,
}

impl Log {
    fn new(compression: Compression, segment_bytes: u64) -> Self {
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new(DIR)).unwrap();
        let writer = Writer::create(Arc::new(fs.clone()), Path::new(DIR), 0, segment_bytes).unwrap();
        Self {
            fs,
            writer,
            compressor: Compressor::new(compression),
        }
    }

    fn append(&mut self, bodies: &[&[u8]]) {
        let compress = |body: &&[u8]| {
            let mut record = Compressed::default();
            self.compressor.compress(body, &mut record).unwrap();
            record
        };
        let records: Vec<Compressed> = bodies.iter().map(compress).collect();
        self.writer.append(&records).unwrap();
    }

    fn end(&self) -> Position {
        Position {
            segment: self.writer.segment(),
            offset: self.writer.segment_len(),
        }
    }

    fn watch(&self, live_from: Position) -> Watcher {
        Watcher::open(Arc::new(self.fs.clone()), Path::new(DIR), live_from).unwrap()
    }
}

/// All records up to the end: their segments, whether they are live, their bodies.
fn read(watcher: &mut Watcher, end: Position) -> Vec<(u32, bool, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(seen) = watcher.next(end).unwrap() {
        all.push((seen.segment, seen.is_live, seen.record.to_vec()));
    }
    all
}

fn bodies(watcher: &mut Watcher, end: Position) -> Vec<Vec<u8>> {
    read(watcher, end).into_iter().map(|(_, _, body)| body).collect()
}

#[test]
fn a_record_is_seen_once_and_only_when_the_writer_is_past_it() {
    let mut log = Log::new(Compression::None, 1 << 20);
    let mut watcher = log.watch(Position::default());
    assert!(bodies(&mut watcher, log.end()).is_empty());
    log.append(&[b"one", b"two"]);
    assert_eq!(bodies(&mut watcher, log.end()), [b"one", b"two"]);
    let before = log.end();
    log.append(&[b"three"]);
    assert!(bodies(&mut watcher, before).is_empty());
    assert_eq!(bodies(&mut watcher, log.end()), [b"three"]);
    assert_eq!(watcher.position(), log.end());
}

#[test]
fn bytes_cut_off_anywhere_are_waited_for() {
    let mut log = Log::new(Compression::None, 1 << 20);
    let large = vec![7; 2 * PAGE_BYTES];
    log.append(&[b"one", &large]);
    let end = log.end();
    let mut watcher = log.watch(Position::default());
    let mut found = Vec::new();
    for offset in (0..=end.offset).step_by(97).chain([end.offset]) {
        found.extend(bodies(&mut watcher, Position { offset, ..end }));
    }
    assert_eq!(found, [b"one".to_vec(), large]);
}

#[test]
fn the_watcher_goes_on_in_the_next_segment() {
    let mut log = Log::new(Compression::None, PAGE_BYTES as u64);
    let mut watcher = log.watch(Position::default());
    for number in 0..5u8 {
        log.append(&[&vec![number; 20_000]]);
    }
    let segments: Vec<(u32, u8)> = read(&mut watcher, log.end())
        .iter()
        .map(|(segment, _, body)| (*segment, body[0]))
        .collect();
    assert_eq!(segments, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
}

#[test]
fn what_is_before_the_place_is_the_past() {
    let mut log = Log::new(Compression::None, 1 << 20);
    log.append(&[b"old"]);
    log.writer.next_segment().unwrap();
    log.append(&[b"before"]);
    let place = log.end();
    log.append(&[b"after"]);
    let seen = read(&mut log.watch(place), log.end());
    let expected = [
        (0, false, b"old".to_vec()),
        (1, false, b"before".to_vec()),
        (1, true, b"after".to_vec()),
    ];
    assert_eq!(seen, expected);
}

/// A series record.
fn of_series(id: u64) -> Vec<u8> {
    let mut record = Vec::new();
    series::begin(&mut record);
    series::push(&mut record, id, 1, [("a", "b")].into_iter());
    record
}

/// Makes the checkpoint that keeps only the series `kept`.
fn checkpoint(log: &Log, last: u32, kept: u64) {
    let keep = super::super::checkpoint::Keep {
        from_ms: 0,
        tombstones_from_ms: 0,
        series: &|id| id == kept,
    };
    let fs: Arc<dyn Vfs> = Arc::new(log.fs.clone());
    super::super::checkpoint::write(&fs, Path::new(DIR), last, Compression::Snappy, &keep).unwrap();
    super::super::checkpoint::remove_covered(&*fs, Path::new(DIR), last).unwrap();
}

#[test]
fn a_checkpoint_is_read_first_and_a_newer_one_is_noticed_once() {
    let mut log = Log::new(Compression::Snappy, 1 << 20);
    log.append(&[&of_series(1), &of_series(2)]);
    log.writer.next_segment().unwrap();
    checkpoint(&log, 0, 1);
    let mut watcher = log.watch(log.end());
    assert_eq!(read(&mut watcher, log.end()), [(0, false, of_series(1))]);
    assert_eq!(watcher.newer_checkpoint().unwrap(), None);
    log.append(&[&of_series(3)]);
    log.writer.next_segment().unwrap();
    checkpoint(&log, 1, 3);
    // The segment that the watcher is in is gone, and it notices when it wants to read.
    assert!(watcher.next(log.end()).unwrap_err().is_missing());
    let mut watcher = log.watch(Position::default());
    assert_eq!(read(&mut watcher, log.end()), [(1, false, of_series(3))]);
    log.writer.next_segment().unwrap();
    checkpoint(&log, 2, 3);
    let mut watcher = log.watch(Position::default());
    log.append(&[&of_series(4)]);
    assert_eq!(read(&mut watcher, log.end()).len(), 2);
    log.writer.next_segment().unwrap();
    log.append(&[b"x"]);
    read(&mut watcher, log.end());
    checkpoint(&log, 3, 4);
    let (number, files) = watcher.newer_checkpoint().unwrap().unwrap();
    let mut kept = Vec::new();
    for file in files {
        series_of(&log.fs, &file, |id| kept.push(id)).unwrap();
    }
    assert_eq!((number, kept), (3, vec![4]));
    assert_eq!(watcher.newer_checkpoint().unwrap(), None);
}

#[test]
fn damage_is_told_with_its_place() {
    let mut log = Log::new(Compression::None, 1 << 20);
    log.append(&[b"one", b"two"]);
    let path = segment::path(Path::new(DIR), 0);
    log.fs.open(&path).unwrap().write_at(18, b"X").unwrap();
    let mut watcher = log.watch(Position::default());
    assert!(watcher.next(log.end()).unwrap().is_some());
    let error = watcher.next(log.end()).unwrap_err();
    assert!(error.is_corruption());
    assert_eq!(error.offset(), 10);
}

#[test]
fn damage_in_a_segment_of_the_past_ends_that_segment() {
    let mut log = Log::new(Compression::None, 1 << 20);
    log.append(&[b"one", b"two"]);
    let path = segment::path(Path::new(DIR), 0);
    log.fs.open(&path).unwrap().write_at(18, b"X").unwrap();
    log.writer.next_segment().unwrap();
    log.append(&[b"three"]);
    let mut watcher = log.watch(log.end());
    assert_eq!(bodies(&mut watcher, log.end()), [&b"one"[..], b"three"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_written_is_read_in_pieces_of_any_size(
        sizes in prop::collection::vec(0usize..100_000, 1..12),
        watched in prop::collection::vec(any::<bool>(), 12),
        compression in prop::sample::select(vec![Compression::None, Compression::Snappy, Compression::Zstd]),
    ) {
        let mut log = Log::new(compression, 3 * PAGE_BYTES as u64);
        let mut watcher = log.watch(Position::default());
        let mut found = Vec::new();
        let all: Vec<Vec<u8>> = sizes.iter().zip(1..).map(|(&len, seed)| {
            let mut dice = seed as u32;
            (0..=len).map(|_| { dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); (dice >> 26) as u8 }).collect()
        }).collect();
        for (body, look) in all.iter().zip(watched) {
            log.append(&[body]);
            if look {
                found.extend(bodies(&mut watcher, log.end()));
            }
        }
        found.extend(bodies(&mut watcher, log.end()));
        prop_assert_eq!(found, all);
    }
}
