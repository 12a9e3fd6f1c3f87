//! Which blocks have outlived their time or their space. Pure.

use std::collections::BTreeSet;

use crate::block::{Meta, Ulid};

/// How much is kept. `None` sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// For how long, counted back from the end of the newest block.
    pub age_ms: Option<i64>,
    /// How many bytes, WAL and head chunks included.
    pub bytes: Option<u64>,
}

/// Blocks to delete: marked so, too old, or beyond the space. `blocks` come with their sizes; `other_bytes` are
/// those of WAL and head chunks.
pub fn to_delete(blocks: &[(&Meta, u64)], limits: &Limits, other_bytes: u64) -> BTreeSet<Ulid> {
    let mut newest_first: Vec<(&Meta, u64)> = blocks.to_vec();
    newest_first.sort_by_key(|(meta, _)| std::cmp::Reverse(meta.max_ms));
    let marked = newest_first.iter().filter(|(meta, _)| meta.compaction.deletable);
    let mut found: BTreeSet<Ulid> = marked.map(|(meta, _)| meta.ulid).collect();
    let from = too_old(&newest_first, limits.age_ms).min(too_much(&newest_first, limits.bytes, other_bytes));
    found.extend(newest_first[from..].iter().map(|(meta, _)| meta.ulid));
    found
}

/// Blocks that others were made of and have replaced, whether they are still there or not.
pub fn superseded(metas: &[&Meta]) -> BTreeSet<Ulid> {
    let parents = metas.iter().flat_map(|meta| &meta.compaction.parents);
    parents.map(|parent| parent.ulid).collect()
}

/// From which block on all are too old. The newest never is.
fn too_old(newest_first: &[(&Meta, u64)], age_ms: Option<i64>) -> usize {
    let (Some(age_ms), Some((newest, _))) = (age_ms, newest_first.first()) else {
        return newest_first.len();
    };
    let is_old = |meta: &Meta| newest.max_ms.saturating_sub(meta.max_ms) >= age_ms;
    let found = newest_first.iter().skip(1).position(|(meta, _)| is_old(meta));
    found.map_or(newest_first.len(), |at| at + 1)
}

/// From which block on all are beyond the space.
fn too_much(newest_first: &[(&Meta, u64)], bytes_max: Option<u64>, other_bytes: u64) -> usize {
    let Some(bytes_max) = bytes_max else {
        return newest_first.len();
    };
    let mut sum = other_bytes;
    let found = newest_first.iter().position(|(_, bytes)| {
        sum += bytes;
        sum > bytes_max
    });
    found.unwrap_or(newest_first.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(end_ms: i64) -> Meta {
        Meta::of_head(Ulid::new(end_ms, 0), end_ms - 10, end_ms)
    }

    /// Blocks end at 10, 20, 30, 40 and take 100 bytes each; says which ends go.
    #[track_caller]
    fn check(age_ms: Option<i64>, bytes: Option<u64>, other_bytes: u64, gone: &[i64]) {
        let metas = [20, 40, 10, 30].map(meta);
        let blocks: Vec<_> = metas.iter().map(|meta| (meta, 100)).collect();
        let found = to_delete(&blocks, &Limits { age_ms, bytes }, other_bytes);
        assert_eq!(found.iter().map(|ulid| ulid.at_ms()).collect::<Vec<_>>(), gone);
    }

    #[test]
    fn a_block_goes_when_it_ends_a_retention_before_the_newest() {
        check(None, None, 1 << 40, &[]);
        check(Some(31), None, 0, &[]);
        check(Some(30), None, 0, &[10]);
        check(Some(11), None, 0, &[10, 20]);
        check(Some(0), None, 0, &[10, 20, 30]);
    }

    #[test]
    fn the_oldest_blocks_go_when_all_take_more_than_the_limit() {
        check(None, Some(400), 0, &[]);
        check(None, Some(400), 1, &[10]);
        check(None, Some(199), 0, &[10, 20, 30]);
        check(None, Some(99), 0, &[10, 20, 30, 40]);
        check(Some(30), Some(200), 0, &[10, 20]);
    }

    #[test]
    fn blocks_that_are_marked_go_and_so_do_parents() {
        let mut marked = meta(50);
        marked.compaction.deletable = true;
        assert_eq!(
            to_delete(&[(&marked, 1)], &Limits::default(), 0),
            [marked.ulid].into()
        );
        let merged = Meta::merged(Ulid::new(99, 0), &[&meta(10), &meta(20)]);
        assert_eq!(
            superseded(&[&merged, &marked]),
            [meta(10).ulid, meta(20).ulid].into()
        );
    }
}
