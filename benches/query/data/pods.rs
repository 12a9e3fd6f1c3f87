//! The data of the Thanos engine's benchmark: a thousand pods, 15 000 series, by the half minute.

use super::{HOUR_MS, START_MS, Series, Set, labels};

const PODS: usize = 1000;
const CONTAINERS: usize = 3;
const BUCKETS: usize = 10;
const SAMPLES: usize = 720;
const STEP_MS: i64 = 30_000;

pub(crate) fn set() -> Set {
    let mut series = Vec::new();
    let times = (START_MS, STEP_MS, SAMPLES);
    for i in 0..PODS {
        let pod = format!("p{i}");
        let line = |first: usize, step: usize| move |at: usize| (first + step * at) as f64;
        for j in 0..CONTAINERS {
            let pairs = [("pod", &*pod), ("container", &format!("c{j}"))];
            series.push(Series::made(
                labels("http_requests_total", &pairs),
                times,
                line(i, j),
            ));
        }
        series.push(Series::made(
            labels("http_responses_total", &[("pod", &pod)]),
            times,
            line(0, i),
        ));
        for j in 0..=BUCKETS {
            let le = if j < BUCKETS {
                j.to_string()
            } else {
                "+Inf".to_owned()
            };
            let pairs = [("pod", &*pod), ("le", &*le)];
            series.push(Series::made(
                labels("http_response_seconds_bucket", &pairs),
                times,
                line(i, j),
            ));
        }
    }
    Set::new("pods-1".to_owned(), series, SAMPLES as i64 * STEP_MS, 6 * HOUR_MS)
}
