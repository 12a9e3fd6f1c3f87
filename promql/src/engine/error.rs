//! Queries that failed, with the texts that Prometheus gives.

use std::error::Error;
use std::fmt;

use tsdb::query::{CancelReason, OverBudget};

use crate::annotations::Annotations;
use crate::parser::ParseErrors;

/// A query without an answer.
#[derive(Debug)]
pub struct QueryError {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    over: Option<OverBudget>,
    annotations: Annotations,
}

/// Whose fault it is; the API answers each with its own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The query cannot be parsed or prepared (`bad_data`).
    BadQuery,
    /// It failed on the data it met (`execution`).
    Execution,
    /// It needed more samples than one query may hold (`execution`).
    TooManySamples,
    /// It needed more memory than there is for it, or others needed it more (`execution`).
    OverBudget,
    /// Its time was up (`timeout`).
    Timeout,
    /// It was cancelled (`canceled`).
    Cancelled,
    /// Storage failed it (`internal`).
    Storage,
}

impl QueryError {
    fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                text: text.into(),
                source: None,
                over: None,
                annotations: Annotations::new(),
            }),
        }
    }

    /// Which kind.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Which budget did not suffice, if that is why it failed.
    pub fn over_budget(&self) -> Option<&OverBudget> {
        self.inner.over.as_ref()
    }

    /// The same; one about a budget is changed by `change`.
    pub(crate) fn map_over_budget(mut self, change: impl FnOnce(OverBudget) -> OverBudget) -> Self {
        if let Some(over) = self.inner.over.take().map(change) {
            self.inner.text = over.to_string();
            self.inner.over = Some(over);
        }
        self
    }

    /// What was noted before it failed.
    pub fn annotations(&self) -> &Annotations {
        &self.inner.annotations
    }

    pub(crate) fn with_annotations(mut self, annotations: Annotations) -> Self {
        self.inner.annotations = annotations;
        self
    }

    pub(crate) fn bad_query(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadQuery, text)
    }

    pub(crate) fn parse(errors: ParseErrors) -> Self {
        let mut error = Self::new(ErrorKind::BadQuery, errors.to_string());
        error.inner.source = Some(Box::new(errors));
        error
    }

    pub(crate) fn execution(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Execution, text)
    }

    /// A mistake of ours that ended the query.
    pub fn unexpected(text: &str) -> Self {
        Self::execution(format!("unexpected error: {text}"))
    }

    pub(crate) fn too_many_samples() -> Self {
        Self::new(
            ErrorKind::TooManySamples,
            "query processing would load too many samples into memory in query execution",
        )
    }

    /// A query stopped from outside, `during` which part of its life.
    pub fn cancelled(reason: CancelReason, during: &str) -> Self {
        match reason {
            CancelReason::TimedOut => Self::new(ErrorKind::Timeout, format!("query timed out in {during}")),
            CancelReason::Evicted => Self::new(ErrorKind::OverBudget, reason.to_string()),
            CancelReason::Cancelled | CancelReason::ShuttingDown => {
                Self::new(ErrorKind::Cancelled, format!("query was canceled in {during}"))
            }
        }
    }
}

impl From<CancelReason> for QueryError {
    fn from(reason: CancelReason) -> Self {
        Self::cancelled(reason, "expression evaluation")
    }
}

impl From<OverBudget> for QueryError {
    fn from(over: OverBudget) -> Self {
        let mut error = Self::new(ErrorKind::OverBudget, over.to_string());
        error.inner.over = Some(over);
        error
    }
}

impl From<tsdb::query::QueryError> for QueryError {
    fn from(error: tsdb::query::QueryError) -> Self {
        if let Some(reason) = error.cancelled() {
            return Self::from(reason);
        }
        if let Some(over) = error.over_budget() {
            return Self::from(over.clone());
        }
        let mut failed = Self::new(ErrorKind::Storage, format!("expanding series: {error}"));
        failed.inner.source = Some(Box::new(error));
        failed
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.text)
    }
}

impl Error for QueryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_deref().map(|error| error as _)
    }
}
