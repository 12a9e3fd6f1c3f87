//! What an engine and a single query can be told.

use std::sync::Arc;

use super::{Progress, Workers};
use crate::parser::ParserOptions;

/// How far back an instant selector looks for a sample, unless `--query.lookback-delta` says otherwise.
const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// How many samples one query may hold at a time, unless `--query.max-samples` says otherwise.
///
/// A float sample takes 16 bytes (timestamp and value), so a query at the limit holds 800 MB.
const QUERY_SAMPLES_MAX: usize = 50_000_000;

/// Prometheus' default `evaluation_interval`, the step of subqueries that name none.
const EVALUATION_INTERVAL_MS: i64 = 60 * 1000;

/// Options of an engine. Time limits are the caller's, through [`tsdb::query::Cancel`].
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How far back an instant selector looks, its own edge left out.
    pub lookback_ms: i64,
    /// Samples one query may hold at a time.
    pub max_samples: usize,
    /// The step of subqueries that name none, at first.
    pub no_step_subquery_interval_ms: i64,
    /// What the parser accepts.
    pub parser: ParserOptions,
    /// `promql-delayed-name-removal`: functions keep metric names until the end of the query.
    pub delayed_name_removal: bool,
    /// `type-and-unit-labels`: the `__type__` label tells counters from gauges, not the name's ending.
    pub type_and_unit_labels: bool,
    /// `use-start-timestamps`: rates use the time since when a counter counts.
    pub use_start_timestamps: bool,
    /// `promql-per-step-stats`: queries that ask for it count samples step by step.
    pub per_step_stats: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback_ms: LOOKBACK_MS,
            max_samples: QUERY_SAMPLES_MAX,
            no_step_subquery_interval_ms: EVALUATION_INTERVAL_MS,
            parser: ParserOptions::default(),
            delayed_name_removal: false,
            type_and_unit_labels: false,
            use_start_timestamps: false,
            per_step_stats: false,
        }
    }
}

/// Reads a clock: nanoseconds since some moment that stays the same.
pub type Stopwatch = fn() -> u64;

/// Options of one query.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// Replaces [`EngineOptions::lookback_ms`].
    pub lookback_ms: Option<i64>,
    /// Count samples step by step (`stats=all`), if the engine does.
    pub per_step_stats: bool,
    /// Where others see how it gets on; of this query alone.
    pub progress: Option<Progress>,
    /// Times the parts of the query; the engine itself has no clock.
    pub stopwatch: Option<Stopwatch>,
    /// Time each node of the plan, too, if there is a stopwatch.
    pub trace: bool,
    /// Threads that may help.
    pub workers: Option<Arc<dyn Workers>>,
    /// Nobody asks how many samples were looked at, so that what cannot be in the answer need not be read.
    pub uncounted: bool,
}
