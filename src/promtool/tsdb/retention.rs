//! `tsdb retention`: what the server would remove. It is worked out from the blocks alone, as the server does it:
//! by how much a block ends before the newest one.

use std::path::Path;

use tsdb::compact::tiers::Tiers;
use tsdb::db::read_blocks;
use tsdb::fs::RealFs;

use super::list::{print_rows, shown_bytes, shown_time};
use super::{Terminal, data_dir};
use crate::config::OwnConfig;
use crate::promtool::command::Invocation;

const HEADER: [&str; 8] = [
    "BLOCK ULID",
    "MIN TIME",
    "MAX TIME",
    "WHAT",
    "SERIES",
    "GOING",
    "SAMPLES GOING",
    "BYTES GOING",
];

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> Result<(), String> {
    let readable = invocation.bool("human-readable");
    let own = match invocation.text("deucalion.config.file") {
        "" => OwnConfig::default(),
        file => OwnConfig::load(Path::new(file)).map_err(|errors| errors.to_string())?,
    };
    let rest_ms = invocation.duration_ns("retention.time") / 1_000_000;
    let tiers = Tiers::new(own.storage.retention, Some(rest_ms).filter(|&age_ms| age_ms > 0));
    let dir = data_dir(invocation)?;
    let blocks = read_blocks(&RealFs, &dir).map_err(|error| error.to_string())?;
    let Some(newest_ms) = blocks.iter().map(|block| block.meta().max_ms).max() else {
        return Ok(());
    };
    let mut rows = vec![HEADER.map(str::to_owned)];
    for block in &blocks {
        let meta = block.meta();
        let age_ms = newest_ms.saturating_sub(meta.max_ms);
        let mut going = tiers.going(block, age_ms).map_err(|error| error.to_string())?;
        let is_over = |longest_ms| longest_ms <= age_ms && meta.max_ms < newest_ms;
        let what = if tiers.longest_ms().is_some_and(is_over) {
            going.series = going.all_series;
            going.samples = meta.stats.num_samples;
            going.bytes = block.bytes();
            "removed"
        } else if going.series == 0 {
            "kept"
        } else if going.series == going.all_series {
            "removed"
        } else {
            "rewritten"
        };
        rows.push([
            meta.ulid.to_string(),
            shown_time(meta.min_ms, readable),
            shown_time(meta.max_ms, readable),
            what.to_owned(),
            going.all_series.to_string(),
            going.series.to_string(),
            going.samples.to_string(),
            shown_bytes(going.bytes, readable),
        ]);
    }
    print_rows(&rows, terminal);
    Ok(())
}
