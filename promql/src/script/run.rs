//! Carrying out a script's commands.

use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel};

use super::parse::{Command, Eval, Kind, Period, When};
use super::{report, store};
use crate::engine::{Answer, Engine, QueryError, QueryOptions};
use crate::parser::ast::{AtTime, Expr, TimeShift};
use crate::parser::parse_expr;
use crate::plan::fold::uses_evaluation_time;
use crate::value::{SampleValue, Value, VectorSample};

/// How far around its time an instant query is repeated as a range query.
const AROUND_MS: i64 = 60_000;

/// An engine and what was loaded so far.
#[derive(Debug)]
pub(super) struct Runner {
    engine: Engine,
    store: MemoryStore,
}

impl Runner {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            store: MemoryStore::new(),
        }
    }

    /// Carries out a command; whether it was one that compares.
    pub(super) fn run(&mut self, command: &Command) -> Result<bool, String> {
        match &command.kind {
            Kind::Clear => self.store = MemoryStore::new(),
            Kind::Load(load) => store::load(&self.store, load)?,
            Kind::Eval(eval) => {
                match eval.at {
                    When::Range(period) => self.range(eval, period)?,
                    When::Instant(at_ms) => self.instants(eval, at_ms)?,
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn range(&self, eval: &Eval, period: Period) -> Result<(), String> {
        let Some(answer) = outcome(eval, &eval.query, self.ask_range(&eval.query, period))? else {
            return Ok(());
        };
        report::annotations(eval, &eval.query, &answer)?;
        report::value(eval, &answer.value, period)
            .map_err(|text| format!("error in eval {}: {text}", eval.query))
    }

    /// Asks an instant query at its time, then with its time pinned, at others.
    fn instants(&self, eval: &Eval, at_ms: i64) -> Result<(), String> {
        let at_ms = eval.range_vector.map_or(at_ms, |_| at_ms);
        self.instant(eval, &eval.query, at_ms)?;
        let pinned_ms = eval.range_vector.map_or(at_ms, |period| period.end_ms);
        let mut expr = parse_expr(&eval.query, &self.engine.options().parser).map_err(|e| e.to_string())?;
        if !pin(&mut expr, pinned_ms) {
            return Ok(());
        }
        let query = expr.to_string();
        let times = if pinned_ms == 0 {
            vec![-1000, 0, 1000]
        } else {
            vec![-10 * pinned_ms, 0, pinned_ms / 5, pinned_ms, 10 * pinned_ms]
        };
        for time_ms in times {
            self.instant(eval, &query, time_ms)
                .map_err(|text| format!("asked at {time_ms} ms: {text}"))?;
        }
        Ok(())
    }

    fn instant(&self, eval: &Eval, query: &str, at_ms: i64) -> Result<(), String> {
        let asked = self.engine.instant(
            &self.store,
            query,
            at_ms,
            &QueryOptions::default(),
            &Budget::unlimited(),
            &Cancel::new(),
        );
        let Some(answer) = outcome(eval, query, asked)? else {
            return Ok(());
        };
        report::annotations(eval, query, &answer)?;
        let period = eval.range_vector.unwrap_or_default();
        report::value(eval, &answer.value, period)
            .map_err(|text| format!("error in eval {query}: {text}"))?;
        self.as_range(eval, query, at_ms, &answer.value)
    }

    /// Asks an instant query as a range query around its time and looks at the middle.
    fn as_range(&self, eval: &Eval, query: &str, at_ms: i64, instant: &Value) -> Result<(), String> {
        let depends_on_period = ["start()", "end()", "range()", "step()"]
            .iter()
            .any(|f| query.contains(f));
        if eval.range_vector.is_some() || eval.string.is_some() || depends_on_period {
            return Ok(());
        }
        let period = Period {
            start_ms: at_ms - AROUND_MS,
            end_ms: at_ms + AROUND_MS,
            step_ms: AROUND_MS,
        };
        let answer = self
            .ask_range(query, period)
            .map_err(|error| format!("error evaluating query \"{query}\" in range mode: {error}"))?;
        let Value::Matrix(matrix) = answer.value else {
            return Err(format!("range query \"{query}\" did not answer with a matrix"));
        };
        if eval.expect.ordered {
            return Ok(());
        }
        report::sorted(&matrix)?;
        let middle: Vec<VectorSample> = matrix
            .into_iter()
            .filter_map(|series| {
                let float = series.floats.into_iter().find(|(t, _)| *t == at_ms);
                let histogram = series.histograms.into_iter().find(|(t, _)| *t == at_ms);
                let value = match (float, histogram) {
                    (Some((_, v)), _) => SampleValue::Float(v),
                    (None, Some((_, h))) => SampleValue::Histogram(h),
                    (None, None) => return None,
                };
                Some(VectorSample {
                    labels: series.labels,
                    t_ms: at_ms,
                    value,
                })
            })
            .collect();
        let value = match (instant, middle.first()) {
            (Value::Scalar { t_ms, .. }, Some(first)) => match &first.value {
                SampleValue::Float(v) => Value::Scalar { t_ms: *t_ms, v: *v },
                SampleValue::Histogram(_) => Value::Vector(middle),
            },
            _ => Value::Vector(middle),
        };
        report::value(eval, &value, Period::default())
            .map_err(|text| format!("error in eval {query} range mode: {text}"))
    }

    fn ask_range(&self, query: &str, period: Period) -> Result<Answer, QueryError> {
        self.engine.range(
            &self.store,
            query,
            period.start_ms,
            period.end_ms,
            period.step_ms,
            &QueryOptions::default(),
            &Budget::unlimited(),
            &Cancel::new(),
        )
    }
}

/// The answer to be compared, `None` if the query failed as it should.
fn outcome(eval: &Eval, query: &str, asked: Result<Answer, QueryError>) -> Result<Option<Answer>, String> {
    match (asked, &eval.expect.fail) {
        (Ok(answer), None) => Ok(Some(answer)),
        (Ok(_), Some(_)) => Err(format!(
            "expected error evaluating query \"{query}\" but got none"
        )),
        (Err(error), None) => Err(format!("error evaluating query \"{query}\": {error}")),
        (Err(error), Some(expected)) if expected.matches(&error.to_string()) => Ok(None),
        (Err(error), Some(expected)) => Err(format!(
            "expected error with {expected} evaluating query \"{query}\", but got: {error}"
        )),
    }
}

/// Pins all selectors and outermost subqueries to a time; whether the answer then is the same at any time.
fn pin(expr: &mut Expr, at_ms: i64) -> bool {
    let fix = |shift: &mut TimeShift| {
        if !matches!(shift.at, Some(AtTime::Fixed { .. })) {
            shift.at = Some(AtTime::Fixed { at_ms });
        }
        true
    };
    match expr {
        Expr::Number(_) | Expr::Text(_) => true,
        Expr::Vector(selector) => fix(&mut selector.shift),
        Expr::Matrix(matrix) => fix(&mut matrix.selector.shift),
        Expr::Subquery(subquery) => fix(&mut subquery.shift),
        Expr::Unary(unary) => pin(&mut unary.expr, at_ms),
        Expr::Paren(paren) => pin(&mut paren.expr, at_ms),
        Expr::Binary(binary) => pin(&mut binary.left, at_ms) & pin(&mut binary.right, at_ms),
        Expr::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_none_or(|param| pin(param, at_ms));
            pin(&mut aggregate.expr, at_ms) & param
        }
        Expr::Call(call) => {
            let args = call.args.iter_mut().map(|arg| pin(arg, at_ms));
            args.fold(!uses_evaluation_time(call.function), |all, one| all & one)
        }
    }
}
