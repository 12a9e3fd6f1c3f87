//! The engine: a query in, a value with annotations and statistics out.
//!
//! It keeps no queue, no time limit and no log: whoever calls it does, and stops a query through its
//! [`Cancel`]. One engine serves all queries at once; it holds nothing but its options.
//!
//! ```text
//! text ─parse→ tree ─plan→ nodes + selections ─open→ rosters ─eval→ series ─write→ Value
//! ```
//!
//! Start with [`Engine::instant`] and [`Engine::range`].

mod answer;
mod error;
mod options;
mod progress;
mod stats;
#[cfg(test)]
mod tests;
mod workers;

use std::sync::atomic::{AtomicI64, Ordering};

use tsdb::query::{Budget, Cancel, Charge, Queryable};

use crate::annotations::Annotations;
use crate::parser::Expr;
use crate::value::{Value, ValueType};

pub use error::{ErrorKind, QueryError};
pub use options::{EngineOptions, QueryOptions, Stopwatch};
pub use progress::{Phase, Progress};
pub use stats::{Stats, Times, TraceNode};
pub use workers::Workers;

/// Answers queries.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    no_step_subquery_interval_ms: AtomicI64,
}

/// What is to be evaluated: text, or a tree parsed before (a rule is parsed once and evaluated for ever).
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// To be parsed with the engine's parser options.
    Text(&'a str),
    /// Parsed already.
    Parsed(&'a Expr),
}

impl<'a> From<&'a str> for Query<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Expr> for Query<'a> {
    fn from(expr: &'a Expr) -> Self {
        Self::Parsed(expr)
    }
}

/// What a query answers.
#[derive(Debug)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Complaints about it; positions refer to the query's text.
    pub annotations: Annotations,
    /// What it took.
    pub stats: Stats,
    /// The budget is charged for the value as long as this lives.
    pub held: Charge,
}

/// The steps a query is evaluated at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// 0 for an instant query.
    pub(crate) step_ms: i64,
}

impl Engine {
    /// An engine with these options.
    pub fn new(options: EngineOptions) -> Self {
        let no_step_subquery_interval_ms = AtomicI64::new(options.no_step_subquery_interval_ms);
        Self {
            options,
            no_step_subquery_interval_ms,
        }
    }

    /// Its options as given to [`Engine::new`].
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Sets the step of subqueries that name none (`[1h:]`): the global evaluation interval, which a reload
    /// of the configuration may change.
    pub fn set_no_step_subquery_interval_ms(&self, interval_ms: i64) {
        self.no_step_subquery_interval_ms
            .store(interval_ms, Ordering::Relaxed);
    }

    /// Evaluates `query` at one point in time.
    ///
    /// # Errors
    /// When the query is wrong, fails, takes too much, is cancelled, or storage cannot be read.
    pub fn instant<'a>(
        &self,
        source: &dyn Queryable,
        query: impl Into<Query<'a>>,
        at_ms: i64,
        options: &QueryOptions,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        let period = Period {
            start_ms: at_ms,
            end_ms: at_ms,
            step_ms: 0,
        };
        self.run(source, query.into(), period, options, budget, cancel)
    }

    /// Evaluates `query` at `start_ms`, `start_ms + step_ms`, … up to and including `end_ms`.
    ///
    /// # Errors
    /// As [`Engine::instant`]; also when the query's type is neither scalar nor instant vector.
    #[expect(
        clippy::too_many_arguments,
        reason = "the three times are what a range query is"
    )]
    pub fn range<'a>(
        &self,
        source: &dyn Queryable,
        query: impl Into<Query<'a>>,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        options: &QueryOptions,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        if step_ms <= 0 {
            return Err(QueryError::bad_query(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            ));
        }
        let period = Period {
            start_ms,
            end_ms,
            step_ms,
        };
        self.run(source, query.into(), period, options, budget, cancel)
    }

    fn run(
        &self,
        source: &dyn Queryable,
        query: Query<'_>,
        period: Period,
        options: &QueryOptions,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        cancel
            .check()
            .map_err(|reason| QueryError::cancelled(reason, "query execution"))?;
        let parsed;
        let expr = match query {
            Query::Parsed(expr) => expr,
            Query::Text(text) => {
                parsed = self.parse(text)?;
                &parsed
            }
        };
        if period.step_ms > 0 {
            let of = expr.value_type();
            if !matches!(of, ValueType::Vector | ValueType::Scalar) {
                return Err(QueryError::bad_query(format!(
                    "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    of.documented()
                )));
            }
        }
        let progress = options.progress.clone().unwrap_or_default();
        let asked = answer::Asked {
            period,
            options,
            progress: &progress,
            budget,
            cancel,
        };
        let answered = answer::answer(self, source, expr, &asked);
        progress.enter(Phase::Answered);
        answered
    }

    /// Parses `text` with the engine's parser options.
    ///
    /// # Errors
    /// When it is no query.
    pub fn parse(&self, text: &str) -> Result<Expr, QueryError> {
        crate::parser::parse_expr(text, &self.options.parser).map_err(QueryError::parse)
    }

    pub(crate) fn subquery_interval_ms(&self) -> i64 {
        self.no_step_subquery_interval_ms.load(Ordering::Relaxed)
    }
}
