//! Files that are damaged, or shortened by others while they are in use.

use std::fs::File;
use std::path::PathBuf;

use super::*;
use crate::block::filenames;
use crate::fs::RealFs;
use crate::query::QueryError;

fn fill(db: &Db, from_ms: i64, count: i64) {
    for i in 0..count {
        let t_ms = from_ms + i * 10;
        let value = (t_ms * 7 % 13) as f64 + 0.1;
        append(
            db,
            &[
                (&labels("up", "a"), t_ms, value),
                (&labels("up", "b"), t_ms, value),
            ],
        );
    }
}

/// Two blocks and a head with closed chunks.
fn filled(fs: &Arc<dyn Vfs>, dir: &Path) -> Db {
    let db = Db::open(Arc::clone(fs), dir, options(), 1).unwrap();
    fill(&db, 0, 300);
    db.maintain(1).unwrap();
    fill(&db, 3_000, 40);
    assert!(db.maintain(1).unwrap().chunks_mapped > 0);
    assert_eq!(db.block_metas().len(), 2);
    db
}

fn first_block(db: &Db, dir: &Path) -> PathBuf {
    dir.join(db.block_metas()[0].ulid.to_string())
}

#[track_caller]
fn check_set_aside(file: &str, kept: &str, blocks_left: usize) {
    let fs = memory();
    let db = filled(&fs, Path::new(DIR));
    let before = everything(&db);
    let block = first_block(&db, Path::new(DIR));
    let name = block.file_name().unwrap().to_string_lossy().into_owned();
    drop(db);
    let mut bytes = fs.read(&block.join(file)).unwrap();
    // Of an index that is the table of symbols, which is looked at when it is opened.
    let at = 8.min(bytes.len() / 2);
    bytes[at] ^= 0x55;
    fs.create(&block.join(file)).unwrap().append(&bytes).unwrap();
    for now_ms in [7, 8] {
        let db = Db::open(Arc::clone(&fs), Path::new(DIR), options(), now_ms).unwrap();
        assert_eq!(db.block_metas().len(), blocks_left, "{file}");
        assert_eq!(
            Stats::get(&db.stats.blocks_set_aside),
            u64::from(now_ms == 7),
            "{file}"
        );
        let found = everything(&db);
        assert!(
            blocks_left == 2 && found == before || blocks_left == 1 && found.len() == before.len(),
            "{file}: the rest is there"
        );
    }
    let kept = Path::new("/data/quarantine").join(format!("{name}-7")).join(kept);
    assert_eq!(fs.read(&kept).unwrap(), bytes, "{file} is kept");
}

#[test]
fn a_damaged_block_is_set_aside_and_the_rest_goes_on() {
    check_set_aside(filenames::INDEX, filenames::INDEX, 1);
    check_set_aside(filenames::META, filenames::META, 1);
    check_set_aside(filenames::TOMBSTONES, filenames::TOMBSTONES, 2);
}

#[test]
fn a_block_that_is_being_copied_stands_in_nobodys_way() {
    let fs = memory();
    let db = filled(&fs, Path::new(DIR));
    let foreign = Path::new(DIR).join("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    fs.create_dir_all(&foreign).unwrap();
    let meta = fs
        .read(&first_block(&db, Path::new(DIR)).join(filenames::META))
        .unwrap();
    fs.create(&foreign.join(filenames::META))
        .unwrap()
        .append(&meta)
        .unwrap();
    fill(&db, 3_400, 260);
    let done = db.maintain(2).unwrap();
    assert_eq!(done.head_compactions, 3);
    assert!(fs.stat(&foreign).is_ok(), "it is left alone");
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_no_segment_is_removed() {
    let fs = memory();
    let db = open(&fs);
    for round in 0..6i64 {
        fill(&db, round * 2_000, 200);
        // Series in several records of the checkpoint, of which the damage takes the last.
        for earlier in 0..=round {
            append(
                &db,
                &[(&labels("more", &earlier.to_string()), round * 2_000 + 1_990, 1.0)],
            );
        }
        db.maintain(round).unwrap();
        db.head.wal.lock().next_segment().unwrap();
    }
    fill(&db, 12_000, 3);
    let before = everything(&db);
    drop(db);
    // Only who reads all of the log sees all of its damage.
    crate::checkpoint::remove(&*fs, Path::new(DIR)).unwrap();
    let wal = Path::new("/data/wal");
    let (number, checkpoint) = crate::wal::segment::checkpoints(&*fs, wal).unwrap()[0].clone();
    assert!(
        number > 0,
        "Prometheus would take the part's number for a segment's"
    );
    let part = checkpoint.join("00000000");
    let good = fs.read(&part).unwrap();
    let segments = |fs: &Arc<dyn Vfs>| -> Vec<(u32, Vec<u8>)> {
        let all = crate::wal::segment::list(&**fs, wal).unwrap();
        all.into_iter()
            .map(|n| (n, fs.read(&crate::wal::segment::path(wal, n)).unwrap()))
            .collect()
    };
    let before_segments = segments(&fs);
    // The last byte is of a record behind those of the series.
    fs.open(&part)
        .unwrap()
        .write_at(good.len() as u64 - 1, &[!good[good.len() - 1]])
        .unwrap();
    let damaged = fs.read(&part).unwrap();
    for now_ms in [7, 8] {
        let db = Db::open(Arc::clone(&fs), Path::new(DIR), options(), now_ms).unwrap();
        let corruptions = crate::head::Stats::get(&db.head_stats().wal_corruptions);
        assert_eq!(corruptions, u64::from(now_ms == 7));
        let found = everything(&db);
        for series in [labels("up", "a"), labels("up", "b")].map(|labels| labels.to_string()) {
            let newest = |stored: &Stored| {
                stored[&series]
                    .iter()
                    .rev()
                    .take(3)
                    .map(|(t, v)| (*t, *v))
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                newest(&found),
                newest(&before),
                "what lies behind the checkpoint is there"
            );
        }
        drop(db);
    }
    let after = segments(&fs);
    assert_eq!(
        after[..before_segments.len()],
        before_segments,
        "a start adds segments and removes none"
    );
    assert_eq!(
        fs.read(Path::new("/data/quarantine/checkpoint-7/00000000"))
            .unwrap(),
        damaged
    );
}

fn asked(db: &Db) -> Result<usize, QueryError> {
    let want = Selection::new(vec![Matcher::equal("job", "test")], i64::MIN, i64::MAX);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new())?;
    let mut cursor = read.cursor();
    let mut columns = Columns::default();
    let mut count = 0;
    for series in 0..read.rosters[0].len() {
        cursor.read(0, series, i64::MIN, i64::MAX, &mut columns)?;
        count += columns.len();
    }
    Ok(count)
}

#[track_caller]
fn check_shortened(name: &str, at_bytes: u64, find: impl Fn(&Db, &Path) -> PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Vfs> = Arc::new(RealFs);
    let db = filled(&fs, dir.path());
    let before = asked(&db).unwrap();
    assert_eq!(before, 680);
    let path = find(&db, dir.path());
    let file = File::options().write(true).open(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    file.set_len(at_bytes.min(whole.len() as u64 - 1)).unwrap();
    for _ in 0..2 {
        let error = asked(&db).unwrap_err().to_string();
        assert!(error.contains(name), "cut to {at_bytes}: {error}");
    }
    // Others are not concerned, and nothing is written of what is not there.
    append(&db, &[(&labels("up", "a"), 3_400, 1.0)]);
    let blocks = db.block_metas().len();
    let _refused = db.maintain(1);
    assert_eq!(db.block_metas().len(), blocks);
}

#[test]
fn a_file_that_others_shorten_is_named_by_queries() {
    for at_bytes in [0, 50, u64::MAX] {
        check_shortened("chunks/000001", at_bytes, |db, dir| {
            first_block(db, dir).join("chunks/000001")
        });
        check_shortened("chunks_head/0", at_bytes, |_, dir| {
            let newest = std::fs::read_dir(dir.join("chunks_head")).unwrap();
            newest.map(|entry| entry.unwrap().path()).max().unwrap()
        });
    }
    for at_bytes in [0, 50] {
        check_shortened("index", at_bytes, |db, dir| first_block(db, dir).join("index"));
    }
}
