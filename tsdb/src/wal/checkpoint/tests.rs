//! What a checkpoint keeps.

use super::*;
use crate::fs::memory::MemoryFs;

fn log(fs: &Arc<dyn Vfs>, first: u32, segments: &[&[Vec<u8>]]) {
    let dir = Path::new("/wal");
    fs.create_dir_all(dir).unwrap();
    for (number, records) in (first..).zip(segments) {
        let mut writer = Writer::create(Arc::clone(fs), dir, number, 1 << 20).unwrap();
        let records: Vec<Compressed> = records
            .iter()
            .map(|bytes| Compressed {
                flags: 0,
                bytes: bytes.clone(),
            })
            .collect();
        writer.append(&records).unwrap();
    }
}

fn series_record(id: u64) -> Vec<u8> {
    let mut record = Vec::new();
    series::begin(&mut record);
    series::push(&mut record, id, 1, [("a", "b")].into_iter());
    record
}

fn samples_record(all: &[(u64, i64)]) -> Vec<u8> {
    let mut record = Vec::new();
    let mut encoder = samples::Encoder::new(&mut record);
    for &(id, t_ms) in all {
        encoder.push(id, t_ms, 0);
    }
    record
}

fn contents(fs: &dyn Vfs, dir: &str) -> (Vec<u64>, Vec<(u64, i64)>) {
    let (mut ids, mut found) = (Vec::new(), Vec::new());
    for number in segment::list(fs, Path::new(dir)).unwrap() {
        let mut reader = SegmentReader::open(fs, &segment::path(Path::new(dir), number)).unwrap();
        while let Some(record) = reader.next().unwrap() {
            match Kind::of(record) {
                Some(Kind::Series) => series::decode(record, |id, _| ids.push(id)).unwrap(),
                _ => samples::decode(record, |id, t_ms, _| found.push((id, t_ms))).unwrap(),
            }
        }
    }
    (ids, found)
}

#[test]
fn a_checkpoint_keeps_living_series_and_young_samples_and_builds_on_the_one_before() {
    let fs: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
    log(
        &fs,
        0,
        &[
            &[
                series_record(1),
                series_record(2),
                samples_record(&[(1, 10), (2, 10)]),
            ],
            &[samples_record(&[(1, 20), (2, 20)])],
            &[samples_record(&[(1, 30)])],
        ],
    );
    let all = |_: u64| true;
    let keep = Keep {
        from_ms: 0,
        tombstones_from_ms: 0,
        series: &all,
    };
    write(&fs, Path::new("/wal"), 0, Compression::Snappy, &keep).unwrap();
    remove_covered(&*fs, Path::new("/wal"), 0).unwrap();
    let only_first = |id: u64| id == 1;
    let keep = Keep {
        from_ms: 20,
        tombstones_from_ms: 20,
        series: &only_first,
    };
    let counts = write(&fs, Path::new("/wal"), 1, Compression::Snappy, &keep).unwrap();
    remove_covered(&*fs, Path::new("/wal"), 1).unwrap();
    assert_eq!((counts.series, counts.series_dropped), (1, 1));
    assert_eq!(
        contents(&*fs, "/wal/checkpoint.00000001"),
        (vec![1], vec![(1, 20), (2, 20)])
    );
    assert_eq!(
        fs.list(Path::new("/wal")).unwrap(),
        ["00000002", "checkpoint.00000001"]
    );
}

#[test]
fn a_damaged_source_leaves_the_log_as_it_was() {
    let fs: Arc<dyn Vfs> = Arc::new(MemoryFs::new());
    log(&fs, 0, &[&[series_record(1)], &[samples_record(&[(1, 1)])]]);
    let path = segment::path(Path::new("/wal"), 0);
    fs.open(&path).unwrap().write_at(9, &[0xff]).unwrap();
    let all = |_: u64| true;
    let keep = Keep {
        from_ms: 0,
        tombstones_from_ms: 0,
        series: &all,
    };
    let error = write(&fs, Path::new("/wal"), 0, Compression::None, &keep).unwrap_err();
    assert!(error.is_corruption());
    assert_eq!(segment::list(&*fs, Path::new("/wal")).unwrap(), [0, 1]);
    assert!(segment::checkpoints(&*fs, Path::new("/wal")).unwrap().is_empty());
}
