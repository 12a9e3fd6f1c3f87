//! Pages recorded from real exporters, replayed as many instances over half a day.
//!
//! Three exporters were recorded (`node`, `prom`, `vm`), a page every fifteen seconds for ten minutes. Instance
//! *i* replays one of them, beginning at a page and at a moment of its own. Counters go on from one replay to
//! the next; gauges begin again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use deucalion::exposition::{Entry, Format, Parser};
use flate2::read::GzDecoder;
use tsdb::model::Labels;

use super::super::Result;
use super::{HOUR_MS, START_MS, Series, Set};

const KINDS: [&str; 3] = ["node", "prom", "vm"];
pub(crate) const SPAN_MS: i64 = 12 * HOUR_MS;
const STEP_MS: i64 = 15_000;
const SAMPLES: usize = (SPAN_MS / STEP_MS) as usize;

pub(crate) fn set(folder: &Path, instances: usize) -> Result<Set> {
    let recordings = KINDS.map(|kind| recording(folder, kind));
    let mut series = Vec::new();
    for instance in 0..instances {
        let kind = instance % KINDS.len();
        let recording = match &recordings[kind] {
            Ok(recording) => recording,
            Err(error) => return Err(format!("{}: {error}", folder.display()).into()),
        };
        let offset_ms = (instance as i64 * 617) % STEP_MS;
        let who = format!("{}-{instance}", KINDS[kind]);
        for (labels, values) in recording {
            // `instance` and `job` as a server would attach them.
            let own = labels
                .iter()
                .filter(|(name, _)| !["instance", "job"].contains(name));
            let labels = Labels::from_pairs(own.chain([("instance", &*who), ("job", KINDS[kind])]));
            let pages = values.len();
            let replayed = Replayed::of(labels.metric_name(), values);
            series.push(Series::made(
                labels,
                (START_MS + offset_ms, STEP_MS, SAMPLES),
                move |at| replayed.value(at + instance * 7 % pages),
            ));
        }
    }
    // Two-hour blocks, as a server has them that began half a day ago and has merged none yet.
    Ok(Set::new(
        format!("pages-1-{instances}"),
        series,
        SPAN_MS,
        2 * HOUR_MS,
    ))
}

/// The values of each series of one exporter, a page after the other; NaN where a page has none.
fn recording(folder: &Path, kind: &str) -> Result<BTreeMap<Labels, Vec<f64>>> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| n.starts_with(kind))
        })
        .collect();
    files.sort();
    let mut all = BTreeMap::new();
    for (page, path) in files.iter().enumerate() {
        let mut text = Vec::new();
        GzDecoder::new(File::open(path)?).read_to_end(&mut text)?;
        let mut parser = Parser::new(&text, Format::Text);
        let mut found = Vec::new();
        while let Some(entry) = parser.next().map_err(|e| format!("{}: {e}", path.display()))? {
            if entry != Entry::Series {
                continue;
            }
            found.clear();
            parser
                .labels(&mut found)
                .map_err(|e| format!("{}: {e}", path.display()))?;
            let labels = Labels::from_pairs(found.iter().map(|(n, v)| (&**n, &**v)));
            let values = all.entry(labels).or_insert_with(|| vec![f64::NAN; files.len()]);
            values[page] = parser.value();
        }
    }
    if all.is_empty() {
        return Err(format!("no pages of {kind}").into());
    }
    Ok(all)
}

/// A recorded series that goes on for ever.
struct Replayed {
    values: Vec<f64>,
    /// By how much a counter grows from one replay to the next.
    grows: f64,
}

impl Replayed {
    fn of(name: &str, values: &[f64]) -> Self {
        let is_counter = ["_total", "_bucket", "_sum", "_count"]
            .iter()
            .any(|end| name.ends_with(end));
        let known = || values.iter().copied().filter(|v| !v.is_nan());
        let grows = match (known().next(), known().next_back()) {
            (Some(first), Some(last)) if is_counter && last > first => {
                (last - first) * values.len() as f64 / (values.len() - 1) as f64
            }
            _ => 0.0,
        };
        Self {
            values: values.to_vec(),
            grows,
        }
    }

    fn value(&self, at: usize) -> f64 {
        let (replay, page) = (at / self.values.len(), at % self.values.len());
        if self.grows == 0.0 {
            return self.values[page];
        }
        let grown = self.values[page] + (self.grows * replay as f64).trunc();
        // What additions leave behind the last digit that an exporter would print.
        format!("{grown:.12e}").parse().unwrap_or(grown)
    }
}
