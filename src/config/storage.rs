//! `storage`: how long samples are kept, and what the head takes.

/// The section `storage`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorageConfig {
    /// `tsdb`.
    pub tsdb: TsdbConfig,
    /// `exemplars.max_exemplars`, if the section is written. Effective with exemplar storage alone.
    pub max_exemplars: Option<i64>,
}

/// `storage.tsdb`; every part can change with a reload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TsdbConfig {
    /// How far behind the newest sample of its series a sample may be.
    pub out_of_order_time_window_ms: i64,
    /// Which share of stale series triggers an early compaction; 0 never does.
    pub stale_series_compaction_threshold: f64,
    /// Encoding of float chunks, if written: `xor`.
    pub chunk_encoding_floats: Option<String>,
    /// What to keep.
    pub retention: RetentionConfig,
}

/// `storage.tsdb.retention`; what is 0 here leaves the decision to the flags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetentionConfig {
    /// How long.
    pub time_ms: i64,
    /// How many bytes of blocks.
    pub size_bytes: u64,
    /// Which part of the file system, 0 to 100.
    pub percentage: f64,
}
