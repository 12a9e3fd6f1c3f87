//! What every decoder has to bear: any bytes at all are refused or understood, never a panic, and what was
//! understood comes back when it is written again.
//!
//! The fuzz targets of `tsdb/fuzz` call the functions of [`TARGETS`], and so does a test here, on inputs that
//! are made of valid ones by chance: without the fuzzer's eyes, but with any compiler.
//! `DECODERS_S=600` lets the test go on with fresh inputs for so many seconds for each of them.

pub(crate) mod blocks;
pub(crate) mod chunks;
pub(crate) mod index;
pub(crate) mod logs;
pub(crate) mod records;
pub(crate) mod take;

/// A check of any bytes.
pub(crate) type Check = fn(&[u8]);

/// Every target by the name under which the fuzzer knows it.
pub(crate) const TARGETS: [(&str, Check); 12] = [
    ("chunk_decode", chunks::any_bytes_as_a_chunk),
    ("chunk_round_trip", chunks::any_samples_come_back),
    ("record_decode", records::any_bytes_as_a_record),
    ("page_read", logs::any_bytes_as_a_segment),
    ("wal_replay", logs::any_bytes_as_a_log),
    ("wbl_replay", logs::any_bytes_as_a_write_behind_log),
    ("checkpoint_replay", logs::any_bytes_as_a_checkpoint),
    ("head_chunks_scan", logs::any_bytes_as_head_chunks),
    ("index_open", index::any_bytes_as_an_index),
    ("block_chunks", blocks::any_bytes_as_chunk_files),
    ("tombstones_decode", blocks::any_bytes_as_tombstones),
    ("meta_decode", blocks::any_bytes_as_a_meta),
];
