//! The database against a map, over generated histories.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Rows of (series, milliseconds since the last batch's newest, value).
    Append(Vec<(u8, i64, u8)>),
    Maintain,
    Restart,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0u8..12, -80i64..400, any::<u8>()), 1..12);
    prop_oneof![
        12 => rows.prop_map(Step::Append),
        2 => Just(Step::Maintain),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ]
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let fs = memory();
    let mut db = open(&fs);
    let mut model = Stored::new();
    let mut newest_ms = 10_000;
    for step in steps {
        match step {
            Step::Append(rows) => {
                let named: Vec<(Labels, i64, f64)> = rows
                    .iter()
                    .map(|&(series, ahead_ms, value)| {
                        let labels = labels(&format!("m{}", series % 3), &(series / 3).to_string());
                        (labels, newest_ms + ahead_ms, f64::from(value))
                    })
                    .collect();
                let borrowed: Vec<_> = named.iter().map(|(l, t, v)| (l, *t, *v)).collect();
                let verdicts = append(&db, &borrowed);
                for ((labels, t_ms, value), verdict) in named.into_iter().zip(verdicts) {
                    let series = model.entry(labels.to_string()).or_default();
                    let last = series.last_key_value().map(|(&t, &bits)| (t, bits));
                    match verdict {
                        Verdict::Accepted => {
                            prop_assert!(last.is_none_or(|(t, _)| t < t_ms));
                            series.insert(t_ms, value.to_bits());
                            newest_ms = newest_ms.max(t_ms);
                        }
                        Verdict::Repeated => prop_assert!(last.is_some_and(|(t, _)| t >= t_ms)),
                        // Of what was there before the batch, which may have brought later samples itself.
                        Verdict::Duplicate => prop_assert!(series.contains_key(&t_ms)),
                        Verdict::OutOfOrder => prop_assert!(last.is_some_and(|(t, _)| t > t_ms)),
                        Verdict::OutOfBounds => prop_assert!(t_ms < newest_ms - 500),
                        other => prop_assert!(false, "unexpected {:?}", other),
                    }
                }
                model.retain(|_, samples| !samples.is_empty());
            }
            Step::Maintain => drop(db.maintain(newest_ms).unwrap()),
            Step::Restart => {
                db.close().unwrap();
                drop(db);
                db = open(&fs);
            }
            Step::Kill => {
                db.lock.lock().take();
                std::mem::forget(db);
                db = open(&fs);
            }
        }
        prop_assert_eq!(&everything(&db), &model, "after {:?}", step);
        let stats = db.head_stats();
        for corruptions in [
            &stats.chunk_corruptions,
            &stats.wal_corruptions,
            &stats.replay_unknown_series,
        ] {
            prop_assert_eq!(corruptions.load(Ordering::Relaxed), 0, "after {:?}", step);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_database_is_the_map_of_what_it_accepted(steps in prop::collection::vec(step(), 1..50)) {
        run(&steps)?;
    }
}
