//! What a script loads, in memory.

use tsdb::model::{FloatHistogram, Histogram, ResetHint, is_stale};
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
    let mut before = None;
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
                stored.reset_hint = stored_hint(before, histogram);
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

/// What storage says about resets when a histogram is read: a chunk goes on as long as nothing is reset, so
/// that all but its first are known not to be.
fn stored_hint(before: Option<&FloatHistogram>, now: &FloatHistogram) -> ResetHint {
    let Some(before) = before.filter(|_| now.reset_hint != ResetHint::Gauge) else {
        return match now.reset_hint {
            ResetHint::Gauge => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
    };
    let goes_on = before.reset_hint != ResetHint::Gauge
        && now.reset_hint != ResetHint::Reset
        && !is_stale(before.sum)
        && now.schema == before.schema
        && now.zero_threshold == before.zero_threshold
        && now.custom_bounds == before.custom_bounds
        && !FloatHistogram {
            reset_hint: ResetHint::Unknown,
            ..now.clone()
        }
        .is_reset_since(before);
    if goes_on {
        ResetHint::NotReset
    } else {
        ResetHint::Unknown
    }
}
