//! Planning `info()`: which info series it may need, and at which time.

use tsdb::model::{METRIC_NAME, MatchKind, Matcher};

use super::node::{Grid, Info, Node, Selector, Shift};
use super::{Planner, QueryError};
use crate::parser::ast::{self, Expr, TimeShift};

/// The info metric that is meant when none is named.
const TARGET_INFO: &str = "target_info";

impl Planner {
    pub(super) fn info(&mut self, call: &ast::Call, grid: Grid) -> Result<Node, QueryError> {
        let base_expr = call.args[0].unwrap_parens();
        let given: &[Matcher] = match call.args.get(1).map(Expr::unwrap_parens) {
            Some(Expr::Vector(labels)) => &labels.matchers,
            _ => &[],
        };
        let of_name = |m: &&Matcher| m.name() == METRIC_NAME;
        let name_matchers = effective_name_matchers(given.iter().filter(of_name).cloned().collect())?;
        let data_matchers: Vec<Matcher> = given.iter().filter(|m| !of_name(m)).cloned().collect();
        let shift = self.reference_time(base_expr)?;
        let from_ms = shift
            .apply(grid.start_ms)
            .saturating_sub(self.settings.lookback_ms)
            + 1;
        let through_ms = shift.apply(grid.last_ms());
        let wanted = data_matchers.iter().chain(&name_matchers).cloned().collect();
        let selector = Selector {
            selection: self.select(wanted, from_ms, through_ms),
            shift,
            read_through_ms: None,
            extension: None,
            has_one_name: false,
            skips_buckets: false,
            span: call.span,
            absent_labels: Vec::new(),
        };
        Ok(Node::Info(Box::new(Info {
            base: self.part(base_expr, grid)?,
            selector,
            name_matchers,
            data_matchers,
        })))
    }

    /// The time at which info series are looked at: that of the first selector within `expr`. The innermost
    /// `@` of the selector and the subqueries around it counts, and the offsets up to there add up.
    fn reference_time(&self, expr: &Expr) -> Result<Shift, QueryError> {
        let mut around = Vec::new();
        let Some(selector) = first_selector(expr, &mut around) else {
            return Ok(Shift::default());
        };
        let mut time = self.shift(&selector.shift)?;
        for outer in around.into_iter().rev() {
            if time.at_ms.is_some() {
                break;
            }
            let outer = self.shift(outer)?;
            time.offset_ms += outer.offset_ms;
            time.at_ms = outer.at_ms;
        }
        Ok(time)
    }
}

/// The first selector in `expr`; `around` then holds the time shifts of the subqueries around it.
fn first_selector<'e>(expr: &'e Expr, around: &mut Vec<&'e TimeShift>) -> Option<&'e ast::VectorSelector> {
    match expr {
        Expr::Number(_) | Expr::Text(_) => None,
        Expr::Vector(selector) => Some(selector),
        Expr::Matrix(matrix) => Some(&matrix.selector),
        Expr::Subquery(subquery) => {
            around.push(&subquery.shift);
            let found = first_selector(&subquery.expr, around);
            if found.is_none() {
                around.pop();
            }
            found
        }
        Expr::Unary(unary) => first_selector(&unary.expr, around),
        Expr::Paren(paren) => first_selector(&paren.expr, around),
        Expr::Binary(binary) => {
            first_selector(&binary.left, around).or_else(|| first_selector(&binary.right, around))
        }
        Expr::Aggregate(aggregate) => first_selector(&aggregate.expr, around).or_else(|| {
            aggregate
                .param
                .as_ref()
                .and_then(|param| first_selector(param, around))
        }),
        Expr::Call(call) => call.args.iter().find_map(|arg| first_selector(arg, around)),
    }
}

/// Without a condition on the name `target_info` is meant; with negative ones only, every `…_info` else.
fn effective_name_matchers(mut matchers: Vec<Matcher>) -> Result<Vec<Matcher>, QueryError> {
    if matchers.is_empty() {
        return Ok(vec![Matcher::equal(METRIC_NAME, TARGET_INFO)]);
    }
    let is_positive = |m: &Matcher| matches!(m.kind(), MatchKind::Equal | MatchKind::Regex);
    if !matchers.iter().any(is_positive) {
        let any_info = Matcher::new(MatchKind::Regex, METRIC_NAME, ".+_info")
            .map_err(|error| QueryError::bad_query(error.to_string()))?;
        matchers.insert(0, any_info);
    }
    Ok(matchers)
}
