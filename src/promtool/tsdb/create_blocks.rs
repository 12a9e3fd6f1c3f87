//! `tsdb create-blocks-from openmetrics`: samples of a file as blocks.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use tsdb::block::{Block, BlockWriter, ChunkToWrite, Meta, Ulid};
use tsdb::chunk::encode::encode;
use tsdb::chunk::segment::SEGMENT_BYTES_MAX;
use tsdb::fs::RealFs;
use tsdb::model::{Columns, Labels};

use super::{Terminal, list};
use crate::exposition::{Entry, Format, Parser};
use crate::promtool::command::Invocation;

const HOUR_MS: i64 = 3_600_000;

/// How many samples a chunk gets.
const SAMPLES_PER_CHUNK: usize = 120;

/// Series with their samples by time.
type Gathered = BTreeMap<Labels, BTreeMap<i64, f64>>;

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> Result<(), String> {
    let file = invocation.text("input file");
    let page = std::fs::read(file).map_err(|error| format!("open {file}: {error}"))?;
    let out = match invocation.text("output directory") {
        "" => "data/",
        named => named,
    };
    std::fs::create_dir_all(out).map_err(|error| format!("create output dir: {out}: {error}"))?;
    let range_ms = block_range_ms(invocation.duration_ns("max-block-duration") / 1_000_000);
    let (min_ms, max_ms) = times(&page).map_err(|error| format!("getting min and max timestamp: {error}"))?;
    let extra = invocation.pairs("label");
    let mut with_header = true;
    let mut from_ms = min_ms / range_ms * range_ms;
    while from_ms <= max_ms {
        let (gathered, next_ms) = gather(&page, from_ms, from_ms + range_ms, &extra)
            .map_err(|error| format!("block creation: process blocks: {error}"))?;
        if let Some(block) = write(Path::new(out), &gathered)
            .map_err(|error| format!("block creation: process blocks: flush: {error}"))?
            && !invocation.bool("quiet")
        {
            list::print(&[block], with_header, invocation.bool("human-readable"), terminal);
            with_header = false;
        }
        // Ranges without samples are passed over.
        from_ms = match next_ms {
            Some(next_ms) => next_ms.div_euclid(range_ms) * range_ms,
            None => break,
        };
    }
    Ok(())
}

/// The longest of the ranges 2 h × 3^n that is not longer than what was asked for.
fn block_range_ms(asked_ms: i64) -> i64 {
    let ranges = std::iter::successors(Some(2 * HOUR_MS), |range| Some(range * 3)).take(10);
    ranges
        .take_while(|&range| range <= asked_ms.max(2 * HOUR_MS))
        .last()
        .unwrap_or(2 * HOUR_MS)
}

/// Times of the first and the last sample.
fn times(page: &[u8]) -> Result<(i64, i64), String> {
    let mut parser = Parser::new(page, Format::OpenMetrics);
    let mut range = None::<(i64, i64)>;
    while let Some(entry) = parser.next().map_err(|error| format!("next: {error}"))? {
        if entry == Entry::Series {
            let t_ms = parser.at_ms().ok_or("expected timestamp for series got none")?;
            let (min, max) = range.unwrap_or((t_ms, t_ms));
            range = Some((min.min(t_ms), max.max(t_ms)));
        }
    }
    Ok(range.unwrap_or((0, 0)))
}

/// The samples of `from_ms .. to_ms`, and the time of the first one behind.
fn gather(
    page: &[u8],
    from_ms: i64,
    to_ms: i64,
    extra: &[(&str, &str)],
) -> Result<(Gathered, Option<i64>), String> {
    let mut parser = Parser::new(page, Format::OpenMetrics);
    let (mut gathered, mut next_ms) = (Gathered::new(), None::<i64>);
    let mut found = Vec::new();
    while let Some(entry) = parser.next().map_err(|error| format!("parse: {error}"))? {
        if entry != Entry::Series {
            continue;
        }
        let Some(t_ms) = parser.at_ms() else {
            return Err("expected timestamp for series, got none".to_owned());
        };
        if t_ms >= to_ms {
            next_ms = Some(next_ms.map_or(t_ms, |next| next.min(t_ms)));
        }
        if !(from_ms..to_ms).contains(&t_ms) {
            continue;
        }
        parser
            .labels(&mut found)
            .map_err(|error| format!("parse: {error}"))?;
        let pairs = found.iter().map(|(name, value)| (&**name, &**value));
        let labels = Labels::from_pairs(pairs.chain(extra.iter().copied()));
        gathered
            .entry(labels)
            .or_default()
            .entry(t_ms)
            .or_insert(parser.value());
    }
    Ok((gathered, next_ms))
}

fn write(out: &Path, gathered: &Gathered) -> Result<Option<Arc<Block>>, String> {
    let times = gathered.values().flat_map(BTreeMap::keys).copied();
    let Some((min_ms, max_ms)) = times.map(|t| (t, t)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return Ok(None);
    };
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let random = foldhash::quality::RandomState::default();
    let bits = (u128::from(random.hash_one(min_ms)) << 64) | u128::from(random.hash_one(max_ms));
    let meta = Meta::of_head(Ulid::new(now_ms, bits), min_ms, max_ms + 1);
    let failed = |error: tsdb::fs::FileError| error.to_string();
    let mut writer = BlockWriter::create(&RealFs, out, meta, SEGMENT_BYTES_MAX).map_err(failed)?;
    let mut words: Vec<&str> = gathered
        .keys()
        .flat_map(Labels::iter)
        .flat_map(|(n, v)| [n, v])
        .collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        writer.add_symbol(word).map_err(failed)?;
    }
    for (labels, samples) in gathered {
        let mut columns = Columns::default();
        samples.iter().for_each(|(&t_ms, &v)| columns.push(t_ms, v));
        let encoded = encode(&columns, SAMPLES_PER_CHUNK);
        let chunks = encoded.iter().map(|chunk| ChunkToWrite {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding: chunk.encoding,
            bytes: &chunk.bytes,
        });
        writer.add_series(labels.iter(), chunks).map_err(failed)?;
    }
    let Some(meta) = writer.finish().map_err(failed)? else {
        return Ok(None);
    };
    Block::open(&RealFs, &out.join(meta.ulid.to_string()))
        .map(Arc::new)
        .map(Some)
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ranges_are_two_hours_times_powers_of_three() {
        for (asked, range) in [(0, 2), (5, 2), (6, 6), (17, 6), (18, 18), (1 << 40, 2 * 19_683)] {
            assert_eq!(block_range_ms(asked * HOUR_MS) / HOUR_MS, range, "{asked} h");
        }
    }
}
