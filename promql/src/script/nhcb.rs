//! `load_with_nhcb`: classic histograms stored as native ones with custom buckets besides.

use std::collections::BTreeMap;

use tsdb::model::histogram::CUSTOM_BUCKETS_SCHEMA;
use tsdb::model::{FloatHistogram, Histogram, Labels, METRIC_NAME, Span};
use tsdb::query::Columns;
use tsdb::query::memory::MemoryStore;

use super::parse::{Load, LoadSeries};
use crate::parser::series::SequenceValue;

/// What is known of a histogram at one time.
#[derive(Default)]
struct Classic {
    /// Upper bounds and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Adds the native histograms of the classic ones in `load`.
pub(super) fn add(store: &MemoryStore, load: &Load) -> Result<(), String> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for series in &load.series {
        collect(series, load.gap_ms, &mut found);
    }
    for (labels, by_time) in found {
        let mut columns = Columns::default();
        for (at_ms, classic) in by_time {
            columns.push_histogram(at_ms, Histogram::Float(convert(classic)));
        }
        store.fill(&labels, &columns)?;
    }
    Ok(())
}

fn collect(series: &LoadSeries, gap_ms: i64, found: &mut BTreeMap<Labels, BTreeMap<i64, Classic>>) {
    let name = series.labels.metric_name();
    let suffix = ["_bucket", "_count", "_sum"]
        .into_iter()
        .find(|end| name.ends_with(end));
    let Some(suffix) = suffix else {
        return;
    };
    let upper = series.labels.get("le").and_then(|le| le.parse::<f64>().ok());
    if suffix == "_bucket" && upper.is_none_or(f64::is_nan) {
        return;
    }
    let base = &name[..name.len() - suffix.len()];
    let labels = Labels::from_pairs(
        series
            .labels
            .iter()
            .filter(|(n, _)| *n != "le")
            .map(|(n, v)| if n == METRIC_NAME { (n, base) } else { (n, v) }),
    );
    let by_time = found.entry(labels).or_default();
    for (i, value) in series.values.iter().enumerate() {
        let SequenceValue::Float(v) = value else {
            continue;
        };
        let at_ms = gap_ms * i64::try_from(i).unwrap_or(i64::MAX);
        let classic = by_time.entry(at_ms).or_default();
        match (suffix, upper) {
            ("_bucket", Some(upper)) => classic.buckets.push((upper, *v)),
            ("_count", _) => classic.count = Some(*v),
            _ => classic.sum = *v,
        }
    }
}

fn convert(mut classic: Classic) -> FloatHistogram {
    classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let top = classic.buckets.last().map_or(0.0, |(_, count)| *count);
    let count = classic.count.unwrap_or(top);
    if classic
        .buckets
        .last()
        .is_none_or(|(upper, _)| *upper != f64::INFINITY)
    {
        classic.buckets.push((f64::INFINITY, count));
    }
    let mut below = 0.0;
    let counts: Vec<f64> = classic
        .buckets
        .iter()
        .map(|(_, cumulative)| {
            let own = cumulative - below;
            below = *cumulative;
            own
        })
        .collect();
    let bounds = classic.buckets.iter().map(|(upper, _)| *upper);
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: classic.sum,
        positive_spans: vec![Span {
            offset: 0,
            length: u32::try_from(counts.len()).unwrap_or(u32::MAX),
        }],
        positive_buckets: counts,
        custom_bounds: bounds.filter(|upper| upper.is_finite()).collect(),
        ..FloatHistogram::default()
    }
}
