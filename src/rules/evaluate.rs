//! How rules ask: instant queries, and the last samples of series for the restore.

use std::fmt;
use std::sync::Arc;

use promql::engine::{Engine, ErrorKind, Query, QueryError, QueryOptions};
use promql::value::{SampleValue, Value, VectorSample};
use tsdb::model::{Labels, Matcher};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

/// What the query is for: alerts go first where there is a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleKind {
    /// A recording rule.
    Recording,
    /// An alerting rule, or a template of one.
    Alerting,
}

/// What a rule asks.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The query.
    pub query: Query<'a>,
    /// Its text.
    pub text: &'a str,
    /// When it is evaluated.
    pub at_ms: i64,
    /// What it is for.
    pub kind: RuleKind,
    /// The file of the rule's group.
    pub file: &'a str,
    /// The group's name.
    pub group: &'a str,
    /// The rule's name.
    pub rule: &'a str,
}

/// A query that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluateError {
    text: String,
    is_cancelled: bool,
}

impl EvaluateError {
    /// It failed for the reason that `text` gives.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_cancelled: false,
        }
    }

    /// Whether it was stopped on purpose, as on shutdown: nothing to warn of.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for EvaluateError {}

/// The last sample of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct LastSample {
    /// Labels of the series.
    pub labels: Labels,
    /// When.
    pub t_ms: i64,
    /// What, if it is a float.
    pub value: f64,
}

/// Answers what rules ask.
pub trait Evaluate: Send + Sync + fmt::Debug {
    /// An instant query; a scalar is a vector with one sample without labels.
    ///
    /// # Errors
    /// When it fails, or answers neither vector nor scalar.
    fn instant(&self, question: &Question<'_>) -> Result<Vec<VectorSample>, EvaluateError>;

    /// The last float sample in the range, ends included, of each series that all `matchers` match.
    ///
    /// # Errors
    /// When storage cannot be read.
    fn last_samples(
        &self,
        matchers: Vec<Matcher>,
        from_ms: i64,
        through_ms: i64,
    ) -> Result<Vec<LastSample>, EvaluateError>;
}

impl From<QueryError> for EvaluateError {
    fn from(error: QueryError) -> Self {
        Self {
            is_cancelled: error.kind() == ErrorKind::Cancelled,
            text: error.to_string(),
        }
    }
}

/// Rules' questions put to the engine.
#[derive(Clone, Debug)]
pub struct EngineEvaluate {
    engine: Arc<Engine>,
    source: Arc<dyn Queryable>,
    options: QueryOptions,
    budget: Budget,
    cancel: Cancel,
}

impl EngineEvaluate {
    /// Asks `engine` over `source`. `budget` is charged for every query, `cancel` stops them all.
    pub fn new(engine: Arc<Engine>, source: Arc<dyn Queryable>, budget: Budget, cancel: Cancel) -> Self {
        Self {
            engine,
            source,
            options: QueryOptions::default(),
            budget,
            cancel,
        }
    }
}

impl Evaluate for EngineEvaluate {
    fn instant(&self, question: &Question<'_>) -> Result<Vec<VectorSample>, EvaluateError> {
        let Self {
            engine,
            source,
            options,
            budget,
            cancel,
        } = self;
        let answer = engine
            .instant(&**source, question.query, question.at_ms, options, budget, cancel)
            .map_err(EvaluateError::from)?;
        as_vector(answer.value)
    }

    fn last_samples(
        &self,
        matchers: Vec<Matcher>,
        from_ms: i64,
        through_ms: i64,
    ) -> Result<Vec<LastSample>, EvaluateError> {
        let failed = |error: tsdb::query::QueryError| EvaluateError::new(error.to_string());
        let want = Selection::new(matchers, from_ms, through_ms);
        let read = self
            .source
            .open(&[want], &self.budget, &self.cancel)
            .map_err(failed)?;
        let mut cursor = read.cursor();
        let mut columns = Columns::default();
        let mut found = Vec::new();
        for series in 0..read.rosters[0].len() {
            cursor
                .read(0, series, from_ms, through_ms, &mut columns)
                .map_err(failed)?;
            // As soon as a histogram comes, what was before it is the last that counts.
            let floats = columns
                .histograms
                .first()
                .map_or(columns.len(), |(row, _)| *row as usize);
            if let Some(last) = floats.checked_sub(1) {
                found.push(LastSample {
                    labels: read.labels(0, series),
                    t_ms: columns.t_ms[last],
                    value: columns.v[last],
                });
            }
        }
        Ok(found)
    }
}

/// The samples of a vector or scalar.
///
/// # Errors
/// When the value is something else.
pub fn as_vector(value: Value) -> Result<Vec<VectorSample>, EvaluateError> {
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar { t_ms, v } => Ok(vec![VectorSample {
            labels: Labels::empty(),
            t_ms,
            value: SampleValue::Float(v),
        }]),
        Value::String { .. } | Value::Matrix(_) => {
            Err(EvaluateError::new("rule result is not a vector or scalar"))
        }
    }
}
