//! What recording and alerting rules have in common.

use parking_lot::Mutex;
use promql::engine::Query;
use promql::parser::Expr;
use promql::value::VectorSample;
use tsdb::model::Labels;

use super::evaluate::{EvaluateError, Question, RuleKind};
use super::spec::{External, RuleSpec};
use super::{AlertingRule, Options, RecordingRule};
use crate::web::views::RuleView;

/// A rule of either kind.
#[derive(Debug)]
pub enum Rule {
    /// Its samples are stored under a new name.
    Recording(RecordingRule),
    /// Its samples become alerts.
    Alerting(AlertingRule),
}

/// What both kinds are made of.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) name: String,
    pub(super) expr: Expr,
    /// The expression as Prometheus prints it.
    pub(super) expr_text: String,
    /// As written; an empty value removes a label.
    pub(super) labels: Labels,
    pub(super) status: Mutex<Status>,
}

/// How the last evaluation went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether it went well; `None` before the first.
    pub is_healthy: Option<bool>,
    /// Why not; empty if it did.
    pub last_error: String,
    /// When it began.
    pub last_evaluation_ms: Option<i64>,
    /// How long it took.
    pub evaluation_time_s: f64,
}

/// The circumstances of one evaluation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion<'a> {
    pub(super) options: &'a Options,
    pub(super) at_ms: i64,
    pub(super) query_offset_ms: i64,
    pub(super) limit: u64,
    /// The group's file and name.
    pub(super) place: (&'a str, &'a str),
}

impl Common {
    pub(super) fn new(spec: RuleSpec) -> Self {
        Self {
            expr_text: spec.expr.to_string(),
            name: spec.name,
            expr: spec.expr,
            labels: Labels::from_sorted(spec.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            status: Mutex::default(),
        }
    }

    /// Asks the rule's question.
    pub(super) fn query(
        &self,
        occasion: &Occasion<'_>,
        kind: RuleKind,
    ) -> Result<Vec<VectorSample>, EvaluateError> {
        let at_ms = occasion.at_ms - occasion.query_offset_ms;
        let question = self.question(Query::Parsed(&self.expr), &self.expr_text, occasion, kind);
        occasion.options.evaluate.instant(&Question { at_ms, ..question })
    }

    /// A question at the time of the evaluation.
    pub(super) fn question<'q>(
        &'q self,
        query: Query<'q>,
        text: &'q str,
        occasion: &Occasion<'q>,
        kind: RuleKind,
    ) -> Question<'q> {
        let (file, group) = occasion.place;
        Question {
            query,
            text,
            at_ms: occasion.at_ms,
            kind,
            file,
            group,
            rule: &self.name,
        }
    }

    fn view(&self) -> RuleView {
        let status = self.status.lock().clone();
        RuleView {
            name: self.name.clone(),
            query: self.expr_text.clone(),
            labels: self.labels.clone(),
            health: match status.is_healthy {
                None => "unknown",
                Some(true) => "ok",
                Some(false) => "err",
            },
            last_error: status.last_error,
            last_evaluation_ms: status.last_evaluation_ms,
            evaluation_time_s: status.evaluation_time_s,
            alerting: None,
        }
    }
}

impl Rule {
    /// A rule that was never evaluated. An alerting rule that is `restored` writes its series at once.
    pub fn new(spec: RuleSpec, external: &External, restored: bool) -> Self {
        match spec.alert.clone() {
            None => Self::Recording(RecordingRule::new(spec)),
            Some(alert) => {
                let rule = AlertingRule::new(spec, &alert, external, restored);
                Self::Alerting(rule)
            }
        }
    }

    pub(super) fn common(&self) -> &Common {
        match self {
            Self::Recording(rule) => &rule.common,
            Self::Alerting(rule) => &rule.common,
        }
    }

    /// The metric it records or the alert's name.
    pub fn name(&self) -> &str {
        &self.common().name
    }

    /// Its expression.
    pub fn expr(&self) -> &Expr {
        &self.common().expr
    }

    /// Its own labels, as written.
    pub fn labels(&self) -> &Labels {
        &self.common().labels
    }

    /// How the last evaluation went.
    pub fn status(&self) -> Status {
        self.common().status.lock().clone()
    }

    /// The rule, if it is an alerting one.
    pub fn as_alerting(&self) -> Option<&AlertingRule> {
        match self {
            Self::Recording(_) => None,
            Self::Alerting(rule) => Some(rule),
        }
    }

    /// Asks and gives the samples to be stored.
    pub(super) fn evaluate(&self, occasion: &Occasion<'_>) -> Result<Vec<VectorSample>, EvaluateError> {
        match self {
            Self::Recording(rule) => rule.evaluate(occasion),
            Self::Alerting(rule) => rule.evaluate(occasion),
        }
    }

    pub(super) fn note_success(&self) {
        let mut status = self.common().status.lock();
        status.is_healthy = Some(true);
        status.last_error.clear();
    }

    pub(super) fn note_failure(&self, error: String) {
        let mut status = self.common().status.lock();
        status.is_healthy = Some(false);
        status.last_error = error;
    }

    pub(super) fn note_time(&self, began_ms: i64, took_s: f64) {
        let mut status = self.common().status.lock();
        status.last_evaluation_ms = Some(began_ms);
        status.evaluation_time_s = took_s;
    }

    /// What people see of it.
    pub fn view(&self) -> RuleView {
        RuleView {
            alerting: self.as_alerting().map(AlertingRule::view),
            ..self.common().view()
        }
    }

    /// Name and labels: what finds a rule again after a reload.
    pub(super) fn identity(&self) -> (&str, &Labels) {
        (self.name(), self.labels())
    }
}
