//! What a stopped server has stored, as text that two servers can agree on.
//!
//! A target's `up` samples number its scrapes, so a sample is written `number:value`, whenever the scrape
//! was. Samples with times of their own are written `@milliseconds:value`, counted from the test's beginning.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::model::{Labels, MatchKind, Matcher, STALE_NAN_BITS};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

/// All series of a directory with their samples' times and bits.
pub(super) struct Stored {
    series: Vec<(Labels, Vec<(i64, u64)>)>,
    /// Job and instance → times of `up`.
    scrapes: HashMap<(String, String), Vec<i64>>,
}

/// A job whose samples are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    /// How many scrapes are scripted; `None` if when things happen depends on a reload.
    pub(super) scrapes: Option<usize>,
}

pub(super) fn read(dir: &Path) -> Stored {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let db = Db::open(Arc::new(RealFs), dir, DbOptions::default(), now_ms)
        .expect("open the stopped server's directory");
    let all = Matcher::new(MatchKind::Regex, "__name__", ".+").expect("a regular expression");
    let want = Selection::new(vec![all], i64::MIN, i64::MAX);
    let read = db
        .open(&[want], &Budget::unlimited(), &Cancel::new())
        .expect("read everything");
    let mut cursor = read.cursor();
    let mut columns = Columns::default();
    let mut series = Vec::new();
    for number in 0..read.rosters[0].len() {
        columns.clear();
        cursor
            .read(0, number, i64::MIN, i64::MAX, &mut columns)
            .expect("read a series");
        let samples = columns
            .t_ms
            .iter()
            .zip(&columns.v)
            .map(|(&t_ms, v)| (t_ms, v.to_bits()));
        series.push((read.labels(0, number), samples.collect::<Vec<_>>()));
    }
    let mut scrapes: HashMap<_, Vec<i64>> = HashMap::new();
    for (labels, samples) in series
        .iter()
        .filter(|(labels, _)| labels.get("__name__") == Some("up"))
    {
        let times = scrapes.entry(target_of(labels)).or_default();
        times.extend(samples.iter().map(|&(t_ms, _)| t_ms));
        times.sort_unstable();
    }
    Stored { series, scrapes }
}

fn target_of(labels: &Labels) -> (String, String) {
    let text = |name| labels.get(name).unwrap_or("").to_owned();
    (text("job"), text("instance"))
}

impl Stored {
    /// Number of the scrape of the job's only target that began nearest to `at_ms`.
    pub(super) fn scrape_at(&self, job: &str, at_ms: i64) -> Option<usize> {
        let (_, times) = self.scrapes.iter().find(|((other, _), _)| other == job)?;
        (0..times.len()).min_by_key(|&number| (times[number] - at_ms).abs())
    }

    /// Times of the scrapes of the job's only target.
    pub(super) fn times(&self, job: &str) -> &[i64] {
        let found = self.scrapes.iter().find(|((other, _), _)| other == job);
        found.map_or(&[], |(_, times)| times)
    }

    /// `job` → what of it is there: series (without what all share) → samples.
    pub(super) fn text(&self, job: Job<'_>, from_ms: i64) -> BTreeMap<String, String> {
        let mut text = BTreeMap::new();
        for (labels, samples) in &self.series {
            // A page that says what its job and instance are says by `of` whose page it is.
            if labels.get("of").or(labels.get("job")) != Some(job.name) {
                continue;
            }
            // For how long old targets go on after a reload depends on when discovery next tells of targets.
            if job.scrapes.is_none() && labels.get("__name__") == Some("scrape_series_added") {
                continue;
            }
            let (_, instance) = target_of(labels);
            let times = self
                .scrapes
                .get(&(job.name.to_owned(), instance))
                .map_or_else(|| self.times(job.name), Vec::as_slice);
            let is_duration = labels.get("__name__") == Some("scrape_duration_seconds");
            let samples = samples
                .iter()
                .map(|&(t_ms, bits)| (t_ms, show(bits, is_duration)));
            let samples = match job.scrapes {
                Some(count) => counted(samples, times, count, from_ms),
                None => collapsed(samples),
            };
            if !samples.is_empty() {
                text.insert(labels.to_string(), samples);
            }
        }
        text
    }
}

fn counted(
    samples: impl Iterator<Item = (i64, String)>,
    times: &[i64],
    count: usize,
    from_ms: i64,
) -> String {
    let words = samples.filter_map(|(t_ms, value)| match times.binary_search(&t_ms) {
        Ok(number) => (number < count).then(|| format!("{number}:{value}")),
        Err(_) => Some(format!("@{}:{value}", t_ms - from_ms)),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// No sample for longer than this is a gap.
const GAP_MS: i64 = 2500;

/// Values with repetitions left out, and where samples are missing.
fn collapsed(samples: impl Iterator<Item = (i64, String)>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last_ms = None;
    for (t_ms, value) in samples {
        let is_ended = words.last().is_some_and(|word| word == "stale");
        if !is_ended && last_ms.is_some_and(|last_ms| t_ms - last_ms > GAP_MS) {
            words.push("gap".to_owned());
        }
        if words.last() != Some(&value) {
            words.push(value);
        }
        last_ms = Some(t_ms);
    }
    words.join(" ")
}

fn show(bits: u64, is_duration: bool) -> String {
    let value = f64::from_bits(bits);
    match bits {
        STALE_NAN_BITS => "stale".to_owned(),
        _ if is_duration => "some".to_owned(),
        _ if value.is_nan() => format!("{bits:#x}"),
        _ => format!("{value:?}"),
    }
}
