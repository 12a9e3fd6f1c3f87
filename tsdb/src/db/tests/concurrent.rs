//! Writers, readers and maintenance at once.

use std::sync::atomic::{AtomicBool, AtomicI64};

use super::*;

#[test]
fn a_reader_sees_a_scrape_whole_or_not_at_all() {
    let fs = memory();
    let db = open(&fs);
    let all: Vec<Labels> = (0..30).map(|i| labels(&format!("m{i}"), "a")).collect();
    let (done, committed_ms) = (AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for t_ms in (1..400).map(|i| i * 10) {
                let rows: Vec<(&Labels, i64, f64)> = all.iter().map(|l| (l, t_ms, 1.5)).collect();
                append(&db, &rows);
                committed_ms.store(t_ms, Ordering::Release);
            }
            done.store(true, Ordering::Release);
        });
        threads.spawn(|| {
            while !done.load(Ordering::Acquire) {
                db.maintain(1).unwrap();
            }
        });
        let mut last_ms = 0;
        while !done.load(Ordering::Acquire) {
            let acknowledged_ms = committed_ms.load(Ordering::Acquire);
            let found = select(&db, vec![Matcher::equal("job", "test")], 0, i64::MAX);
            if acknowledged_ms == 0 {
                continue;
            }
            assert_eq!(found.len(), 30);
            let times: Vec<i64> = found[0].1.iter().map(|s| s.0).collect();
            let newest_ms = times[times.len() - 1];
            assert!(newest_ms >= acknowledged_ms && newest_ms >= last_ms);
            // From the first to the newest none is missing, and all series have the same.
            let expected: Vec<i64> = (1..=newest_ms / 10).map(|i| i * 10).collect();
            for (labels, samples) in &found {
                let times: Vec<i64> = samples.iter().map(|s| s.0).collect();
                assert_eq!(times, expected, "{labels}");
            }
            last_ms = newest_ms;
        }
    });
    assert!(db.block_metas().len() > 1);
}

#[test]
fn series_are_made_once_by_whoever_comes_first() {
    let fs = memory();
    let db = open(&fs);
    let made: Vec<Vec<SeriesRef>> = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                threads.spawn(|| {
                    let mut batch = Batch::at(5);
                    let refs: Vec<SeriesRef> = (0..200)
                        .map(|i| db.resolve(&labels("m", &i.to_string()), &mut batch).unwrap())
                        .collect();
                    for &series in &refs {
                        batch.push(series, 0);
                    }
                    let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
                    assert_eq!(receipt.accepted, 200);
                    refs
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    assert!(made.iter().all(|refs| *refs == made[0]));
    let before = everything(&db);
    assert_eq!(before.len(), 200);
    drop(db);
    assert_eq!(everything(&open(&fs)), before);
}
