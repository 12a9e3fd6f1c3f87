//! Whether two answers say the same, so that nobody is fast by answering less.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Result;
use super::client::Answer;

/// How far apart two numbers may be, relative to the larger: other orders of summation are no other answers.
const TOLERANCE: f64 = 1e-9;

/// An answer's samples: of each series by labels, in the order of time.
pub(crate) struct Samples {
    by_labels: BTreeMap<String, Vec<(f64, f64)>>,
    count: usize,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

impl Samples {
    /// What a server has said; an error is none.
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        let body: Body = serde_json::from_slice(&answer.body)?;
        let Some(data) = body.data.filter(|_| answer.status == 200) else {
            return Err(format!("status {}: {}", answer.status, body.error).into());
        };
        let (mut by_labels, mut count) = (BTreeMap::new(), 0);
        for series in data.result {
            let mut samples = Vec::with_capacity(series.values.len());
            for (at, text) in series.values.iter().chain(&series.value) {
                samples.push((*at, text.parse()?));
            }
            count += samples.len();
            by_labels.insert(format!("{:?}", series.metric), samples);
        }
        Ok(Self { by_labels, count })
    }

    pub(crate) fn series(&self) -> usize {
        self.by_labels.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The first place at which the other says something else.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if (self.series(), self.len()) != (other.series(), other.len()) {
            return Some(format!(
                "{} series and {} samples, not {} and {}",
                other.series(),
                other.len(),
                self.series(),
                self.len()
            ));
        }
        self.by_labels.iter().find_map(|(labels, ours)| {
            let Some(theirs) = other.by_labels.get(labels) else {
                return Some(format!("nothing for {labels}"));
            };
            let differs = |(a, b): &(&(f64, f64), &(f64, f64))| a.0 != b.0 || !same(a.1, b.1);
            let (a, b) = ours.iter().zip(theirs).find(differs)?;
            Some(format!("{} for {labels} at {}, not {} at {}", b.1, b.0, a.1, a.0))
        })
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}
