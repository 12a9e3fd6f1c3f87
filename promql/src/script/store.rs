//! What a script loads, in memory.

use tsdb::model::{FloatHistogram, Histogram};
use tsdb::query::Columns;
use tsdb::query::memory::MemoryStore;

use super::parse::{Load, LoadSeries};
use crate::parser::series::SequenceValue;

/// Stores everything a `load` command says.
pub(super) fn load(store: &MemoryStore, load: &Load) -> Result<(), String> {
    for series in &load.series {
        store.fill(&series.labels, &columns(series, load.gap_ms))?;
    }
    if load.with_nhcb {
        super::nhcb::add(store, load)?;
    }
    Ok(())
}

fn columns(series: &LoadSeries, gap_ms: i64) -> Columns {
    let mut columns = Columns::default();
    let mut before: Option<&FloatHistogram> = None;
    for (i, value) in series.values.iter().enumerate() {
        let at_ms = gap_ms * i64::try_from(i).unwrap_or(i64::MAX);
        match value {
            SequenceValue::Omitted => continue,
            SequenceValue::Float(v) => {
                columns.push(at_ms, *v);
                before = None;
            }
            SequenceValue::Histogram { histogram, .. } => {
                let mut stored = (**histogram).clone();
                stored.reset_hint = histogram.stored_hint(before);
                columns.push_histogram(at_ms, Histogram::Float(stored));
                before = Some(histogram);
            }
        }
        if !series.starts_ms.is_empty() {
            let start = series.starts_ms.get(i).copied().flatten();
            columns.start_ms.push(start.map_or(0, |start| at_ms + start));
        }
    }
    columns
}
