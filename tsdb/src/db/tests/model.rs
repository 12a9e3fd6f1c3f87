//! The database against a map, over generated histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Rows of (series, milliseconds since the last batch's newest, value).
    Append(Vec<(u8, i64, u8)>),
    /// Series are made, and their batch is given up.
    Abandon(u8),
    /// What the series has of an interval is deleted; (series, milliseconds before the newest, length).
    Delete(u8, i64, i64),
    /// Only a part is asked for; (milliseconds before the newest, length).
    Query(i64, i64),
    Maintain,
    Restart,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec(
        (
            0u8..12,
            prop_oneof![6 => -80i64..400, 1 => -2_500i64..0],
            any::<u8>(),
        ),
        1..12,
    );
    prop_oneof![
        12 => rows.prop_map(Step::Append),
        2 => Just(Step::Maintain),
        1 => (0u8..12).prop_map(Step::Abandon),
        1 => (0u8..12, 0i64..2_000, 0i64..600).prop_map(|(s, behind, len)| Step::Delete(s, behind, len)),
        1 => (0i64..2_000, 0i64..900).prop_map(|(behind, len)| Step::Query(behind, len)),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ]
}

fn named(series: u8) -> Labels {
    labels(&format!("m{}", series % 3), &(series / 3).to_string())
}

/// A database, what it should hold, and how late it takes samples.
struct Both {
    fs: Arc<dyn Vfs>,
    db: Db,
    model: Stored,
    /// What was deleted: later samples in there may be seen or not, so that none is sent.
    deleted: Vec<(String, i64, i64)>,
    newest_ms: i64,
    window_ms: i64,
}

fn open_with(fs: &Arc<dyn Vfs>, window_ms: i64) -> Db {
    let options = DbOptions {
        out_of_order_window_ms: window_ms,
        ..options()
    };
    Db::open(Arc::clone(fs), Path::new(DIR), options, 1).unwrap()
}

impl Both {
    fn append(&mut self, rows: &[(u8, i64, u8)]) -> Result<(), TestCaseError> {
        let known = self.model.iter();
        let mut times: BTreeSet<(String, i64)> = known
            .flat_map(|(text, samples)| samples.keys().map(|&t_ms| (text.clone(), t_ms)))
            .collect();
        let named: Vec<(Labels, i64, f64)> = rows
            .iter()
            .map(|&(series, ahead_ms, value)| (named(series), self.newest_ms + ahead_ms, f64::from(value)))
            .filter(|(labels, t_ms, _)| {
                let text = labels.to_string();
                // Of two that come late at one time either may be seen.
                if self.window_ms > 0 && !times.insert((text.clone(), *t_ms)) {
                    return false;
                }
                let hides = |(of, from, through): &(String, i64, i64)| {
                    *of == text && (from..=through).contains(&t_ms)
                };
                !self.deleted.iter().any(hides)
            })
            .collect();
        let borrowed: Vec<_> = named.iter().map(|(l, t, v)| (l, *t, *v)).collect();
        let verdicts = append(&self.db, &borrowed);
        let before_ms = self.newest_ms;
        for ((labels, t_ms, value), verdict) in named.into_iter().zip(verdicts) {
            let series = self.model.entry(labels.to_string()).or_default();
            let last = series.last_key_value().map(|(&t, &bits)| (t, bits));
            match verdict {
                Verdict::Accepted => {
                    let in_order = last.is_none_or(|(t, _)| t < t_ms);
                    // Some of the batch may have been later than all before.
                    let in_window = self.window_ms > 0 && t_ms >= before_ms - self.window_ms;
                    prop_assert!(in_order || in_window);
                    series.entry(t_ms).or_insert(value.to_bits());
                    self.newest_ms = self.newest_ms.max(t_ms);
                }
                Verdict::Repeated | Verdict::Overtaken => {
                    prop_assert!(last.is_some_and(|(t, _)| t >= t_ms));
                }
                // Of what was there before the batch, which may have brought later samples itself.
                Verdict::Duplicate => prop_assert!(series.contains_key(&t_ms)),
                Verdict::OutOfOrder => {
                    prop_assert!(self.window_ms == 0 && last.is_some_and(|(t, _)| t > t_ms));
                }
                Verdict::OutOfBounds => {
                    prop_assert!(self.window_ms == 0 && t_ms < self.newest_ms - 500);
                }
                Verdict::TooOld => {
                    prop_assert!(self.window_ms > 0 && t_ms < self.newest_ms - self.window_ms);
                }
                other => prop_assert!(false, "unexpected {:?}", other),
            }
        }
        self.model.retain(|_, samples| !samples.is_empty());
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(rows) => self.append(rows)?,
            Step::Abandon(series) => {
                let mut batch = Batch::at(self.newest_ms);
                let made = self.db.resolve(&named(*series), &mut batch);
                prop_assert!(made.is_ok());
            }
            Step::Delete(series, behind_ms, len_ms) => {
                let (name, instance) = (format!("m{}", series % 3), (series / 3).to_string());
                let matchers = [
                    Matcher::equal("__name__", &name),
                    Matcher::equal("instance", &instance),
                ];
                let from = self.newest_ms - behind_ms;
                let through = (from + len_ms).min(self.newest_ms);
                self.db.delete(from, through, &matchers).unwrap();
                let text = named(*series).to_string();
                if let Some(samples) = self.model.get_mut(&text) {
                    samples.retain(|t, _| !(from..=through).contains(t));
                }
                self.model.retain(|_, samples| !samples.is_empty());
                self.deleted.push((text, from, through));
            }
            Step::Query(behind_ms, len_ms) => {
                let (from, through) = (self.newest_ms - behind_ms, self.newest_ms - behind_ms + len_ms);
                let found: Stored = select(&self.db, vec![Matcher::equal("job", "test")], from, through)
                    .into_iter()
                    .map(|(labels, samples)| (labels.to_string(), samples.into_iter().collect()))
                    .filter(|(_, samples): &(_, BTreeMap<_, _>)| !samples.is_empty())
                    .collect();
                let mut expected = self.model.clone();
                let wanted = |t: &i64, _: &mut u64| (from..=through).contains(t);
                expected.values_mut().for_each(|samples| samples.retain(wanted));
                expected.retain(|_, samples| !samples.is_empty());
                prop_assert_eq!(found, expected);
            }
            Step::Maintain => drop(self.db.maintain(self.newest_ms).unwrap()),
            Step::Restart => {
                self.db.close().unwrap();
                self.db = open_with(&self.fs, self.window_ms);
            }
            Step::Kill => {
                self.db.lock.lock().take();
                let next = open_with(&self.fs, self.window_ms);
                std::mem::forget(std::mem::replace(&mut self.db, next));
            }
        }
        Ok(())
    }
}

fn run(steps: &[Step], window_ms: i64) -> Result<(), TestCaseError> {
    let fs = memory();
    let mut both = Both {
        db: open_with(&fs, window_ms),
        fs,
        model: Stored::new(),
        deleted: Vec::new(),
        newest_ms: 10_000,
        window_ms,
    };
    // The first sample ever sets the clock by which others are late.
    both.append(&[(0, 0, 0)])?;
    for step in steps {
        both.step(step)?;
        prop_assert_eq!(&everything(&both.db), &both.model, "after {:?}", step);
        let stats = both.db.head_stats();
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
    fn the_database_is_the_map_of_what_it_accepted(
        steps in prop::collection::vec(step(), 1..50),
        window_ms in prop_oneof![Just(0), Just(300), Just(2_000)],
    ) {
        run(&steps, window_ms)?;
    }
}
