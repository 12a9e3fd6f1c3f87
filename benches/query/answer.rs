//! Whether two answers say the same, so that nobody is fast by answering less.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Result;
use super::client::Answer;

/// How far apart two numbers may be, relative to the larger: other orders of summation are no other answers.
const TOLERANCE: f64 = 1e-9;

/// An answer's samples, each under its labels and its time.
pub(crate) struct Samples {
    pub(crate) series: usize,
    by_place: BTreeMap<(String, String), f64>,
}

impl Samples {
    /// What a server has said; an error is none.
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        let body: Value = serde_json::from_slice(&answer.body)?;
        if answer.status != 200 {
            return Err(format!("status {}: {}", answer.status, body["error"]).into());
        }
        let result = body["data"]["result"].as_array().ok_or("no result")?;
        let mut by_place = BTreeMap::new();
        for series in result {
            let labels = labels(&series["metric"]);
            let many = series["values"].as_array().map_or(&[][..], Vec::as_slice);
            let one = series.get("value").map_or(&[][..], std::slice::from_ref);
            for sample in many.iter().chain(one) {
                let value = sample[1].as_str().ok_or("a sample without a value")?.parse()?;
                by_place.insert((labels.clone(), sample[0].to_string()), value);
            }
        }
        Ok(Self {
            series: result.len(),
            by_place,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_place.len()
    }

    /// The first place at which the other says something else.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if (self.series, self.len()) != (other.series, other.len()) {
            return Some(format!(
                "{} series and {} samples, not {} and {}",
                other.series,
                other.len(),
                self.series,
                self.len()
            ));
        }
        self.by_place.iter().find_map(|(place, &ours)| {
            let (labels, at) = place;
            match other.by_place.get(place) {
                None => Some(format!("nothing for {labels} at {at}")),
                Some(&theirs) if same(ours, theirs) => None,
                Some(theirs) => Some(format!("{theirs} for {labels} at {at}, not {ours}")),
            }
        })
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

/// Labels in the order of their names, whatever the order in the answer.
fn labels(metric: &Value) -> String {
    let sorted: BTreeMap<&String, &Value> = metric.as_object().into_iter().flatten().collect();
    format!("{sorted:?}")
}
