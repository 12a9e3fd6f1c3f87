//! What a script loads, in memory.

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::model::Histogram;
use tsdb::query::memory::MemoryStore;

use super::parse::Load;
use crate::parser::series::SequenceValue;

/// Stores everything a `load` command says.
pub(super) fn load(store: &MemoryStore, load: &Load) -> Result<(), String> {
    let mut batch = Batch::timed();
    let has_starts = load.series.iter().any(|series| !series.starts_ms.is_empty());
    let mut starts_ms = Vec::new();
    for series in &load.series {
        let id = store
            .resolve(&series.labels, &mut batch)
            .map_err(|error| error.to_string())?;
        for (i, value) in series.values.iter().enumerate() {
            let at_ms = load.gap_ms * i64::try_from(i).unwrap_or(i64::MAX);
            match value {
                SequenceValue::Omitted => continue,
                SequenceValue::Float(v) => batch.push_at(id, at_ms, v.to_bits()),
                SequenceValue::Histogram { histogram, .. } => {
                    batch.push_histogram_at(id, at_ms, Histogram::Float((**histogram).clone()));
                }
            }
            let start = series.starts_ms.get(i).copied().flatten();
            starts_ms.push(start.map_or(0, |start| at_ms + start));
        }
    }
    if has_starts {
        batch.start_ms = Some(starts_ms);
    }
    if load.with_nhcb {
        super::nhcb::add(store, load, &mut batch)?;
    }
    let receipt = store
        .append(&mut batch, &AppendOptions::default())
        .map_err(|error| error.to_string())?;
    let refused = receipt.out_of_order + receipt.duplicate;
    if refused > 0 {
        return Err(format!(
            "{refused} samples are older than or differ from what is loaded"
        ));
    }
    Ok(())
}
