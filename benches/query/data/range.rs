//! The data of Prometheus' own BenchmarkRangeQuery: 1 443 series and a sparse one, by the ten seconds.

use super::{HOUR_MS, START_MS, Series, Set, labels};

/// A day before the longest queries, which have ten thousand steps.
const SAMPLES: usize = 8_640 + 10_000;
pub(crate) const STEP_MS: i64 = 10_000;
/// How long a label value of the sparse series lives.
const SPARSE_SAMPLES: usize = 372;

/// When the queries end: one step after the last sample.
pub(crate) const END_MS: i64 = START_MS + SAMPLES as i64 * STEP_MS;

pub(crate) fn set() -> Set {
    let mut series = Vec::new();
    for (word, count) in [("one", 1), ("ten", 10), ("hundred", 100)] {
        for kind in ["a", "b", "h"] {
            let name = format!("{kind}_{word}");
            for l in 0..count {
                let l = l.to_string();
                let many = [("l", &*l)];
                let pairs = if count == 1 { &many[..0] } else { &many[..] };
                if kind != "h" {
                    series.push((name.clone(), pairs_of(pairs)));
                    continue;
                }
                for le in (0..10).map(|le| le.to_string()).chain(["+Inf".to_owned()]) {
                    let mut pairs = pairs_of(pairs);
                    pairs.push(("le".to_owned(), le));
                    series.push((name.clone(), pairs));
                }
            }
        }
    }
    let count = series.len() as f64;
    let mut made: Vec<Series> = series
        .iter()
        .enumerate()
        .map(|(i, (name, pairs))| {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
            let share = i as f64 / count;
            Series::made(labels(name, &pairs), (START_MS, STEP_MS, SAMPLES), move |at| {
                at as f64 + share
            })
        })
        .collect();
    for (value, from) in (0..SAMPLES).step_by(SPARSE_SAMPLES).enumerate() {
        let value = value.to_string();
        made.push(Series::made(
            labels("sparse", &[("l", &value)]),
            (
                START_MS + from as i64 * STEP_MS,
                STEP_MS,
                SPARSE_SAMPLES.min(SAMPLES - from),
            ),
            move |at| (from + at) as f64,
        ));
    }
    // As compaction leaves two days.
    Set::new("range-1".to_owned(), made, SAMPLES as i64 * STEP_MS, 18 * HOUR_MS)
}

fn pairs_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect()
}
