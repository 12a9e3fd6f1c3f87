//! What files and directories of blocks are called.

use super::Ulid;

/// What the block is.
pub const META: &str = "meta.json";
/// Labels and series.
pub const INDEX: &str = "index";
/// What was deleted.
pub const TOMBSTONES: &str = "tombstones";
/// The directory of the chunk files.
pub const CHUNKS: &str = "chunks";

/// Ends the name of a block that is being written.
pub const BEING_CREATED: &str = ".tmp-for-creation";
/// Ends the name of a block that is being removed.
pub const BEING_DELETED: &str = ".tmp-for-deletion";
/// Ended the name of a block being written in early versions.
pub const BEING_CREATED_LEGACY: &str = ".tmp";

/// The id of the block that a directory of this name would be.
pub fn block_ulid(name: &str) -> Option<Ulid> {
    Ulid::parse(name)
}

/// Whether a directory of this name is what was left of writing or removing a block.
pub fn is_leftover(name: &str) -> bool {
    [BEING_CREATED, BEING_DELETED, BEING_CREATED_LEGACY]
        .iter()
        .any(|suffix| name.strip_suffix(suffix).and_then(block_ulid).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ulids_are_blocks_and_only_their_leftovers_are_leftovers() {
        let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        assert!(block_ulid(ulid).is_some());
        assert!(block_ulid("chunks_head").is_none());
        assert!(is_leftover(&format!("{ulid}.tmp-for-creation")));
        assert!(is_leftover(&format!("{ulid}.tmp-for-deletion")));
        assert!(is_leftover(&format!("{ulid}.tmp")));
        assert!(!is_leftover(ulid));
        assert!(!is_leftover("checkpoint.00000001.tmp"));
    }
}
