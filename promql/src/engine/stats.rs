//! What a query took: samples, times, and where they went.

use crate::parser::Span;

/// What one query took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples looked at, a window's samples once a step, as Prometheus counts `totalQueryableSamples`.
    pub total_samples: u64,
    /// The most samples held at a time. What is held differs between engines, and so does this number.
    pub peak_samples: usize,
    /// `total_samples` step by step, if asked for.
    pub per_step: Option<Vec<(i64, u64)>>,
    /// How long its parts took; nothing without a stopwatch.
    pub times: Times,
    /// Where the time went, if asked for.
    pub trace: Option<Box<TraceNode>>,
}

/// How long the parts of a query took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Planning, and finding the series.
    pub prepare_ns: u64,
    /// Computing.
    pub evaluate_ns: u64,
    /// Putting the answer in order.
    pub sort_ns: u64,
}

/// What one node of the plan took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceNode {
    /// An operator, a function, `selector`, `subquery`, …; `once` for what is the same at every step.
    pub kind: String,
    /// Where it stands in the query's text, if it does.
    pub span: Option<Span>,
    /// Time without the nodes below, in nanoseconds.
    pub own_ns: u64,
    /// Time with them.
    pub total_ns: u64,
    /// Series handed on.
    pub series: u64,
    /// Their values at all steps.
    pub samples: u64,
    /// Samples read from storage.
    pub read_samples: u64,
    /// The nodes below, in the order of the text.
    pub children: Vec<TraceNode>,
}
