//! Rules' questions put to [`Queries`]: listed, limited, logged and stopped as other queries are, but without a
//! place in their queue.

use std::sync::Arc;

use promql::engine::QueryOptions;
use promql::value::VectorSample;
use tsdb::model::Matcher;
use tsdb::query::Cancel;

use crate::queries::{Class, Origin, Queries, Request, Times};
use crate::rules::{EngineEvaluate, Evaluate, EvaluateError, LastSample, Question, RuleKind, as_vector};

/// Answers what rules ask.
#[derive(Debug)]
pub(super) struct RuleQueries {
    queries: Arc<Queries>,
    /// Looks for the last samples of series.
    engine: EngineEvaluate,
}

impl RuleQueries {
    /// `cancel` stops what is not a query.
    pub(super) fn new(queries: Arc<Queries>, cancel: Cancel) -> Self {
        let (engine, storage) = (queries.engine(), queries.storage());
        let budget = queries.shares().query(Class::Alert);
        let engine = EngineEvaluate::new(Arc::clone(engine), Arc::clone(storage), budget, cancel);
        Self { queries, engine }
    }
}

impl Evaluate for RuleQueries {
    fn instant(&self, question: &Question<'_>) -> Result<Vec<VectorSample>, EvaluateError> {
        let request = Request {
            query: question.text.to_owned(),
            times: Times::Instant {
                at_ms: question.at_ms,
            },
            options: QueryOptions::default(),
            timeout: None,
            class: match question.kind {
                RuleKind::Alerting => Class::Alert,
                RuleKind::Recording => Class::Recording,
            },
            origin: Origin::Rule {
                file: question.file.to_owned(),
                group: question.group.to_owned(),
                name: question.rule.to_owned(),
            },
        };
        let finished = self.queries.run_here(question.query, &request)?;
        as_vector(finished.answer.value)
    }

    fn last_samples(
        &self,
        matchers: Vec<Matcher>,
        from_ms: i64,
        through_ms: i64,
    ) -> Result<Vec<LastSample>, EvaluateError> {
        self.engine.last_samples(matchers, from_ms, through_ms)
    }
}
