//! Random courses with checkpoints at random moments: after each kill and each stop the head by its checkpoint is
//! the head by the log.

use proptest::prelude::*;

use super::checkpoint::{check_same, histogram, reopen, seen};
use super::*;
use crate::model::{Exemplar, Metadata};

#[derive(Clone, Debug)]
enum Step {
    /// Rows of (series, milliseconds since the last batch's newest, value).
    Append(Vec<(u8, i64, u8)>),
    Histogram(u8),
    Exemplar(u8),
    Describe(u8, u8),
    Delete(u8),
    Flush,
    Checkpoint,
    Maintain,
    Restart,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0u8..16, -80i64..300, any::<u8>()), 1..20);
    prop_oneof![
        12 => rows.prop_map(Step::Append),
        2 => (0u8..3).prop_map(Step::Histogram),
        1 => (0u8..3).prop_map(Step::Exemplar),
        1 => (0u8..3, 0u8..3).prop_map(|(series, text)| Step::Describe(series, text)),
        1 => (0u8..3).prop_map(Step::Delete),
        1 => Just(Step::Flush),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Maintain),
        1 => Just(Step::Restart),
        2 => Just(Step::Kill),
    ]
}

fn series_of(number: u8) -> Labels {
    labels(&format!("m{}", number % 3), &(number / 3).to_string())
}

fn run(steps: &[Step]) -> usize {
    let fs = memory();
    let mut db = reopen(&fs);
    let (mut newest_ms, mut used) = (10_000, 0);
    for step in steps {
        let mut batch = Batch::at(newest_ms);
        match step {
            Step::Append(rows) => {
                let rows: Vec<(Labels, i64, f64)> = rows
                    .iter()
                    .map(|&(series, ahead_ms, value)| {
                        (series_of(series), newest_ms + ahead_ms, f64::from(value / 64))
                    })
                    .collect();
                let borrowed: Vec<_> = rows.iter().map(|(l, t, v)| (l, *t, *v)).collect();
                append(&db, &borrowed);
                newest_ms = rows.iter().map(|row| row.1).max().unwrap_or(0).max(newest_ms);
            }
            Step::Histogram(series) => {
                newest_ms += 1;
                let series = db.resolve(&labels("h", &series.to_string()), &mut batch).unwrap();
                batch.push_histogram_at(series, newest_ms, histogram(newest_ms / 10));
            }
            Step::Exemplar(series) => {
                let series = db.resolve(&series_of(*series), &mut batch).unwrap();
                let exemplar = Exemplar {
                    labels: Labels::from_pairs([("trace_id", newest_ms.to_string().as_str())]),
                    value: newest_ms as f64,
                    at_ms: None,
                };
                batch.exemplars.push((series, exemplar));
            }
            Step::Describe(series, text) => {
                let series = db.resolve(&series_of(*series), &mut batch).unwrap();
                let said = Metadata {
                    help: text.to_string(),
                    ..Metadata::default()
                };
                batch.metadata.push((series, said));
            }
            Step::Delete(instance) => db
                .delete(
                    newest_ms - 200,
                    newest_ms - 100,
                    &[Matcher::equal("instance", &instance.to_string())],
                )
                .unwrap(),
            Step::Flush => drop(db.head.flush_closed().unwrap()),
            Step::Checkpoint => db.write_checkpoint(false).unwrap(),
            Step::Maintain => drop(db.maintain(newest_ms).unwrap()),
            Step::Restart | Step::Kill => {
                let before = seen(&db);
                match step {
                    Step::Restart => db.close().unwrap(),
                    _ => std::mem::forget(db),
                }
                used += usize::from(check_same(&*fs));
                db = reopen(&fs);
                let after = seen(&db);
                assert_eq!(
                    before.keys().collect::<Vec<_>>(),
                    after.keys().collect::<Vec<_>>()
                );
            }
        }
        if !batch.is_empty() || !batch.exemplars.is_empty() || !batch.metadata.is_empty() {
            db.append(&mut batch, &AppendOptions::default()).unwrap();
        }
    }
    std::mem::forget(db);
    used + usize::from(check_same(&*fs))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_head_by_its_checkpoint_is_the_head_by_the_log(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}

#[test]
fn checkpoints_are_used() {
    let append = |n: u8| Step::Append((0..16).map(|series| (series, i64::from(series), n)).collect());
    let mut steps = Vec::new();
    for round in 0..6 {
        steps.extend((0..12).map(|n| append(round * 12 + n)));
        steps.extend([Step::Checkpoint, append(7), Step::Kill]);
    }
    assert_eq!(run(&steps), 7);
}
