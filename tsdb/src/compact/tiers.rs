//! How long which series are kept, where that differs from one to the other.
//!
//! The first tier whose matchers a series satisfies says how long it is kept; those that satisfy none are the
//! rest. As with Prometheus' retention, what counts is a block as a whole: by how much it ends before the newest.
//! Once that exceeds a tier's time, the block is written anew without the tier's series; it goes when nothing
//! is kept that long.
//!
//! ```text
//! newest block ◀── 15 d ──▶ ◀────── 60 d ──────▶ ◀───── … ─────▶
//!  all series     │ without the rest │ without the first tier │ gone
//! ```

use std::collections::BTreeSet;

use crate::block::Block;
use crate::chunk::{Encoding, sample_count};
use crate::fs::FileError;
use crate::index::IndexReader;
use crate::model::Matcher;
use crate::postings::{matching, union, without};

/// The longest block that is made of those that are old: 31 days.
const BLOCK_MS_MAX: i64 = 31 * 24 * 3_600_000;

/// Series that are kept for a time of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Which: those that satisfy all of these.
    pub matchers: Vec<Matcher>,
    /// For how long.
    pub age_ms: i64,
}

/// For how long series are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    tiers: Vec<Tier>,
    /// How long the rest is kept; `None` for ever.
    rest_ms: Option<i64>,
}

/// What of a block is not to be kept any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Going {
    /// Series in the block.
    pub all_series: u64,
    /// Those that go.
    pub series: u64,
    /// Their samples, deleted ones included.
    pub samples: u64,
    /// Bytes of their chunks.
    pub bytes: u64,
}

impl Tiers {
    /// The first of `tiers` that a series satisfies decides; the rest is kept for `rest_ms`, or for ever.
    pub fn new(tiers: Vec<Tier>, rest_ms: Option<i64>) -> Self {
        Self { tiers, rest_ms }
    }

    /// Whether there are tiers beside the rest.
    pub fn is_empty(&self) -> bool {
        self.tiers.is_empty()
    }

    /// How long a block is kept at most; `None` for ever.
    pub fn longest_ms(&self) -> Option<i64> {
        let rest_ms = self.rest_ms?;
        Some(self.tiers.iter().map(|tier| tier.age_ms).fold(rest_ms, i64::max))
    }

    /// From which age on blocks may become how long, where that is longer than `block_ms`: a tenth of the time
    /// for which what is left of them is kept, as with Prometheus' blocks.
    pub fn longer_blocks(&self, block_ms: i64) -> Vec<(i64, i64)> {
        let ages_ms = self.tiers.iter().map(|tier| tier.age_ms).chain(self.rest_ms);
        let ages_ms: BTreeSet<i64> = ages_ms.collect();
        let next_ms = ages_ms.iter().skip(1).copied();
        // Where the rest is kept for ever, so is something of every block.
        let next_ms = next_ms.chain(self.rest_ms.is_none().then_some(i64::MAX));
        let longest_ms = next_ms.map(|next_ms| (next_ms / 10).min(BLOCK_MS_MAX));
        let pairs = ages_ms.iter().copied().zip(longest_ms);
        pairs.filter(|&(_, longest_ms)| longest_ms > block_ms).collect()
    }

    /// For how many tiers, the rest included, a block of this age is too old. While that stays the same nothing
    /// more of the block goes.
    pub fn passed(&self, age_ms: i64) -> usize {
        let ages_ms = self.tiers.iter().map(|tier| tier.age_ms).chain(self.rest_ms);
        ages_ms.filter(|&kept_ms| kept_ms <= age_ms).count()
    }

    /// The series of a block of this age that are not to be kept, ascending.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn unwanted(&self, index: &IndexReader, age_ms: i64) -> Result<Vec<u32>, FileError> {
        let mut unwanted = Vec::new();
        if self.passed(age_ms) == 0 {
            return Ok(unwanted);
        }
        let mut claimed: Vec<u32> = Vec::new();
        for tier in &self.tiers {
            let mut own = matching(index, &tier.matchers)?;
            without(&mut own, &claimed);
            claimed.extend_from_slice(&own);
            union(&mut claimed);
            if tier.age_ms <= age_ms {
                unwanted.extend(own);
            }
        }
        if self.rest_ms.is_some_and(|rest_ms| rest_ms <= age_ms) {
            let mut rest = Vec::new();
            index.all_postings(&mut rest)?;
            without(&mut rest, &claimed);
            unwanted.extend(rest);
        }
        union(&mut unwanted);
        Ok(unwanted)
    }

    /// What goes of a block of this age.
    ///
    /// # Errors
    /// When the block is damaged.
    pub fn going(&self, block: &Block, age_ms: i64) -> Result<Going, FileError> {
        let unwanted = self.unwanted(block.index(), age_ms)?;
        let mut going = Going {
            all_series: block.meta().stats.num_series,
            series: unwanted.len() as u64,
            ..Going::default()
        };
        let mut chunks = Vec::new();
        for series in unwanted {
            chunks.clear();
            block.index().chunks(series, &mut chunks)?;
            for chunk in &chunks {
                let stored = block.segments().chunk(chunk.at)?;
                let count = Encoding::from_u8(stored.encoding)
                    .and_then(|encoding| sample_count(encoding, stored.data).ok());
                going.samples += u64::from(count.unwrap_or(0));
                going.bytes += stored.data.len() as u64;
            }
        }
        Ok(going)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::block::tests::{TestSeries, open, write_block};
    use crate::block::{Meta, Ulid};
    use crate::fs::MemoryFs;
    use crate::model::MatchKind;

    const NAMES: [&str; 4] = ["cpu", "cpu:1h", "cpu:5m", "up:5m"];

    fn block(fs: &MemoryFs) -> Arc<Block> {
        let labels = NAMES.map(|name| [("__name__", name)]);
        let series: Vec<TestSeries<'_>> = labels
            .iter()
            .map(|labels| (&labels[..], vec![vec![(1, 1.0), (2, 1.0)]]))
            .collect();
        open(
            fs,
            &write_block(fs, Meta::of_head(Ulid::new(1, 1), 0, 10), &series).unwrap(),
        )
    }

    fn tier(pattern: &str, age_ms: i64) -> Tier {
        Tier {
            matchers: vec![Matcher::new(MatchKind::Regex, "__name__", pattern).unwrap()],
            age_ms,
        }
    }

    /// Keeps `up:5m` for 50, `:5m` for 60, `:1h` for 20, the rest for 15.
    fn tiers() -> Tiers {
        Tiers::new(
            vec![tier("up:5m", 50), tier(".+:5m", 60), tier(".+:1h", 20)],
            Some(15),
        )
    }

    #[track_caller]
    fn check_gone(tiers: &Tiers, age_ms: i64, gone: &[&str]) {
        let fs = MemoryFs::new();
        let block = block(&fs);
        let unwanted = tiers.unwanted(block.index(), age_ms).unwrap();
        let name = |series: &u32| {
            block
                .labels(*series)
                .unwrap()
                .get("__name__")
                .unwrap_or("")
                .to_owned()
        };
        assert_eq!(unwanted.iter().map(name).collect::<Vec<_>>(), gone);
    }

    #[test]
    fn the_first_tier_that_a_series_satisfies_decides() {
        check_gone(&tiers(), 14, &[]);
        check_gone(&tiers(), 15, &["cpu"]);
        check_gone(&tiers(), 20, &["cpu", "cpu:1h"]);
        check_gone(&tiers(), 50, &["cpu", "cpu:1h", "up:5m"]);
        check_gone(&tiers(), 60, &NAMES);
    }

    #[test]
    fn a_tier_may_be_kept_for_less_than_the_rest() {
        let tiers = Tiers::new(vec![tier("cpu", 5)], Some(15));
        check_gone(&tiers, 5, &["cpu"]);
        assert_eq!(tiers.longest_ms(), Some(15));
    }

    #[test]
    fn without_a_limit_for_the_rest_no_block_goes() {
        let tiers = Tiers::new(vec![tier("cpu", 5)], None);
        check_gone(&tiers, i64::MAX, &["cpu"]);
        assert_eq!(tiers.longest_ms(), None);
    }

    #[test]
    fn how_many_tiers_have_passed_says_whether_to_look_again() {
        let found: Vec<usize> = [0, 15, 19, 20, 50, 60]
            .map(|age_ms| tiers().passed(age_ms))
            .into();
        assert_eq!(found, [0, 1, 1, 2, 3, 4]);
        assert_eq!(tiers().longest_ms(), Some(60));
    }

    #[test]
    fn what_is_kept_for_long_may_lie_in_long_blocks() {
        assert_eq!(tiers().longer_blocks(2), [(20, 5), (50, 6)]);
        assert_eq!(tiers().longer_blocks(5), [(50, 6)]);
        assert_eq!(tiers().longer_blocks(6), []);
        let for_ever = Tiers::new(vec![tier("cpu", 5)], None);
        assert_eq!(for_ever.longer_blocks(2), [(5, BLOCK_MS_MAX)]);
    }

    #[test]
    fn what_goes_is_counted() {
        let fs = MemoryFs::new();
        let going = tiers().going(&block(&fs), 20).unwrap();
        assert_eq!((going.all_series, going.series, going.samples), (4, 2, 4));
        assert!(going.bytes > 0);
    }
}
