//! What a query took, counted in samples.

/// Samples of one query. Times are measured by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples looked at, a window's samples once a step, as Prometheus counts `totalQueryableSamples`.
    pub total_samples: u64,
    /// The most samples held at a time. What is held differs between engines, and so does this number.
    pub peak_samples: usize,
    /// `total_samples` step by step, if asked for.
    pub per_step: Option<Vec<(i64, u64)>>,
}
