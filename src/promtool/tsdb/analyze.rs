//! `tsdb analyze`: what a block's labels and chunks cost.

use std::collections::{BTreeMap, BTreeSet};

use promql::parser::parse_selector;
use tsdb::block::Block;
use tsdb::chunk::{Encoding, decode_all, sample_count};
use tsdb::db::read_blocks;
use tsdb::fs::RealFs;
use tsdb::model::{Columns, Histogram, METRIC_NAME};
use tsdb::postings::matching;

use super::{Terminal, data_dir, go_duration};
use crate::promtool::command::Invocation;

/// Names with numbers.
type Counts = BTreeMap<String, u64>;

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> Result<(), String> {
    let failed = |error: tsdb::fs::FileError| error.to_string();
    let selector = invocation.text("match");
    let matchers = match selector {
        "" => Vec::new(),
        text => parse_selector(text).map_err(|error| error.to_string())?,
    };
    let limit: usize = invocation.text("limit").parse().unwrap_or(0);
    let blocks = read_blocks(&RealFs, &data_dir(invocation)?).map_err(failed)?;
    let wanted = invocation.text("block id");
    let block = match wanted {
        "" => blocks.last().ok_or("no blocks found")?,
        id => blocks
            .iter()
            .find(|block| block.meta().ulid.to_string() == id)
            .ok_or_else(|| format!("block {id} not found"))?,
    };
    let meta = block.meta();
    let range_ms = meta.max_ms.saturating_sub(meta.min_ms);
    terminal.print_line(format_args!("Block ID: {}", meta.ulid));
    terminal.print_line(format_args!("Duration: {}", go_duration(range_ms)));
    terminal.print_line(format_args!("Total Series: {}", meta.stats.num_series));
    if !selector.is_empty() {
        terminal.print_line(format_args!("Matcher: {selector}"));
    }
    let mut refs = Vec::new();
    match matchers.is_empty() {
        true => block.index().all_postings(&mut refs).map_err(failed)?,
        false => refs = matching(block.index(), &matchers).map_err(failed)?,
    }
    let found = Found::of(block, &refs).map_err(failed)?;
    terminal.print_line(format_args!("Label names: {}", found.values.len()));
    if !selector.is_empty() {
        terminal.print_line(format_args!("Matched series: {}", refs.len()));
    }
    terminal.print_line(format_args!(
        "Postings (unique label pairs): {}",
        found.pair_uncovered.len()
    ));
    terminal.print_line(format_args!(
        "Postings entries (total label pairs): {}",
        found.entries
    ));
    let share = |uncovered: &Counts| -> Counts {
        let of_range = |ms: u64| (ms as f64 / range_ms as f64) as u64;
        uncovered
            .iter()
            .map(|(name, &ms)| (name.clone(), of_range(ms)))
            .collect()
    };
    let per_name = |count: fn(&BTreeSet<String>) -> usize| -> Counts {
        let values = found.values.iter();
        values
            .map(|(name, values)| (name.clone(), count(values) as u64))
            .collect()
    };
    let metrics = found
        .pair_count
        .iter()
        .filter_map(|(pair, &count)| {
            Some((
                pair.strip_prefix(METRIC_NAME)?.strip_prefix('=')?.to_owned(),
                count,
            ))
        })
        .collect();
    for (title, counts) in [
        (
            "Label pairs most involved in churning",
            share(&found.pair_uncovered),
        ),
        (
            "Label names most involved in churning",
            share(&found.name_uncovered),
        ),
        ("Most common label pairs", found.pair_count.clone()),
        (
            "Label names with highest cumulative label value length",
            per_name(|values| values.iter().map(String::len).sum()),
        ),
        ("Highest cardinality labels", per_name(BTreeSet::len)),
        ("Highest cardinality metric names", metrics),
    ] {
        terminal.print_line(format_args!("\n{title}:"));
        let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (name, count) in sorted.into_iter().take(limit) {
            terminal.print_line(format_args!("{count} {name}"));
        }
    }
    match invocation.bool("extended") {
        true => analyze_chunks(block, &refs, terminal).map_err(failed),
        false => Ok(()),
    }
}

/// What series have in common.
#[derive(Default)]
struct Found {
    /// How much of the block's range the series of a pair or name do not cover, in milliseconds.
    pair_uncovered: Counts,
    name_uncovered: Counts,
    /// Series of a pair.
    pair_count: Counts,
    values: BTreeMap<String, BTreeSet<String>>,
    entries: usize,
}

impl Found {
    fn of(block: &Block, refs: &[u32]) -> Result<Self, tsdb::fs::FileError> {
        let (index, meta) = (block.index(), block.meta());
        let mut found = Self::default();
        let (mut labels, mut chunks) = (Vec::new(), Vec::new());
        for &series in refs {
            labels.clear();
            chunks.clear();
            index.series(series, &mut labels, &mut chunks)?;
            let covered_ms = match (chunks.first(), chunks.last()) {
                (Some(first), Some(last)) => last.max_ms.saturating_sub(first.min_ms),
                _ => 0,
            };
            let uncovered_ms = (meta.max_ms - meta.min_ms)
                .saturating_sub(covered_ms)
                .unsigned_abs();
            for &(name, value) in &labels {
                let (name, value) = (index.symbol(name)?, index.symbol(value)?);
                let pair = format!("{name}={value}");
                *found.name_uncovered.entry(name.to_owned()).or_default() += uncovered_ms;
                *found.pair_uncovered.entry(pair.clone()).or_default() += uncovered_ms;
                *found.pair_count.entry(pair).or_default() += 1;
                found
                    .values
                    .entry(name.to_owned())
                    .or_default()
                    .insert(value.to_owned());
                found.entries += 1;
            }
        }
        Ok(found)
    }
}

/// Sizes of chunks by what they hold.
#[derive(Default)]
struct Sizes {
    samples: Vec<usize>,
    bytes: Vec<usize>,
    buckets: Vec<usize>,
}

fn analyze_chunks(
    block: &Block,
    refs: &[u32],
    terminal: &mut Terminal<'_>,
) -> Result<(), tsdb::fs::FileError> {
    let segments = block.segments();
    let (mut floats, mut histograms) = (Sizes::default(), Sizes::default());
    let mut chunks = Vec::new();
    for &series in refs {
        chunks.clear();
        block.index().chunks(series, &mut chunks)?;
        for chunk in &chunks {
            let stored = segments.chunk(chunk.at)?;
            let Some(encoding) = Encoding::from_u8(stored.encoding) else {
                continue;
            };
            let damaged = |error: tsdb::chunk::ChunkError| segments.damaged(chunk.at, error.to_string());
            let samples = sample_count(encoding, stored.data).map_err(damaged)?;
            let sizes = if encoding.is_float() {
                &mut floats
            } else {
                &mut histograms
            };
            sizes.samples.push(usize::from(samples));
            sizes.bytes.push(stored.data.len());
            if !encoding.is_float() {
                let mut columns = Columns::default();
                decode_all(encoding, stored.data, &mut columns).map_err(damaged)?;
                let buckets = columns.histograms.iter().map(|(_, histogram)| match histogram {
                    Histogram::Integer(h) => h.positive_deltas.len() + h.negative_deltas.len(),
                    Histogram::Float(h) => h.positive_buckets.len() + h.negative_buckets.len(),
                });
                sizes.buckets.push(buckets.sum());
            }
        }
    }
    let total = floats.samples.len() + histograms.samples.len();
    terminal.print_line("\nCompaction analysis:\n");
    for (what, sizes) in [
        ("samples per float chunk", floats.samples),
        ("bytes per float chunk", floats.bytes),
        ("samples per histogram chunk", histograms.samples),
        ("bytes per histogram chunk", histograms.bytes),
        ("buckets per histogram chunk", histograms.buckets),
    ] {
        terminal.print(&distribution(what, sizes, total));
    }
    Ok(())
}

/// How often which size occurs, with a bar each.
fn distribution(what: &str, mut sizes: Vec<usize>, total: usize) -> String {
    sizes.sort_unstable();
    let (Some(&least), Some(&most)) = (sizes.first(), sizes.last()) else {
        return format!("{what}: N/A\n\n");
    };
    let mut step = 10;
    while step < (most - least) / 10 && step <= 10_000 {
        step *= 10;
    }
    let (start, end) = (least - least % step, most - most % step + step);
    let mut counts = vec![0usize; (end - start) / step + 1];
    for size in &sizes {
        counts[(size - start) / step] += 1;
    }
    let average = sizes.iter().sum::<usize>() / sizes.len();
    let mut text = format!("{what} (min/avg/max): {least}/{average}/{most}\n");
    let digits = |number: usize| number.to_string().len();
    let (left, right) = (digits(end), digits(end + step));
    let count_digits = digits(counts.iter().copied().max().unwrap_or(0));
    for (at, count) in counts.into_iter().enumerate() {
        let (from, to) = (at * step + start + 1, (at + 1) * step + start);
        let bar = "#".repeat(100 * count / total.max(1));
        text.push_str(&format!(
            "[{from:left$}, {to:right$}]: {count:count_digits$} {bar}\n"
        ));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_with_bars() {
        assert_eq!(distribution("x", Vec::new(), 0), "x: N/A\n\n");
        assert_eq!(
            distribution("x", vec![5, 15, 16], 4),
            "x (min/avg/max): 5/12/16\n\
             [ 1, 10]: 1 #########################\n\
             [11, 20]: 2 ##################################################\n\
             [21, 30]: 0 \n\n"
        );
    }
}
