//! Series that are kept for another time than the rest.

use super::*;
use crate::compact::tiers::Tier;
use crate::model::MatchKind;

/// Keeps `:5m` for 20 s, `:1h` for 40 s, the rest for 10 s, in blocks of one second and up to nine.
fn options() -> DbOptions {
    let tier = |pattern, age_ms| Tier {
        matchers: vec![Matcher::new(MatchKind::Regex, "__name__", pattern).unwrap()],
        age_ms,
    };
    DbOptions {
        retention_ms: 10_000,
        max_block_ms: 1_000,
        tiers: vec![tier(".+:5m", 20_000), tier(".+:1h", 40_000)],
        ..super::options()
    }
}

const NAMES: [&str; 3] = ["up", "up:1h", "up:5m"];

/// One sample of each series every 100 ms, with maintenance each second.
fn fill(db: &Db, from_ms: i64, end_ms: i64) {
    let series = NAMES.map(|name| labels(name, "a"));
    for at_ms in (from_ms..end_ms).step_by(100) {
        let rows: Vec<(&Labels, i64, f64)> = series
            .iter()
            .map(|labels| (labels, at_ms, at_ms as f64))
            .collect();
        append(db, &rows);
        if at_ms % 1_000 == 900 {
            db.maintain(at_ms).unwrap();
        }
    }
}

/// The earliest sample of each series.
fn earliest_ms(db: &Db) -> Vec<(String, i64)> {
    let all = select(db, vec![Matcher::equal("job", "test")], 0, i64::MAX);
    let first = |(labels, samples): &(Labels, Vec<(i64, u64)>)| {
        (
            labels.metric_name().to_owned(),
            samples.first().map_or(-1, |s| s.0),
        )
    };
    let mut found: Vec<(String, i64)> = all.iter().map(first).collect();
    found.sort();
    found
}

#[track_caller]
fn check_kept_ms(db: &Db, up: i64, hourly: i64, fivefold: i64) {
    let end_ms = db.block_metas().iter().map(|meta| meta.max_ms).max().unwrap();
    let kept: Vec<i64> = earliest_ms(db)
        .iter()
        .map(|(_, first_ms)| end_ms - first_ms)
        .collect();
    assert_eq!(kept, [up, hourly, fivefold]);
}

#[test]
fn each_series_is_kept_for_as_long_as_its_tier_says() {
    let fs = memory();
    let db = Db::open(Arc::clone(&fs), Path::new(DIR), options(), 1).unwrap();
    fill(&db, 0, 9_000);
    check_kept_ms(&db, 8_000, 8_000, 8_000);
    fill(&db, 9_000, 15_000);
    check_kept_ms(&db, 10_000, 14_000, 14_000);
    fill(&db, 15_000, 30_000);
    check_kept_ms(&db, 10_000, 29_000, 20_000);
    fill(&db, 30_000, 60_000);
    // Old blocks have become longer, up to a tenth of the time for which they are kept.
    let kept: Vec<i64> = earliest_ms(&db)
        .iter()
        .map(|(_, first_ms)| first_ms.rem_euclid(1_000))
        .collect();
    assert_eq!(kept, [0, 0, 0]);
    assert!(
        db.block_metas()
            .iter()
            .any(|meta| meta.max_ms - meta.min_ms == 3_000)
    );
    let before = everything(&db);
    drop(db);
    let db = Db::open(fs, Path::new(DIR), options(), 1).unwrap();
    assert_eq!(everything(&db), before);
}

#[test]
fn a_block_is_looked_at_once_a_tier() {
    let db = Db::open(memory(), Path::new(DIR), options(), 1).unwrap();
    fill(&db, 0, 20_000);
    let ulids = |db: &Db| db.block_metas().iter().map(|meta| meta.ulid).collect::<Vec<_>>();
    let before = ulids(&db);
    let done = db.maintain(20_000).unwrap();
    assert_eq!((done.blocks_reduced, ulids(&db)), (0, before));
}

#[test]
fn what_is_kept_can_change_while_the_database_is_open() {
    let db = Db::open(memory(), Path::new(DIR), options(), 1).unwrap();
    fill(&db, 0, 15_000);
    check_kept_ms(&db, 10_000, 14_000, 14_000);
    db.set_retention(Retention {
        age_ms: 5_000,
        bytes: 0,
    });
    db.maintain(15_000).unwrap();
    check_kept_ms(&db, 5_000, 14_000, 14_000);
}

#[test]
fn series_without_a_tier_are_kept_for_ever_where_the_flags_say_so() {
    let options = DbOptions {
        retention_ms: 0,
        ..options()
    };
    let db = Db::open(memory(), Path::new(DIR), options, 1).unwrap();
    fill(&db, 0, 60_000);
    assert_eq!(earliest_ms(&db)[0], ("up".to_owned(), 0));
    assert!(earliest_ms(&db)[2].1 > 30_000);
}
