//! Which blocks are to be made into one next. Pure.

use crate::block::meta::{FROM_OUT_OF_ORDER, FROM_SELECTED_SERIES, FROM_STALE_SERIES};
use crate::block::{Meta, Ulid};

/// Of how many of its series a block must have deletions to be rewritten for them alone.
const TOMBSTONES_SHARE: f64 = 0.05;

/// By how much a range is longer than the one before.
const RANGE_FACTOR: i64 = 3;

/// How many ranges there are at most.
const RANGES_MAX: usize = 10;

/// Blocks to be made into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which, by the time they begin.
    pub blocks: Vec<Ulid>,
    /// Why.
    pub reason: Reason,
}

/// Why blocks were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They overlap in time.
    Overlap,
    /// Together they make a longer one.
    Range,
    /// Too much of it is deleted.
    Tombstones,
}

/// The lengths of blocks: `shortest_ms`, three times that, and so on, up to `longest_ms`.
pub fn block_ranges_ms(shortest_ms: i64, longest_ms: i64) -> Vec<i64> {
    let longest_ms = longest_ms.max(shortest_ms);
    let lengths = std::iter::successors(Some(shortest_ms), |length| length.checked_mul(RANGE_FACTOR));
    lengths
        .take(RANGES_MAX)
        .take_while(|&length| length <= longest_ms)
        .collect()
}

/// What to compact next, if anything. `ranges_ms` as from [`block_ranges_ms`]; overlapping blocks are merged
/// only if `merge_overlapping`.
pub fn plan(metas: &[&Meta], ranges_ms: &[i64], merge_overlapping: bool) -> Option<Choice> {
    // Blocks of part of the head's series tell nothing of the WAL. Merged with others they would seem to, so
    // each class is planned by itself; the ordinary one first, that it may not starve. What came out of order
    // joins the ordinary ones only where these have come by then: a block that seems to hold all up to its end,
    // while the samples that came in order are in the WAL alone, makes the next start pass over those.
    let ordinary = metas.iter().filter(|meta| meta.compaction.hints.is_empty());
    let reach_ms = ordinary.map(|meta| meta.max_ms).max().unwrap_or(i64::MIN);
    let class = |meta: &Meta| match meta {
        _ if meta.has_hint(FROM_STALE_SERIES) => 1,
        _ if meta.has_hint(FROM_SELECTED_SERIES) => 2,
        _ if meta.has_hint(FROM_OUT_OF_ORDER) && meta.max_ms > reach_ms => 3,
        _ => 0,
    };
    (0..4).find_map(|wanted| {
        let mut same: Vec<&Meta> = metas
            .iter()
            .copied()
            .filter(|meta| class(meta) == wanted)
            .collect();
        same.sort_by_key(|meta| meta.min_ms);
        plan_class(&same, ranges_ms, merge_overlapping)
    })
}

fn plan_class(metas: &[&Meta], ranges_ms: &[i64], merge_overlapping: bool) -> Option<Choice> {
    let choice = |blocks: &[&Meta], reason| {
        (!blocks.is_empty()).then(|| Choice {
            blocks: blocks.iter().map(|meta| meta.ulid).collect(),
            reason,
        })
    };
    if merge_overlapping && let Some(found) = choice(&overlapping(metas), Reason::Overlap) {
        return Some(found);
    }
    // The newest stays as it is for a while, so that it can be copied elsewhere.
    let (_, older) = metas.split_last()?;
    choice(filling_a_range(older, ranges_ms), Reason::Range)
        .or_else(|| choice(mostly_deleted(older, ranges_ms), Reason::Tombstones))
}

/// The first blocks that overlap, one after the other.
fn overlapping<'a>(metas: &[&'a Meta]) -> Vec<&'a Meta> {
    let mut found = Vec::new();
    let Some(mut reach_ms) = metas.first().map(|first| first.max_ms) else {
        return found;
    };
    for pair in metas.windows(2) {
        if pair[1].min_ms < reach_ms {
            if found.is_empty() {
                found.push(pair[0]);
            }
            found.push(pair[1]);
        } else if !found.is_empty() {
            break;
        }
        reach_ms = reach_ms.max(pair[1].max_ms);
    }
    found
}

/// The first blocks that lie within one aligned range and fill it, or will not be joined by more.
fn filling_a_range<'a, 'm>(metas: &'a [&'m Meta], ranges_ms: &[i64]) -> &'a [&'m Meta] {
    let (Some(newest), Some(longer)) = (metas.last(), ranges_ms.get(1..)) else {
        return &[];
    };
    for &range_ms in longer {
        for group in split_by_range(metas, range_ms) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                continue;
            };
            let fills = last.max_ms.saturating_sub(first.min_ms) == range_ms;
            let is_past = last.max_ms <= newest.min_ms;
            let has_failed = group.iter().any(|meta| meta.compaction.failed);
            if group.len() > 1 && !has_failed && (fills || is_past) {
                return group;
            }
        }
    }
    &[]
}

/// Groups of blocks that lie in the same aligned range. Those that lie in none are left out.
fn split_by_range<'a, 'm>(mut metas: &'a [&'m Meta], range_ms: i64) -> Vec<&'a [&'m Meta]> {
    let mut groups = Vec::new();
    while let Some(first) = metas.first() {
        let end_ms = (first.min_ms.div_euclid(range_ms) * range_ms).saturating_add(range_ms);
        let inside = metas.iter().take_while(|meta| meta.max_ms <= end_ms).count();
        if inside == 0 {
            metas = &metas[1..];
            continue;
        }
        groups.push(&metas[..inside]);
        metas = &metas[inside..];
    }
    groups
}

/// The newest block that deserves rewriting for its deletions.
fn mostly_deleted<'a, 'm>(metas: &'a [&'m Meta], ranges_ms: &[i64]) -> &'a [&'m Meta] {
    let Some(&long_ms) = ranges_ms.get(ranges_ms.len() / 2) else {
        return &[];
    };
    for (at, meta) in metas.iter().enumerate().rev() {
        let (tombstones, series) = (meta.stats.num_tombstones, meta.stats.num_series);
        let alone = &metas[at..=at];
        if meta.max_ms.saturating_sub(meta.min_ms) < long_ms {
            // A short one will be merged anyway, unless nothing of it is left.
            let all_deleted = tombstones > 0 && tombstones >= series;
            return if all_deleted { alone } else { &[] };
        }
        if tombstones as f64 / (series + 1) as f64 > TOMBSTONES_SHARE {
            return alone;
        }
    }
    &[]
}
