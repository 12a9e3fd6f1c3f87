//! The head's checkpoint: what it brings back is what the log brings back, and whatever is wrong with it the log is
//! replayed.

use super::*;
use crate::head::Stats as HeadStats;
use crate::model::{Exemplar, Histogram, IntHistogram, Metadata, MetricKind, ResetHint, Span};
use crate::wal::segment;

const HEAD_DIR: &str = "/data/deucalion/head";

pub(super) fn with_all() -> DbOptions {
    DbOptions {
        exemplars_max: 20,
        out_of_order_window_ms: 300,
        max_block_ms: 1_000,
        no_lockfile: true,
        ..options()
    }
}

#[track_caller]
pub(super) fn reopen(fs: &Arc<dyn Vfs>) -> Db {
    Db::open(Arc::clone(fs), Path::new(DIR), with_all(), 1).unwrap()
}

/// A file system with the same files.
pub(super) fn copied(fs: &dyn Vfs) -> Arc<dyn Vfs> {
    let to = MemoryFs::new();
    let mut open = vec![PathBuf::from(DIR)];
    while let Some(dir) = open.pop() {
        to.create_dir_all(&dir).unwrap();
        for name in fs.list(&dir).unwrap() {
            let path = dir.join(name);
            if fs.stat(&path).unwrap().is_dir {
                open.push(path);
            } else {
                put_file(&to, &path, &fs.read(&path).unwrap());
            }
        }
    }
    Arc::new(to)
}

fn put_file(fs: &dyn Vfs, path: &Path, bytes: &[u8]) {
    fs.create(path).unwrap().append(bytes).unwrap();
}

/// The same files without the checkpoint.
pub(super) fn without_checkpoint(fs: &dyn Vfs) -> Arc<dyn Vfs> {
    let plain = copied(fs);
    if plain.stat(Path::new(HEAD_DIR)).is_ok() {
        plain.remove_dir_all(Path::new(HEAD_DIR)).unwrap();
    }
    plain
}

/// All that can be seen of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    number: u64,
    last_ms: i64,
    samples: Vec<(i64, String)>,
    exemplars: Vec<Exemplar>,
    metadata: Option<Metadata>,
    tombstones: Vec<(i64, i64)>,
}

/// All that can be seen of the series that have samples, by their labels.
#[track_caller]
pub(super) fn seen(db: &Db) -> BTreeMap<String, Seen> {
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = Queryable::open(db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let (mut columns, mut all) = (Columns::default(), BTreeMap::new());
    let blocks_end_ms = reload::min_valid_ms(&db.blocks());
    for at in 0..read.rosters[0].len() {
        let labels = read.labels(0, at);
        read.cursor()
            .read(0, at, i64::MIN, i64::MAX, &mut columns)
            .unwrap();
        let samples = (0..columns.len()).map(|row| match columns.histogram(row) {
            Some(histogram) => {
                // Hints are of chunks, which may begin elsewhere.
                let mut histogram = histogram.clone();
                histogram.set_reset_hint(ResetHint::Unknown);
                (columns.t_ms[row], format!("{histogram:?}"))
            }
            None => (columns.t_ms[row], format!("{:x}", columns.v[row].to_bits())),
        });
        let matchers = labels.iter().map(|(name, value)| Matcher::equal(name, value));
        let exemplars = db.exemplars(i64::MIN, i64::MAX, &[matchers.collect()]);
        // The log has no exemplars of what is in blocks.
        let exemplars = exemplars.into_iter().flat_map(|series| series.exemplars);
        let mut seen = Seen {
            samples: samples.collect(),
            exemplars: exemplars.filter(|e| e.at_ms >= Some(blocks_end_ms)).collect(),
            ..Seen::default()
        };
        let data = db.head.lanes[crate::head::lane::lane_of(labels.iter())]
            .data
            .read();
        if let Some(ordinal) = data.find(labels.iter())
            && data.first_ms(ordinal).is_some()
        {
            seen.number = data.cold[ordinal].series;
            seen.last_ms = data.hot[ordinal].last_t_ms;
            seen.metadata = data.metadata.get(&ordinal).map(|said| (**said).clone());
            let tombstones = data.tombstones.get(&ordinal).cloned().unwrap_or_default();
            seen.tombstones = tombstones
                .into_iter()
                .filter(|&(_, through)| through >= blocks_end_ms)
                .collect();
        }
        if !seen.samples.is_empty() {
            all.insert(labels.to_string(), seen);
        }
    }
    all
}

pub(super) fn loads(db: &Db) -> u64 {
    HeadStats::get(&db.head_stats().checkpoint_loads)
}

/// Opens the files with their checkpoint and without; returns whether the checkpoint was used.
#[track_caller]
pub(super) fn check_same(fs: &dyn Vfs) -> bool {
    let with = reopen(&copied(fs));
    let without = reopen(&without_checkpoint(fs));
    assert_eq!(loads(&without), 0);
    let compare = |is_new: bool| {
        let (mut by_checkpoint, mut by_log) = (seen(&with), seen(&without));
        for (labels, seen) in &mut by_log {
            // A replay also finds what was said of a series before it left the head and came back.
            if by_checkpoint
                .get(labels)
                .is_some_and(|seen| seen.metadata.is_none())
            {
                seen.metadata = None;
            }
        }
        if is_new {
            // The log may have forgotten numbers that were given out, so that the next are others.
            let all = by_checkpoint.values_mut().chain(by_log.values_mut());
            all.for_each(|seen| seen.number = 0);
        }
        assert_eq!(by_checkpoint, by_log);
    };
    compare(false);
    assert!(with.head.last_ref.load(Ordering::Relaxed) >= without.head.last_ref.load(Ordering::Relaxed));
    // Both take what comes next alike.
    for db in [&with, &without] {
        let next_ms = db.head_time_range_ms().map_or(0, |(_, through)| through) + 1;
        for labels in [labels("up", "a"), labels("m1", "2"), labels("new", "x")] {
            append(db, &[(&labels, next_ms, 0.5), (&labels, next_ms + 1, 0.5)]);
        }
    }
    compare(true);
    loads(&with) == 1
}

pub(super) fn histogram(n: i64) -> Histogram {
    Histogram::Integer(IntHistogram {
        count: n.unsigned_abs() * 2,
        sum: n as f64,
        positive_spans: vec![Span {
            offset: 0,
            length: 1 + n as u32 % 3,
        }],
        positive_deltas: (0..1 + n % 3).map(|at| if at == 0 { n } else { 0 }).collect(),
        ..IntHistogram::default()
    })
}

/// Everything that a head can hold, at `t_ms`.
fn fill(db: &Db, t_ms: i64) {
    let mut batch = Batch::at(t_ms);
    for instance in 0..12 {
        let series = db
            .resolve(&labels("up", &instance.to_string()), &mut batch)
            .unwrap();
        batch.push(series, ((t_ms * instance) as f64 / 7.0).to_bits());
    }
    let series = db.resolve(&labels("h", "a"), &mut batch).unwrap();
    batch.push_histogram_at(series, t_ms, histogram(t_ms / 10));
    batch.exemplars.push((
        series,
        Exemplar {
            labels: Labels::from_pairs([("trace_id", "x")]),
            value: t_ms as f64,
            at_ms: None,
        },
    ));
    batch.metadata.push((
        series,
        Metadata {
            kind: MetricKind::Histogram,
            unit: String::new(),
            help: format!("at {}", t_ms / 100),
        },
    ));
    db.append(&mut batch, &AppendOptions::default()).unwrap();
    if t_ms % 70 == 0 {
        append(db, &[(&labels("up", "1"), t_ms - 35, 1.5)]);
        let name = format!("born at {t_ms}");
        append(db, &[(&labels(&name, "b"), t_ms, 2.5)]);
    }
}

/// A directory whose checkpoint has several parts, and a log that goes on behind it; left as by a kill.
fn directory() -> Arc<dyn Vfs> {
    let fs = memory();
    let db = reopen(&fs);
    for t in 0..40 {
        fill(&db, t * 10);
        if t % 9 == 0 {
            db.head.flush_closed().unwrap();
            db.write_checkpoint(false).unwrap();
        }
        if t == 20 {
            db.delete(100, 120, &[Matcher::equal("instance", "3")]).unwrap();
        }
    }
    std::mem::forget(db);
    fs
}

#[test]
fn a_start_with_a_checkpoint_finds_what_a_replay_finds() {
    let fs = directory();
    assert!(check_same(&*fs));
    // And once more, with what was written on top of that.
    let db = reopen(&fs);
    assert_eq!(loads(&db), 1);
    for t in 40..60 {
        fill(&db, t * 10);
    }
    std::mem::forget(db);
    assert!(check_same(&*fs));
    let db = reopen(&fs);
    for t in 60..80 {
        fill(&db, t * 10);
    }
    db.close().unwrap();
    assert!(check_same(&*fs));
}

#[test]
fn only_the_end_of_the_log_is_read() {
    let fs = directory();
    let (with, without) = (reopen(&copied(&*fs)), reopen(&without_checkpoint(&*fs)));
    let samples = |db: &Db| HeadStats::get(&db.head_stats().replay_samples);
    assert!(
        samples(&with) * 8 < samples(&without),
        "{} of {}",
        samples(&with),
        samples(&without)
    );
}

#[test]
fn chunks_closed_and_written_since_take_the_place_of_open_ones() {
    let fs = memory();
    let db = reopen(&fs);
    let a = labels("up", "a");
    for t in 0..50 {
        append(&db, &[(&a, t, t as f64)]);
        fill(&db, t);
    }
    db.write_checkpoint(false).unwrap();
    for t in 50..400 {
        append(&db, &[(&a, t, t as f64)]);
        fill(&db, t);
    }
    assert!(db.head.flush_closed().unwrap() > 2);
    for t in 400..410 {
        append(&db, &[(&a, t, t as f64)]);
    }
    std::mem::forget(db);
    assert!(check_same(&*fs));
}

#[test]
fn chunks_in_no_file_are_in_the_checkpoint() {
    let fs = memory();
    let db = reopen(&fs);
    for t in 0..300 {
        fill(&db, t);
    }
    // Closed chunks are in memory still, then in files, then followed by others in memory.
    db.write_checkpoint(false).unwrap();
    assert!(check_same(&*fs));
    assert!(db.head.flush_closed().unwrap() > 2);
    assert!(check_same(&*fs));
    db.write_checkpoint(false).unwrap();
    assert!(check_same(&*fs));
    for t in 300..600 {
        fill(&db, t);
    }
    db.write_checkpoint(false).unwrap();
    for t in 600..620 {
        fill(&db, t);
    }
    std::mem::forget(db);
    assert!(check_same(&*fs));
}

/// Bytes of every file of the checkpoint.
fn files(fs: &dyn Vfs) -> Vec<(PathBuf, Vec<u8>)> {
    let names = fs.list(Path::new(HEAD_DIR)).unwrap_or_default();
    let paths = names.iter().map(|name| Path::new(HEAD_DIR).join(name));
    paths
        .map(|path| (path.clone(), fs.read(&path).unwrap()))
        .collect()
}

#[test]
fn whatever_is_damaged_the_log_is_replayed() {
    let fs = directory();
    let expected = seen(&reopen(&without_checkpoint(&*fs)));
    let all = files(&*fs);
    assert!(all.len() > 4, "several parts and a manifest");
    let mut refused = 0;
    for (path, bytes) in &all {
        let step = (bytes.len() / 24).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            for (damaged, is_short) in [(&flipped[..], false), (&bytes[..at], true)] {
                let fs = copied(&*fs);
                put_file(&*fs, path, damaged);
                let db = reopen(&fs);
                assert_eq!(seen(&db), expected, "{} at {at}", path.display());
                // Of older parts not every block is looked at.
                if is_short || path.ends_with("manifest") {
                    assert_eq!(loads(&db), 0, "{} at {at}", path.display());
                }
                refused += usize::from(loads(&db) == 0);
            }
        }
        let fs = copied(&*fs);
        fs.remove_file(path).unwrap();
        let db = reopen(&fs);
        assert_eq!(loads(&db), 0, "{} is missing", path.display());
        assert_eq!(seen(&db), expected, "{} is missing", path.display());
    }
    assert!(refused > all.len() * 24, "{refused} times");
}

/// Changes a directory that has a checkpoint and opens it: it must not be used, and all must be as without.
#[track_caller]
fn check_refused(change: impl Fn(&dyn Vfs)) {
    let fs = directory();
    change(&*fs);
    assert!(!check_same(&*fs));
}

#[test]
fn another_log_is_not_taken_for_the_one_before() {
    let wal = Path::new("/data/wal");
    // Cut short, as a repair does.
    check_refused(|fs| {
        let number = segment::list(fs, wal).unwrap().pop().unwrap();
        let path = segment::path(wal, number);
        let bytes = fs.read(&path).unwrap();
        put_file(fs, &path, &bytes[..bytes.len() / 2]);
    });
    // From a copy of former days.
    check_refused(|fs| {
        let path = segment::path(wal, 0);
        let first = fs.read(&path).unwrap();
        for number in segment::list(fs, wal).unwrap() {
            fs.remove_file(&segment::path(wal, number)).unwrap();
        }
        put_file(fs, &path, &first[..first.len().min(3000)]);
    });
    // All gone.
    check_refused(|fs| {
        fs.remove_dir_all(wal).unwrap();
        fs.remove_dir_all(Path::new("/data/chunks_head")).unwrap();
    });
}

#[test]
fn a_log_that_was_shortened_since_is_replayed() {
    let fs = memory();
    let db = reopen(&fs);
    for t in 0..350 {
        fill(&db, t * 10);
    }
    db.maintain(1).unwrap();
    for t in 350..600 {
        fill(&db, t * 10);
    }
    db.write_checkpoint(false).unwrap();
    let old = files(&*fs);
    db.maintain(2).unwrap();
    assert!(check_same(&*fs), "maintenance writes it anew");
    std::mem::forget(db);
    fs.remove_dir_all(Path::new(HEAD_DIR)).unwrap();
    fs.create_dir_all(Path::new(HEAD_DIR)).unwrap();
    for (path, bytes) in old {
        put_file(&*fs, &path, &bytes);
    }
    assert!(!check_same(&*fs));
}

#[test]
fn damage_that_only_a_whole_replay_repairs_leads_to_one() {
    let fs = memory();
    let db = reopen(&fs);
    let wal = Path::new("/data/wal");
    for t in 0..500 {
        fill(&db, t * 10);
        if t % 20 == 0 {
            db.head.wal.lock().next_segment().unwrap();
        }
    }
    db.write_checkpoint(false).unwrap();
    let mut file = fs.open(&segment::path(wal, 1)).unwrap();
    file.write_at(20, &[0xff; 4]).unwrap();
    assert!(db.maintain(1).is_err());
    assert!(files(&*fs).is_empty());
    std::mem::forget(db);
    let db = reopen(&fs);
    assert_eq!(HeadStats::get(&db.head_stats().wal_corruptions), 1);
}

#[test]
fn damaged_head_chunks_are_found_later_and_rebuilt_by_the_next_start() {
    let fs = memory();
    let db = reopen(&fs);
    for t in 0..300 {
        fill(&db, t);
    }
    db.head.flush_closed().unwrap();
    db.write_checkpoint(false).unwrap();
    std::mem::forget(db);
    let expected = seen(&reopen(&copied(&*fs)));
    let path = Path::new("/data/chunks_head/000001");
    assert_eq!(
        crate::head::chunk_files::find_damage(&*fs, path, fs.stat(path).unwrap().len).unwrap(),
        None
    );
    // Within what is accounted for, but not at its end.
    fs.open(path).unwrap().write_at(60, &[0x55]).unwrap();
    let db = reopen(&fs);
    assert_eq!(loads(&db), 1);
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = Queryable::open(&db, &[want], &Budget::unlimited(), &Cancel::new()).unwrap();
    let mut columns = Columns::default();
    let read_all = (0..read.rosters[0].len())
        .try_for_each(|at| read.cursor().read(0, at, i64::MIN, i64::MAX, &mut columns));
    assert!(read_all.unwrap_err().to_string().contains("chunks_head/000001"));
    db.maintain(1).unwrap();
    assert!(files(&*fs).is_empty());
    std::mem::forget(db);
    let db = reopen(&fs);
    assert_eq!(HeadStats::get(&db.head_stats().chunk_corruptions), 1);
    assert_eq!(seen(&db), expected);
}

#[test]
fn after_a_clean_stop_whatever_another_program_wrote_is_noticed() {
    let stopped = || {
        let fs = directory();
        reopen(&fs).close().unwrap();
        fs
    };
    assert!(check_same(&*stopped()));
    let fs = stopped();
    let checkpoint = files(&*fs);
    // Another program knows nothing of the checkpoint.
    let others = DbOptions {
        checkpoint_samples_max: 0,
        ..with_all()
    };
    let other = Db::open(Arc::clone(&fs), Path::new(DIR), others, 1).unwrap();
    fill(&other, 500);
    drop(other);
    fs.create_dir_all(Path::new(HEAD_DIR)).unwrap();
    for (path, bytes) in checkpoint {
        put_file(&*fs, &path, &bytes);
    }
    assert!(!check_same(&*fs));
}

#[test]
fn what_is_not_used_is_removed_and_what_is_switched_off_is_not_written() {
    let fs = directory();
    let off = DbOptions {
        checkpoint_samples_max: 0,
        ..with_all()
    };
    let db = Db::open(Arc::clone(&fs), Path::new(DIR), off, 1).unwrap();
    assert_eq!(loads(&db), 0);
    for t in 40..100 {
        fill(&db, t * 10);
    }
    db.maintain(1).unwrap();
    db.close().unwrap();
    assert!(fs.stat(Path::new(HEAD_DIR)).is_err());
}

#[test]
fn a_checkpoint_is_written_when_the_log_has_grown_enough_and_writes_less_than_the_log() {
    let fs = memory();
    let db = reopen(&fs);
    let mut parts = 0;
    for t in 0..90 {
        fill(&db, t * 10);
        db.maintain(1).unwrap();
        parts = parts.max(files(&*fs).len().saturating_sub(1));
    }
    // A part each time that the log grew by as much as the part before, and not each minute.
    assert!((3..60).contains(&parts), "{parts} parts");
    assert!(check_same(&*fs));
}
