//! What is asked of each set, in groups; a group has a row of its own in the summary.

pub(crate) mod fleet;
pub(crate) mod pages;
pub(crate) mod pods;
pub(crate) mod range;

use super::data::START_MS;

/// Questions whose ratios are averaged.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// The geometric mean of the ratios to Prometheus that is aimed at.
    pub(crate) aim: f64,
    pub(crate) queries: Vec<Query>,
}

/// One question.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) expression: String,
    pub(crate) at: At,
}

/// Over which time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// At one time.
    Instant { at_ms: i64 },
    /// At many.
    Range {
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    },
}

impl At {
    /// The `span_ms` before `end_ms`, by `step_ms`.
    pub(crate) fn last(span_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        Self::Range {
            start_ms: end_ms - span_ms,
            end_ms,
            step_ms,
        }
    }

    /// For the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Instant { .. } => "instant".to_owned(),
            Self::Range {
                start_ms,
                end_ms,
                step_ms,
            } => format!("{}x{}s", (end_ms - start_ms) / step_ms, step_ms / 1000),
        }
    }
}

impl Query {
    /// Path and times of the request.
    pub(crate) fn request(&self) -> (&'static str, String) {
        match self.at {
            At::Instant { at_ms } => ("/api/v1/query", format!("time={}", at_ms as f64 / 1000.0)),
            At::Range {
                start_ms,
                end_ms,
                step_ms,
            } => {
                let [start, end, step] = [start_ms, end_ms, step_ms].map(|ms| ms as f64 / 1000.0);
                (
                    "/api/v1/query_range",
                    format!("start={start}&end={end}&step={step}"),
                )
            }
        }
    }
}

/// Queries over one time.
fn ask<S: AsRef<str>>(at: At, expressions: impl IntoIterator<Item = S>) -> Vec<Query> {
    let query = |expression: S| Query {
        expression: expression.as_ref().to_owned(),
        at,
    };
    expressions.into_iter().map(query).collect()
}
